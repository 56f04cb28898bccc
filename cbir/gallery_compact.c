/* Compacting: the rows that are alive, copied into one segment. Rows that follow one another are copied as
 * one piece. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "cbir/gallery_write.h"

static bool is_out(const lk_gallery_writer *w, size_t index)
{
    return w->out[index / 8] << index % 8 & 0x80;
}

/* Rows `from` to `to` - 1 of a view. */
static lk_status copy_run(lk_segment_writer *to, const lk_segment_view *view, const size_t *offsets,
                          size_t first, size_t end)
{
    const size_t row = to->features_type.shape[1] * to->features_type.item_bytes;
    const lk_segment_rows rows = {.count = end - first,
                                  .features = (const char *)view->rows.features + first * row,
                                  .raw =
                                      view->rows.raw ? view->rows.raw + first * to->raw_type.shape[1] : NULL,
                                  .lines = view->rows.lines + offsets[first],
                                  .lines_size = offsets[end] - offsets[first]};
    return lk_segment_add(to, &rows);
}

static lk_status copy_segment(lk_gallery_writer *w, const lk_segment_entry *entry, size_t index,
                              lk_segment_writer *to)
{
    lk_segment_view view;
    size_t *offsets = NULL;
    lk_status status = lk_segment_view_open(w->path, &w->manifest, entry, &view);
    if (status) return status;
    status = lk_row_offsets(view.rows.lines, view.rows.lines_size, entry->rows, entry->name, &offsets);
    for (size_t i = 0, end; !status && i < entry->rows; i = end + 1) {
        for (end = i; end < entry->rows && !is_out(w, index + end);) end++;
        if (end > i) status = copy_run(to, &view, offsets, i, end);
    }
    lk_free(offsets);
    lk_segment_view_close(&view);
    return status;
}

/* Into the writer's own segment, which publishing then names. */
static lk_status copy_all(lk_gallery_writer *w)
{
    const lk_manifest *m = &w->manifest;
    lk_status status = lk_segment_open(w->path, m, &w->segment);
    for (size_t i = 0, index = 0; !status && i < m->segment_count; index += m->segments[i++].rows)
        status = copy_segment(w, &m->segments[i], index, &w->segment);
    return status;
}

/* The manifest without rows; what comes next has the number behind the last. */
static lk_status publish_alone(lk_gallery_writer *w)
{
    lk_manifest *m = &w->manifest;
    lk_segment_entry entry;
    char name[sizeof entry.name];
    const bool any = lk_segment_count(&w->segment);
    snprintf(name, sizeof name, "%06lu", strtoul(m->segments[m->segment_count - 1].name, NULL, 10) + 1);
    const lk_status status = any ? lk_segment_commit(&w->segment, name, &entry) : LK_OK;
    if (status) return status;
    if (!any) lk_segment_discard(&w->segment);
    m->segment_count = m->rows = 0;
    m->deleted = (lk_side_file){0};
    if (m->task.base) m->task.base = 0;
    if (any && !lk_manifest_add_segment(m, &entry))
        return lk_fail(LK_ERROR_MEMORY, "%s: out of memory", w->path);
    memset(w->out, 0, w->out_rows / 8 + 1);
    w->out_rows = w->out_count = 0;
    w->replaced = true;
    return lk_gallery_writer_publish(w);
}

/* One segment without a removed row stays as it is, but only if it is whole: nobody should keep a damaged one
 * for compacted. */
static lk_status check_alone(const lk_gallery_writer *w)
{
    lk_segment_view view;
    if (!w->manifest.segment_count) return LK_OK;
    const lk_status status = lk_segment_view_open(w->path, &w->manifest, &w->manifest.segments[0], &view);
    if (!status) lk_segment_view_close(&view);
    return status;
}

lk_status lk_gallery_compact(lk_gallery_writer *w, bool *done)
{
    const lk_manifest *m = &w->manifest;
    if (*m->task.kind && !m->task.finished)
        return lk_fail(
            LK_ERROR_ARGUMENT,
            "%s: its %s is not finished (%zu of %zu pictures); give the same command again, then compact",
            w->path, m->task.kind, m->task.done, m->task.items);
    *done = m->segment_count > 1 || w->out_count;
    if (!*done) return check_alone(w);
    const lk_status status = copy_all(w);
    return status ? status : publish_alone(w);
}
