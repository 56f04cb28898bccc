/* Products of rows with one query. Two rows are read at a time, half the rows apart: one core reads two streams from memory
 * faster than a single one. */
#ifndef LK_LAYERS_KERNELS_ROUGH_DOT_H
#define LK_LAYERS_KERNELS_ROUGH_DOT_H

#include "layers/dot.h"
#include "layers/kernels/vector.h"

#define INLINE static inline __attribute__((always_inline))

enum { STREAMS = 2, CHAINS = 4 }; /* chains: sums of a row, for additions take longer than loads */

INLINE float sum_of(const lk_vec sum[CHAINS])
{
    float lane[LK_LANES];
    lk_vec_store(lane, lk_vec_add(lk_vec_add(sum[0], sum[1]), lk_vec_add(sum[2], sum[3])));
    for (size_t width = LK_LANES / 2; width; width /= 2)
        for (size_t i = 0; i < width; i++) lane[i] += lane[i + width];
    return lane[0];
}

/* `rows` rows, a constant, `stride` floats apart. */
INLINE void some_rows(const lk_dot *d, const float *x, size_t stride, const float *query, float *products[STREAMS],
                      size_t rows)
{
    lk_vec sum[STREAMS][CHAINS];
    size_t k = 0;
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < CHAINS; c++) sum[r][c] = lk_vec_set(0);
    for (; k + (size_t)CHAINS * LK_LANES <= d->dim; k += (size_t)CHAINS * LK_LANES)
#pragma GCC unroll 4
        for (size_t c = 0; c < CHAINS; c++) {
            const lk_vec y = lk_vec_load(query + k + c * LK_LANES);
#pragma GCC unroll 2
            for (size_t r = 0; r < rows; r++)
                sum[r][c] = lk_vec_fma(y, lk_vec_load(x + r * stride + k + c * LK_LANES), sum[r][c]);
        }
    for (; k < d->dim; k += LK_LANES) {
        const size_t lanes = d->dim - k < LK_LANES ? d->dim - k : LK_LANES;
        const lk_vec y = lk_vec_load_part(query + k, lanes);
        for (size_t r = 0; r < rows; r++)
            sum[r][0] = lk_vec_fma(y, lk_vec_load_part(x + r * stride + k, lanes), sum[r][0]);
    }
    for (size_t r = 0; r < rows; r++) *products[r] = sum_of(sum[r]);
}

INLINE void rough_dot(const lk_dot *d, const float *rows, const float *query, float *products)
{
    const size_t half = d->rows / STREAMS;
    for (size_t r = 0; r < half; r++)
        some_rows(d, rows + r * d->dim, half * d->dim, query, (float *[]){products + r, products + half + r}, STREAMS);
    for (size_t r = half * STREAMS; r < d->rows; r++)
        some_rows(d, rows + r * d->dim, 0, query, (float *[]){products + r, NULL}, 1);
}

#endif
