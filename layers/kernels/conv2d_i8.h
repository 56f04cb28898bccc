/* A convolution of any shape on blocked maps of bytes, of one group: as columns.h, but the product is the pointwise kernel as it
 * stands, of a map that holds the columns; its output is copied to where it belongs. Columns and output have room for one pixel
 * more, into which a tap that is copied across the end of a block spills. */
#ifndef LK_LAYERS_KERNELS_CONV2D_I8_H
#define LK_LAYERS_KERNELS_CONV2D_I8_H

#include <string.h>

#include "layers/int8.h"
#include "layers/layout.h"

/* `count` pixels from `pixel` on, of picture `picture`. */
typedef struct {
    const lk_conv2d *d;
    size_t picture, pixel, count;
} part_i8;

/* What multiplies, and how many output channels are a panel of its own. */
typedef struct {
    lk_conv2d_fn *run;
    size_t panel;
} pointwise_i8_kernel;

/* One tap of all inputs, to term `k` of a column and on: a block of 16 at a time, the last one with bytes that are written over. */
static inline void put_tap_i8(uint8_t *column, size_t stride, size_t k, const uint8_t *from, size_t next, size_t inputs)
{
    for (size_t c = 0; c < inputs; c += LK_BLOCK, k += LK_BLOCK, from += next) {
        const size_t here = LK_BLOCK - k % LK_BLOCK, lanes = inputs - c < LK_BLOCK ? inputs - c : LK_BLOCK;
        memcpy(column + k / LK_BLOCK * stride + k % LK_BLOCK, from, LK_BLOCK);
        if (lanes > here) memcpy(column + (k / LK_BLOCK + 1) * stride, from + here, lanes - here);
    }
}

static inline void gather_i8(const part_i8 *p, const uint8_t *x, uint8_t *columns)
{
    const lk_conv2d *d = p->d;
    const size_t plane = d->in_h * d->in_w * LK_BLOCK, stride = (p->count + 1) * LK_BLOCK;
    uint8_t outside[LK_BLOCK];
    memset(outside, d->x_real.zero, LK_BLOCK);
    for (size_t i = 0; i < p->count; i++)
        for (size_t tap = 0; tap < d->kernel_h * d->kernel_w; tap++) {
            /* Above and left of the map wraps to a huge number, which is outside as well. */
            const size_t iy = (p->pixel + i) / d->out_w * d->stride_h + tap / d->kernel_w * d->dilation_h - d->pad_top;
            const size_t ix = (p->pixel + i) % d->out_w * d->stride_w + tap % d->kernel_w * d->dilation_w - d->pad_left;
            const bool inside = iy < d->in_h && ix < d->in_w;
            put_tap_i8(columns + i * LK_BLOCK, stride, tap * d->in_channels, inside ? x + (iy * d->in_w + ix) * LK_BLOCK : outside,
                       inside ? plane : 0, d->in_channels);
        }
}

/* Where the part begins in block b of the picture's output. */
static inline size_t place_of_part(const part_i8 *p, size_t b)
{
    return ((p->picture * lk_blocks(p->d->out_channels) + b) * p->d->out_h * p->d->out_w + p->pixel) * LK_BLOCK;
}

static inline void run_part_i8(const part_i8 *p, const lk_operands *io, const pointwise_i8_kernel *pointwise)
{
    const lk_conv2d *d = p->d;
    lk_conv2d product = *d; /* what the pointwise kernel is to see */
    product.in_channels = d->in_channels * d->kernel_h * d->kernel_w;
    product.kernel_h = product.kernel_w = product.stride_h = product.stride_w = product.dilation_h = product.dilation_w = 1;
    product.pad_top = product.pad_left = 0;
    product.in_h = product.out_h = 1;
    product.in_w = product.out_w = p->count + 1;
    const size_t blocks = lk_blocks(d->out_channels), block = product.out_w * LK_BLOCK, bytes = p->count * LK_BLOCK;
    uint8_t *columns = io->scratch, *y = columns + lk_blocks(product.in_channels) * block, *residual = y + blocks * block;
    gather_i8(p, (const uint8_t *)io->x + p->picture * lk_blocked_floats(d->in_h * d->in_w, d->in_channels), columns);
    for (size_t b = 0; io->residual && b < blocks; b++)
        memcpy(residual + b * block, (const uint8_t *)io->residual + place_of_part(p, b), bytes);
    const lk_operands operands = {.x = columns, .residual = io->residual ? residual : NULL, .weights = io->weights, .y = y};
    pointwise->run(&product, &operands, (lk_rows){0, (d->out_channels + pointwise->panel - 1) / pointwise->panel * product.out_w});
    for (size_t b = 0; b < blocks; b++) memcpy((uint8_t *)io->y + place_of_part(p, b), y + b * block, bytes);
}

/* Rows [picture][row]. */
static inline void conv2d_i8(const lk_conv2d *d, const lk_operands *io, lk_rows rows, pointwise_i8_kernel pointwise)
{
    const size_t at_once = lk_columns_pixels(d);
    for (size_t row = rows.begin, end; row < rows.end; row = end) {
        const size_t picture = row / d->out_h, next = (picture + 1) * d->out_h;
        end = next < rows.end ? next : rows.end;
        const size_t last = (end - picture * d->out_h) * d->out_w;
        part_i8 p = {.d = d, .picture = picture, .pixel = (row - picture * d->out_h) * d->out_w};
        for (; p.pixel < last; p.pixel += p.count) {
            p.count = last - p.pixel < at_once ? last - p.pixel : at_once;
            run_part_i8(&p, io, &pointwise);
        }
    }
}

#endif
