/* Depthwise convolution of blocked maps with any kernel, stride and dilation, and with a residual: COLUMNS output pixels of one vector of
 * channels at a time. For what depthwise_blocked.h does not do. */
#ifndef LK_LAYERS_KERNELS_DEPTHWISE_ANY_H
#define LK_LAYERS_KERNELS_DEPTHWISE_ANY_H

#include "layers/kernels/depthwise_blocked.h"

/* One output row of a vector of channels. */
typedef struct {
    const lk_conv2d *d;
    const float *bias, *w;      /* w: tap t at w + t * LK_BLOCK */
    const lk_element *x;        /* the block's plane */
    const lk_element *residual; /* of the row */
    lk_element *y;
    size_t top; /* input row of the first tap; it wraps above the map */
} row_of_any;

INLINE void finish_any(const row_of_any *r, size_t ox, lk_vec sum)
{
    const lk_conv2d *d = r->d;
    if (d->residual == LK_RESIDUAL_BEFORE_ACTIVATION) sum = lk_vec_add(sum, lk_map_load(r->residual + ox * LK_BLOCK));
    sum = lk_vec_clamp(sum, lk_vec_set(d->lo), lk_vec_set(d->hi));
    if (d->residual == LK_RESIDUAL_AFTER_ACTIVATION) sum = lk_vec_add(sum, lk_map_load(r->residual + ox * LK_BLOCK));
    lk_map_store(r->y + ox * LK_BLOCK, sum);
}

/* Output pixels [ox, ox + columns) of the row; of these `columns`, at most COLUMNS, some taps may be outside. */
static void tile_of_any(const row_of_any *r, size_t ox, size_t columns)
{
    const lk_conv2d *d = r->d;
    lk_vec sum[COLUMNS];
    for (size_t i = 0; i < COLUMNS; i++) sum[i] = lk_vec_load(r->bias);
    for (size_t ky = 0; ky < d->kernel_h; ky++) {
        const size_t iy = r->top + ky * d->dilation_h;
        if (iy >= d->in_h) continue;
        const lk_element *row = r->x + iy * d->in_w * LK_BLOCK;
        for (size_t kx = 0; kx < d->kernel_w; kx++) {
            const lk_vec w = lk_vec_load(r->w + (ky * d->kernel_w + kx) * LK_BLOCK);
            for (size_t i = 0; i < COLUMNS; i++) {
                const size_t ix = (ox + i) * d->stride_w + kx * d->dilation_w - d->pad_left;
                const bool inside = ix < d->in_w;
                sum[i] = lk_vec_fma(lk_map_load_if(row + (inside ? ix * LK_BLOCK : 0), inside), w, sum[i]);
            }
        }
    }
    for (size_t i = 0; i < columns; i++) finish_any(r, ox + i, sum[i]);
}

/* Rows [picture][block][row]; weights as lk_depthwise_pack_blocks lays them. */
INLINE void depthwise_any(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    const size_t blocks = lk_blocks(d->out_channels), packed = (1 + d->kernel_h * d->kernel_w) * LK_BLOCK;
    for (size_t row = rows.begin; row < rows.end; row++) {
        const size_t block = row / d->out_h, output = row * d->out_w * LK_BLOCK; /* both counted through the pictures */
        for (size_t v = 0; v < LK_BLOCK; v += LK_LANES) {
            const float *bias = (const float *)io->weights + block % blocks * packed + v;
            const row_of_any r = {.d = d,
                                  .bias = bias,
                                  .w = bias + LK_BLOCK,
                                  .x = (const lk_element *)io->x + block * d->in_h * d->in_w * LK_BLOCK + v,
                                  .residual = io->residual ? (const lk_element *)io->residual + output + v : NULL,
                                  .y = (lk_element *)io->y + output + v,
                                  .top = row % d->out_h * d->stride_h - d->pad_top};
            for (size_t ox = 0; ox < d->out_w; ox += COLUMNS)
                tile_of_any(&r, ox, d->out_w - ox < COLUMNS ? d->out_w - ox : COLUMNS);
        }
    }
}

#endif
