/* A vector of floats, made bytes, times a matrix: a classifier. Reading the weights bounds it, so several blocks at a time hide the
 * latency of their sums. */
#ifndef LK_LAYERS_KERNELS_LINEAR_I8_H
#define LK_LAYERS_KERNELS_LINEAR_I8_H

#include "base/sanitizer.h"
#include "layers/kernels/to_bytes.h"
#include "layers/kernels/int8_vector.h"

#define TOGETHER (8 / VECTORS) /* blocks */

typedef struct {
    const int32_t *at_zero;
    const float *factor, *bias;
    const int8_t *w;
    size_t fours;
} layer;

/* `count` blocks, a constant, from `block` on. */
INLINE void some_blocks(const layer *l, const uint8_t *x, size_t block, float *y, size_t count)
{
    const size_t next = l->fours * LK_BLOCK * 4;
    ints sum[TOGETHER][VECTORS];
    for (size_t b = 0; b < count; b++)
        for (size_t v = 0; v < VECTORS; v++) sum[b][v] = ints_load(l->at_zero + (block + b) * LK_BLOCK + v * LANES);
    for (size_t four = 0; four < l->fours; four++) {
        const ints input = ints_four(x + four * 4);
        const int8_t *w = l->w + block * next + four * LK_BLOCK * 4;
LK_UNROLL(8)
        for (size_t b = 0; b < count; b++)
LK_UNROLL(4)
            for (size_t v = 0; v < VECTORS; v++) sum[b][v] = ints_dot(sum[b][v], input, ints_load(w + b * next + v * LANES * 4));
    }
    int32_t sums[TOGETHER * LK_BLOCK];
    memcpy(sums, sum, count * LK_BLOCK * sizeof *sums);
    for (size_t i = 0; i < count * LK_BLOCK; i++) {
        y[i] = (float)sums[i] * l->factor[block * LK_BLOCK + i];
        y[i] += l->bias[block * LK_BLOCK + i];
    }
}

/* Rows [picture][block]; weights as lk_int8_pack_fours lays them; scratch: the input as bytes. */
INLINE void linear_i8(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    const size_t blocks = lk_blocks(d->out_channels), inputs = lk_blocks(d->in_channels) * LK_BLOCK;
    const int32_t *at_zero = io->weights;
    const float *factor = (const void *)(at_zero + blocks * LK_BLOCK), *bias = factor + blocks * LK_BLOCK;
    const layer l = {at_zero, factor, bias, (const int8_t *)(bias + blocks * LK_BLOCK), (d->in_channels + 3) / 4};
    for (size_t row = rows.begin; row < rows.end;) {
        const size_t picture = row / blocks, whole = (picture + 1) * blocks < rows.end ? (picture + 1) * blocks : rows.end;
        to_bytes((const float *)io->x + picture * inputs, inputs, d->x_real, io->scratch);
        while (row < whole) {
            const size_t count = whole - row >= TOGETHER ? TOGETHER : 1;
            float *y = (float *)io->y + row * LK_BLOCK;
            if (count == TOGETHER) some_blocks(&l, io->scratch, row % blocks, y, TOGETHER);
            else some_blocks(&l, io->scratch, row % blocks, y, 1);
            row += count;
        }
    }
}

#endif
