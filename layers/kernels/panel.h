/* Sums of products over a panel, ROWS rows by VECTORS vectors of queries in registers. The file that includes this says
 * what a vector is: LANES, and
 *     acc       type of a vector of sums             zero()
 *     units     type of a vector of LANES units      load(p)
 *     add(sum, queries, p): the sum, plus the unit at p times each of the queries        store(scores, sum) */
#ifndef LK_LAYERS_KERNELS_PANEL_H
#define LK_LAYERS_KERNELS_PANEL_H

#include "layers/panel.h"

/* `rows` rows, a constant. Their addresses are p[r / 3] + r % 3 strides, which the processor's address modes do for
 * nothing: a pointer a row would not fit its registers. */
INLINE void tile(const lk_panel *d, const uint8_t *x, const uint32_t *panel, float *scores, size_t rows)
{
    acc sum[ROWS][VECTORS];
    const uint8_t *p[(ROWS + 2) / 3];
    const size_t stride = d->bytes;
    for (size_t i = 0; i < (rows + 2) / 3; i++) p[i] = x + i * 3 * stride;
    for (size_t r = 0; r < rows; r++)
        for (size_t v = 0; v < VECTORS; v++) sum[r][v] = zero();
    for (size_t at = stride / 4; at > 0; at--) {
        units queries[VECTORS];
#pragma GCC unroll 4
        for (size_t v = 0; v < VECTORS; v++) queries[v] = load(panel + v * LANES);
        panel += (size_t)VECTORS * LANES;
#pragma GCC unroll 12
        for (size_t r = 0; r < rows; r++)
#pragma GCC unroll 4
            for (size_t v = 0; v < VECTORS; v++)
                sum[r][v] = add(sum[r][v], queries[v], p[r / 3] + r % 3 * stride);
#pragma GCC unroll 4
        for (size_t i = 0; i < (rows + 2) / 3; i++) p[i] += 4;
    }
    for (size_t r = 0; r < rows; r++)
        for (size_t v = 0; v < VECTORS; v++) store(scores + (r * VECTORS + v) * LANES, sum[r][v]);
}

INLINE void all_rows(const lk_panel *d, const void *rows, const uint32_t *panel, float *scores)
{
    const uint8_t *x = rows;
    const size_t width = (size_t)VECTORS * LANES;
    size_t r = 0;
    for (; r + ROWS <= d->rows; r += ROWS) tile(d, x + r * d->bytes, panel, scores + r * width, ROWS);
    for (; r + 3 <= d->rows; r += 3) tile(d, x + r * d->bytes, panel, scores + r * width, 3);
    for (; r < d->rows; r++) tile(d, x + r * d->bytes, panel, scores + r * width, 1);
}

#endif
