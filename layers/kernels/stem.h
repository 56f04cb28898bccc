/* The first convolution: 3x3 at stride 2 from three channels, NHWC as pixels arrive, to a blocked map. Input rows are copied with
 * their padding, so that every tap of every output pixel lies at a constant distance. The file that includes this says what
 * COLUMNS, the output pixels of a tile, are (8 at most), and BLOCKS, its blocks of output channels. The last may be one of two. */
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

/* What a row of tiles makes. */
typedef struct {
    const lk_conv2d *d;
    const float *packed; /* of its first block; BLOCK_PACKED floats before the next one's */
    lk_element *y;       /* of the first block, `plane` elements before the next one's */
    size_t plane;
} tiles_of_row;

#define BLOCK_PACKED ((1 + TAPS * TAPS * CHANNELS) * LK_BLOCK)

/* `columns` output pixels from ox on, of `blocks` blocks, both constants; row[ky] is at the first pixel's tap kx = 0. */
INLINE void tile(const tiles_of_row *t, const float *const row[TAPS], size_t ox, size_t columns, size_t blocks)
{
    lk_vec sum[COLUMNS][BLOCKS * VECTORS];
    for (size_t i = 0; i < columns; i++)
        for (size_t v = 0; v < blocks * VECTORS; v++)
            sum[i][v] = lk_vec_load(t->packed + v / VECTORS * BLOCK_PACKED + v % VECTORS * LK_LANES);
LK_UNROLL(3)
    for (size_t ky = 0; ky < TAPS; ky++)
LK_UNROLL(9)
        for (size_t k = 0; k < TAPS * CHANNELS; k++) {
            const float *w = t->packed + (1 + ky * TAPS * CHANNELS + k) * LK_BLOCK, *x_of_tap = row[ky] + k;
            /* Taps of neighbours overlap: what they share is to be read again, as it would not stay in registers. */
            __asm__("" : "+r"(x_of_tap));
            lk_vec weights[BLOCKS * VECTORS];
LK_UNROLL(4)
            for (size_t v = 0; v < blocks * VECTORS; v++) {
                weights[v] = lk_vec_load(w + v / VECTORS * BLOCK_PACKED + v % VECTORS * LK_LANES);
                LK_VEC_PIN(weights[v]);
            }
LK_UNROLL(8)
            for (size_t i = 0; i < columns; i++) {
                const lk_factor x = lk_vec_factor(x_of_tap[i * STRIDE * CHANNELS]);
LK_UNROLL(4)
                for (size_t v = 0; v < blocks * VECTORS; v++) sum[i][v] = lk_vec_fma_by(x, weights[v], sum[i][v]);
            }
        }
    const lk_vec lo = lk_vec_set(t->d->lo), hi = lk_vec_set(t->d->hi);
    lk_element *y = t->y + ox * LK_BLOCK;
    const size_t plane = t->plane;
    for (size_t i = 0; i < columns; i++)
        for (size_t v = 0; v < blocks * VECTORS; v++)
            lk_map_store(y + v / VECTORS * plane + i * LK_BLOCK + v % VECTORS * LK_LANES, lk_vec_clamp(sum[i][v], lo, hi));
}

/* One output row of some blocks, in tiles of as equal a width as can be. */
INLINE void row_of_blocks(const tiles_of_row *r, const float *const row[TAPS], size_t blocks)
{
    const size_t width = r->d->out_w, tiles = (width + COLUMNS - 1) / COLUMNS;
    for (size_t t = 0, ox = 0, columns; t < tiles; t++, ox += columns) {
        const size_t at = ox * STRIDE * CHANNELS;
        const float *const here[TAPS] = {row[0] + at, row[1] + at, row[2] + at};
        columns = (width - ox) / (tiles - t);
        switch (columns) {
#define TILE(width)                              \
    case width:                                  \
        tile(r, here, ox, width, blocks);        \
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

/* Functions of their own: within a larger one the compiler runs out of registers for their sums. */
static __attribute__((noinline)) void row_of_panel(const tiles_of_row *r, const float *const row[TAPS])
{
    row_of_blocks(r, row, BLOCKS);
}

#if BLOCKS > 1
static __attribute__((noinline)) void row_of_half_panel(const tiles_of_row *r, const float *const row[TAPS])
{
    row_of_blocks(r, row, 1);
}
#endif

/* An input row with zeros around it; all zeros above and below the map. Pixels become floats on the way, so that
 * zeros are zeros of the normalized picture. */
static void pad_row(const lk_conv2d *d, const lk_operands *io, size_t picture, size_t iy, float *padded)
{
    const size_t width = lk_stem_padded_width(d), inside = d->in_w < width - d->pad_left ? d->in_w : width - d->pad_left;
    if (iy >= d->in_h) {
        memset(padded, 0, width * CHANNELS * sizeof *padded);
        return;
    }
    const size_t from = (picture * d->in_h + iy) * d->in_w * CHANNELS, behind = d->pad_left + inside;
    memset(padded, 0, d->pad_left * CHANNELS * sizeof *padded);
    memset(padded + behind * CHANNELS, 0, (width - behind) * CHANNELS * sizeof *padded);
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
        for (size_t b = 0; b < blocks; b += BLOCKS) {
            const tiles_of_row here = {d, (const float *)io->weights + b * BLOCK_PACKED,
                                       (lk_element *)io->y + (picture * blocks + b) * plane + oy * d->out_w * LK_BLOCK, plane};
#if BLOCKS > 1
            if (blocks - b < BLOCKS) {
                row_of_half_panel(&here, row);
                continue;
            }
#endif
            row_of_panel(&here, row);
        }
    }
}

#endif
