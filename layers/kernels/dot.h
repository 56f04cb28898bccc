/* Sums over rows and queries, a tile of them at a time, so that each loaded value is used more than once: written once
 * and compiled for each ISA by the files that instantiate it. */
#ifndef LK_LAYERS_KERNELS_DOT_H
#define LK_LAYERS_KERNELS_DOT_H

#include "layers/dot.h"
#include "layers/kernels/doubles.h"

#if defined(__AVX512F__)
#define TILE 4 /* rows and queries: sixteen sums in registers */
#elif defined(__AVX2__) || defined(LK_NEON)
#define TILE 2
#else
#define TILE 1
#endif

typedef lk_eight add_term(lk_eight sum, lk_eight a, lk_eight b);

INLINE lk_eight load(const float *p, size_t lanes)
{
    return lanes == LK_DOT_LANES ? lk_eight_load(p) : lk_eight_load_part(p, lanes);
}

/* `lanes` terms more of each sum of the tile. */
INLINE void step(lk_eight sum[TILE][TILE], const lk_dot *d, const float *x, const float *y, size_t rows,
                 size_t queries, size_t lanes, add_term *add)
{
    lk_eight query[TILE];
#pragma GCC unroll 4
    for (size_t q = 0; q < queries; q++) query[q] = load(y + q * d->dim, lanes);
#pragma GCC unroll 4
    for (size_t r = 0; r < rows; r++) {
        const lk_eight row = load(x + r * d->dim, lanes);
#pragma GCC unroll 4
        for (size_t q = 0; q < queries; q++) sum[r][q] = add(sum[r][q], query[q], row);
    }
}

/* rows and queries are constants. */
INLINE void tile(const lk_dot *d, const float *x, const float *y, double *sums, size_t rows, size_t queries,
                 add_term *add)
{
    lk_eight sum[TILE][TILE];
    size_t k = 0;
    for (size_t r = 0; r < rows; r++)
        for (size_t q = 0; q < queries; q++) sum[r][q] = lk_eight_zero();
    for (; k + LK_DOT_LANES <= d->dim; k += LK_DOT_LANES)
        step(sum, d, x + k, y + k, rows, queries, LK_DOT_LANES, add);
    if (k < d->dim) step(sum, d, x + k, y + k, rows, queries, d->dim - k, add);
    for (size_t q = 0; q < queries; q++)
        for (size_t r = 0; r < rows; r++) sums[q * d->rows + r] = lk_eight_sum(sum[r][q]);
}

/* All rows against `queries` queries, a constant. */
INLINE void columns(const lk_dot *d, const float *x, const float *y, double *sums, size_t queries,
                    add_term *add)
{
    size_t r = 0;
    for (; r + TILE <= d->rows; r += TILE) tile(d, x + r * d->dim, y, sums + r, TILE, queries, add);
    for (; r < d->rows; r++) tile(d, x + r * d->dim, y, sums + r, 1, queries, add);
}

INLINE void all_sums(const lk_dot *d, const float *rows, const float *queries, double *sums, add_term *add)
{
    size_t q = 0;
    for (; q + TILE <= d->queries; q += TILE)
        columns(d, rows, queries + q * d->dim, sums + q * d->rows, TILE, add);
    for (; q < d->queries; q++) columns(d, rows, queries + q * d->dim, sums + q * d->rows, 1, add);
}

#endif
