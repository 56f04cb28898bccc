/* What the kernels of the first convolution share: which layers they do, and how they want weights. */
#include "base/checked.h"
#include "layers/conv2d.h"
#include "layers/layout.h"

bool lk_stem_fits(const lk_conv2d *d)
{
    return d->in_channels == 3 && d->groups == 1 && d->kernel_h == 3 && d->kernel_w == 3 &&
           d->stride_h == 2 && d->stride_w == 2 && d->dilation_h == 1 && d->dilation_w == 1 &&
           d->pad_left <= 2 && d->residual == LK_RESIDUAL_NONE;
}

size_t lk_stem_padded_width(const lk_conv2d *d)
{
    return (d->out_w - 1) * d->stride_w + d->kernel_w;
}

size_t lk_stem_scratch(const lk_conv2d *d)
{
    return d->kernel_h * lk_stem_padded_width(d) * d->in_channels * sizeof(float);
}

size_t lk_stem_pack(const lk_conv2d *d, const lk_conv2d_weights *from, void *packed)
{
    const size_t taps = d->kernel_h * d->kernel_w, terms = taps * d->in_channels,
                 blocks = lk_blocks(d->out_channels);
    for (size_t o = 0; packed && o < blocks * LK_BLOCK; o++) {
        float *place = (float *)packed + o / LK_BLOCK * (1 + terms) * LK_BLOCK + o % LK_BLOCK;
        const bool real = o < d->out_channels;
        *place = real ? from->bias[o] : 0;
        for (size_t tap = 0; tap < taps; tap++)
            for (size_t c = 0; c < d->in_channels; c++)
                place[(1 + tap * d->in_channels + c) * LK_BLOCK] =
                    real ? lk_conv2d_weight(d, from->weights[(o * d->in_channels + c) * taps + tap]) : 0;
    }
    return blocks * (1 + terms) * LK_BLOCK * sizeof(float);
}
