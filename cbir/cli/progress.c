#include "cbir/cli/progress.h"

#include <stdio.h>
#include <unistd.h>

enum { BAR = 30 };

static double seconds(const cli_progress *progress)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - progress->start.tv_sec) +
           1e-9 * (double)(now.tv_nsec - progress->start.tv_nsec);
}

void cli_progress_open(cli_progress *progress, cli_progress_style style, size_t total)
{
    *progress =
        (cli_progress){.style = style, .terminal = isatty(STDERR_FILENO), .total = total, .drawn = -1};
    clock_gettime(CLOCK_MONOTONIC, &progress->start);
}

void cli_progress_clear(cli_progress *progress)
{
    if (progress->style == CLI_PROGRESS_BAR && progress->terminal && progress->drawn >= 0)
        fputs("\r\033[K", stderr);
    progress->drawn = -1;
}

static void draw(cli_progress *progress)
{
    const double now = seconds(progress);
    if (progress->drawn >= 0 && now - progress->drawn < 0.1)
        return; /* ten times a second is enough for eyes */
    char bar[BAR + 1];
    for (size_t i = 0; i < BAR; i++) bar[i] = i * progress->total < progress->done * BAR ? '#' : '.';
    bar[BAR] = 0;
    fprintf(stderr, "\r[%s] %zu/%zu", bar, progress->done, progress->total);
    if (now > 0.5) fprintf(stderr, "  %.0f pictures/s", (double)progress->done / now);
    fputs("\033[K", stderr);
    progress->drawn = now;
}

void cli_progress_show(cli_progress *progress, size_t done)
{
    progress->done = done;
    if (progress->style == CLI_PROGRESS_BAR) {
        if (progress->terminal) draw(progress);
    } else if (done % 10 == 0 || done == progress->total) {
        fprintf(stderr, "已处理%zu/%zu幅图片.\n", done, progress->total);
    }
}

void cli_progress_finish(cli_progress *progress, size_t rows, size_t columns)
{
    cli_progress_clear(progress);
    if (progress->style == CLI_PROGRESS_STUDY)
        fprintf(stderr, "...处理完毕,特征维度:(%zu, %zu)。\n", rows, columns);
}
