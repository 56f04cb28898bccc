/* Rows that lie on a GPU, and which of them may be among the nearest of a query. */
#ifndef LK_LAYERS_GPU_SEARCH_H
#define LK_LAYERS_GPU_SEARCH_H

#include "engine/likeness.h"
#include "layers/gpu_args.h"

typedef struct lk_gpu_rows lk_gpu_rows;

typedef struct lk_gpu_rows_options {
    size_t device;
    bool bits;        /* rows are bits, and ranked by how few differ; else floats, by their products with the query */
    size_t rows, dim; /* floats, or bits, of a row */
    size_t k, capacity; /* nearest rows wanted, at most `rows`; candidates that there is room for, at least k */
    const float *scales, *offsets; /* [rows] of floats: a row's value is product * scale - offset; NULL: 1, 0 */
    const uint32_t *out; /* a bit a row, the lowest first: not to be found; NULL: none */
} lk_gpu_rows_options;

/* Memory on the device for all rows, scales, offsets and bits of `out`. LK_ERROR_BACKEND, LK_ERROR_MEMORY, LK_ERROR_LIMIT. */
lk_status lk_gpu_rows_open(const lk_gpu_rows_options *options, lk_gpu_rows **rows);
void lk_gpu_rows_close(lk_gpu_rows **rows);

/* Copies rows there: `count` of them from `first` on, floats [count][dim] or bits [count][(dim + 7) / 8], zeros past the last. */
lk_status lk_gpu_rows_put(lk_gpu_rows *rows, size_t first, const void *values, size_t count);

/* For each query, as the rows are: the rows whose value is at most twice its margin below its k-th largest, in rising order;
 * where the margin is 0, no more than k, and of equal values the first. candidates [count][capacity]; found [count]: how many
 * there are; where that is more than capacity, those that are missing are lost. Values of floats are off by float32's rounding of
 * their sum in any order. Threads may search the same rows at once. */
lk_status lk_gpu_rows_search(lk_gpu_rows *rows, const void *queries, const float *margins, size_t count,
                             lk_gpu_candidate *candidates, uint32_t *found);

#endif
