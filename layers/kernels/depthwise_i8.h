/* Depthwise convolution of blocked maps of bytes: a block's rows are laid into a ring as depthwise_i8_ring.h wants them. */
#ifndef LK_LAYERS_KERNELS_DEPTHWISE_I8_H
#define LK_LAYERS_KERNELS_DEPTHWISE_I8_H

#include "layers/kernels/depthwise_i8_ring.h"

static void lay_rows(input_ring *r, size_t end, const void *block)
{
    const size_t width = r->d->in_w;
    for (; r->next < end; r->next++) {
        const uint8_t *x = (const uint8_t *)block + r->next * width * LK_BLOCK;
        uint8_t *row = ring_row(r, 0, r->next) + r->lead * GROUP_BYTES;
        size_t ix = 0;
        for (; ix + 4 <= width; ix += 4) lay_some(x + ix * LK_BLOCK, 4, 0, row + ix * LK_BLOCK);
        if (ix < width) lay_some(x + ix * LK_BLOCK, width - ix, r->d->x_real.zero, row + ix * LK_BLOCK);
    }
}

/* Rows [picture][block][row]; weights as lk_int8_pack_rows lays them. */
INLINE void depthwise_i8(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    const size_t blocks = lk_blocks(d->out_channels), of_block = d->in_h * d->in_w * LK_BLOCK;
    input_ring r = ring_of(d, io->scratch, lk_depthwise_i8_rows(d), 1);
    for (size_t begin = rows.begin, end; begin < rows.end; begin = end) {
        const size_t block = begin / d->out_h; /* counted through the pictures */
        end = (block + 1) * d->out_h < rows.end ? (block + 1) * d->out_h : rows.end;
        const lk_rows range = {begin - block * d->out_h, end - block * d->out_h};
        ring_depthwise(&r, (const taps_block *)io->weights + block % blocks,
                       (uint8_t *)io->y + block * d->out_h * d->out_w * LK_BLOCK, range, 1, lay_rows,
                       (const uint8_t *)io->x + block * of_block);
    }
}

#endif
