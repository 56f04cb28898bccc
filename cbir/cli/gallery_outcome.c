/* What index and add say while they work, and at their end. */
#include <stdio.h>
#include <sys/stat.h>

#include "base/error.h"
#include "cbir/cli/gallery.h"

static void on_bad(void *context, const lk_list_item *item, const lk_error *error)
{
    gallery_watch *watch = context;
    (void)item; /* the message names it */
    cli_progress_clear(&watch->progress);
    fprintf(stderr, "%s: %s; left out\n", watch->command, error->text);
}

static void on_progress(void *context, size_t done, size_t total)
{
    gallery_watch *watch = context;
    if (!watch->begun) cli_progress_open(&watch->progress, CLI_PROGRESS_BAR, total);
    watch->begun = true;
    if (done == total) cli_progress_clear(&watch->progress);
    else cli_progress_show(&watch->progress, done);
}

lk_gallery_index_calls gallery_calls(gallery_watch *watch)
{
    return (lk_gallery_index_calls){.context = watch, .bad = on_bad, .progress = on_progress};
}

bool cli_is_gallery(const char *path)
{
    char manifest[4096];
    struct stat about;
    const int length = snprintf(manifest, sizeof manifest, "%s/manifest.json", path);
    return length > 0 && (size_t)length < sizeof manifest && !stat(manifest, &about);
}

/* What this call had begun, or gone on with, and could not finish. */
static void say_how_far(const gallery_outcome *o)
{
    lk_manifest m;
    if (!o->result.added && !o->result.resumed) return;
    if (lk_manifest_open(o->gallery, &m)) return;
    if (*m.task.kind && !m.task.finished && m.task.done)
        fprintf(stderr,
                "%s: %zu of %zu pictures are done and kept in %s; the same command goes on behind them\n",
                o->command, m.task.done, m.task.items, o->gallery);
    lk_manifest_close(&m);
}

static int report_failure(const gallery_outcome *o)
{
    const int signal_number = atomic_load(cli_interrupt());
    if (o->status != LK_ERROR_INTERRUPTED || !signal_number) {
        const int code = cli_report(o->command, o->status);
        say_how_far(o);
        return code;
    }
    fprintf(stderr, "%s: interrupted\n", o->command);
    say_how_far(o);
    return CLI_SIGNAL + signal_number;
}

static lk_status print_json(const gallery_outcome *o)
{
    const lk_gallery_index_result *r = &o->result;
    return cli_json_print(json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:I}", "gallery",
                                    cli_json_text(o->gallery), "rows", (json_int_t)r->rows, "added",
                                    (json_int_t)r->added, "there", (json_int_t)r->there, "removed",
                                    (json_int_t)r->removed, "failed", (json_int_t)r->failed, "resumed",
                                    (json_int_t)r->resumed),
                          false);
}

static void print(const gallery_outcome *o)
{
    const lk_gallery_index_result *r = &o->result;
    printf("%s: %zu rows; ", o->gallery, r->rows);
    if (r->resumed && !r->added && !r->failed) printf("complete already");
    else printf("%zu added", r->added);
    if (r->resumed && r->added) printf(" behind the %zu pictures done before", r->resumed);
    if (r->there && !r->resumed) printf(", %zu there already", r->there);
    if (r->removed) printf(", %zu replaced", r->removed);
    if (r->failed) printf("; %zu failed", r->failed);
    putchar('\n');
}

int gallery_finish(const gallery_outcome *o)
{
    if (o->status) return report_failure(o);
    lk_status status = LK_OK;
    if (o->json) status = print_json(o);
    else print(o);
    if (!status && !o->result.rows)
        status = lk_fail(LK_ERROR_EMPTY, "%s: no picture could be read: the gallery has no rows", o->gallery);
    const int code = cli_report(o->command, status);
    return code || !o->result.failed ? code : CLI_SKIPPED;
}
