/* 1x1 convolution: a matrix product, [pixels][in_channels] by [in_channels][out_channels]. */
#include <string.h>

#include "base/checked.h"
#include "layers/bf16.h"
#include "layers/conv2d.h"
#include "layers/layout.h"

static const lk_conv2d_kernel kernels[] = {
#define LK_POINTWISE(run, type, needs, panel, pack, scratch, fits) \
    {#run, run, type, needs, panel, pack, scratch, fits},
#include "layers/kernels.inc"
};

const lk_conv2d_kernel *lk_pointwise_choose(const lk_conv2d *d, unsigned can)
{
    return lk_conv2d_choose_among(kernels, LK_COUNT(kernels), d, can);
}

size_t lk_pointwise_pack_blocks(const lk_conv2d *d, const lk_conv2d_weights *from, void *packed)
{
    const size_t inputs = d->in_channels, blocks = lk_blocks(d->out_channels);
    for (size_t o = 0; packed && o < blocks * LK_BLOCK; o++) {
        float *w = (float *)packed + (blocks + o / LK_BLOCK * inputs) * LK_BLOCK + o % LK_BLOCK;
        const bool real = o < d->out_channels;
        ((float *)packed)[o] = real ? from->bias[o] : 0;
        for (size_t c = 0; c < inputs; c++)
            w[c * LK_BLOCK] = real ? lk_conv2d_weight(d, from->weights[o * inputs + c]) : 0;
    }
    return blocks * LK_BLOCK * (1 + inputs) * sizeof(float);
}

/* Bias, and then bfloat16s, `unit` inputs of an output side by side. */
static size_t pack_bf16(const lk_conv2d *d, const lk_conv2d_weights *from, size_t unit, void *packed)
{
    const size_t inputs = (d->in_channels + unit - 1) / unit * unit, blocks = lk_blocks(d->out_channels);
    float *bias = packed;
    void *behind = packed ? bias + blocks * LK_BLOCK : NULL;
    uint16_t *w = behind;
    for (size_t o = 0; packed && o < blocks * LK_BLOCK; o++) {
        const bool real = o < d->out_channels;
        bias[o] = real ? from->bias[o] : 0;
        for (size_t c = 0; c < inputs; c++) {
            const float weight = real && c < d->in_channels ? from->weights[o * d->in_channels + c] : 0;
            const size_t row = o / LK_BLOCK * inputs / unit + c / unit;
            w[(row * LK_BLOCK + o % LK_BLOCK) * unit + c % unit] = lk_to_bf16(weight);
        }
    }
    return blocks * LK_BLOCK * (sizeof(float) + inputs * sizeof *w);
}

size_t lk_pointwise_pack_pairs(const lk_conv2d *d, const lk_conv2d_weights *from, void *packed)
{
    return pack_bf16(d, from, 2, packed);
}

size_t lk_pointwise_pack_halves(const lk_conv2d *d, const lk_conv2d_weights *from, void *packed)
{
    return pack_bf16(d, from, 1, packed);
}

/* `unit` inputs of an output side by side, as floats or as bfloat16. */
static size_t pack_24(const lk_conv2d *d, const lk_conv2d_weights *from, size_t unit, bool halves,
                      void *packed)
{
    const size_t inputs = d->in_channels, panels = d->out_channels / 24;
    float *bias = packed;
    void *w = packed ? bias + panels * 32 : NULL;
    for (size_t at = 0; packed && at < panels * 32; at++) {
        /* Odd panels begin in the middle of a block: their whole one comes first all the same. */
        const size_t column = at % 32, odd = at / 32 % 2, half = column % 8;
        const size_t o = at / 32 * 24 + (column < 16 ? column + odd * 8 : odd ? half : 16 + half);
        bias[at] = from->bias[o];
        for (size_t c = 0; c < inputs; c++) {
            const size_t place = at / 32 * inputs * 32 + (c / unit * 32 + column) * unit + c % unit;
            if (halves) ((uint16_t *)w)[place] = lk_to_bf16(from->weights[o * inputs + c]);
            else ((float *)w)[place] = from->weights[o * inputs + c];
        }
    }
    return panels * 32 * (sizeof(float) + inputs * (halves ? sizeof(uint16_t) : sizeof(float)));
}

size_t lk_pointwise_pack_24(const lk_conv2d *d, const lk_conv2d_weights *from, void *packed)
{
    return pack_24(d, from, 1, false, packed);
}

size_t lk_pointwise_pack_24_pairs(const lk_conv2d *d, const lk_conv2d_weights *from, void *packed)
{
    return pack_24(d, from, 2, true, packed);
}

bool lk_pointwise_fits_24(const lk_conv2d *d)
{
    return d->out_channels % 24 == 0 && d->out_channels % LK_BLOCK != 0;
}

bool lk_pointwise_fits_24_pairs(const lk_conv2d *d)
{
    return lk_pointwise_fits_24(d) && lk_pointwise_fits_pairs(d);
}

bool lk_pointwise_fits_vector(const lk_conv2d *d)
{
    return d->out_h * d->out_w == 1;
}

bool lk_pointwise_fits_f32_vector(const lk_conv2d *d)
{
    return lk_pointwise_fits_vector(d) && d->x_type == LK_F32 && d->y_type == LK_F32;
}

bool lk_pointwise_fits_bf16_maps(const lk_conv2d *d)
{
    return d->x_type == LK_BF16 && d->y_type == LK_BF16;
}

bool lk_pointwise_fits_pairs(const lk_conv2d *d)
{
    return lk_pointwise_fits_bf16_maps(d) && d->in_channels % 2 == 0;
}

void lk_pointwise_f32__reference(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    const size_t inputs = d->in_channels, outputs = d->out_channels;
    const float *bias = io->weights, *w = bias + outputs; /* w [in_channels][out_channels] */
    for (size_t pixel = rows.begin; pixel < rows.end; pixel++) {
        const float *x = (const float *)io->x + pixel * inputs;
        float *y = (float *)io->y + pixel * outputs;
        memcpy(y, bias, outputs * sizeof *y);
        for (size_t c = 0; c < inputs; c++)
            for (size_t o = 0; o < outputs; o++) y[o] += x[c] * w[c * outputs + o];
        for (size_t o = 0; o < outputs; o++) {
            if (d->residual == LK_RESIDUAL_BEFORE_ACTIVATION)
                y[o] += ((const float *)io->residual)[pixel * outputs + o];
            y[o] = lk_clamp(y[o], d->lo, d->hi);
            if (d->residual == LK_RESIDUAL_AFTER_ACTIVATION)
                y[o] += ((const float *)io->residual)[pixel * outputs + o];
        }
    }
}
