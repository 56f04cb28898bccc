/* A convolution of any shape as a matrix product: what its columns hold, and how the kernels that gather them
 * want weights. */
#include <string.h>

#include "base/checked.h"
#include "layers/bf16.h"
#include "layers/conv2d.h"
#include "layers/layout.h"

/* Columns that are gathered at once: with a panel's weights they stay in a second cache. */
#define COLUMN_BYTES ((size_t)192 * 1024)

/* But a panel's weights are read once for them, which fewer pixels than this do not pay for. */
#define LEAST_PIXELS ((size_t)24)

bool lk_conv2d_fits_picture(const lk_conv2d *d)
{
    return d->in_channels <= 4 && d->groups == 1 && d->dilation_w == 1;
}

lk_inputs lk_conv2d_inputs_of(const lk_conv2d *d, size_t block)
{
    const size_t inputs = d->in_channels / d->groups, outputs = d->out_channels / d->groups;
    const size_t end = (block + 1) * LK_BLOCK < d->out_channels ? (block + 1) * LK_BLOCK : d->out_channels;
    const size_t first = block * LK_BLOCK / outputs * inputs;
    return (lk_inputs){first, ((end - 1) / outputs + 1) * inputs - first};
}

static size_t most_inputs(const lk_conv2d *d)
{
    size_t most = 1;
    for (size_t block = 0; block < lk_blocks(d->out_channels); block++) {
        const size_t count = lk_conv2d_inputs_of(d, block).count;
        if (count > most) most = count;
    }
    return most;
}

size_t lk_columns_pixels(const lk_conv2d *d)
{
    const size_t column = most_inputs(d) * d->kernel_h * d->kernel_w * sizeof(float),
                 all = d->out_h * d->out_w;
    const size_t fitting = COLUMN_BYTES / column, pixels = fitting > LEAST_PIXELS ? fitting : LEAST_PIXELS;
    return pixels < all ? pixels : all;
}

size_t lk_columns_scratch(const lk_conv2d *d)
{
    const size_t terms = most_inputs(d) * d->kernel_h * d->kernel_w;
    return lk_blocked_floats(lk_columns_pixels(d) + 1, terms) * sizeof(float); /* enough for any type */
}

/* The weight of output `o` for a term of its block's columns; 0 for an input of another group. */
static float weight_of(const lk_conv2d *d, const lk_conv2d_weights *from, size_t o, lk_inputs columns,
                       size_t term)
{
    const size_t taps = d->kernel_h * d->kernel_w, inputs = d->in_channels / d->groups;
    if (o >= d->out_channels || term >= taps * columns.count) return 0;
    /* An input before the group's first wraps to a huge number, which is none of its own as well. */
    const size_t c = columns.first + term % columns.count - o / (d->out_channels / d->groups) * inputs;
    return c < inputs ? lk_conv2d_weight(d, from->weights[(o * inputs + c) * taps + term / columns.count])
                      : 0;
}

/* `unit` terms of an output side by side, as floats or as bfloat16. */
static size_t pack(const lk_conv2d *d, const lk_conv2d_weights *from, size_t unit, bool halves, void *packed)
{
    const size_t blocks = lk_blocks(d->out_channels);
    float *bias = packed;
    size_t at = 0; /* of a weight */
    for (size_t o = 0; packed && o < blocks * LK_BLOCK; o++)
        bias[o] = o < d->out_channels ? from->bias[o] : 0;
    void *weights = packed ? bias + blocks * LK_BLOCK : NULL;
    for (size_t block = 0; block < blocks; block++) {
        const lk_inputs columns = lk_conv2d_inputs_of(d, block);
        const size_t terms = (columns.count * d->kernel_h * d->kernel_w + unit - 1) / unit * unit;
        for (size_t i = 0; packed && i < terms * LK_BLOCK; i++) {
            const size_t o = block * LK_BLOCK + i / unit % LK_BLOCK,
                         term = i / unit / LK_BLOCK * unit + i % unit;
            const float w = weight_of(d, from, o, columns, term);
            if (halves) ((uint16_t *)weights)[at + i] = lk_to_bf16(w);
            else ((float *)weights)[at + i] = w;
        }
        at += terms * LK_BLOCK;
    }
    return blocks * LK_BLOCK * sizeof(float) + at * (halves ? sizeof(uint16_t) : sizeof(float));
}

size_t lk_conv2d_pack_columns(const lk_conv2d *d, const lk_conv2d_weights *from, void *packed)
{
    return pack(d, from, 1, false, packed);
}

size_t lk_conv2d_pack_column_pairs(const lk_conv2d *d, const lk_conv2d_weights *from, void *packed)
{
    return pack(d, from, 2, true, packed);
}
