#include "cbir/search_gpu.h"

#include <math.h>

#include "base/error.h"
#include "base/memory.h"
#include "layers/gpu_search.h"

/* The rows that are not to be found, by their place in the set. NULL without a message: none, or no memory,
 * as *ok says. */
static uint32_t *bits_of_out(const lk_index *index, bool *ok)
{
    uint32_t *out = NULL;
    *ok = true;
    if (!index->set.out) return NULL;
    out = lk_allocate_array((index->rows + 31) / 32, sizeof *out);
    *ok = out;
    for (size_t s = 0; out && s < index->spans.count; s++)
        for (size_t i = 0; i < index->spans.at[s].count; i++) {
            const size_t place = index->spans.at[s].place + i;
            if (lk_index_is_out(index, index->spans.at[s].first + i))
                out[place / 32] |= (uint32_t)1 << place % 32;
        }
    return out;
}

lk_status lk_index_open_gpu(lk_index *index)
{
    bool ok;
    uint32_t *out = bits_of_out(index, &ok);
    if (!ok) return lk_fail(LK_ERROR_MEMORY, "no memory for an index of %zu rows", index->rows);
    const lk_gpu_rows_options how = {.device = index->options.device,
                                     .bits = index->options.metric == LK_METRIC_HAMMING,
                                     .rows = index->rows,
                                     .dim = index->set.dim,
                                     .k = index->options.k,
                                     .capacity = lk_top_capacity(index->options.k),
                                     .scales = index->scales,
                                     .offsets = index->offsets,
                                     .out = out};
    lk_status status = index->rows ? lk_gpu_rows_open(&how, &index->gpu) : LK_OK;
    for (size_t s = 0; !status && s < index->spans.count; s++)
        status = lk_gpu_rows_put(index->gpu, index->spans.at[s].place, index->spans.at[s].rows,
                                 index->spans.at[s].count);
    lk_free(out);
    return status;
}

/* The span that has the row at `place` of the set. */
static uint32_t span_of(const lk_index *index, size_t place)
{
    size_t low = 0, high = index->spans.count;
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (index->spans.at[middle].place <= place) low = middle;
        else high = middle;
    }
    return (uint32_t)low;
}

static void take(const lk_index *index, const lk_gpu_candidate *from, size_t count, lk_candidate *to)
{
    for (size_t i = 0; i < count; i++) {
        const uint32_t span = span_of(index, from[i].row);
        to[i] = (lk_candidate){from[i].value, 0, span, from[i].row - (uint32_t)index->spans.at[span].place};
    }
}

lk_status lk_index_search_gpu(const lk_index *index, const lk_checked_queries *queries,
                              lk_candidate *candidates, size_t *counts)
{
    const size_t capacity = lk_top_capacity(index->options.k);
    float *margins = lk_allocate_array(queries->count, sizeof *margins);
    uint32_t *found = lk_allocate_array(queries->count, sizeof *found);
    lk_gpu_candidate *rough = lk_allocate_array(queries->count, capacity * sizeof *rough);
    lk_status status = margins && found && rough
                           ? LK_OK
                           : lk_fail(LK_ERROR_MEMORY, "no memory for %zu queries", queries->count);
    for (size_t q = 0; !status && q < queries->count; q++) {
        const double margin = queries->lengths ? lk_index_margin(index, queries->lengths[q], NULL, 0) : 0;
        margins[q] = margin > 0 ? nextafterf((float)margin, INFINITY) : 0;
    }
    if (!status)
        status = lk_gpu_rows_search(index->gpu, queries->values, margins, queries->count, rough, found);
    for (size_t q = 0; !status && q < queries->count; q++) {
        const bool lost = found[q] > capacity || !(margins[q] < INFINITY);
        counts[q] = lost ? SIZE_MAX : found[q];
        if (!lost) take(index, rough + q * capacity, found[q], candidates + q * capacity);
    }
    lk_free(rough);
    lk_free(found);
    lk_free(margins);
    return status;
}
