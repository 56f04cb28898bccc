/* Opening an index: the set is checked, cut into spans, and its rows measured. */
#include "cbir/index.h"

#include <float.h>
#include <math.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "cbir/search_gpu.h"
#include "layers/gpu_search.h"
#include "layers/pool.h"

/* Whole tiles of all kernels; at most so many rows that their scores, too, stay in the cache. */
enum { SPAN_BYTES = 256 << 10, RUN_BYTES = 2 << 20, LEAST_ROWS = 24, MOST_ROWS = 480 };

static lk_status check_blocks(const lk_rows_set *set, bool bits, size_t *rows)
{
    size_t next = 0, sum = 0;
    for (size_t b = 0; b < set->block_count; b++) {
        const lk_block *block = &set->blocks[b];
        if (!block->count) continue;
        if (bits ? !block->codes : !block->rows)
            return lk_fail(LK_ERROR_ARGUMENT, "block %zu has no %s, which the metric compares", b,
                           bits ? "bits" : "floats");
        if (block->first < next)
            return lk_fail(LK_ERROR_ARGUMENT, "block %zu begins at row %zu, inside the one before it", b,
                           block->first);
        if (!lk_add(block->first, block->count, &next))
            return lk_fail(LK_ERROR_ARGUMENT, "block %zu has too many rows", b);
        sum += block->count; /* at most `next`: no overflow */
    }
    *rows = sum;
    return LK_OK;
}

static lk_status check(const lk_rows_set *set, const lk_search_options *options, size_t *rows)
{
    if (!set->dim || !options->k || options->metric > LK_METRIC_HAMMING)
        return lk_fail(LK_ERROR_ARGUMENT,
                       "a search needs rows of at least 1 value, a k of at least 1 and a metric");
    if (isnan(options->threshold)) return lk_fail(LK_ERROR_ARGUMENT, "the threshold is not a number");
    if (set->dim > LK_SEARCH_MAX_DIM)
        return lk_fail(LK_ERROR_LIMIT, "rows have %zu values; search takes up to %zu", set->dim,
                       LK_SEARCH_MAX_DIM);
    return check_blocks(set, options->metric == LK_METRIC_HAMMING, rows);
}

static size_t rows_in(const lk_index *index, size_t bytes)
{
    const size_t fit = bytes / index->row_bytes / LEAST_ROWS * LEAST_ROWS;
    return fit < LEAST_ROWS ? LEAST_ROWS : fit;
}

/* Spans of at most `most` rows, none of them in two blocks. */
static lk_status cut(const lk_index *index, size_t most, lk_spans *spans)
{
    for (size_t b = 0; b < index->set.block_count; b++)
        spans->count += (index->set.blocks[b].count + most - 1) / most;
    spans->at = lk_allocate_array(spans->count, sizeof *spans->at);
    if (!spans->at) return lk_fail(LK_ERROR_MEMORY, "no memory for an index of %zu rows", index->rows);
    size_t place = 0;
    lk_span *span = spans->at;
    for (size_t b = 0; b < index->set.block_count; b++) {
        const lk_block *block = &index->set.blocks[b];
        const void *rows = block->codes ? (const void *)block->codes : block->rows;
        for (size_t row = 0; row < block->count; row += span++->count) {
            span->rows = (const uint8_t *)rows + row * index->row_bytes;
            span->count = block->count - row < most ? block->count - row : most;
            span->first = block->first + row;
            span->place = place;
            place += span->count;
            if (span->count > spans->longest) spans->longest = span->count;
        }
    }
    return LK_OK;
}

static lk_status cut_rows(lk_index *index)
{
    const size_t most = rows_in(index, SPAN_BYTES);
    const lk_status status = cut(index, most < MOST_ROWS ? most : MOST_ROWS, &index->spans);
    return status ? status : cut(index, rows_in(index, RUN_BYTES), &index->runs);
}

static double squared_length(const lk_index *index, const void *row)
{
    double sum;
    index->dot->run(&(lk_dot){1, 1, index->set.dim}, row, row, &sum);
    return sum;
}

/* NULL for a length that search can work with, else what is wrong with it. A sum of squares shows what the
 * values hide: NaN and infinity come through, and in double no float's square is lost. */
static const char *fault_of(const lk_index *index, double length)
{
    if (!isfinite(length)) return "holds NaN or infinity";
    if (length >= LK_SEARCH_MAX_LENGTH) return "is too long: its squared length is above 1e37";
    if (length == 0 && index->options.metric == LK_METRIC_COSINE) return "is all zeros: it has no cosine";
    return NULL;
}

typedef struct {
    lk_index *index;
    uint16_t *rounded; /* [workers][dim, made even] */
    float *moved;      /* [workers] */
} measuring;

static void measure_span(const void *context, size_t piece, size_t worker)
{
    const measuring *m = context;
    const lk_index *index = m->index;
    const lk_span *span = &index->spans.at[piece];
    uint16_t *rounded = m->rounded + worker * (index->set.dim + index->set.dim % 2);
    for (size_t i = 0; i < span->count; i++) {
        const void *row = lk_index_row(index, span, i);
        if (lk_index_is_out(index, span->first + i)) continue;
        index->lengths[span->place + i] = squared_length(index, row);
        if (index->panel->round)
            m->moved[worker] = fmaxf(m->moved[worker], index->panel->round(row, 1, index->set.dim, rounded));
    }
}

