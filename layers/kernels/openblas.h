/* Convolution on OpenBLAS, written once: SGEMM makes the sums, and the epilogue (bias, activation, residual)
 * runs over them while they are in cache. Compiled for each ISA by the files that instantiate it; what SGEMM
 * itself uses is OpenBLAS's own choice. */
#ifndef LK_LAYERS_KERNELS_OPENBLAS_H
#define LK_LAYERS_KERNELS_OPENBLAS_H

#include "layers/conv2d.h"
#include "layers/kernels/vector.h"
#include "layers/openblas.h"

static inline lk_vec finish(const lk_conv2d *d, lk_vec sum, lk_vec residual)
{
    const lk_vec lo = lk_vec_set(d->lo), hi = lk_vec_set(d->hi);
    if (d->residual == LK_RESIDUAL_BEFORE_ACTIVATION) sum = lk_vec_add(sum, residual);
    sum = lk_vec_clamp(sum, lo, hi);
    return d->residual == LK_RESIDUAL_AFTER_ACTIVATION ? lk_vec_add(sum, residual) : sum;
}

/* y [pixels][out_channels] holds the bare sums; residual is NULL or of the same shape. */
static inline void epilogue(const lk_conv2d *d, const float *bias, const float *residual, float *y,
                            size_t pixels)
{
    const size_t channels = d->out_channels, whole = channels / LK_LANES * LK_LANES, rest = channels - whole;
    const lk_vec none = lk_vec_set(0);
    for (size_t pixel = 0; pixel < pixels; pixel++, y += channels) {
        for (size_t c = 0; c < whole; c += LK_LANES) {
            const lk_vec sum = lk_vec_add(lk_vec_load(y + c), lk_vec_load(bias + c));
            lk_vec_store(y + c, finish(d, sum, residual ? lk_vec_load(residual + c) : none));
        }
        if (rest) {
            const lk_vec sum =
                lk_vec_add(lk_vec_load_part(y + whole, rest), lk_vec_load_part(bias + whole, rest));
            const lk_vec second = residual ? lk_vec_load_part(residual + whole, rest) : none;
            lk_vec_store_part(y + whole, finish(d, sum, second), rest);
        }
        if (residual) residual += channels;
    }
}

static inline void pointwise(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    const size_t pixels = rows.end - rows.begin;
    const float *bias = io->weights, *w = bias + d->out_channels;
    float *y = (float *)io->y + rows.begin * d->out_channels;
    lk_openblas_multiply(pixels, d->in_channels, d->out_channels, (const float *)io->x + rows.begin * d->in_channels, w, y);
    epilogue(d, bias, io->residual ? (const float *)io->residual + rows.begin * d->out_channels : NULL, y, pixels);
}

/* The taps of one output pixel, in the order of the packed weights: column [kernel_h][kernel_w][in_channels].
 */
static inline void gather(const lk_conv2d *d, const float *x, size_t oy, size_t ox, float *column)
{
    const size_t channels = d->in_channels, tap_row = d->kernel_w * channels;
    const size_t ix = ox * d->stride_w - d->pad_left; /* may wrap: then it is outside */
    const bool inside = d->dilation_w == 1 && ix < d->in_w && d->in_w - ix >= d->kernel_w;
    for (size_t ky = 0; ky < d->kernel_h; ky++, column += tap_row) {
        const size_t iy = oy * d->stride_h + ky * d->dilation_h - d->pad_top;
        if (iy >= d->in_h) {
            memset(column, 0, tap_row * sizeof *column);
        } else if (inside) {
            const float *taps = x + (iy * d->in_w + ix) * channels;
            for (size_t i = 0; i < tap_row; i++) column[i] = taps[i];
        } else {
            for (size_t kx = 0; kx < d->kernel_w; kx++) {
                const size_t at = ix + kx * d->dilation_w;
                for (size_t c = 0; c < channels; c++)
                    column[kx * channels + c] = at < d->in_w ? x[(iy * d->in_w + at) * channels + c] : 0;
            }
        }
    }
}

static inline void conv2d(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    const size_t taps = d->kernel_h * d->kernel_w * d->in_channels, row_floats = d->out_w * d->out_channels;
    const size_t rows_at_once = lk_im2col_scratch(d) / (d->out_w * taps * sizeof(float));
    const float *bias = io->weights, *w = bias + d->out_channels;
    while (rows.begin < rows.end) {
        const size_t left = rows.end - rows.begin, count = left < rows_at_once ? left : rows_at_once;
        float *column = io->scratch, *y = (float *)io->y + rows.begin * row_floats;
        for (size_t row = rows.begin; row < rows.begin + count; row++) {
            const float *x = (const float *)io->x + row / d->out_h * d->in_h * d->in_w * d->in_channels;
            for (size_t ox = 0; ox < d->out_w; ox++, column += taps) gather(d, x, row % d->out_h, ox, column);
        }
        lk_openblas_multiply(count * d->out_w, taps, d->out_channels, io->scratch, w, y);
        epilogue(d, bias, io->residual ? (const float *)io->residual + rows.begin * row_floats : NULL, y, count * d->out_w);
        rows.begin += count;
    }
}

#endif
