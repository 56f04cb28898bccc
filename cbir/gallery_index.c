/* Resuming. A task works through its items in order; the manifest says how many are done. Batches are cut
 * from the first item on whatever was done before, because a picture's last bits may depend on where in a
 * batch it stands: a resumed task begins with the batch that holds its first open item, and passes over the
 * rows that it has.
 *
 * A task ends in two steps. First its last rows are published. Then, if there is something to clear (a row
 * whose picture has a newer one, a failure that is one no more), a second manifest clears it and says
 * "finished". Killed between the two, a resumed task finds everything done and clears. */
#include "cbir/gallery_index.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "cbir/gallery_choose.h"
#include "cbir/gallery_failures.h"
#include "cbir/gallery_import.h"
#include "cbir/gallery_path.h"

typedef struct {
    const lk_gallery_index_options *options;
    const lk_gallery_index_calls *calls;
    lk_gallery_index_result *result;
    lk_gallery_writer *writer;
    const lk_list *items;
    const lk_choice *choice; /* NULL: all items are embedded, as they stand */
    lk_relative relative;
    size_t first, done;       /* the first item that is embedded again, and the first that is not done */
    float *prepared, *sorted; /* [values], for a hash */
    uint8_t *bits;
    lk_error failure; /* of a call that can give none back */
} indexing;

static lk_status no_memory(const indexing *x)
{
    return lk_fail(LK_ERROR_MEMORY, "%s: out of memory", x->writer->path);
}

/* ------------------------------------------------------------------ As pictures are done */

static size_t values_of(const indexing *x)
{
    return lk_embedder_values(x->options->embedder, 0);
}

/* The row as the gallery has it. */
static const void *features_of(indexing *x, const float *values)
{
    const lk_hash *hash = &x->options->recipe->hash;
    const size_t count = values_of(x);
    if (hash->kind == LK_HASH_NONE) return values;
    memcpy(x->prepared, values, count * sizeof *values);
    lk_hash_prepare(hash, x->prepared, count);
    lk_hash_pack(x->prepared, count, lk_hash_threshold(hash, x->prepared, count, x->sorted), x->bits);
    return x->bits;
}

/* Path, label, size and digest of item `index`. The path is lk_free's unless the choice has it. */
static lk_status describe(indexing *x, size_t index, char sha256[65], lk_gallery_row *row)
{
    const lk_list_item *item = &x->items->items[index];
    *row = (lk_gallery_row){.has_label = item->has_label, .label = item->label};
    if (x->choice) {
        const lk_chosen *chosen = &x->choice->chosen[index];
        row->path = chosen->path;
        row->bytes = chosen->bytes;
        row->sha256 = *chosen->sha256 ? chosen->sha256 : NULL;
    } else {
        row->path = lk_relative_path(&x->relative, item->path);
        if (!row->path) return no_memory(x);
        if (!lk_picture_digest(item->path, sha256, &row->bytes)) row->sha256 = sha256;
    }
    return LK_OK;
}

static void let_go(const indexing *x, lk_gallery_row *row)
{
    if (!x->choice) lk_free((char *)(size_t)row->path);
}

static void on_bad(void *context, size_t index, const lk_error *error)
{
    indexing *x = context;
    char sha256[65];
    lk_gallery_row row = {0};
    index += x->first;
    if (index < x->done) return;
    const lk_list_item *item = &x->items->items[index];
    const size_t length = strlen(item->path);
    /* "PATH: fault": the path stands in the row, and as it moves */
    const bool named = !strncmp(error->text, item->path, length) && !strncmp(error->text + length, ": ", 2);
    x->result->failed++;
    if (x->calls->bad) x->calls->bad(x->calls->context, item, error);
    lk_status status = describe(x, index, sha256, &row);
    if (!status)
        status = lk_gallery_writer_fail(x->writer, &row, named ? error->text + length + 2 : error->text);
    let_go(x, &row);
    if (status && !x->failure.status) x->failure = lk_error_take(status);
}

static bool all_finite(const float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!isfinite(values[i])) return false;
    return true;
}

static lk_status on_row(void *context, size_t index, const float *values)
{
    indexing *x = context;
    char sha256[65];
    lk_gallery_row row = {0};
    if (x->failure.status) return lk_error_restore(&x->failure);
    if (x->first + index < x->done) return LK_OK;
    if (!all_finite(values, values_of(x))) {
        lk_fail(LK_ERROR_FORMAT, "%s: its feature holds NaN or infinity",
                x->items->items[x->first + index].path);
        const lk_error error = lk_error_take(LK_ERROR_FORMAT);
        if (x->options->embed.strict) return lk_error_restore(&error);
        on_bad(context, index, &error);
        return LK_OK;
    }
    lk_status status = describe(x, x->first + index, sha256, &row);
    if (!status)
        status = lk_gallery_writer_add(x->writer, &row, features_of(x, values),
                                       x->options->keep_raw ? values : NULL, x->first + index + 1);
    let_go(x, &row);
    if (!status) x->result->added++;
    return status;
}

