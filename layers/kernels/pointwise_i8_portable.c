#include <string.h>

#include "layers/kernels/int8_blocks.h"

enum { PIXELS = 2 }; /* that share the widening of weights */

/* Rows [picture][block][pixel]. */
void lk_pointwise_i8_2x16__portable(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    const size_t pixels = d->out_h * d->out_w, blocks = lk_blocks(d->out_channels),
                 packed = sizeof(int8_block) + d->in_channels * LK_BLOCK;
    const int8_ending ending = int8_ending_of(d);
    for (size_t row = rows.begin, count; row < rows.end; row += count) {
        const size_t of_block = row / pixels, pixel = row % pixels, picture = of_block / blocks;
        const int8_block *block =
            (const int8_block *)((const uint8_t *)io->weights + of_block % blocks * packed);
        const int8_t *w = (const int8_t *)(block + 1);
        const uint8_t *x = (const uint8_t *)io->x + picture * lk_blocked_floats(pixels, d->in_channels);
        count = rows.end - row >= PIXELS && pixels - pixel >= PIXELS ? PIXELS : 1;
        int8_sums sum[PIXELS][INT8_QUARTERS];
        for (size_t p = 0; p < PIXELS; p++) memcpy(sum[p], block->at_zero, sizeof sum[p]);
        for (size_t c = 0; c < d->in_channels; c++) {
            const uint8_t *at = x + (c / LK_BLOCK * pixels + pixel) * LK_BLOCK + c % LK_BLOCK;
            int8_products weights[INT8_HALVES];
            int8_weights(w + c * LK_BLOCK, weights);
            int8_multiply(sum[0], at[0], weights);
            int8_multiply(sum[1], at[(count - 1) * LK_BLOCK], weights);
        }
        for (size_t p = 0; p < count; p++) {
            const size_t place = (row + p) * LK_BLOCK;
            int8_finish(&ending, block, sum[p], io->residual ? (const uint8_t *)io->residual + place : NULL,
                        (uint8_t *)io->y + place);
        }
    }
}
