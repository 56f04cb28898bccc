#include "cbir/gallery_import.h"

#include <math.h>
#include <sha256.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "cbir/gallery_path.h"
#include "cbir/npy.h"

enum { SEGMENT_ROWS = 65536 };

typedef struct {
    const char *features;
    const lk_list *list;
    const lk_gallery_import_options *options;
    lk_mapping file;
    lk_npy array;
    size_t rows, dim;
    lk_relative relative;
    float *values; /* [dim], of floats */
    lk_gallery_writer *writer;
    lk_gallery_index_result *result;
} importing;

lk_status lk_list_digest(const lk_list *list, const char *gallery, const char *more, char sha256[65])
{
    SHA2_CTX context;
    lk_relative relative;
    char label[32];
    lk_status status = lk_relative_open(gallery, &relative);
    if (status) return status;
    SHA256Init(&context);
    SHA256Update(&context, (const uint8_t *)more, strlen(more) + 1);
    for (size_t i = 0; list && !status && i < list->count; i++) {
        const lk_list_item *item = &list->items[i];
        char *path = lk_relative_path(&relative, item->path);
        if (item->has_label) snprintf(label, sizeof label, "\t%ld\n", item->label);
        else strcpy(label, "\n");
        if (path) SHA256Update(&context, (const uint8_t *)path, strlen(path));
        else status = lk_fail(LK_ERROR_MEMORY, "out of memory for a list of %zu pictures", list->count);
        SHA256Update(&context, (const uint8_t *)label, strlen(label));
        lk_free(path);
    }
    SHA256End(&context, sha256);
    lk_relative_close(&relative);
    return status;
}

/* ------------------------------------------------------------------ The matrix */

static lk_status check_matrix(importing *i)
{
    const lk_npy *a = &i->array;
    const size_t bits = i->options->bits;
    if (a->dims != 2 || !a->shape[0] || !a->shape[1] || a->type == LK_NPY_UNICODE)
        return lk_fail(LK_ERROR_FORMAT, "%s: not a matrix of numbers, [rows][values], with at least one row",
                       i->features);
    i->rows = a->shape[0];
    i->dim = bits ? bits : a->shape[1];
    if (i->dim > LK_GALLERY_MAX_DIM)
        return lk_fail(LK_ERROR_LIMIT, "%s: %zu values a row; at most %zu", i->features, i->dim,
                       LK_GALLERY_MAX_DIM);
    if (bits && (a->type != LK_NPY_UINT8 || a->shape[1] != (bits + 7) / 8))
        return lk_fail(LK_ERROR_MISMATCH,
                       "%s: not uint8 with the %zu bytes a row that %zu bits are packed in", i->features,
                       (bits + 7) / 8, bits);
    if (!bits && a->type == LK_NPY_UINT8)
        return lk_fail(LK_ERROR_ARGUMENT,
                       "%s: uint8 values: say how many bits a row holds (--bits %zu), or store floats",
                       i->features, 8 * a->shape[1]);
    if (i->list && i->list->count != i->rows)
        return lk_fail(LK_ERROR_MISMATCH, "%s has %zu rows, and the list of labels %zu lines", i->features,
                       i->rows, i->list->count);
    return LK_OK;
}

static lk_status check_bits(const importing *i, const uint8_t *row, size_t index)
{
    const size_t bits = i->dim, last = row[(bits - 1) / 8];
    if (bits % 8 == 0 || !(last & (0xFFu >> bits % 8))) return LK_OK;
    return lk_fail(LK_ERROR_FORMAT, "%s: row %zu has bits set behind its %zu", i->features, index, bits);
}

static lk_status check_floats(const importing *i, size_t index)
{
    for (size_t v = 0; v < i->dim; v++)
        if (!isfinite(i->values[v]))
            return lk_fail(LK_ERROR_FORMAT, "%s: row %zu holds NaN or infinity (value %zu)", i->features,
                           index, v);
    return LK_OK;
}

/* Row `index` as the gallery will have it. */
static lk_status get_row(const importing *i, size_t index, const void **row)
{
    const size_t columns = i->array.shape[1];
    if (i->options->bits) {
        *row = i->array.data + index * columns;
        return check_bits(i, *row, index);
    }
    const lk_status status = lk_npy_floats(&i->array, index * columns, columns, i->values);
    *row = i->values;
    return status ? status : check_floats(i, index);
}

