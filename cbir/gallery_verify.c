#include "cbir/gallery_verify.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "cbir/gallery_failures.h"
#include "cbir/gallery_parts.h"
#include "cbir/gallery_path.h"

typedef struct {
    const char *path;
    const lk_verify_options *options;
    void (*fault)(void *context, const char *text);
    void *context;
    lk_verify_result *result;
    lk_manifest manifest;
} verifying;

/* The last failure is a fault of the gallery's. */
static void report(verifying *v)
{
    v->result->faults++;
    if (v->fault) v->fault(v->context, lk_error_message());
}

/* The same, with the rows of the file's segment. */
static void report_rows(verifying *v, size_t first, size_t count)
{
    lk_fail(LK_ERROR_FORMAT, "%s (rows %zu to %zu)", lk_error_message(), first, first + count - 1);
    report(v);
}

/* Maps a file and compares size and checksum. */
static lk_status open_file(verifying *v, const char *path, const lk_file_sum *sum, lk_mapping *file)
{
    v->result->files++;
    lk_status status = lk_map_sized(path, sum, file);
    if (status) return status;
    status = lk_check_crc32(file, path, sum);
    if (status) lk_unmap(file);
    return status;
}

/* ------------------------------------------------------------------ A segment */

static lk_status check_floats(const char *path, const float *values, size_t rows, size_t dim)
{
    for (size_t i = 0; i < rows * dim; i++)
        if (!isfinite(values[i]))
            return lk_fail(LK_ERROR_FORMAT, "%s: NaN or infinity in its row %zu", path, i / dim);
    return LK_OK;
}

static lk_status check_bits(const char *path, const uint8_t *codes, size_t rows, size_t bits)
{
    const size_t bytes = (bits + 7) / 8;
    for (size_t row = 0; bits % 8 && row < rows; row++)
        if (codes[row * bytes + bytes - 1] & (0xFFu >> bits % 8))
            return lk_fail(LK_ERROR_FORMAT, "%s: bits set behind the %zu of its row %zu", path, bits, row);
    return LK_OK;
}

static void check_matrix(verifying *v, const lk_segment_entry *entry, const char *name, const lk_npy *wanted,
                         size_t first)
{
    lk_mapping file = {0};
    const unsigned char *data = NULL;
    const lk_file_sum *sum = strcmp(name, "raw.npy") != 0 ? &entry->features : &entry->raw;
    char *path = lk_segment_path(v->path, entry->name, name);
    lk_status status =
        path ? open_file(v, path, sum, &file) : lk_fail(LK_ERROR_MEMORY, "%s: out of memory", v->path);
    if (!status) status = lk_check_matrix(&file, path, wanted, &data);
    if (!status && wanted->type == LK_NPY_FLOAT32)
        status = check_floats(path, (const float *)(const void *)data, entry->rows, wanted->shape[1]);
    else if (!status) status = check_bits(path, data, entry->rows, v->manifest.dim);
    if (status) report_rows(v, first, entry->rows);
    lk_unmap(&file);
    lk_free(path);
}

/* A picture that is there, and whose bytes are those that were embedded? */
static void check_picture(verifying *v, const lk_gallery_row *row, size_t index)
{
    char sha256[65];
    uint64_t bytes;
    if (!row->path || !row->sha256) return;
    char *path = lk_picture_path(v->path, row->path);
    if (path && lk_picture_digest(path, sha256, &bytes)) {
        v->result->missing++;
        lk_fail(LK_ERROR_IO, "%s (row %zu)", lk_error_message(), index);
        if (v->fault) v->fault(v->context, lk_error_message());
    } else if (path && strcmp(sha256, row->sha256) != 0) {
        v->result->changed++;
        lk_fail(LK_ERROR_MISMATCH, "%s: changed since it was embedded (row %zu)", path, index);
        if (v->fault) v->fault(v->context, lk_error_message());
    }
    lk_free(path);
}

static lk_status check_row(verifying *v, const char *line, size_t length, const char *path, size_t number,
                           size_t index)
{
    lk_row *row = NULL;
    const lk_status status = lk_row_parse(line, length, path, number, &row);
    if (!status && v->options->pictures) check_picture(v, &row->about, index);
    lk_free(row);
    return status;
}

