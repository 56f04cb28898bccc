/* A convolution of any shape on a picture as it comes, NHWC: taps side by side lie side by side, and are copied as one, however few
 * its channels are. One group. */
#ifndef LK_LAYERS_KERNELS_CONV2D_PICTURE_H
#define LK_LAYERS_KERNELS_CONV2D_PICTURE_H

#include "layers/kernels/columns.h"

/* A part of a column, from term `k` on: `count` values of the picture from `from` on, which begin with a pixel's first; zeros where
 * it is NULL. */
INLINE void put_part(const columns *g, float *column, size_t k, const uint8_t *from, size_t count)
{
    const size_t size = g->pixels ? 1 : sizeof(float); /* of a value */
    float normal[LK_BLOCK];
    for (size_t done = 0, lanes; done < count; done += lanes, k += lanes) {
        const size_t in_block = LK_BLOCK - k % LK_BLOCK;
        float *to = column + k / LK_BLOCK * g->stride + k % LK_BLOCK;
        lanes = count - done < in_block ? count - done : in_block;
        const void *values = from ? from + done * size : NULL;
        if (from && g->pixels) {
            for (size_t i = 0; i < lanes; i++) normal[i] = g->pixels->value[(done + i) % 3][from[done + i]];
            values = normal;
        }
        for (size_t v = 0; v < lanes; v += LK_LANES) {
            const size_t part = lanes - v < LK_LANES ? lanes - v : LK_LANES;
            lk_vec_store_part(to + v, from ? lk_vec_load_part((const float *)values + v, part) : lk_vec_set(0), part);
        }
    }
}

static void put_pixel_of_picture(const columns *g, float *column, size_t oy, size_t ox)
{
    const lk_conv2d *d = g->d;
    const size_t channels = d->in_channels, size = g->pixels ? 1 : sizeof(float), at = ox * d->stride_w;
    /* Taps of a row: before the map, inside, behind it. */
    const size_t left = at < d->pad_left ? d->pad_left - at : 0, before = left < d->kernel_w ? left : d->kernel_w;
    const size_t ix = at + before - d->pad_left, in_row = ix < d->in_w ? d->in_w - ix : 0, most = d->kernel_w - before;
    const size_t inside = in_row < most ? in_row : most, behind = most - inside;
    for (size_t ky = 0, k = 0; ky < d->kernel_h; ky++) {
        const size_t iy = oy * d->stride_h + ky * d->dilation_h - d->pad_top; /* wraps above the map */
        const uint8_t *row = iy < d->in_h && inside ? (const uint8_t *)g->x + (iy * d->in_w + ix) * channels * size : NULL;
        put_part(g, column, k, NULL, before * channels);
        k += before * channels;
        put_part(g, column, k, row, inside * channels);
        k += inside * channels;
        put_part(g, column, k, NULL, behind * channels);
        k += behind * channels;
    }
}

static void gather_picture(const columns *g)
{
    for (size_t p = 0; p < g->count; p++)
        put_pixel_of_picture(g, g->to + p * LK_BLOCK, (g->begin + p) / g->d->out_w, (g->begin + p) % g->d->out_w);
}

/* Weights as lk_conv2d_pack_columns lays them. */
INLINE void conv2d_picture(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    const size_t size = io->pixels ? 1 : sizeof(float);
    conv2d_of_columns(d, io, rows, (source){gather_picture, d->in_h * d->in_w * d->in_channels * size});
}

#endif
