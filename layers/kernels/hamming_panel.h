/* Counts of differing bits over a panel, ROWS rows by one vector of queries in registers. The file that includes this says
 * what a vector is: LANES, and
 *     words     type of a vector of LANES units of 32 bits      load(p)      set(unit)
 *     CHUNK     how many units count() takes before its sums would overflow
 *     count(sum, queries, row): the sum, plus the bits in which a unit of the row differs from the queries'
 *     widen(total, sum): total [LANES] plus a chunk's sums        zero()      store(scores, total): negated, as floats */
#ifndef LK_LAYERS_KERNELS_HAMMING_PANEL_H
#define LK_LAYERS_KERNELS_HAMMING_PANEL_H

#include "layers/panel.h"

INLINE uint32_t unit_at(const uint8_t *p, size_t bytes)
{
    uint32_t unit = 0;
    memcpy(&unit, p, bytes);
    return unit;
}

/* One unit, of which `bytes` are there, of `rows` rows. */
INLINE void step(words sum[ROWS], const uint8_t *x, size_t stride, const uint32_t *panel, size_t rows, size_t bytes)
{
    const words queries = load(panel);
#pragma GCC unroll 8
    for (size_t r = 0; r < rows; r++) sum[r] = count(sum[r], queries, set(unit_at(x + r * stride, bytes)));
}

INLINE void tile(const lk_panel *d, const uint8_t *x, const uint32_t *panel, float *scores, size_t rows)
{
    const size_t stride = d->bytes, whole = stride / 4;
    words total[ROWS];
    for (size_t r = 0; r < rows; r++) total[r] = zero();
    for (size_t begin = 0; begin < lk_panel_units(stride); begin += CHUNK) {
        const size_t end = begin + CHUNK < whole ? begin + CHUNK : whole;
        words sum[ROWS];
        for (size_t r = 0; r < rows; r++) sum[r] = zero();
        for (size_t at = begin; at < end; at++)
            step(sum, x + at * 4, stride, panel + at * LANES, rows, 4);
        if (begin + CHUNK > whole && stride % 4)
            step(sum, x + whole * 4, stride, panel + whole * LANES, rows, stride % 4);
        for (size_t r = 0; r < rows; r++) total[r] = widen(total[r], sum[r]);
    }
    for (size_t r = 0; r < rows; r++) store(scores + r * LANES, total[r]);
}

INLINE void all_rows(const lk_panel *d, const void *rows, const uint32_t *panel, float *scores)
{
    const uint8_t *x = rows;
    size_t r = 0;
    for (; r + ROWS <= d->rows; r += ROWS) tile(d, x + r * d->bytes, panel, scores + r * LANES, ROWS);
    for (; r < d->rows; r++) tile(d, x + r * d->bytes, panel, scores + r * LANES, 1);
}

#endif
