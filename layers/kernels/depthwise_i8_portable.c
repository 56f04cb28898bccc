#include <string.h>

#include "layers/kernels/int8_blocks.h"

/* Any taps. Rows [picture][block][row]. */
void lk_depthwise_i8_1x1__portable(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    const size_t blocks = lk_blocks(d->out_channels), taps = d->kernel_h * d->kernel_w,
                 packed = sizeof(int8_block) + taps * LK_BLOCK;
    const int8_ending ending = int8_ending_of(d);
    for (size_t row = rows.begin; row < rows.end; row++) {
        const size_t of_block = row / d->out_h, oy = row % d->out_h;
        const int8_block *block =
            (const int8_block *)((const uint8_t *)io->weights + of_block % blocks * packed);
        const int8_t *w = (const int8_t *)(block + 1);
        const uint8_t *x = (const uint8_t *)io->x + of_block * d->in_h * d->in_w * LK_BLOCK;
        uint8_t outside[LK_BLOCK];
        memset(outside, d->x_real.zero, sizeof outside);
        for (size_t ox = 0; ox < d->out_w; ox++) {
            int8_sums sum[INT8_QUARTERS];
            memcpy(sum, block->at_zero, sizeof sum);
            for (size_t tap = 0; tap < taps; tap++) {
                /* Above and left of the map wraps to a huge number, which is outside as well. */
                const size_t iy = oy * d->stride_h + tap / d->kernel_w * d->dilation_h - d->pad_top;
                const size_t ix = ox * d->stride_w + tap % d->kernel_w * d->dilation_w - d->pad_left;
                const uint8_t *pixel =
                    iy < d->in_h && ix < d->in_w ? x + (iy * d->in_w + ix) * LK_BLOCK : outside;
                int8_multiply_each(sum, pixel, w + tap * LK_BLOCK);
            }
            int8_finish(&ending, block, sum, NULL, (uint8_t *)io->y + (row * d->out_w + ox) * LK_BLOCK);
        }
    }
}
