/* Depthwise 3x3 at any stride and padding, channels in vectors: written once, compiled for each ISA by the
 * files that instantiate it. Inside the map, COLUMNS output pixels of a row share their loads of x and w. */
#ifndef LK_LAYERS_KERNELS_DEPTHWISE_3X3_H
#define LK_LAYERS_KERNELS_DEPTHWISE_3X3_H

#include <stdint.h>

#include "base/checked.h"
#include "base/sanitizer.h"
#include "layers/conv2d.h"
#include "layers/kernels/vector.h"

#define COLUMNS 6
#define INLINE static inline __attribute__((always_inline))

/* One output row of one picture. Taps ky of [ky_begin, ky_end) lie inside the map. */
typedef struct {
    const lk_conv2d *d;
    const float *x; /* the input row of tap ky = 0; not read where that is outside */
    const float *bias, *w;
    float *y;
    size_t ky_begin, ky_end;
} row;

INLINE lk_vec load(const float *p, size_t lanes)
{
    return lanes == LK_LANES ? lk_vec_load(p) : lk_vec_load_part(p, lanes);
}

INLINE void store(const lk_conv2d *d, float *p, lk_vec sum, size_t lanes)
{
    sum = lk_vec_clamp(sum, lk_vec_set(d->lo), lk_vec_set(d->hi));
    if (lanes == LK_LANES) lk_vec_store(p, sum);
    else lk_vec_store_part(p, sum, lanes);
}

/* `lanes` channels from c of COLUMNS pixels from ox, all of whose taps are inside the row. `stride` is
 * d->stride_w, as a constant where it is 1 or 2, which unrolls everything here. */
INLINE void inner_columns(const row *r, size_t ox, size_t c, size_t lanes, size_t stride)
{
    const size_t channels = r->d->out_channels;
    lk_vec sum[COLUMNS];
    for (size_t i = 0; i < COLUMNS; i++) sum[i] = load(r->bias + c, lanes);
    for (size_t ky = r->ky_begin; ky < r->ky_end; ky++) {
        const float *x = r->x + (ky * r->d->in_w + ox * stride - r->d->pad_left) * channels + c;
        const float *w = r->w + ky * 3 * channels + c;
        const lk_vec w0 = load(w, lanes), w1 = load(w + channels, lanes), w2 = load(w + 2 * channels, lanes);
LK_UNROLL(16)
        for (size_t at = 0; at < (COLUMNS - 1) * stride + 3; at++) {
            const lk_vec v = load(x + at * channels, lanes);
LK_UNROLL(16)
            for (size_t i = 0; i < COLUMNS; i++) {
                if (at == i * stride) sum[i] = lk_vec_fma(v, w0, sum[i]);
                if (at == i * stride + 1) sum[i] = lk_vec_fma(v, w1, sum[i]);
                if (at == i * stride + 2) sum[i] = lk_vec_fma(v, w2, sum[i]);
            }
        }
    }
    for (size_t i = 0; i < COLUMNS; i++) store(r->d, r->y + (ox + i) * channels + c, sum[i], lanes);
}

/* One pixel, whose taps may lie outside. */
INLINE void one_pixel(const row *r, size_t ox, size_t c, size_t lanes)
{
    const size_t channels = r->d->out_channels;
    lk_vec sum = load(r->bias + c, lanes);
    for (size_t ky = r->ky_begin; ky < r->ky_end; ky++)
        for (size_t kx = 0; kx < 3; kx++) {
            const size_t ix =
                ox * r->d->stride_w + kx - r->d->pad_left; /* left of the map it wraps: outside */
            if (ix >= r->d->in_w) continue;
            const float *x = r->x + (ky * r->d->in_w + ix) * channels + c;
            sum = lk_vec_fma(load(x, lanes), load(r->w + (ky * 3 + kx) * channels + c, lanes), sum);
        }
    store(r->d, r->y + ox * channels + c, sum, lanes);
}

/* `lanes` channels from c of one row. Pixels [first, last) have all their columns of taps inside the map. */
INLINE void one_row(const row *r, size_t c, size_t lanes, size_t first, size_t last)
{
    const lk_conv2d *d = r->d;
    size_t ox = 0;
    while (ox < first) one_pixel(r, ox++, c, lanes);
    if (d->stride_w == 1)
        for (; ox + COLUMNS <= last; ox += COLUMNS) inner_columns(r, ox, c, lanes, 1);
    else if (d->stride_w == 2)
        for (; ox + COLUMNS <= last; ox += COLUMNS) inner_columns(r, ox, c, lanes, 2);
    while (ox < d->out_w) one_pixel(r, ox++, c, lanes);
}

/* `lanes` channels from c of all the rows: three input rows of a few channels stay in the first cache, where
 * three whole rows would not. */
INLINE void channels_of_rows(const lk_conv2d *d, const lk_operands *io, lk_rows rows, size_t c, size_t lanes)
{
    const size_t channels = d->out_channels;
    const size_t first = lk_least((d->pad_left + d->stride_w - 1) / d->stride_w, d->out_w);
    const size_t reach = d->in_w + d->pad_left; /* pixel ox is inside when ox * stride + 3 <= reach */
    const size_t last = reach < 3 ? 0 : lk_least((reach - 3) / d->stride_w + 1, d->out_w);
    for (size_t at = rows.begin; at < rows.end; at++) {
        const size_t oy = at % d->out_h, top = oy * d->stride_h; /* in rows of the padded map */
        const float *picture = (const float *)io->x + at / d->out_h * d->in_h * d->in_w * channels;
        row r = {
            .d = d, .bias = io->weights, .w = (const float *)io->weights + channels, .y = (float *)io->y + at * d->out_w * channels};
        r.ky_begin = top < d->pad_top ? d->pad_top - top : 0;
        r.ky_end = lk_least(3, d->in_h + d->pad_top > top ? d->in_h + d->pad_top - top : 0);
        /* As integers: the row of tap 0 may lie above the map, and is only used from row ky_begin on. */
        r.x = (const float *)((uintptr_t)picture + (top - d->pad_top) * d->in_w * channels * sizeof *picture);
        one_row(&r, c, lanes, first, last);
    }
}

/* Rows of output pixels through the batch. */
static inline void depthwise_3x3(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    size_t c = 0;
    for (; c + LK_LANES <= d->out_channels; c += LK_LANES) channels_of_rows(d, io, rows, c, LK_LANES);
    if (c < d->out_channels) channels_of_rows(d, io, rows, c, d->out_channels - c);
}

#endif
