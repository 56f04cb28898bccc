/* Depthwise convolution of blocked maps, TAPS x TAPS taps at stride 1 or 2: a tile of STRIP_ROWS output rows by COLUMNS
 * output pixels, of one vector of channels, in registers; the input pixels of a tile are read once for all their taps. The file that
 * includes this says what STRIP_ROWS and COLUMNS are; `taps` and `stride` are constants of each instance.
 *
 * Taps outside the map: rows above and below it are read from a row of zeros, pixels left and right of it are not read but by
 * the tiles at the sides, which ask for each. */
#ifndef LK_LAYERS_KERNELS_DEPTHWISE_BLOCKED_H
#define LK_LAYERS_KERNELS_DEPTHWISE_BLOCKED_H

#include <string.h>

#include "base/sanitizer.h"
#include "layers/conv2d.h"
#include "layers/kernels/map.h"
#include "layers/layout.h"

#define INLINE static inline __attribute__((always_inline))
enum { MOST_TAPS = 5, MOST_INPUT_ROWS = (STRIP_ROWS - 1) * 2 + MOST_TAPS };

/* `rows` output rows of a vector of channels. */
typedef struct {
    size_t in_w, out_w, pad_left;
    const lk_element *in[MOST_INPUT_ROWS]; /* input rows, of the first one's tap 0 and on; zeros where outside */
    const float *bias, *w;            /* w: tap t at w + t * LK_BLOCK */
    lk_element *y;                    /* output row r at y + r * out_w * LK_BLOCK */
    lk_vec lo, hi;
} strip;

/* Output pixels [ox, ox + columns) of the strip; `columns`, a constant, is at most COLUMNS. `side`: some of their taps may be outside. */
INLINE void tile_of_strip(const strip *s, size_t ox, size_t columns, bool side, size_t rows, size_t taps, size_t stride)
{
    const size_t first = ox * stride - s->pad_left; /* input column of tap 0; it wraps left of the map */
    lk_vec sum[STRIP_ROWS][COLUMNS];
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < columns; i++) sum[r][i] = lk_vec_load(s->bias);
LK_UNROLL(8)
    for (size_t iy = 0; iy < (rows - 1) * stride + taps; iy++) {
        const lk_element *row = s->in[iy];
LK_UNROLL(8)
        for (size_t kx = 0; kx < taps; kx++) {
            lk_vec x[COLUMNS];
LK_UNROLL(8)
            for (size_t i = 0; i < columns; i++) {
                const size_t ix = first + i * stride + kx;
                x[i] = side ? lk_map_load_if(row + (ix < s->in_w ? ix * LK_BLOCK : 0), ix < s->in_w)
                            : lk_map_load(row + ix * LK_BLOCK);
            }
LK_UNROLL(2)
            for (size_t r = 0; r < rows; r++) {
                const size_t ky = iy - r * stride;
                if (ky >= taps) continue;
                const lk_vec w = lk_vec_load(s->w + (ky * taps + kx) * LK_BLOCK);
LK_UNROLL(8)
                for (size_t i = 0; i < columns; i++) sum[r][i] = lk_vec_fma(x[i], w, sum[r][i]);
            }
        }
    }
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < columns; i++)
            lk_map_store(s->y + (r * s->out_w + ox + i) * LK_BLOCK, lk_vec_clamp(sum[r][i], s->lo, s->hi));
}

/* A strip, `rows` of at most STRIP_ROWS high. Pixels [inner, last) have all their taps inside the row: they are made in tiles of as
 * equal a width as can be, and those beside them one by one. */
