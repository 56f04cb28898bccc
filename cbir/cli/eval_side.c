/* Features from a file with the list that labels them, and whether the two sides fit each other. */
#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "cbir/cli/eval.h"
#include "cbir/npy.h"

void eval_side_close(eval_side *side)
{
    for (size_t i = 0; side->texts && i < side->count; i++) lk_free(side->texts[i]);
    for (size_t i = 0; side->paths && i < side->count; i++) lk_free(side->paths[i]);
    lk_free(side->texts);
    lk_free(side->paths);
    lk_free(side->labels);
    lk_free(side->names);
    lk_free(side->hashes);
    lk_free(side->gone);
    lk_free(side->memory);
    lk_list_close(&side->list);
    lk_queries_close(&side->embedded);
    lk_unmap(&side->file);
    lk_gallery_close(&side->opened);
    *side = (eval_side){0};
}

lk_status eval_side_reserve(eval_side *side, size_t count)
{
    side->labels = lk_allocate_array(count + 1, sizeof *side->labels);
    side->names = lk_allocate_array(count + 1, sizeof *side->names);
    if (!side->labels || !side->names) return lk_fail(LK_ERROR_MEMORY, "out of memory for %zu labels", count);
    side->count = count;
    return LK_OK;
}

lk_status eval_side_label(const eval_options *o, const char *labels, size_t count, eval_side *side)
{
    const cli_texts sources = {.items = &labels, .count = 1};
    lk_status status = cli_read_sources(&sources, &o->reading.maps, &side->list);
    if (status) return status;
    if (side->list.count != count)
        return lk_fail(LK_ERROR_MISMATCH, "%s lists %zu items, and %s has %zu rows", labels, side->list.count,
                       side->source, count);
    status = eval_side_reserve(side, count);
    for (size_t i = 0; !status && i < count; i++) {
        const lk_list_item *item = &side->list.items[i];
        side->labels[i] = item->label;
        side->names[i] = item->path;
        if (!item->has_label)
            status = lk_fail(LK_ERROR_FORMAT, "%s: item %zu, %s, has no label", labels, i + 1, item->path);
    }
    return status;
}

/* Float32 that lies aligned in the file stays there; all else is converted. */
static lk_status take_floats(eval_side *side, const lk_npy *array)
{
    if (array->type == LK_NPY_FLOAT32 && (size_t)array->data % _Alignof(float) == 0) {
        side->block.rows = (const float *)(const void *)array->data;
        return LK_OK;
    }
    side->memory = lk_allocate_array(array->count, sizeof(float));
    if (!side->memory)
        return lk_fail(LK_ERROR_MEMORY, "%s: out of memory for %zu values", side->source, array->count);
    side->block.rows = side->memory;
    return lk_npy_floats(array, 0, array->count, side->memory);
}

static lk_status take_bits(const eval_options *o, eval_side *side, const lk_npy *array)
{
    const size_t most = 8 * array->shape[1];
    if (o->bits > most || (o->bits && o->bits + 7 < most))
        return lk_fail(LK_ERROR_MISMATCH, "--bits %zu does not fit %s, whose rows have %zu bytes", o->bits,
                       side->source, array->shape[1]);
    const size_t dim = o->bits ? o->bits : most, bytes = array->shape[1];
    for (size_t row = 0; dim < most && row < array->shape[0]; row++)
        if (array->data[row * bytes + bytes - 1] & (0xFF >> dim % 8))
            return lk_fail(LK_ERROR_MISMATCH,
                           "%s: row %zu has a bit past the first %zu, which --bits says are all",
                           side->source, row + 1, dim);
    side->block.codes = array->data;
    side->is_bits = true;
    side->rows.dim = dim;
    return LK_OK;
}

static lk_status take_array(const eval_options *o, eval_side *side, const lk_npy *array)
{
    if (array->type == LK_NPY_UNICODE || array->dims != 2)
        return lk_fail(LK_ERROR_FORMAT, "%s: not a matrix of features: %s of %zu dimensions, not 2",
                       side->source, array->type == LK_NPY_UNICODE ? "texts" : "an array", array->dims);
    if (!array->count)
        return lk_fail(LK_ERROR_EMPTY, "%s: a matrix of %zu rows and %zu columns", side->source,
                       array->shape[0], array->shape[1]);
    side->rows.dim = array->shape[1];
    side->block.count = array->shape[0];
    side->rows.blocks = &side->block;
    side->rows.block_count = 1;
    return array->type == LK_NPY_UINT8 ? take_bits(o, side, array) : take_floats(side, array);
}

