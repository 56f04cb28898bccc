#include "layers/conv2d.h"

#include <string.h>

#include "base/checked.h"
#include "layers/bf16.h"
#include "layers/int8.h"

static const lk_conv2d_kernel kernels[] = {
#define LK_CONV2D(run, type, needs, panel, pack, scratch, fits) \
    {#run, run, type, needs, panel, pack, scratch, fits},
#include "layers/kernels.inc"
};

bool lk_conv2d_is_pointwise(const lk_conv2d *d)
{
    return d->kernel_h == 1 && d->kernel_w == 1 && d->groups == 1 && d->in_h == d->out_h &&
           d->in_w == d->out_w && d->stride_h == 1 && d->stride_w == 1;
}

bool lk_conv2d_is_depthwise(const lk_conv2d *d)
{
    return d->groups > 1 && d->groups == d->in_channels && d->groups == d->out_channels;
}

const lk_conv2d_kernel *lk_conv2d_choose_among(const lk_conv2d_kernel *among, size_t count,
                                               const lk_conv2d *d, unsigned can)
{
    size_t i = count - 1;
    /* Stops at the reference, which needs nothing and does everything. */
    while (i && (among[i].type != d->type || among[i].needs & ~can || (among[i].fits && !among[i].fits(d))))
        i--;
    return &among[i];
}

const lk_conv2d_kernel *lk_conv2d_choose(const lk_conv2d *d, unsigned can)
{
    if (d->type == LK_I8) return lk_int8_choose(d, can);
    if (lk_conv2d_is_pointwise(d)) return lk_pointwise_choose(d, can);
    if (lk_conv2d_is_depthwise(d)) return lk_depthwise_choose(d, can);
    return lk_conv2d_choose_among(kernels, LK_COUNT(kernels), d, can);
}

size_t lk_conv2d_rows(const lk_conv2d_kernel *kernel, const lk_conv2d *d)
{
    const size_t rows = lk_conv2d_is_pointwise(d) ? d->out_h * d->out_w : d->out_h;
    if (!kernel->panel || kernel->panel == LK_STEM || kernel->panel == LK_ROWS) return rows;
    return (d->out_channels + kernel->panel - 1) / kernel->panel * rows;
}

size_t lk_conv2d_multiply_adds(const lk_conv2d *d)
{
    return d->out_h * d->out_w * d->out_channels * d->kernel_h * d->kernel_w * (d->in_channels / d->groups);
}

float lk_conv2d_weight(const lk_conv2d *d, float weight)
{
    const bool many = lk_conv2d_is_pointwise(d) || (d->x_type == LK_BF16 && !lk_conv2d_is_depthwise(d));
    return d->type == LK_BF16 && many ? lk_round_bf16(weight) : weight;
}

size_t lk_conv2d_pack_taps(const lk_conv2d *d, const lk_conv2d_weights *from, void *packed)
{
    const size_t taps = d->kernel_h * d->kernel_w, inputs = d->in_channels / d->groups,
                 outputs = d->out_channels;
    if (packed) {
        const float *weights = from->weights;
        float *w = memcpy(packed, from->bias, outputs * sizeof *w);
        w += outputs;
        for (size_t o = 0; o < outputs; o++)
            for (size_t c = 0; c < inputs; c++)
                for (size_t t = 0; t < taps; t++)
                    w[(t * inputs + c) * outputs + o] = lk_conv2d_weight(d, *weights++);
    }
    return (outputs + outputs * inputs * taps) * sizeof(float);
}

/* One output pixel's sums: y[out_channels] starts as the bias. The innermost loop runs along outputs, where
 * memory is contiguous; each sum still adds its terms in the order of the formula. */
static void add_taps(const lk_conv2d *d, const float *x, const float *w, size_t oy, size_t ox, float *y)
{
    const size_t inputs = d->in_channels / d->groups, outputs = d->out_channels / d->groups;
    for (size_t ky = 0; ky < d->kernel_h; ky++)
        for (size_t kx = 0; kx < d->kernel_w; kx++) {
            /* Above and left of the map wraps to a huge number, which is outside as well. */
            const size_t iy = oy * d->stride_h + ky * d->dilation_h - d->pad_top;
            const size_t ix = ox * d->stride_w + kx * d->dilation_w - d->pad_left;
            if (iy >= d->in_h || ix >= d->in_w) continue;
            const float *pixel = x + (iy * d->in_w + ix) * d->in_channels;
            const float *tap = w + (ky * d->kernel_w + kx) * inputs * d->out_channels;
            for (size_t group = 0; group < d->groups; group++)
                for (size_t c = 0; c < inputs; c++)
                    for (size_t o = 0; o < outputs; o++)
                        y[group * outputs + o] +=
                            pixel[group * inputs + c] * tap[c * d->out_channels + group * outputs + o];
        }
}

void lk_conv2d_f32__reference(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    const float *bias = io->weights, *w = bias + d->out_channels;
    for (size_t row = rows.begin; row < rows.end; row++) {
        const float *x = (const float *)io->x + row / d->out_h * d->in_h * d->in_w * d->in_channels;
        for (size_t ox = 0; ox < d->out_w; ox++) {
            const size_t pixel = (row * d->out_w + ox) * d->out_channels;
            float *y = (float *)io->y + pixel;
            memcpy(y, bias, d->out_channels * sizeof *y);
            add_taps(d, x, w, row % d->out_h, ox, y);
            for (size_t o = 0; o < d->out_channels; o++) {
                if (d->residual == LK_RESIDUAL_BEFORE_ACTIVATION)
                    y[o] += ((const float *)io->residual)[pixel + o];
                y[o] = lk_clamp(y[o], d->lo, d->hi);
                if (d->residual == LK_RESIDUAL_AFTER_ACTIVATION)
                    y[o] += ((const float *)io->residual)[pixel + o];
            }
        }
    }
}
