/* A convolution of any shape on blocked maps. */
#ifndef LK_LAYERS_KERNELS_CONV2D_BLOCKED_H
#define LK_LAYERS_KERNELS_CONV2D_BLOCKED_H

#include "layers/kernels/columns.h"

static const lk_element outside[LK_BLOCK];

/* Copies one tap's inputs into a column, from term `k` on; `from`: the block that the first lies in, the next one `next` behind it. */
INLINE void put_tap(const columns *g, lk_element *column, size_t k, const lk_element *from, size_t next)
{
    size_t lane = g->inputs.first % LK_BLOCK;
    for (size_t left = g->inputs.count; left > 0;) {
        const size_t in_source = LK_BLOCK - lane, in_block = LK_BLOCK - k % LK_BLOCK;
        const size_t whole = in_source < in_block ? in_source : in_block, lanes = left < whole ? left : whole;
        lk_element *to = column + k / LK_BLOCK * g->stride + k % LK_BLOCK;
        if (lane == 0) memcpy(to, from, LK_BLOCK * sizeof *to); /* what is too much is written over */
        else if (lanes == LK_BLOCK / 2) memcpy(to, from + lane, LK_BLOCK / 2 * sizeof *to);
        else
            for (size_t i = 0; i < lanes; i++) to[i] = from[lane + i];
        k += lanes;
        left -= lanes;
        lane = (lane + lanes) % LK_BLOCK;
        if (lane == 0) from += next;
    }
}

/* All inputs of a pixel; `aligned`, a constant: they are whole blocks. */
INLINE void put_pixel(const columns *g, lk_element *column, size_t oy, size_t ox, bool aligned)
{
    const lk_conv2d *d = g->d;
    const size_t plane = d->in_h * d->in_w * LK_BLOCK;
    const lk_element *x = (const lk_element *)g->x + g->inputs.first / LK_BLOCK * plane;
    size_t k = 0;
    for (size_t ky = 0; ky < d->kernel_h; ky++)
        for (size_t kx = 0; kx < d->kernel_w; kx++, k += g->inputs.count) {
            /* Above and left of the map wraps to a huge number, which is outside as well. */
            const size_t iy = oy * d->stride_h + ky * d->dilation_h - d->pad_top;
            const size_t ix = ox * d->stride_w + kx * d->dilation_w - d->pad_left;
            const bool inside = iy < d->in_h && ix < d->in_w;
            const lk_element *from = inside ? x + (iy * d->in_w + ix) * LK_BLOCK : outside;
            const size_t next = inside ? plane : 0;
            if (aligned)
                for (size_t i = 0; i < g->inputs.count / LK_BLOCK; i++)
                    memcpy(column + (k / LK_BLOCK + i) * g->stride, from + i * next, LK_BLOCK * sizeof *column);
            else put_tap(g, column, k, from, next);
        }
    if (k % UNIT) column[k / LK_BLOCK * g->stride + k % LK_BLOCK] = 0;
}

static void gather_blocks(const columns *g)
{
    const bool aligned = g->inputs.first % LK_BLOCK == 0 && g->inputs.count % LK_BLOCK == 0;
    for (size_t p = 0; p < g->count; p++) {
        const size_t oy = (g->begin + p) / g->d->out_w, ox = (g->begin + p) % g->d->out_w;
        if (aligned) put_pixel(g, g->to + p * LK_BLOCK, oy, ox, true);
        else put_pixel(g, g->to + p * LK_BLOCK, oy, ox, false);
    }
}

/* Weights as lk_conv2d_pack_columns lays them, or lk_conv2d_pack_column_pairs. */
INLINE void conv2d_blocked(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    const size_t picture = lk_blocked_floats(d->in_h * d->in_w, d->in_channels) * sizeof(lk_element);
    conv2d_of_columns(d, io, rows, (source){gather_blocks, picture});
}

#endif
