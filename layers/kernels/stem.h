/* The first convolution: 3x3 at stride 2 from three channels, NHWC as pixels arrive, to a blocked map. Input rows are copied with
 * their padding, so that every tap of every output pixel lies at a constant distance. The file that includes this says what
 * COLUMNS, the output pixels of a tile, are (8 at most). */
#ifndef LK_LAYERS_KERNELS_STEM_H
#define LK_LAYERS_KERNELS_STEM_H

#include <string.h>

#include "base/sanitizer.h"
#include "layers/conv2d.h"
#include "layers/kernels/map.h"
#include "layers/layout.h"

#define INLINE static inline __attribute__((always_inline))
#define TAPS ((size_t)3)
#define CHANNELS ((size_t)3)
#define STRIDE ((size_t)2)
#define VECTORS (LK_BLOCK / LK_LANES) /* of a block */

/* `columns` output pixels, a constant, of one block; row[ky] is at the first one's tap kx = 0. */
INLINE void tile(const lk_conv2d *d, const float *const row[TAPS], const float *packed, lk_element *y, size_t columns)
{
    lk_vec sum[COLUMNS][VECTORS];
    for (size_t i = 0; i < columns; i++)
        for (size_t v = 0; v < VECTORS; v++) sum[i][v] = lk_vec_load(packed + v * LK_LANES);
LK_UNROLL(3)
    for (size_t ky = 0; ky < TAPS; ky++)
LK_UNROLL(9)
        for (size_t k = 0; k < TAPS * CHANNELS; k++) {
            const float *w = packed + (1 + ky * TAPS * CHANNELS + k) * LK_BLOCK;
            lk_vec weights[VECTORS];
LK_UNROLL(4)
            for (size_t v = 0; v < VECTORS; v++) {
                weights[v] = lk_vec_load(w + v * LK_LANES);
                LK_VEC_PIN(weights[v]);
            }
LK_UNROLL(8)
            for (size_t i = 0; i < columns; i++) {
                const lk_factor x = lk_vec_factor(row[ky][i * STRIDE * CHANNELS + k]);
LK_UNROLL(4)
                for (size_t v = 0; v < VECTORS; v++) sum[i][v] = lk_vec_fma_by(x, weights[v], sum[i][v]);
            }
        }
    const lk_vec lo = lk_vec_set(d->lo), hi = lk_vec_set(d->hi);
    for (size_t i = 0; i < columns; i++)
        for (size_t v = 0; v < VECTORS; v++)
            lk_map_store(y + i * LK_BLOCK + v * LK_LANES, lk_vec_clamp(sum[i][v], lo, hi));
}

/* One output row of one block, in tiles of as equal a width as can be. */
static void row_of_block(const lk_conv2d *d, const float *const row[TAPS], const float *packed, lk_element *y)
{
    const size_t tiles = (d->out_w + COLUMNS - 1) / COLUMNS;
    for (size_t t = 0, ox = 0, columns; t < tiles; t++, ox += columns) {
        const size_t at = ox * STRIDE * CHANNELS;
        const float *const here[TAPS] = {row[0] + at, row[1] + at, row[2] + at};
        columns = (d->out_w - ox) / (tiles - t);
        switch (columns) {
#define TILE(width)                                         \
    case width:                                             \
        tile(d, here, packed, y + ox * LK_BLOCK, width);    \
        break;
            TILE(1)
            TILE(2)
#if COLUMNS > 2
            TILE(3)
            TILE(4)
#endif
#if COLUMNS > 4
            TILE(5)
            TILE(6)
#endif
#if COLUMNS > 6
            TILE(7)
            TILE(8)
#endif
#undef TILE
        default:
            break;
        }
    }
}

/* An input row with zeros around it; all zeros above and below the map. Pixels become floats on the way, so that
 * zeros are zeros of the normalized picture. */
static void pad_row(const lk_conv2d *d, const lk_operands *io, size_t picture, size_t iy, float *padded)
{
    const size_t width = lk_stem_padded_width(d), inside = d->in_w < width - d->pad_left ? d->in_w : width - d->pad_left;
    memset(padded, 0, width * CHANNELS * sizeof *padded);
    if (iy >= d->in_h) return;
    const size_t from = (picture * d->in_h + iy) * d->in_w * CHANNELS;
    padded += d->pad_left * CHANNELS;
    if (io->pixels) lk_pixels_normalize(io->pixels, (const uint8_t *)io->x + from, inside, padded);
    else memcpy(padded, (const float *)io->x + from, inside * CHANNELS * sizeof *padded);
}

/* Rows [picture][row], all blocks of each; weights as lk_stem_pack lays them; scratch: TAPS padded rows. */
INLINE void stem(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    const size_t blocks = lk_blocks(d->out_channels), plane = d->out_h * d->out_w * LK_BLOCK,
                 width = lk_stem_padded_width(d) * CHANNELS;
    for (size_t at = rows.begin; at < rows.end; at++) {
        const size_t picture = at / d->out_h, oy = at % d->out_h;
        const float *row[TAPS];
        for (size_t ky = 0; ky < TAPS; ky++) {
            /* Input row oy * 2 + ky of the padded map lies in slot (oy * 2 + ky) % 3, where the output row before left it. */
            float *slot = (float *)io->scratch + (oy * STRIDE + ky) % TAPS * width;
            if (ky > 0 || at == rows.begin || oy == 0) pad_row(d, io, picture, oy * STRIDE + ky - d->pad_top, slot);
            row[ky] = slot;
        }
        for (size_t b = 0; b < blocks; b++)
            row_of_block(d, row, (const float *)io->weights + b * (1 + TAPS * TAPS * CHANNELS) * LK_BLOCK,
                         (lk_element *)io->y + (picture * blocks + b) * plane + oy * d->out_w * LK_BLOCK);
    }
}

#endif
