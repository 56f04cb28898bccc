#include <string.h>

#include "layers/kernels/int8_blocks.h"
#include "layers/kernels/stem_i8.h"

/* Rows [picture][row], all blocks of each. */
void lk_conv2d_i8_stem1__portable(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    const size_t blocks = lk_blocks(d->out_channels),
                 packed = sizeof(int8_block) + STEM_TAPS * STEM_TAPS * STEM_CHANNELS * LK_BLOCK;
    const int8_ending ending = int8_ending_of(d);
    stem_i8_input input;
    stem_i8_open(d, io, &input);
    for (size_t at = rows.begin; at < rows.end; at++) {
        const uint8_t *row[STEM_TAPS];
        stem_i8_rows(&input, at, at == rows.begin, row);
        for (size_t b = 0; b < blocks; b++) {
            const int8_block *block = (const int8_block *)((const uint8_t *)io->weights + b * packed);
            const int8_t *w = (const int8_t *)(block + 1);
            uint8_t *y = stem_i8_output(d, io, at, b);
            for (size_t ox = 0; ox < d->out_w; ox++) {
                int8_sums sum[INT8_QUARTERS];
                memcpy(sum, block->at_zero, sizeof sum);
                for (size_t k = 0; k < STEM_TAPS * STEM_TAPS * STEM_CHANNELS; k++) {
                    const size_t ky = k / (STEM_TAPS * STEM_CHANNELS), from = k % (STEM_TAPS * STEM_CHANNELS);
                    int8_products weights[INT8_HALVES];
                    int8_weights(w + k * LK_BLOCK, weights);
                    int8_multiply(sum, row[ky][ox * STEM_STRIDE * STEM_CHANNELS + from], weights);
                }
                int8_finish(&ending, block, sum, NULL, y + ox * LK_BLOCK);
            }
        }
    }
}
