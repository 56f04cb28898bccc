/* What the subcommands share: exit codes, options, signals, output. */
#ifndef LK_CBIR_CLI_CLI_H
#define LK_CBIR_CLI_CLI_H

#include <argp.h>
#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "cbir/list.h"
#include "cbir/recipe.h"
#include "engine/likeness.h"

/* Exit codes, documented in docs/command.md and the man page. */
enum {
    CLI_DEPARTS = 1,      /* trace --compare: a stage departs */
    CLI_USAGE = 2,        /* an option or argument that can never be right */
    CLI_SKIPPED = 3,      /* done, but some pictures could not be read */
    CLI_FAILURE = 10,     /* plus the lk_status: what went wrong */
    CLI_SIGNAL = 128,     /* plus the signal */
    CLI_CLOSED_PIPE = 141 /* standard output was closed by its reader: 128 plus SIGPIPE, as a shell says */
};

/* One subcommand: main.c holds the table. argv[0] is "likeness NAME". Returns the exit code. */
typedef int cli_command(int argc, char **argv);
cli_command cli_info, cli_classify, cli_extract, cli_trace, cli_bench, cli_search;
cli_command cli_eval;
cli_command cli_index, cli_add, cli_remove, cli_compact, cli_verify, cli_gallery;

/* Prints "likeness NAME: message" for the last failure and returns its exit code; 0 for LK_OK, without a
 * word. */
int cli_report(const char *command, lk_status status);

/* Flushes standard output: `code`, or what is wrong with it (a full disk, a closed pipe). Every command ends
 * here. */
int cli_finish(const char *command, int code);

/* argp ends the process itself behind --help, --usage and --version: from now on that way out flushes and checks
 * standard output as well, in this command's name. */
void cli_check_output(const char *command);

/* Prints text left-aligned in `width` columns, where a character of UTF-8 from the CJK blocks on takes two. */
void cli_print_padded(const char *text, size_t width);

/* ------------------------------------------------------------------ Options */

/* What every picture goes through before the network: the model's own preprocessing, changed. */
typedef struct {
    size_t height, width; /* --size; 0: the model's */
    size_t shorter, crop; /* --resize-shorter, --crop; 0: not given */
    bool has_mean, has_std;
    float mean[3], std[3];
    bool fast_decode;
} cli_input_options;

/* How the network is run. */
typedef struct {
    lk_backend_kind backend; /* the last that was named */
    bool has_backend;
    lk_backend_kind backends[3]; /* all that were named, for bench, which sets them side by side */
    size_t backend_count;
    lk_precision precision; /* AUTO: the model's, or the gallery's */
    const char *isa;
    size_t threads;
} cli_run_options;

/* Children for a command's argp. Their input is the struct of that name, which the command zeroes. */
extern const struct argp cli_input_argp, cli_run_argp, cli_feature_argp, cli_reading_argp;

/* "running" or "batch"; else a usage error. */
lk_batch_norm_mode cli_batch_norm(struct argp_state *state, const char *text);

/* What is made of a picture: one recipe, or one for each feature. */
typedef struct {
    lk_part parts[LK_MAX_PARTS]; /* --feature NAME[:avg|:max] */
    size_t part_count;
    bool given; /* any of the options; else pooled features as they are */
    bool fuse;  /* all parts into one vector */
    lk_fusion fusion;
    bool part_l2, softmax, l2, keep_raw;
    float weights[LK_MAX_PARTS]; /* --weights */
    size_t weight_count;
    const char *projection;
    lk_hash hash;
    lk_batch_norm_mode batch_norm;
} cli_feature_options;

/* The recipes that the options mean, on pictures prepared so: recipes [LK_MAX_PARTS], *count of them. What only the model
 * can tell (its SHA-256, lengths) is left open for lk_embedder_open. */
void cli_recipes(const cli_feature_options *options, const lk_preprocessing *preprocessing, lk_precision precision, lk_recipe *recipes,
                 size_t *count);

/* `own`, a model's or a gallery's preprocessing, with the options laid over it. LK_ERROR_ARGUMENT when they contradict each
 * other. */
lk_status cli_preprocessing(const lk_preprocessing *own, const cli_input_options *options,
                            lk_preprocessing *preprocessing);

/* A whole number from `least` to `most`; else a usage error that names the option. */
size_t cli_number(struct argp_state *state, const char *option, const char *text, size_t least, size_t most);

/* Texts that were given one after another: positional arguments, repeated options. */
typedef struct {
    const char **items; /* the texts are argv's */
    size_t count, capacity;
} cli_texts;

void cli_texts_add(struct argp_state *state, cli_texts *texts, const char *text);
void cli_texts_close(cli_texts *texts);

/* How many pictures are read. */
typedef struct {
    cli_texts maps; /* --map; to be closed */
    bool strict;
    size_t batch; /* 1 without --batch */
} cli_reading_options;

/* The items of all sources: lists, folders, pictures, and "-" for paths from standard input; with --map's texts.
 * LK_ERROR_EMPTY when there are none. */
lk_status cli_read_sources(const cli_texts *sources, const cli_texts *maps, lk_list *list);

/* ------------------------------------------------------------------ Signals */

/* Until cli_patience is called, SIGINT, SIGTERM and SIGHUP remove unfinished output files and end the
 * process. */
void cli_catch_signals(void);

/* From now on (true) the first of them only sets the flag, which is then the signal's number, so that work
 * can stop in order; the second ends the process. */
void cli_patience(bool patient);
const atomic_int *cli_interrupt(void);

/* ------------------------------------------------------------------ JSON */

/* Text of any bytes: what is not UTF-8 becomes U+FFFD. */
json_t *cli_json_text(const char *text);

/* Prints `json` and a line end on standard output and lets go of it; in one line, or indented. NULL (out of
 * memory while it was made) is LK_ERROR_MEMORY. */
lk_status cli_json_print(json_t *json, bool indented);

#endif
