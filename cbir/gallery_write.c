#include "cbir/gallery_write.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "cbir/gallery_failures.h"
#include "cbir/gallery_folder.h"
#include "cbir/gallery_parts.h"
#include "cbir/gallery_path.h"

static lk_status no_memory(const char *path)
{
    return lk_fail(LK_ERROR_MEMORY, "%s: out of memory", path);
}

/* ------------------------------------------------------------------ Opening */

static lk_status read_out(lk_gallery_writer *w)
{
    char name[32];
    lk_mapping file;
    w->out_rows = w->manifest.rows;
    w->out = lk_allocate(w->out_rows / 8 + 1, 1);
    if (!w->out) return no_memory(w->path);
    if (!w->manifest.deleted.count) return LK_OK;
    lk_deleted_name(&w->manifest.deleted, name);
    char *path = lk_join_path(w->path, name);
    lk_status status = path ? lk_map_sized(path, &w->manifest.deleted.sum, &file) : no_memory(w->path);
    if (!status) {
        status = lk_read_deleted(file.bytes, file.size, path, w->out_rows, w->out, &w->out_count);
        lk_unmap(&file);
    }
    lk_free(path);
    return status;
}

/* Everything of a writer but its manifest. */
static lk_status lock(const char *path, lk_gallery_writer **writer)
{
    lk_gallery_writer *w = lk_allocate_array(1, sizeof *w);
    if (!w) return no_memory(path);
    w->lock = -1;
    w->path = lk_copy_text(path);
    const lk_status status = w->path ? lk_lock_gallery(path, &w->lock) : no_memory(path);
    if (status) lk_gallery_writer_close(&w);
    else *writer = w;
    return status;
}

/* What is there, under the lock. */
static lk_status load(lk_gallery_writer *w)
{
    lk_status status = lk_manifest_open(w->path, &w->manifest);
    if (status) return status;
    lk_sweep_gallery(w->path, &w->manifest);
    status = read_out(w);
    return status ? status : lk_failures_read(w->path, &w->manifest.failed, &w->failures);
}

lk_status lk_gallery_writer_open(const char *path, lk_gallery_writer **writer)
{
    lk_gallery_writer *w = NULL;
    lk_manifest seen;
    lk_status status = lk_manifest_open(path, &seen); /* before a lock is put where no gallery is */
    if (status) return status;
    lk_manifest_close(&seen);
    status = lock(path, &w);
    if (!status) status = load(w);
    if (status) lk_gallery_writer_close(&w);
    else *writer = w;
    return status;
}

static lk_status differ(const lk_gallery_writer *w, const char *what, size_t there, size_t asked)
{
    return lk_fail(LK_ERROR_MISMATCH, "%s: this gallery exists and has %zu %s a row, not %zu", w->path, there,
                   what, asked);
}

static lk_status check_recipe(const lk_gallery_writer *w, const json_t *recipe)
{
    lk_recipe own, asked;
    const json_t *there = w->manifest.recipe;
    if (!there != !recipe)
        return lk_fail(LK_ERROR_MISMATCH, "%s: this gallery exists, and its features were made %s", w->path,
                       there ? "by a model, not elsewhere" : "elsewhere, not by a model");
    if (!there || json_equal(there, recipe)) return LK_OK;
    char *left = json_dumps(there, 0), *right = json_dumps(recipe, 0);
    lk_status status =
        left && right ? lk_recipe_parse(left, strlen(left), w->path, &own) : no_memory(w->path);
    if (!status) status = lk_recipe_parse(right, strlen(right), "the new recipe", &asked);
    if (!status) status = lk_recipe_compare(&own, &asked);
    if (status == LK_ERROR_MISMATCH)
        lk_fail(status, "%s exists, and the new features are not its own: %s", w->path, lk_error_message());
    free(left);
    free(right);
    return status;
}