static void check_lines(verifying *v, const lk_segment_entry *entry, size_t first)
{
    lk_mapping file = {0};
    size_t *offsets = NULL;
    const atomic_int *interrupt = v->options->interrupt;
    char *path = lk_segment_path(v->path, entry->name, "rows.jsonl");
    lk_status status = path ? open_file(v, path, &entry->lines, &file)
                            : lk_fail(LK_ERROR_MEMORY, "%s: out of memory", v->path);
    if (!status) status = lk_row_offsets(file.bytes, file.size, entry->rows, path, &offsets);
    if (status) report_rows(v, first, entry->rows);
    for (size_t i = 0; !status && i < entry->rows && !(interrupt && atomic_load(interrupt)); i++) {
        if (check_row(v, (const char *)file.bytes + offsets[i], offsets[i + 1] - offsets[i], path, i + 1,
                      first + i))
            report_rows(v, first + i, 1);
        v->result->rows++;
    }
    lk_free(offsets);
    lk_unmap(&file);
    lk_free(path);
}

/* ------------------------------------------------------------------ What is beside them */

static void check_deleted(verifying *v)
{
    char name[32];
    lk_mapping file = {0};
    size_t count = 0;
    const lk_side_file *deleted = &v->manifest.deleted;
    if (!deleted->count) return;
    lk_deleted_name(deleted, name);
    char *path = lk_join_path(v->path, name);
    uint8_t *out = lk_allocate(v->manifest.rows / 8 + 1, 1);
    lk_status status = path && out ? open_file(v, path, &deleted->sum, &file)
                                   : lk_fail(LK_ERROR_MEMORY, "%s: out of memory", v->path);
    if (!status) status = lk_read_deleted(file.bytes, file.size, path, v->manifest.rows, out, &count);
    if (!status && count != deleted->count)
        status = lk_fail(LK_ERROR_FORMAT, "%s: %zu rows; the manifest says %zu", path, count, deleted->count);
    if (status) report(v);
    lk_unmap(&file);
    lk_free(out);
    lk_free(path);
}

static void check_failed(verifying *v)
{
    char name[32];
    lk_mapping file = {0};
    lk_failures failures = {0};
    const lk_side_file *failed = &v->manifest.failed;
    if (!failed->count) return;
    lk_failed_name(failed, name);
    char *path = lk_join_path(v->path, name);
    lk_status status = path ? open_file(v, path, &failed->sum, &file)
                            : lk_fail(LK_ERROR_MEMORY, "%s: out of memory", v->path);
    lk_unmap(&file);
    if (!status) status = lk_failures_read(v->path, failed, &failures);
    if (status) report(v);
    lk_failures_close(&failures);
    lk_free(path);
}

static lk_status open_manifest(verifying *v)
{
    lk_mapping file;
    lk_status status = lk_manifest_open(v->path, &v->manifest);
    if (status) return status;
    char *path = lk_join_path(v->path, "manifest.json");
    status = path ? lk_map_file(path, &file) : lk_fail(LK_ERROR_MEMORY, "%s: out of memory", v->path);
    if (!status) {
        v->result->files++;
        if (lk_manifest_check_sum((const char *)file.bytes, file.size, path)) report(v);
        lk_unmap(&file);
    }
    lk_free(path);
    return status;
}

lk_status lk_gallery_verify(const char *path, const lk_verify_options *options,
                            void (*fault)(void *context, const char *text), void *context,
                            lk_verify_result *result)
{
    verifying v = {.path = path, .options = options, .fault = fault, .context = context, .result = result};
    *result = (lk_verify_result){0};
    lk_status status = open_manifest(&v);
    const lk_manifest *m = &v.manifest;
    for (size_t i = 0, first = 0; !status && i < m->segment_count; first += m->segments[i++].rows) {
        const lk_npy features = lk_segment_features(m, &m->segments[i]),
                     raw = lk_segment_raw(m, &m->segments[i]);
        check_matrix(&v, &m->segments[i], "features.npy", &features, first);
        if (m->raw_dim) check_matrix(&v, &m->segments[i], "raw.npy", &raw, first);
        check_lines(&v, &m->segments[i], first);
        if (options->interrupt && atomic_load(options->interrupt))
            status = lk_fail(LK_ERROR_INTERRUPTED, "interrupted");
    }
    if (!status) check_deleted(&v);
    if (!status) check_failed(&v);
    lk_manifest_close(&v.manifest);
    if (!status && result->faults) status = lk_fail(LK_ERROR_FORMAT, "%s: %zu faults", path, result->faults);
    return status;
}
