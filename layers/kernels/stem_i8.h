/* What the int8 kernels of the first convolution share: three rows of the input at a time become bytes, with their padding
 * around them, so that every tap of every output pixel lies at a constant distance. */
#ifndef LK_LAYERS_KERNELS_STEM_I8_H
#define LK_LAYERS_KERNELS_STEM_I8_H

#include <string.h>

#include "layers/int8.h"
#include "layers/kernels/to_bytes.h"
#include "layers/layout.h"

#define STEM_TAPS ((size_t)3)
#define STEM_CHANNELS ((size_t)3)
#define STEM_STRIDE ((size_t)2)

/* What the layer reads, and of pixels the bytes of x_real that each of theirs becomes. */
typedef struct {
    const lk_conv2d *d;
    const lk_operands *io;
    uint8_t byte[STEM_CHANNELS][256];
} stem_i8_input;

static inline void stem_i8_open(const lk_conv2d *d, const lk_operands *io, stem_i8_input *input)
{
    input->d = d;
    input->io = io;
    for (size_t c = 0; io->pixels && c < STEM_CHANNELS; c++)
        to_bytes(io->pixels->value[c], sizeof input->byte[c], d->x_real, input->byte[c]);
}

/* An input row as bytes, what is outside as x_real.zero, to which zeros of the sum belong. */
static inline void stem_i8_pad(const stem_i8_input *input, size_t picture, size_t iy, uint8_t *padded)
{
    const lk_conv2d *d = input->d;
    const size_t width = lk_stem_padded_width(d), room = width - d->pad_left, inside = d->in_w < room ? d->in_w : room;
    memset(padded, d->x_real.zero, lk_stem_i8_row(d));
    if (iy >= d->in_h) return;
    const size_t from = (picture * d->in_h + iy) * d->in_w * STEM_CHANNELS;
    padded += d->pad_left * STEM_CHANNELS;
    if (!input->io->pixels) {
        to_bytes((const float *)input->io->x + from, inside * STEM_CHANNELS, d->x_real, padded);
        return;
    }
    const uint8_t *rgb = (const uint8_t *)input->io->x + from;
    for (size_t i = 0; i < inside; i++, rgb += STEM_CHANNELS, padded += STEM_CHANNELS)
        for (size_t c = 0; c < STEM_CHANNELS; c++) padded[c] = input->byte[c][rgb[c]];
}

/* The rows of the taps of output row `at`, counted through the pictures, from its first pixel's first tap on. Unless it is the first
 * of a call, the call before left in scratch what the two have in common. */
static inline void stem_i8_rows(const stem_i8_input *input, size_t at, bool first, const uint8_t *row[STEM_TAPS])
{
    const lk_conv2d *d = input->d;
    const size_t picture = at / d->out_h, oy = at % d->out_h;
    for (size_t ky = 0; ky < STEM_TAPS; ky++) {
        /* Input row oy * 2 + ky of the padded map lies in slot (oy * 2 + ky) % 3, where the output row before left it. */
        uint8_t *slot = (uint8_t *)input->io->scratch + (oy * STEM_STRIDE + ky) % STEM_TAPS * lk_stem_i8_row(d);
        if (ky > 0 || first || oy == 0) stem_i8_pad(input, picture, oy * STEM_STRIDE + ky - d->pad_top, slot);
        row[ky] = slot;
    }
}

static inline uint8_t *stem_i8_output(const lk_conv2d *d, const lk_operands *io, size_t at, size_t block)
{
    const size_t picture = at / d->out_h, oy = at % d->out_h;
    const size_t plane = d->out_h * d->out_w;
    return (uint8_t *)io->y + ((picture * lk_blocks(d->out_channels) + block) * plane + oy * d->out_w) * LK_BLOCK;
}

#endif
