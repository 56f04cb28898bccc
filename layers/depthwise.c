/* Depthwise convolution: each channel has its own small filter; nothing is summed across channels. */
#include <string.h>

#include "base/checked.h"
#include "layers/conv2d.h"
#include "layers/layout.h"

static const lk_conv2d_kernel kernels[] = {
#define LK_DEPTHWISE(run, type, needs, panel, pack, scratch, fits) \
    {#run, run, type, needs, panel, pack, scratch, fits},
#include "layers/kernels.inc"
};

const lk_conv2d_kernel *lk_depthwise_choose(const lk_conv2d *d, unsigned can)
{
    return lk_conv2d_choose_among(kernels, LK_COUNT(kernels), d, can);
}

size_t lk_depthwise_pack_taps(const lk_conv2d *d, const lk_conv2d_weights *from, void *packed)
{
    const size_t taps = d->kernel_h * d->kernel_w, channels = d->out_channels;
    if (packed) {
        float *w = memcpy(packed, from->bias, channels * sizeof *w);
        w += channels;
        for (size_t c = 0; c < channels; c++)
            for (size_t t = 0; t < taps; t++)
                w[t * channels + c] = lk_conv2d_weight(d, from->weights[c * taps + t]);
    }
    return (channels + channels * taps) * sizeof(float);
}

size_t lk_depthwise_pack_blocks(const lk_conv2d *d, const lk_conv2d_weights *from, void *packed)
{
    const size_t taps = d->kernel_h * d->kernel_w, padded = lk_blocks(d->out_channels) * LK_BLOCK;
    for (size_t c = 0; packed && c < padded; c++) {
        float *place = (float *)packed + c / LK_BLOCK * (1 + taps) * LK_BLOCK + c % LK_BLOCK;
        const bool real = c < d->out_channels;
        *place = real ? from->bias[c] : 0;
        for (size_t t = 0; t < taps; t++)
            place[(1 + t) * LK_BLOCK] = real ? lk_conv2d_weight(d, from->weights[c * taps + t]) : 0;
    }
    return padded * (1 + taps) * sizeof(float);
}

size_t lk_depthwise_zeros(const lk_conv2d *d)
{
    return d->in_w * LK_BLOCK * sizeof(float); /* enough for any type */
}

bool lk_depthwise_fits_blocked(const lk_conv2d *d)
{
    return d->kernel_h == d->kernel_w && (d->kernel_h == 3 || d->kernel_h == 5) &&
           d->stride_h == d->stride_w && (d->stride_h == 1 || d->stride_h == 2) && d->dilation_h == 1 &&
           d->dilation_w == 1 && d->residual == LK_RESIDUAL_NONE;
}

bool lk_depthwise_fits_3x3(const lk_conv2d *d)
{
    return d->kernel_h == 3 && d->kernel_w == 3 && d->dilation_h == 1 && d->dilation_w == 1 &&
           d->residual == LK_RESIDUAL_NONE;
}

void lk_depthwise_f32__reference(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    const size_t channels = d->out_channels;
    const float *bias = io->weights, *w = bias + channels; /* w [kernel_h][kernel_w][channels] */
    for (size_t row = rows.begin; row < rows.end; row++)
        for (size_t ox = 0; ox < d->out_w; ox++)
            for (size_t c = 0; c < channels; c++) {
                const float *x = (const float *)io->x + row / d->out_h * d->in_h * d->in_w * channels;
                const size_t place = (row * d->out_w + ox) * channels + c;
                float sum = bias[c];
                for (size_t tap = 0; tap < d->kernel_h * d->kernel_w; tap++) {
                    /* Above and left of the map wraps to a huge number, which is outside as well. */
                    const size_t iy =
                        row % d->out_h * d->stride_h + tap / d->kernel_w * d->dilation_h - d->pad_top;
                    const size_t ix = ox * d->stride_w + tap % d->kernel_w * d->dilation_w - d->pad_left;
                    if (iy < d->in_h && ix < d->in_w)
                        sum += x[(iy * d->in_w + ix) * channels + c] * w[tap * channels + c];
                }
                if (d->residual == LK_RESIDUAL_BEFORE_ACTIVATION) sum += ((const float *)io->residual)[place];
                sum = lk_clamp(sum, d->lo, d->hi);
                if (d->residual == LK_RESIDUAL_AFTER_ACTIVATION) sum += ((const float *)io->residual)[place];
                ((float *)io->y)[place] = sum;
            }
}
