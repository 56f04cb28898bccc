/* 1x1 convolution: a matrix product, [pixels][in_channels] by [in_channels][out_channels]. */
#include <string.h>

#include "base/checked.h"
#include "layers/conv2d.h"

static const lk_conv2d_kernel kernels[] = {
#define LK_POINTWISE(run, needs, pack, scratch, fits) {#run, run, needs, pack, scratch, fits},
#include "layers/kernels.inc"
};

const lk_conv2d_kernel *lk_pointwise_choose(const lk_conv2d *d, unsigned can)
{
    return lk_conv2d_choose_among(kernels, LK_COUNT(kernels), d, can);
}

void lk_pointwise_f32__reference(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    const size_t inputs = d->in_channels, outputs = d->out_channels;
    const float *bias = io->weights, *w = bias + outputs; /* w [in_channels][out_channels] */
    for (size_t pixel = rows.begin; pixel < rows.end; pixel++) {
        const float *x = io->x + pixel * inputs;
        float *y = io->y + pixel * outputs;
        memcpy(y, bias, outputs * sizeof *y);
        for (size_t c = 0; c < inputs; c++)
            for (size_t o = 0; o < outputs; o++) y[o] += x[c] * w[c * outputs + o];
        for (size_t o = 0; o < outputs; o++) {
            if (d->residual == LK_RESIDUAL_BEFORE_ACTIVATION) y[o] += io->residual[pixel * outputs + o];
            y[o] = lk_clamp(y[o], d->lo, d->hi);
            if (d->residual == LK_RESIDUAL_AFTER_ACTIVATION) y[o] += io->residual[pixel * outputs + o];
        }
    }
}
