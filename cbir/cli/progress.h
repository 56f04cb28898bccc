/* How far a long command is, on standard error: a bar on a terminal, or the study's lines. */
#ifndef LK_CBIR_CLI_PROGRESS_H
#define LK_CBIR_CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

typedef enum { CLI_PROGRESS_BAR, CLI_PROGRESS_STUDY } cli_progress_style;

typedef struct {
    cli_progress_style style;
    bool terminal; /* a bar is drawn nowhere else */
    size_t total, done;
    struct timespec start;
    double drawn; /* seconds after the start; negative: not yet */
} cli_progress;

void cli_progress_open(cli_progress *progress, cli_progress_style style, size_t total);
void cli_progress_show(cli_progress *progress, size_t done);

/* Takes the bar away, so that a line of text can be printed; the next show draws it again. */
void cli_progress_clear(cli_progress *progress);

/* The study's last line, with the shape of what was made; the bar goes without a trace. */
void cli_progress_finish(cli_progress *progress, size_t rows, size_t columns);

#endif
