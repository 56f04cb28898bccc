/* Depthwise convolution: each channel has its own small filter; nothing is summed across channels. */
#include <string.h>

#include "base/checked.h"
#include "layers/conv2d.h"

static const lk_conv2d_kernel kernels[] = {
#define LK_DEPTHWISE(run, needs, pack, scratch, fits) {#run, run, needs, pack, scratch, fits},
#include "layers/kernels.inc"
};

const lk_conv2d_kernel *lk_depthwise_choose(const lk_conv2d *d, unsigned can)
{
    return lk_conv2d_choose_among(kernels, LK_COUNT(kernels), d, can);
}

size_t lk_depthwise_pack_taps(const lk_conv2d *d, const float *weights, const float *bias, float *packed)
{
    const size_t taps = d->kernel_h * d->kernel_w, channels = d->out_channels;
    if (packed) {
        memcpy(packed, bias, channels * sizeof *packed);
        packed += channels;
        for (size_t c = 0; c < channels; c++)
            for (size_t t = 0; t < taps; t++) packed[t * channels + c] = *weights++;
    }
    return channels + channels * taps;
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
                const float *x = io->x + row / d->out_h * d->in_h * d->in_w * channels;
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
                if (d->residual == LK_RESIDUAL_BEFORE_ACTIVATION) sum += io->residual[place];
                sum = lk_clamp(sum, d->lo, d->hi);
                if (d->residual == LK_RESIDUAL_AFTER_ACTIVATION) sum += io->residual[place];
                io->y[place] = sum;
            }
}