/* Looks at the lengths of a span's rows, and makes of them what the panels need. */
static lk_status take_lengths(lk_index *index, const lk_span *span)
{
    for (size_t i = 0; i < span->count; i++) {
        if (lk_index_is_out(index, span->first + i)) continue; /* its scale and offset stay 0 */
        const double squared = index->lengths[span->place + i], length = sqrt(squared);
        const char *fault = fault_of(index, squared);
        if (fault) return lk_fail(LK_ERROR_FORMAT, "row %zu %s", span->first + i, fault);
        if (length > 0) index->shortest = fmin(index->shortest, length);
        index->longest = fmax(index->longest, length);
        if (index->scales) index->scales[span->place + i] = (float)fmin(1 / length, (double)FLT_MAX);
        if (index->offsets) index->offsets[span->place + i] = (float)(squared / 2);
    }
    return LK_OK;
}

static lk_status measure(lk_index *index)
{
    const size_t workers = lk_pool_threads(index->options.pool);
    const bool cosine = index->options.metric == LK_METRIC_COSINE, l2 = index->options.metric == LK_METRIC_L2;
    measuring m = {.index = index,
                   .rounded = lk_allocate_array(workers * (index->set.dim + 1), sizeof *m.rounded),
                   .moved = lk_allocate_array(workers, sizeof *m.moved)};
    index->lengths = lk_allocate_array(index->rows, sizeof *index->lengths);
    if (cosine) index->scales = lk_allocate_array(index->rows, sizeof *index->scales);
    if (l2) index->offsets = lk_allocate_array(index->rows, sizeof *index->offsets);
    lk_status status = LK_OK;
    if (!m.rounded || !m.moved || !index->lengths || (cosine && !index->scales) || (l2 && !index->offsets)) {
        status = lk_fail(LK_ERROR_MEMORY, "no memory for an index of %zu rows", index->rows);
        goto done;
    }
    lk_parallel_for(index->options.pool, index->spans.count, measure_span, &m);
    index->shortest = INFINITY;
    for (size_t s = 0; s < index->spans.count && !status; s++)
        status = take_lengths(index, &index->spans.at[s]);
    float moved = 0; /* a maximum in double of floats is what gcc 12 for arm64 fails to compile */
    for (size_t w = 0; w < workers; w++) moved = fmaxf(moved, m.moved[w]);
    index->moved = (double)moved;
done:
    lk_free(m.moved);
    lk_free(m.rounded);
    return status;
}

static lk_status choose_kernels(lk_index *index)
{
    unsigned can;
    const lk_status status = lk_cpu_mask(index->options.isa, &can);
    if (status) return status;
    can |= LK_NEEDS_PORTABLE;
    index->dot = lk_dot_choose(can);
    index->exact = index->options.metric == LK_METRIC_L2 ? lk_distance_choose(can) : index->dot;
    index->rough = lk_rough_dot_choose(can);
    index->hamming = lk_hamming_choose(can);
    index->panel =
        index->options.metric == LK_METRIC_HAMMING ? lk_hamming_panel_choose(can) : lk_panel_choose(can);
    return LK_OK;
}

lk_status lk_index_open(const lk_rows_set *set, const lk_search_options *options, lk_index **index)
{
    const bool bits = options->metric == LK_METRIC_HAMMING;
    size_t rows = 0;
    lk_status status = check(set, options, &rows);
    lk_index *opened = NULL;
    if (status) goto done;
    opened = lk_allocate_array(1, sizeof *opened);
    if (!opened) {
        status = lk_fail(LK_ERROR_MEMORY, "no memory for an index");
        goto done;
    }
    opened->set = *set;
    opened->options = *options;
    opened->rows = rows;
    opened->stride = options->k;
    if (opened->options.k > rows) opened->options.k = rows ? rows : 1;
    opened->row_bytes = bits ? (set->dim + 7) / 8 : set->dim * sizeof(float);
    status = choose_kernels(opened);
    if (!status) status = cut_rows(opened);
    if (!status && !bits) status = measure(opened);
    if (!status && options->cuda) status = lk_index_open_gpu(opened);
    opened->options.isa = NULL; /* the caller's string may go */
    if (status) goto done;
    *index = opened;
    opened = NULL;
done:
    lk_index_close(&opened);
    return status;
}

void lk_index_close(lk_index **index)
{
    if (!*index) return;
    lk_gpu_rows_close(&(*index)->gpu);
    lk_free((*index)->offsets);
    lk_free((*index)->scales);
    lk_free((*index)->lengths);
    lk_free((*index)->runs.at);
    lk_free((*index)->spans.at);
    lk_free(*index);
    *index = NULL;
}

size_t lk_index_rows(const lk_index *index)
{
    return index->rows;
}

size_t lk_index_dim(const lk_index *index)
{
    return index->set.dim;
}

lk_status lk_checked_queries_open(const lk_index *index, const void *values, size_t count,
                                  lk_checked_queries *queries)
{
    lk_status status = LK_OK;
    lk_checked_queries opened = {.values = values, .count = count};
    if (index->options.metric == LK_METRIC_HAMMING) goto done;
    opened.lengths = lk_allocate_array(count, sizeof *opened.lengths);
    if (!opened.lengths) status = lk_fail(LK_ERROR_MEMORY, "no memory for %zu queries", count);
    for (size_t q = 0; q < count && !status; q++) {
        opened.lengths[q] = squared_length(index, (const uint8_t *)values + q * index->row_bytes);
        const char *fault = fault_of(index, opened.lengths[q]);
        if (fault) status = lk_fail(LK_ERROR_FORMAT, "query %zu %s", q, fault);
    }
done:
    if (!status) *queries = opened;
    else lk_checked_queries_close(&opened);
    return status;
}

void lk_checked_queries_close(lk_checked_queries *queries)
{
    lk_free(queries->lengths);
    queries->lengths = NULL;
}