INLINE void tiles_of_strip(const strip *s, size_t rows, size_t taps, size_t stride)
{
    const size_t reach = s->in_w + s->pad_left, most = reach < taps ? 0 : (reach - taps) / stride + 1;
    const size_t last = most < s->out_w ? most : s->out_w, to_left = (s->pad_left + stride - 1) / stride;
    const size_t inner = to_left < last ? to_left : last, tiles = (last - inner + COLUMNS - 1) / COLUMNS;
    size_t ox = 0;
    for (; ox < inner; ox++) tile_of_strip(s, ox, 1, true, rows, taps, stride);
    for (size_t t = 0, columns; t < tiles; t++, ox += columns) {
        columns = (last - ox) / (tiles - t);
        if (columns == COLUMNS) tile_of_strip(s, ox, COLUMNS, false, rows, taps, stride);
        else if (COLUMNS > 2 && columns == COLUMNS - 1) tile_of_strip(s, ox, COLUMNS - 1, false, rows, taps, stride);
        else if (COLUMNS > 3 && columns == COLUMNS - 2) tile_of_strip(s, ox, COLUMNS - 2, false, rows, taps, stride);
        else
            for (size_t i = 0; i < columns; i++) tile_of_strip(s, ox + i, 1, false, rows, taps, stride);
    }
    for (; ox < s->out_w; ox++) tile_of_strip(s, ox, 1, true, rows, taps, stride);
}

/* Functions of their own: within a larger one the compiler runs out of registers for their sums. The copy tells it that what it
 * stores changes none of the strip. */
#define STRIP(taps, stride)                                                                              \
    static __attribute__((noinline)) void strip_##taps##_##stride(const strip *s, size_t rows)           \
    {                                                                                                    \
        const strip copy = *s;                                                                           \
        if (rows == STRIP_ROWS) tiles_of_strip(&copy, STRIP_ROWS, taps, stride);                         \
        else tiles_of_strip(&copy, 1, taps, stride);                                                     \
    }
STRIP(3, 1)
STRIP(3, 2)

/* Rows [begin, end) of one block of one picture, whose input and output planes are x and y. */
static void rows_of_block(const lk_conv2d *d, const lk_element *x, const lk_operands *io, lk_rows range,
                          void (*run)(const strip *s, size_t rows))
{
    const size_t stride = d->stride_h, taps = d->kernel_h;
    strip s = {d->in_w, d->out_w, d->pad_left, .lo = lk_vec_set(d->lo), .hi = lk_vec_set(d->hi)};
    for (size_t v = 0; v < LK_BLOCK; v += LK_LANES) {
        s.bias = (const float *)io->weights + v;
        s.w = (const float *)io->weights + LK_BLOCK + v;
        size_t rows = STRIP_ROWS;
        for (size_t oy = range.begin; oy < range.end; oy += rows) {
            if (range.end - oy < STRIP_ROWS) rows = 1;
            for (size_t i = 0; i < (STRIP_ROWS - 1) * stride + taps; i++) {
                const size_t iy = oy * stride + i - d->pad_top; /* wraps above the map */
                s.in[i] = (iy < d->in_h ? x + iy * d->in_w * LK_BLOCK : (const lk_element *)io->scratch) + v;
            }
            s.y = (lk_element *)io->y + oy * d->out_w * LK_BLOCK + v;
            run(&s, rows);
        }
    }
}

STRIP(5, 1)
STRIP(5, 2)

/* Rows [picture][block][row]; weights as lk_depthwise_pack_blocks lays them; scratch: a row of zeros. */
INLINE void depthwise_blocked(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    const size_t blocks = lk_blocks(d->out_channels), in = d->in_h * d->in_w * LK_BLOCK,
                 out = d->out_h * d->out_w * LK_BLOCK, taps = d->kernel_h;
    void (*run)(const strip *, size_t) = taps == 3 ? d->stride_h == 1 ? strip_3_1 : strip_3_2
                                         : d->stride_h == 1 ? strip_5_1
                                                            : strip_5_2;
    memset(io->scratch, 0, d->in_w * LK_BLOCK * sizeof(lk_element));
    for (size_t begin = rows.begin, end; begin < rows.end; begin = end) {
        const size_t block = begin / d->out_h; /* counted through the pictures */
        end = (block + 1) * d->out_h < rows.end ? (block + 1) * d->out_h : rows.end;
        const lk_rows range = {begin - block * d->out_h, end - block * d->out_h};
        const lk_operands here = {.weights = (const float *)io->weights + block % blocks * (1 + taps * taps) * LK_BLOCK,
                                  .y = (lk_element *)io->y + block * out,
                                  .scratch = io->scratch};
        const lk_element *x = (const lk_element *)io->x + block * in;
        rows_of_block(d, x, &here, range, run);
    }
}

#endif