/* All of them before the first is written: a matrix that cannot be taken leaves no gallery. */
static lk_status check_rows(const importing *i)
{
    const void *row;
    lk_status status = LK_OK;
    for (size_t index = 0; !status && index < i->rows; index++) status = get_row(i, index, &row);
    return status;
}

/* ------------------------------------------------------------------ The rows */

static lk_status add_row(importing *i, size_t index)
{
    char sha256[65], *path = NULL;
    lk_gallery_row row = {0};
    const void *values = NULL;
    lk_status status = get_row(i, index, &values);
    if (status) return status;
    if (i->list) {
        const lk_list_item *item = &i->list->items[index];
        path = lk_relative_path(&i->relative, item->path);
        if (!path) return lk_fail(LK_ERROR_MEMORY, "%s: out of memory", i->features);
        row = (lk_gallery_row){.path = path, .has_label = item->has_label, .label = item->label};
        if (!lk_picture_digest(item->path, sha256, &row.bytes)) row.sha256 = sha256;
    }
    status = lk_gallery_writer_add(i->writer, &row, values, NULL, index + 1);
    lk_free(path);
    return status;
}

static lk_status add_rows(importing *i)
{
    lk_status status = LK_OK;
    const atomic_int *interrupt = i->options->interrupt;
    lk_gallery_task *task = &i->writer->manifest.task;
    bool stop = false;
    i->result->resumed = task->done;
    for (size_t index = task->done; !status && !stop && index < i->rows; index++) {
        status = add_row(i, index);
        stop = interrupt && atomic_load(interrupt);
    }
    i->result->added = task->done - i->result->resumed;
    task->finished = task->done == i->rows;
    if (!status) status = lk_gallery_writer_publish(i->writer);
    return status || task->finished ? status : lk_fail(LK_ERROR_INTERRUPTED, "interrupted");
}

/* Is it all there already, or something else? */
static lk_status begin(importing *i, const lk_gallery_task *task, bool *complete)
{
    const lk_gallery_task *own = &i->writer->manifest.task;
    const bool same = !strcmp(own->kind, task->kind) && !strcmp(own->list_sha256, task->list_sha256);
    *complete = same && own->finished;
    if (*complete) i->result->there = i->result->resumed = i->rows;
    if (*complete) return LK_OK;
    if (!same && *own->kind)
        return lk_fail(LK_ERROR_MISMATCH,
                       "%s: this gallery was made of other features; choose another folder, or remove it",
                       i->writer->path);
    return lk_gallery_writer_begin(i->writer, task);
}

static lk_status run(importing *i, const char *path)
{
    char sum[64];
    bool complete = false;
    lk_gallery_task task = {.kind = "features", .items = i->rows};
    snprintf(sum, sizeof sum, "%zu %08lx", i->file.size,
             crc32_z(crc32_z(0, NULL, 0), i->file.bytes, i->file.size));
    lk_status status = lk_list_digest(i->list, path, sum, task.list_sha256);
    if (!status) status = begin(i, &task, &complete);
    if (status || complete) return status;
    status = lk_relative_open(path, &i->relative);
    if (!status) status = add_rows(i);
    lk_relative_close(&i->relative);
    return status;
}

lk_status lk_gallery_import(const char *path, const char *features, const lk_list *list,
                            const lk_gallery_import_options *options, lk_gallery_index_result *result)
{
    importing i = {.features = features, .list = list, .options = options, .result = result};
    *result = (lk_gallery_index_result){0};
    lk_status status = lk_map_file(features, &i.file);
    if (status) return status;
    status = lk_npy_parse(i.file.bytes, i.file.size, features, &i.array);
    if (!status) status = check_matrix(&i);
    if (!status && !(i.values = lk_allocate_array(i.dim, sizeof *i.values)))
        status = lk_fail(LK_ERROR_MEMORY, "%s: out of memory", features);
    if (!status) status = check_rows(&i);
    const lk_gallery_about about = {.dim = i.dim,
                                    .bits = options->bits,
                                    .segment_rows =
                                        options->segment_rows ? options->segment_rows : SEGMENT_ROWS,
                                    .labels = options->labels};
    if (!status) status = lk_gallery_writer_create(path, &about, &i.writer);
    if (!status) status = run(&i, path);
    if (!status) result->rows = i.writer->manifest.rows - i.writer->out_count;
    lk_gallery_writer_close(&i.writer);
    lk_free(i.values);
    lk_unmap(&i.file);
    return status;
}
