/* Which layers the int8 kernels of blocked maps do, and how they want weights. */
#include <string.h>

#include "base/checked.h"
#include "layers/int8.h"
#include "layers/kernels/int8_blocks.h"

/* Of a block's ring of rows, which is to stay in the first cache. */
#define RING_BYTES ((size_t)16 * 1024)

bool lk_int8_fits_columns(const lk_conv2d *d)
{
    return !lk_conv2d_is_pointwise(d) && d->groups == 1 && d->x_type == LK_U8 && d->y_type == LK_U8;
}

size_t lk_columns_i8_scratch(const lk_conv2d *d)
{
    const size_t pixels = lk_columns_pixels(d) + 1, terms = d->in_channels * d->kernel_h * d->kernel_w;
    return lk_blocked_floats(pixels, terms) + 2 * lk_blocked_floats(pixels, d->out_channels);
}

bool lk_int8_fits_pointwise(const lk_conv2d *d)
{
    return lk_conv2d_is_pointwise(d) && d->x_type == LK_U8 && d->y_type == LK_U8;
}

bool lk_int8_fits_linear(const lk_conv2d *d)
{
    return lk_conv2d_is_pointwise(d) && d->out_h * d->out_w == 1 && d->x_type == LK_F32 &&
           d->y_type == LK_F32 && d->residual == LK_RESIDUAL_NONE;
}

bool lk_int8_fits_any_depthwise(const lk_conv2d *d)
{
    return lk_conv2d_is_depthwise(d) && d->residual == LK_RESIDUAL_NONE && d->x_type == LK_U8 &&
           d->y_type == LK_U8;
}

bool lk_int8_fits_depthwise(const lk_conv2d *d)
{
    return lk_int8_fits_any_depthwise(d) && lk_depthwise_fits_blocked(d) && d->kernel_h == 3;
}

bool lk_int8_fits_stem(const lk_conv2d *d)
{
    return lk_stem_fits(d) && d->x_type == LK_F32 && d->y_type == LK_U8;
}

size_t lk_stem_i8_row(const lk_conv2d *d)
{
    return (lk_stem_padded_width(d) * d->in_channels + 3) / 4 * 4;
}

size_t lk_stem_i8_scratch(const lk_conv2d *d)
{
    return d->kernel_h * lk_stem_i8_row(d) + d->out_w * 4;
}

size_t lk_int8_pack_blocks(const lk_conv2d *d, const lk_conv2d_weights *from, void *packed)
{
    const size_t inputs = d->in_channels / d->groups, taps = d->kernel_h * d->kernel_w, terms = inputs * taps,
                 blocks = lk_blocks(d->out_channels), size = sizeof(int8_block) + terms * LK_BLOCK;
    if (packed) memset(packed, 0, blocks * size);
    for (size_t o = 0; packed && o < d->out_channels; o++) {
        int8_block *block = (int8_block *)((uint8_t *)packed + o / LK_BLOCK * size);
        int8_t *w = (int8_t *)(block + 1) + o % LK_BLOCK;
        const lk_int8_channel channel = lk_int8_channel_of(d, from, o);
        block->at_zero[o % LK_BLOCK] = channel.at_zero;
        block->factor[o % LK_BLOCK] = channel.factor;
        block->bias[o % LK_BLOCK] = from->bias[o];
        for (size_t term = 0; term < terms; term++)
            w[term * LK_BLOCK] = from->bytes[o * terms + term % inputs * taps + term / inputs];
    }
    return blocks * size;
}

size_t lk_linear_i8_scratch(const lk_conv2d *d)
{
    return lk_blocks(d->in_channels) * LK_BLOCK;
}

size_t lk_depthwise_i8_outside(const lk_conv2d *d)
{
    return d->in_w * LK_BLOCK;
}

bool lk_int8_fits_ring(const lk_conv2d *d)
{
    return lk_int8_fits_depthwise(d) && d->pad_left <= 1;
}

size_t lk_depthwise_i8_row(const lk_conv2d *d)
{
    const size_t lead = d->pad_left > 0, pixels = lead + (d->in_w + 3) / 4;
    const size_t reach = (lead * 4 - d->pad_left + (d->out_w - 1) / 4 * 4 * d->stride_w) / 4 + 3;
    return (pixels > reach ? pixels : reach) * 4 * LK_BLOCK;
}

size_t lk_depthwise_i8_rows(const lk_conv2d *d)
{
    const size_t least = d->stride_h + d->kernel_h; /* what two output rows read */
    const size_t most = RING_BYTES / lk_depthwise_i8_row(d), rows = most > least ? most : least;
    return rows < d->in_h ? rows : d->in_h;
}

size_t lk_depthwise_i8_ring(const lk_conv2d *d)
{
    return (1 + lk_depthwise_i8_rows(d)) * lk_depthwise_i8_row(d);
}