static lk_status check_alike(const lk_gallery_writer *w, const lk_gallery_about *about)
{
    const lk_manifest *m = &w->manifest;
    if (m->bits != about->bits)
        return lk_fail(LK_ERROR_MISMATCH, "%s: this gallery exists and holds %s", w->path,
                       m->bits ? "bits, not floats" : "floats, not bits");
    if (about->model_sha256 && *m->model_sha256 && strcmp(m->model_sha256, about->model_sha256) != 0)
        return lk_fail(LK_ERROR_MISMATCH, "%s: this gallery exists, made by the model of SHA-256 %s, not %s",
                       w->path, m->model_sha256, about->model_sha256);
    const lk_status status = check_recipe(w, about->recipe);
    if (status) return status;
    if (m->dim != about->dim) return differ(w, m->bits ? "bits" : "values", m->dim, about->dim);
    if (m->raw_dim != about->raw_dim) return differ(w, "raw values", m->raw_dim, about->raw_dim);
    if (m->segment_rows != about->segment_rows)
        return lk_fail(LK_ERROR_MISMATCH, "%s: this gallery exists and has segments of %zu rows, not %zu",
                       w->path, m->segment_rows, about->segment_rows);
    return LK_OK;
}

static lk_status fill(lk_gallery_writer *w, const lk_gallery_about *about)
{
    lk_manifest *m = &w->manifest;
    m->dim = about->dim;
    m->bits = about->bits;
    m->raw_dim = about->raw_dim;
    m->segment_rows = about->segment_rows;
    m->recipe = about->recipe ? json_deep_copy(about->recipe) : NULL;
    m->labels = json_incref(about->labels);
    if (about->recipe && !m->recipe) return no_memory(w->path);
    if (!about->model_path) return LK_OK;
    strcpy(m->model_sha256, about->model_sha256);
    lk_relative relative;
    const lk_status status = lk_relative_open(w->path, &relative);
    if (status) return status;
    m->model_path = lk_relative_path(&relative, about->model_path);
    if (about->projection_path) m->projection_path = lk_relative_path(&relative, about->projection_path);
    lk_relative_close(&relative);
    return m->model_path && !m->projection_path == !about->projection_path ? LK_OK : no_memory(w->path);
}

/* A first manifest, without rows. */
static lk_status create(lk_gallery_writer *w, const lk_gallery_about *about)
{
    lk_status status = fill(w, about);
    if (status) return status;
    lk_sweep_gallery(w->path, &w->manifest);
    status = read_out(w);
    return status ? status : lk_manifest_write(&w->manifest, w->path);
}

lk_status lk_gallery_writer_create(const char *path, const lk_gallery_about *about,
                                   lk_gallery_writer **writer)
{
    lk_gallery_writer *w = NULL;
    bool is_gallery = false;
    lk_status status = lk_make_gallery_folder(path, &is_gallery);
    if (!status) status = lock(path, &w);
    if (!status) status = lk_make_gallery_folder(path, &is_gallery); /* as it is under the lock */
    if (!status) status = is_gallery ? load(w) : create(w, about);
    if (!status && is_gallery) status = check_alike(w, about);
    if (status) lk_gallery_writer_close(&w);
    else *writer = w;
    return status;
}

void lk_gallery_writer_close(lk_gallery_writer **writer)
{
    lk_gallery_writer *w = *writer;
    if (!w) return;
    lk_segment_discard(&w->segment);
    lk_failures_close(&w->failures);
    lk_manifest_close(&w->manifest);
    lk_unlock_gallery(&w->lock);
    lk_free(w->out);
    lk_free(w->path);
    lk_free(w);
    *writer = NULL;
}

/* ------------------------------------------------------------------ Tasks */

/* The rows of a segment that an interrupt closed early begin the one that will replace it. */
static lk_status take_up(lk_gallery_writer *w, const lk_segment_entry *entry)
{
    lk_segment_view view;
    lk_status status = lk_segment_view_open(w->path, &w->manifest, entry, &view);
    if (status) return status;
    status = lk_segment_open(w->path, &w->manifest, &w->segment);
    if (!status) status = lk_segment_add(&w->segment, &view.rows);
    lk_segment_view_close(&view);
    if (status) return status;
    w->manifest.segment_count--;
    w->manifest.rows -= entry->rows;
    w->replaced = true;
    return LK_OK;
}

