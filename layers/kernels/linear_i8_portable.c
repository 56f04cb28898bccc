#include <string.h>

#include "layers/kernels/int8_blocks.h"

/* Rows [picture][block]; one pixel, of floats on both sides. */
void lk_linear_i8__portable(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    const size_t blocks = lk_blocks(d->out_channels), packed = sizeof(int8_block) + d->in_channels * LK_BLOCK;
    const float inverse = lk_affine_inverse(d->x_real);
    const lk_bytes bytes = lk_affine_bytes(d->x_real, -INFINITY, INFINITY);
    for (size_t row = rows.begin; row < rows.end; row++) {
        const int8_block *block = (const int8_block *)((const uint8_t *)io->weights + row % blocks * packed);
        const int8_t *w = (const int8_t *)(block + 1);
        const float *x = (const float *)io->x + row / blocks * lk_blocked_floats(1, d->in_channels);
        float *y = (float *)io->y + row * LK_BLOCK;
        int8_sums sum[INT8_QUARTERS];
        memcpy(sum, block->at_zero, sizeof sum);
        for (size_t c = 0; c < d->in_channels; c++) {
            int8_products weights[INT8_HALVES];
            int8_weights(w + c * LK_BLOCK, weights);
            int8_multiply(sum, lk_byte_of(x[c] * inverse, bytes), weights);
        }
        for (size_t c = 0; c < LK_BLOCK; c++) {
            y[c] = (float)sum[c / 4][c % 4] * block->factor[c];
            y[c] += block->bias[c];
        }
    }
}