static void on_progress(void *context, size_t done)
{
    const indexing *x = context;
    if (x->calls->progress) x->calls->progress(x->calls->context, x->first + done, x->items->count);
}

/* ------------------------------------------------------------------ The run */

static lk_status open_hash(indexing *x)
{
    const size_t count = values_of(x);
    if (x->options->recipe->hash.kind == LK_HASH_NONE) return LK_OK;
    if (x->options->recipe->hash.whole_matrix)
        return lk_fail(LK_ERROR_ARGUMENT,
                       "a hash over the whole matrix cannot make a gallery, whose matrix grows; "
                       "extract the features, and index them with --features");
    x->prepared = lk_allocate_array(count, sizeof *x->prepared);
    x->sorted = lk_allocate_array(count, sizeof *x->sorted);
    x->bits = lk_allocate(lk_hash_bytes(count), 1);
    return x->prepared && x->sorted && x->bits ? LK_OK : no_memory(x);
}

static void close_indexing(indexing *x)
{
    lk_relative_close(&x->relative);
    lk_gallery_writer_close(&x->writer);
    lk_free(x->prepared);
    lk_free(x->sorted);
    lk_free(x->bits);
}

/* Keeps what was done; the error that ended it stays the message. */
static lk_status keep(indexing *x, lk_status why)
{
    const lk_error error = lk_error_take(why);
    const lk_status status = lk_gallery_writer_publish(x->writer);
    return status && why == LK_ERROR_INTERRUPTED ? status : lk_error_restore(&error);
}

static lk_status embed(indexing *x)
{
    const size_t batch = x->options->batch ? x->options->batch : 1;
    x->done = x->result->resumed = x->writer->manifest.task.done;
    if (x->done == x->items->count) return LK_OK;
    x->first = x->done - x->done % batch;
    const lk_list rest = {.items = x->items->items + x->first, .count = x->items->count - x->first};
    const lk_extract_calls calls = {x, on_row, on_bad, on_progress};
    lk_status status = lk_embed(x->options->embedder, &rest, &x->options->embed, &calls);
    if (!status && x->failure.status) status = lk_error_restore(&x->failure);
    if (status == LK_ERROR_INTERRUPTED || (status && x->options->embed.strict)) return keep(x, status);
    if (!status) x->writer->manifest.task.done = x->items->count;
    return status;
}

/* ------------------------------------------------------------------ The end of a task */

typedef struct {
    indexing *x;
    lk_gallery *gallery;
    size_t base;
} clearing;

/* A row of the task: what its path makes obsolete goes. */
static lk_status clear(void *context, size_t index, const lk_gallery_row *row)
{
    clearing *c = context;
    indexing *x = c->x;
    size_t at = 0, old;
    if (!row->path || lk_gallery_is_removed(c->gallery, index)) return LK_OK;
    lk_gallery_writer_forget(x->writer, row->path);
    while (x->choice && lk_choice_row(x->choice, c->gallery, row->path, &at, &old))
        if (lk_gallery_writer_remove(x->writer, old)) x->result->removed++;
    return LK_OK;
}

static lk_status finish(indexing *x)
{
    lk_gallery_task *task = &x->writer->manifest.task;
    clearing c = {.x = x, .base = task->base};
    lk_status status = LK_OK;
    if (x->choice || x->writer->failures.count) {
        status = lk_gallery_writer_publish(x->writer);
        if (!status) status = lk_gallery_open(x->writer->path, &c.gallery);
        if (!status) status = lk_gallery_each_row(c.gallery, c.base, clear, &c);
        lk_gallery_close(&c.gallery);
    }
    if (status) return status;
    task->finished = true;
    if (x->choice)
        *task = (lk_gallery_task){0}; /* adding leaves no trace but its rows: again, it changes nothing */
    status = lk_gallery_writer_publish(x->writer);
    x->result->rows = x->writer->manifest.rows - x->writer->out_count;
    return status;
}

/* ------------------------------------------------------------------ index */

static lk_status check_list(const indexing *x, const lk_gallery_task *task)
{
    const lk_gallery_task *own = &x->writer->manifest.task;
    const bool same = !strcmp(own->kind, task->kind) && !strcmp(own->list_sha256, task->list_sha256);
    if (same || (!*own->kind && !x->writer->manifest.rows)) return LK_OK;
    return lk_fail(
        LK_ERROR_MISMATCH,
        "%s: this gallery exists, and was made of another list; `likeness add' adds pictures to it",
        x->writer->path);
}