size_t lk_int8_pack_fours(const lk_conv2d *d, const lk_conv2d_weights *from, void *packed)
{
    const size_t taps = d->kernel_h * d->kernel_w, terms = d->in_channels * taps;
    const size_t padded = lk_blocks(d->out_channels) * LK_BLOCK, fours = (terms + 3) / 4,
                 size = padded * (sizeof(int32_t) + 2 * sizeof(float) + fours * 4);
    if (packed) memset(packed, 0, size);
    for (size_t o = 0; packed && o < d->out_channels; o++) {
        int32_t *at_zero = packed;
        float *factor = (void *)(at_zero + padded), *bias = factor + padded;
        int8_t *w = (int8_t *)(bias + padded) + (o / LK_BLOCK * fours * LK_BLOCK + o % LK_BLOCK) * 4;
        const lk_int8_channel channel = lk_int8_channel_of(d, from, o);
        at_zero[o] = channel.at_zero;
        factor[o] = channel.factor;
        bias[o] = from->bias[o];
        for (size_t term = 0; term < terms; term++)
            w[term / 4 * LK_BLOCK * 4 + term % 4] =
                from->bytes[o * terms + term % d->in_channels * taps + term / d->in_channels];
    }
    return size;
}

/* Blocks of at_zero, factor, and `words` words of bytes; byte_of says which byte of them all a tap's input
 * is. */
static size_t pack_words(const lk_conv2d *d, const lk_conv2d_weights *from, size_t words,
                         size_t byte_of(const lk_conv2d *d, size_t tap, size_t input), void *packed)
{
    const size_t inputs = d->in_channels / d->groups, taps = d->kernel_h * d->kernel_w;
    const size_t size = LK_BLOCK * (sizeof(int32_t) + sizeof(float) + words * 4);
    if (packed) memset(packed, 0, lk_blocks(d->out_channels) * size);
    for (size_t o = 0; packed && o < d->out_channels; o++) {
        int32_t *at_zero = (int32_t *)((uint8_t *)packed + o / LK_BLOCK * size);
        float *factor = (void *)(at_zero + LK_BLOCK);
        int8_t *w = (int8_t *)(factor + LK_BLOCK) + o % LK_BLOCK * 4;
        const lk_int8_channel channel = lk_int8_channel_of(d, from, o);
        at_zero[o % LK_BLOCK] = channel.at_zero;
        factor[o % LK_BLOCK] = channel.factor;
        for (size_t tap = 0; tap < taps; tap++)
            for (size_t c = 0; c < inputs; c++) {
                const size_t byte = byte_of(d, tap, c);
                w[byte / 4 * LK_BLOCK * 4 + byte % 4] = from->bytes[(o * inputs + c) * taps + tap];
            }
    }
    return lk_blocks(d->out_channels) * size;
}

static size_t byte_of_row(const lk_conv2d *d, size_t tap, size_t input)
{
    return tap / d->kernel_w * 4 + tap % d->kernel_w + input;
}

/* The ninth byte of each row of taps is in the last word. */
static size_t byte_of_stem(const lk_conv2d *d, size_t tap, size_t input)
{
    const size_t row = tap / d->kernel_w, at = tap % d->kernel_w * d->in_channels + input;
    return at < 8 ? row * 8 + at : d->kernel_h * 8 + row;
}

size_t lk_int8_pack_rows(const lk_conv2d *d, const lk_conv2d_weights *from, void *packed)
{
    return pack_words(d, from, d->kernel_h, byte_of_row, packed);
}

size_t lk_int8_pack_stem(const lk_conv2d *d, const lk_conv2d_weights *from, void *packed)
{
    return pack_words(d, from, 7, byte_of_stem, packed);
}

/* A zero that is 128 less stands for inputs that are. */
static lk_conv2d signed_input(const lk_conv2d *d)
{
    lk_conv2d shifted = *d;
    shifted.x_real.zero -= 128;
    return shifted;
}

size_t lk_int8_pack_signed_fours(const lk_conv2d *d, const lk_conv2d_weights *from, void *packed)
{
    const lk_conv2d shifted = signed_input(d);
    return lk_int8_pack_fours(&shifted, from, packed);
}

size_t lk_int8_pack_signed_rows(const lk_conv2d *d, const lk_conv2d_weights *from, void *packed)
{
    const lk_conv2d shifted = signed_input(d);
    return lk_int8_pack_rows(&shifted, from, packed);
}

size_t lk_int8_pack_signed_stem(const lk_conv2d *d, const lk_conv2d_weights *from, void *packed)
{
    const lk_conv2d shifted = signed_input(d);
    return lk_int8_pack_stem(&shifted, from, packed);
}
