#include "cbir/gallery_remove.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "cbir/gallery_path.h"

/* What was asked for, as the gallery says it. */
typedef struct {
    const lk_remove_options *options;
    lk_gallery *gallery;
    lk_gallery_writer *writer;
    char **relative; /* [path_count] */
    bool *found;     /* [path_count], then [label_count] */
    lk_table paths;  /* both forms of each path → its number */
    size_t removed;
} removing;

static lk_status no_memory(const removing *r)
{
    return lk_fail(LK_ERROR_MEMORY, "%s: out of memory", r->writer->path);
}

static lk_status prepare(removing *r)
{
    lk_relative relative;
    const lk_remove_options *o = r->options;
    lk_status status = lk_relative_open(r->writer->path, &relative);
    if (status) return status;
    r->relative = lk_allocate_array(o->path_count, sizeof *r->relative);
    r->found = lk_allocate_array(o->path_count + o->label_count, sizeof *r->found);
    if (!r->relative || !r->found) status = no_memory(r);
    for (size_t i = 0; !status && i < o->path_count; i++) {
        r->relative[i] = lk_relative_path(&relative, o->paths[i]);
        if (!r->relative[i] || !lk_table_add(&r->paths, lk_text_key(r->relative[i]), i) ||
            !lk_table_add(&r->paths, lk_text_key(o->paths[i]), i))
            status = no_memory(r);
    }
    lk_relative_close(&relative);
    return status;
}

static bool path_is_asked(removing *r, const char *path)
{
    bool asked = false;
    for (size_t at = 0, i; lk_table_next(&r->paths, lk_text_key(path), &at, &i);)
        if (!strcmp(path, r->relative[i]) || !strcmp(path, r->options->paths[i])) asked = r->found[i] = true;
    return asked;
}

static bool label_is_asked(removing *r, long label)
{
    bool asked = false;
    for (size_t i = 0; i < r->options->label_count; i++)
        if (r->options->labels[i] == label) asked = r->found[r->options->path_count + i] = true;
    return asked;
}

static lk_status is_missing(const removing *r, const char *path, bool *missing)
{
    char *whole = lk_gallery_picture_path(r->gallery, path);
    if (!whole) return no_memory(r);
    *missing |= access(whole, F_OK) && (errno == ENOENT || errno == ENOTDIR);
    lk_free(whole);
    return LK_OK;
}

static lk_status look_at(void *context, size_t index, const lk_gallery_row *row)
{
    removing *r = context;
    lk_status status = LK_OK;
    if (lk_gallery_is_removed(r->gallery, index)) return LK_OK;
    bool asked = row->path && path_is_asked(r, row->path);
    if (row->has_label && label_is_asked(r, row->label)) asked = true;
    if (row->path && r->options->missing) status = is_missing(r, row->path, &asked);
    if (!status && asked) r->removed += lk_gallery_writer_remove(r->writer, index);
    return status;
}

static lk_status check_found(removing *r)
{
    const lk_remove_options *o = r->options;
    for (size_t i = 0; i < o->path_count; i++)
        if (lk_gallery_writer_forget(r->writer, r->relative[i])) r->found[i] = true;
    for (size_t i = 0; i < o->path_count; i++)
        if (!r->found[i])
            return lk_fail(LK_ERROR_NOT_FOUND, "%s: it has no row of %s; nothing was removed",
                           r->writer->path, o->paths[i]);
    for (size_t i = 0; i < o->label_count; i++)
        if (!r->found[o->path_count + i])
            return lk_fail(LK_ERROR_NOT_FOUND, "%s: it has no row of label %ld; nothing was removed",
                           r->writer->path, o->labels[i]);
    return LK_OK;
}

lk_status lk_gallery_remove(const char *path, const lk_remove_options *options, size_t *removed)
{
    removing r = {.options = options};
    lk_status status = lk_gallery_writer_open(path, &r.writer);
    if (status) return status;
    status = lk_gallery_open(path, &r.gallery);
    if (!status) status = prepare(&r);
    if (!status) status = lk_gallery_each_row(r.gallery, 0, look_at, &r);
    if (!status) status = check_found(&r);
    if (!status && (r.writer->out_changed || r.writer->failures.changed))
        status = lk_gallery_writer_publish(r.writer);
    if (!status) *removed = r.removed;
    for (size_t i = 0; r.relative && i < options->path_count; i++) lk_free(r.relative[i]);
    lk_free(r.relative);
    lk_free(r.found);
    lk_table_close(&r.paths);
    lk_gallery_close(&r.gallery);
    lk_gallery_writer_close(&r.writer);
    return status;
}
