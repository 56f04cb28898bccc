/* likeness COMMAND …: finds the command and hands over. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "cbir/cli/cli.h"

static const struct {
    const char *program, *name; /* the program's name in a command's own messages */
    cli_command *run;
} commands[] = {
    {"likeness info", "info", cli_info},
    {"likeness classify", "classify", cli_classify},
    {"likeness extract", "extract", cli_extract},
    {"likeness trace", "trace", cli_trace},
    {"likeness bench", "bench", cli_bench},
    {"likeness index", "index", cli_index},
    {"likeness add", "add", cli_add},
    {"likeness remove", "remove", cli_remove},
    {"likeness compact", "compact", cli_compact},
    {"likeness verify", "verify", cli_verify},
    {"likeness gallery", "gallery", cli_gallery},
    {"likeness search", "search", cli_search},
    {"likeness eval", "eval", cli_eval},
};

static const char doc[] =
    "Finds images by likeness: a hand-written MobileNetV2 engine, and features of pictures from it.\v"
    "Commands:\n"
    "  info      what a model file holds: layers, parameters, sizes\n"
    "  classify  the likeliest classes of pictures\n"
    "  extract   feature vectors of pictures, as a NumPy file\n"
    "  trace     every stage from pixels to logits, written or compared\n"
    "  bench     time of each layer, beside what the machine can do\n"
    "  index     a gallery of pictures, or of features made elsewhere\n"
    "  add       more pictures into a gallery\n"
    "  remove    rows out of a gallery\n"
    "  compact   a gallery's rows in one segment\n"
    "  verify    whether a gallery is whole\n"
    "  gallery   what a gallery holds\n"
    "  search    a gallery's pictures that are most like a query\n"
    "  eval      every metric of a retrieval, with intervals, classes, curves\n"
    "\n"
    "`likeness COMMAND --help' tells more, with an example. Exit codes: 0 done, 2 usage, 3 some pictures "
    "were skipped; "
    "likeness(1) has the others.";

typedef struct {
    size_t command; /* in the table */
    int at;         /* in argv */
} choice;

/* The first argument names the command; all that follows is the command's own. */
static error_t parse(int key, char *argument, struct argp_state *state)
{
    choice *chosen = state->input;
    size_t i = 0;
    switch (key) {
    case ARGP_KEY_ARG:
        while (i < LK_COUNT(commands) && strcmp(argument, commands[i].name) != 0) i++;
        if (i == LK_COUNT(commands)) argp_error(state, "there is no command '%s'", argument);
        *chosen = (choice){i, state->next - 1};
        state->next = state->argc;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "which command?");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* A file that is opened while a standard stream is closed would take its place, and get what is printed.
 * /dev/null, for reading alone, keeps the place, and a write to it fails. */
static void keep_standard_streams(void)
{
    for (int file = 0; file < 3; file++)
        if (fcntl(file, F_GETFD) < 0 && open("/dev/null", O_RDONLY) < 0) _exit(CLI_FAILURE + LK_ERROR_IO);
}

int main(int argc, char **argv)
{
    static const struct argp argp = {.parser = parse, .args_doc = "COMMAND [ARGUMENT...]", .doc = doc};
    static char version[64];
    choice chosen = {0};
    snprintf(version, sizeof version, "likeness %s", lk_version());
    argp_program_version = version;
    argp_err_exit_status = CLI_USAGE;
    keep_standard_streams();
    cli_catch_signals();
    cli_check_output("likeness");
    argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &chosen);
    const char *program = commands[chosen.command].program;
    cli_check_output(program);
    argv += chosen.at;
    argv[0] = (char *)(size_t)program; /* argv's type is not const; nobody writes to it */
    return cli_finish(program, commands[chosen.command].run(argc - chosen.at, argv));
}
