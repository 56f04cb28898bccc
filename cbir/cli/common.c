/* Signals, the end of a command, JSON on standard output. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "cbir/cli/cli.h"
#include "cbir/json.h"

/* A signal handler sees nothing but these. */
static atomic_int caught;
static atomic_bool patient_now;

static const char *printing; /* who says what is wrong with standard output */

static void on_signal(int signal_number)
{
    int none = 0;
    if (atomic_load(&patient_now) && atomic_compare_exchange_strong(&caught, &none, signal_number)) return;
    lk_output_remove_all();
    signal(signal_number, SIG_DFL); /* and again, so that the parent sees what ended the process */
    raise(signal_number);
}

void cli_catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    static const int endings[] = {SIGINT, SIGTERM, SIGHUP};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        struct sigaction before;
        if (!sigaction(endings[i], NULL, &before) && before.sa_handler == SIG_IGN) continue; /* nohup */
        sigaction(endings[i], &action, NULL);
    }
    /* Writes to a closed pipe, or past a size limit, fail as other writes do, so that outputs are cleaned up.
     */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}

void cli_patience(bool patient)
{
    atomic_store(&patient_now, patient);
}

const atomic_int *cli_interrupt(void)
{
    return &caught;
}

int cli_report(const char *command, lk_status status)
{
    if (status == LK_OK) return 0;
    const int signal_number = atomic_load(&caught);
    if (status == LK_ERROR_INTERRUPTED && signal_number) {
        fprintf(stderr, "%s: interrupted; nothing was written\n", command);
        return CLI_SIGNAL + signal_number;
    }
    fprintf(stderr, "%s: %s\n", command, lk_error_message());
    return status == LK_ERROR_ARGUMENT ? CLI_USAGE : CLI_FAILURE + (int)status;
}

void cli_note(const char *note)
{
    static bool told;
    if (note && !told) fprintf(stderr, "%s: %s\n", printing, note);
    told = told || note;
}

int cli_finish(const char *command, int code)
{
    printing = NULL;
    errno = 0;
    if (!fflush(stdout) && !ferror(stdout)) return code;
    /* When the write that failed lies some way back, one more byte meets the same reason. */
    if (!errno && write(STDOUT_FILENO, "\n", 1) >= 0) errno = EIO;
    const int reason = errno;
    fprintf(stderr, "%s: standard output: cannot write: %s\n", command, strerror(reason));
    return reason == EPIPE ? CLI_CLOSED_PIPE : CLI_FAILURE + LK_ERROR_IO;
}

static void at_exit(void)
{
    const int code = printing ? cli_finish(printing, 0) : 0;
    if (code) _exit(code); /* the only way to change it that is left here */
}

void cli_check_output(const char *command)
{
    if (!printing) atexit(at_exit);
    printing = command;
}

void cli_print_padded(const char *text, size_t width)
{
    size_t used = 0;
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        if ((*c & 0xC0) != 0x80) used += *c >= 0xE3 ? 2 : 1;
    fputs(text, stdout);
    while (used++ < width) putchar(' ');
}

json_t *cli_json_text(const char *text)
{
    json_t *json = json_string(text);
    if (json || !text) return json;
    char *plain = lk_allocate(3 * strlen(text) + 1, 1), *to = plain;
    if (!plain) return NULL;
    for (const char *from = text; *from; from++) {
        if (*from & 0x80) {
            memcpy(to, "\xEF\xBF\xBD", 3);
            to += 3;
        } else {
            *to++ = *from;
        }
    }
    json = json_string(plain);
    lk_free(plain);
    return json;
}

lk_status cli_json_print(json_t *json, bool indented)
{
    if (!json) return lk_fail(LK_ERROR_MEMORY, "out of memory for the JSON output");
    const size_t flags = (LK_JSON_FLAGS & ~(size_t)JSON_SORT_KEYS) | (indented ? JSON_INDENT(2) : 0);
    if (json_dumpf(json, stdout, flags) == 0) putchar('\n'); /* a failed write is cli_finish's to report */
    json_decref(json);
    return LK_OK;
}