lk_status lk_gallery_index(const char *path, const lk_list *list, const lk_gallery_about *about,
                           const lk_gallery_index_options *options, const lk_gallery_index_calls *calls,
                           lk_gallery_index_result *result)
{
    indexing x = {.options = options, .calls = calls, .result = result, .items = list};
    lk_gallery_task task = {.kind = "index", .items = list->count};
    *result = (lk_gallery_index_result){0};
    lk_status status = lk_gallery_writer_create(path, about, &x.writer);
    if (status) return status;
    status = lk_list_digest(list, path, "index", task.list_sha256);
    if (!status) status = check_list(&x, &task);
    if (!status && x.writer->manifest.task.finished) {
        result->resumed = list->count;
        result->there = list->count - x.writer->failures.count;
        result->rows = x.writer->manifest.rows - x.writer->out_count;
        goto done;
    }
    if (!status) status = lk_relative_open(path, &x.relative);
    if (!status) status = open_hash(&x);
    if (!status) status = lk_gallery_writer_begin(x.writer, &task);
    if (!status) status = embed(&x);
    if (!status) status = finish(&x);
done:
    close_indexing(&x);
    return status;
}

/* ------------------------------------------------------------------ add */

/* What is to be embedded: against the rows before the task, if one is to be resumed, so that it comes to the
 * same items. */
static lk_status choose(indexing *x, const lk_list *list, lk_gallery_task *task, lk_choice *choice)
{
    const lk_manifest *m = &x->writer->manifest;
    const bool same = !strcmp(m->task.kind, task->kind) && !strcmp(m->task.list_sha256, task->list_sha256);
    lk_gallery *gallery = NULL;
    lk_choose_options options = {.base = same && m->task.base <= m->rows ? m->task.base : m->rows,
                                 .duplicates = x->options->duplicates,
                                 .interrupt = x->options->embed.interrupt};
    lk_status status = lk_gallery_open(x->writer->path, &gallery);
    if (!status) status = lk_choose(gallery, list, &options, choice);
    if (!status && options.base != m->rows && choice->list.count != m->task.items) {
        lk_choice_close(choice); /* the pictures have changed since: a task of its own */
        options.base = m->rows;
        status = lk_choose(gallery, list, &options, choice);
    }
    lk_gallery_close(&gallery);
    if (!status) task->items = choice->list.count;
    return status;
}

lk_status lk_gallery_add(const char *path, const lk_list *list, const lk_gallery_index_options *options,
                         const lk_gallery_index_calls *calls, lk_gallery_index_result *result)
{
    indexing x = {.options = options, .calls = calls, .result = result};
    lk_choice choice = {0};
    lk_gallery_task task = {.kind = "add"};
    *result = (lk_gallery_index_result){0};
    lk_status status = lk_gallery_writer_open(path, &x.writer);
    if (status) return status;
    status = lk_list_digest(list, path, options->duplicates ? "add duplicates" : "add", task.list_sha256);
    if (!status) status = open_hash(&x);
    if (!status) status = choose(&x, list, &task, &choice);
    if (status) goto done;
    x.items = &choice.list;
    x.choice = &choice;
    result->there = choice.there;
    result->rows = x.writer->manifest.rows - x.writer->out_count;
    if (!choice.list.count) goto done;
    status = lk_gallery_writer_begin(x.writer, &task);
    if (!status) status = embed(&x);
    if (!status) status = finish(&x);
done:
    close_indexing(&x);
    lk_choice_close(&choice);
    return status;
}

lk_status lk_gallery_failed_list(const char *path, lk_list *list)
{
    lk_manifest manifest;
    lk_failures failures = {0};
    lk_status status = lk_manifest_open(path, &manifest);
    if (status) return status;
    status = lk_failures_read(path, &manifest.failed, &failures);
    for (size_t i = 0; !status && i < failures.count; i++) {
        const lk_gallery_row *row = &failures.rows[i]->about;
        void *items = list->items;
        lk_list_item item = {
            .path = lk_join_path(path, row->path), .has_label = row->has_label, .label = row->label};
        if (item.path && lk_grow(&items, &list->capacity, list->count + 1, sizeof item)) {
            list->items = items;
            list->items[list->count++] = item;
        } else {
            lk_free(item.path);
            status = lk_fail(LK_ERROR_MEMORY, "%s: out of memory", path);
        }
    }
    if (!status && !failures.count) status = lk_fail(LK_ERROR_EMPTY, "%s: no picture has failed", path);
    lk_failures_close(&failures);
    lk_manifest_close(&manifest);
    return status;
}
