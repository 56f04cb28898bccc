/* search --strip and --html: a query and its hits to look at. */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "cbir/cli/search.h"
#include "cbir/report.h"

static void note(void *context, const char *text)
{
    const search_options *o = context;
    fprintf(stderr, "%s: %s\n", o->command, text);
}

/* The query's picture, if it is one and its label is known. */
static lk_strip_tile query_tile(const search_results *r, size_t query)
{
    const lk_list *list = &r->queries->list;
    if (r->o->join || query >= list->count) return (lk_strip_tile){.path = NULL};
    const lk_list_item *item = &list->items[query];
    lk_strip_tile tile = {.path = item->path};
    if (!item->has_label) return tile;
    tile.name = lk_gallery_label_name(r->gallery, item->label);
    tile.english = lk_gallery_label_english(r->gallery, item->label);
    return tile;
}

static lk_strip_mark judge(const search_results *r, size_t query, const lk_gallery_row *row)
{
    const lk_list *list = &r->queries->list;
    if (r->o->join || query >= list->count || !list->items[query].has_label || !row->has_label)
        return LK_MARK_NONE;
    return list->items[query].label == row->label ? LK_MARK_RIGHT : LK_MARK_WRONG;
}

/* paths [hits] keeps the texts that the tiles point to. */
static lk_status fill_tiles(const search_results *r, size_t query, lk_strip_tile *tiles, char **paths)
{
    for (size_t i = 0; i < r->found[query]; i++) {
        const lk_hit *hit = &r->hits[query * r->k + i];
        lk_gallery_row row;
        const lk_status status = lk_gallery_row_at(r->gallery, hit->index, &row);
        if (status) return status;
        if (row.path && !(paths[i] = lk_gallery_picture_path(r->gallery, row.path)))
            return lk_fail(LK_ERROR_MEMORY, "out of memory for the strip");
        tiles[i] = (lk_strip_tile){.path = paths[i], .score = hit->score, .mark = judge(r, query, &row)};
        if (!row.has_label) continue;
        tiles[i].name = lk_gallery_label_name(r->gallery, row.label);
        tiles[i].english = lk_gallery_label_english(r->gallery, row.label);
    }
    return LK_OK;
}

/* One query as a strip: into a picture at `path`, or into the report. */
static lk_status draw(const search_results *results, size_t query, const char *path, lk_report *report)
{
    const size_t hits = results->found[query];
    lk_strip_tile *tiles = lk_allocate_array(hits, sizeof *tiles);
    char **paths = lk_allocate_array(hits, sizeof *paths);
    lk_status status = tiles && paths ? fill_tiles(results, query, tiles, paths)
                                      : lk_fail(LK_ERROR_MEMORY, "out of memory for the strip");
    const lk_strip strip = {.query = query_tile(results, query),
                            .hits = tiles,
                            .hit_count = hits,
                            .metric = results->metric,
                            .note = note,
                            .context = (void *)(size_t)results->o};
    if (!status) status = report ? lk_report_add(report, &strip) : lk_strip_write(&strip, path);
    for (size_t i = 0; paths && i < hits; i++) lk_free(paths[i]);
    lk_free(paths);
    lk_free(tiles);
    return status;
}

lk_status search_strip(const search_results *results, const char *path)
{
    if (results->queries->count != 1)
        return lk_fail(LK_ERROR_ARGUMENT, "--strip draws one query, and here are %zu; --html shows them all",
                       results->queries->count);
    return draw(results, 0, path, NULL);
}

lk_status search_html(const search_results *results, const char *path)
{
    lk_report *report = NULL;
    lk_status status = lk_report_open(path, &report);
    for (size_t q = 0; !status && q < results->queries->count; q++) status = draw(results, q, NULL, report);
    if (!status) return lk_report_commit(&report);
    lk_report_discard(&report);
    return status;
}