lk_status lk_gallery_writer_begin(lk_gallery_writer *w, const lk_gallery_task *task)
{
    lk_manifest *m = &w->manifest;
    lk_gallery_task *own = &m->task;
    const bool same = !own->finished && !strcmp(own->kind, task->kind) && own->items == task->items &&
                      !strcmp(own->list_sha256, task->list_sha256);
    if (!same) {
        *own = *task;
        own->done = 0;
        own->base = m->rows;
        own->finished = false;
        return LK_OK;
    }
    const lk_segment_entry last =
        m->segment_count ? m->segments[m->segment_count - 1] : (lk_segment_entry){0};
    return strchr(last.name, '-') ? take_up(w, &last) : LK_OK;
}

lk_status lk_gallery_writer_add(lk_gallery_writer *w, const lk_gallery_row *row, const void *features,
                                const float *raw, size_t done)
{
    char *line = NULL;
    lk_status status = lk_row_format(row, NULL, &line);
    if (!status && !w->segment.gallery) status = lk_segment_open(w->path, &w->manifest, &w->segment);
    if (!status)
        status = lk_segment_add(
            &w->segment,
            &(lk_segment_rows){
                .count = 1, .features = features, .raw = raw, .lines = line, .lines_size = strlen(line)});
    lk_free(line);
    if (status) return status;
    w->manifest.task.done = done;
    return lk_segment_count(&w->segment) == w->manifest.segment_rows ? lk_gallery_writer_publish(w) : LK_OK;
}

lk_status lk_gallery_writer_fail(lk_gallery_writer *w, const lk_gallery_row *row, const char *reason)
{
    return lk_failures_put(&w->failures, row, reason);
}

bool lk_gallery_writer_remove(lk_gallery_writer *w, size_t index)
{
    const uint8_t bit = (uint8_t)(0x80 >> index % 8);
    if (index >= w->out_rows || w->out[index / 8] & bit) return false;
    w->out[index / 8] |= bit;
    w->out_count++;
    return w->out_changed = true;
}

bool lk_gallery_writer_forget(lk_gallery_writer *w, const char *path)
{
    return lk_failures_drop(&w->failures, path);
}

/* ------------------------------------------------------------------ Publishing */

static lk_status publish_segment(lk_gallery_writer *w)
{
    const lk_manifest *m = &w->manifest;
    const size_t rows = lk_segment_count(&w->segment);
    const bool whole = rows == m->segment_rows || m->task.done == m->task.items;
    const unsigned long last =
        m->segment_count ? strtoul(m->segments[m->segment_count - 1].name, NULL, 10) : 0;
    lk_segment_entry entry;
    char name[sizeof entry.name];
    if (!rows) return LK_OK;
    if (whole) snprintf(name, sizeof name, "%06lu", last + 1);
    else snprintf(name, sizeof name, "%06lu-%zu", last + 1, rows);
    const lk_status status = lk_segment_commit(&w->segment, name, &entry);
    if (status) return status;
    return lk_manifest_add_segment(&w->manifest, &entry) ? LK_OK : no_memory(w->path);
}

static lk_status publish_failures(lk_gallery_writer *w)
{
    if (!w->failures.changed) return LK_OK;
    const lk_status status = lk_failures_write(&w->failures, w->path, &w->manifest.failed);
    if (status) return status;
    w->failures.changed = false;
    w->replaced = true;
    return LK_OK;
}

static lk_status publish_out(lk_gallery_writer *w)
{
    if (!w->out_changed) return LK_OK;
    const lk_status status = lk_write_deleted(w->path, w->out, w->out_rows, &w->manifest.deleted);
    if (status) return status;
    w->out_changed = false;
    w->replaced = true;
    return LK_OK;
}

/* After a failure: files that no manifest names would else keep a full disk full. */
static void clear_up(lk_gallery_writer *w, lk_status status)
{
    lk_manifest there;
    const lk_error error = lk_error_take(status);
    if (!lk_manifest_open(w->path, &there)) {
        lk_sweep_gallery(w->path, &there);
        lk_manifest_close(&there);
    }
    lk_error_restore(&error);
}

lk_status lk_gallery_writer_publish(lk_gallery_writer *w)
{
    lk_status status = publish_segment(w);
    if (!status) status = publish_failures(w);
    if (!status) status = publish_out(w);
    if (!status) status = lk_manifest_write(&w->manifest, w->path);
    if (status) {
        clear_up(w, status);
        return status;
    }
    if (w->replaced) lk_sweep_gallery(w->path, &w->manifest);
    w->replaced = false;
    return LK_OK;
}