lk_status eval_side_features(const eval_options *o, const char *path, const char *labels, eval_side *side)
{
    lk_npy array;
    side->source = path;
    if (!labels) return lk_fail(LK_ERROR_ARGUMENT, "%s: which labels have its rows? --labels LIST", path);
    lk_status status = lk_map_file(path, &side->file);
    if (!status) status = lk_npy_parse(side->file.bytes, side->file.size, path, &array);
    if (!status) status = take_array(o, side, &array);
    if (!status) status = eval_side_label(o, labels, side->block.count, side);
    return status;
}

lk_status eval_sides_check(const eval_options *o, const eval_side *gallery, const eval_side *queries,
                           lk_metric *metric)
{
    *metric = o->has_metric                   ? o->metric
              : gallery->is_bits && !o->study ? LK_METRIC_HAMMING
                                              : LK_METRIC_COSINE;
    const bool hamming = *metric == LK_METRIC_HAMMING;
    const eval_side *other = gallery->is_bits != hamming   ? gallery
                             : queries->is_bits != hamming ? queries
                                                           : NULL;
    if (other)
        return lk_fail(LK_ERROR_MISMATCH, "%s holds %s, and --metric %s compares %s", other->source,
                       other->is_bits ? "packed bits (uint8)" : "floats", eval_metric_name(*metric),
                       hamming ? "packed bits (uint8)" : "floats");
    if (gallery->rows.dim != queries->rows.dim)
        return lk_fail(LK_ERROR_MISMATCH, "%s has rows of %zu %s, and %s of %zu: they were not made alike",
                       queries->source, queries->rows.dim, hamming ? "bits" : "values", gallery->source,
                       gallery->rows.dim);
    if (o->has_curve && o->curve == LK_CURVE_RADIUS && !hamming)
        return lk_fail(LK_ERROR_ARGUMENT,
                       "--curve radius needs Hamming distances: --metric hamming, on packed bits");
    return LK_OK;
}

static bool is_zero(const float *row, size_t dim)
{
    size_t i = 0;
    while (i < dim && row[i] == 0) i++;
    return i == dim;
}

static bool is_finite(const float *row, size_t dim)
{
    size_t i = 0;
    while (i < dim && isfinite(row[i])) i++;
    return i == dim;
}

lk_status eval_side_blame(const eval_side *side, lk_metric metric, lk_status status)
{
    size_t place = 0;
    for (size_t b = 0; !side->is_bits && b < side->rows.block_count; b++) {
        const lk_block *block = &side->rows.blocks[b];
        for (size_t i = 0; i < block->count; i++, place++) {
            const float *row = block->rows + i * side->rows.dim;
            if (side->gone && side->gone[place]) continue;
            if (!is_finite(row, side->rows.dim))
                return lk_fail(status, "%s: row %zu (%s) holds NaN or infinity", side->source, place + 1,
                               side->names[place]);
            if (metric == LK_METRIC_COSINE && is_zero(row, side->rows.dim))
                return lk_fail(status, "%s: row %zu (%s) is all zeros: it has no cosine", side->source,
                               place + 1, side->names[place]);
        }
    }
    return lk_fail_in(status, side->source);
}

const char *eval_label_name(const eval_labels *labels, long label)
{
    if (labels->info) return label < 0 ? NULL : lk_info_file_label(labels->info, (size_t)label);
    return labels->gallery ? lk_gallery_label_name(labels->gallery, label) : NULL;
}

lk_status eval_labels_check(const eval_labels *labels, const char *file, const eval_side *side)
{
    for (size_t i = 0; i < side->count; i++)
        if (!(side->gone && side->gone[i]) && !eval_label_name(labels, side->labels[i]))
            return lk_fail(LK_ERROR_NOT_FOUND, "%s has no name for label %ld, that of row %zu of %s (%s)",
                           file, side->labels[i], i + 1, side->source, side->names[i]);
    return LK_OK;
}
