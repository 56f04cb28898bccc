/* The mean of a blocked map of bytes, as floats; plain loops, which compilers make vectors of. */
#ifndef LK_LAYERS_KERNELS_POOL_U8_H
#define LK_LAYERS_KERNELS_POOL_U8_H

#include "layers/int8.h"
#include "layers/layout.h"

/* Rows [picture][block]. */
static inline void pool_u8_global(const lk_pool2d *d, const lk_operands *io, lk_rows rows)
{
    const size_t pixels = d->in_h * d->in_w;
    const float factor = lk_pool2d_u8_factor(d);
    for (size_t row = rows.begin; row < rows.end; row++) {
        const uint8_t *x = (const uint8_t *)io->x + row * pixels * LK_BLOCK;
        int32_t sum[LK_BLOCK] = {0};
        for (size_t p = 0; p < pixels; p++)
            for (size_t c = 0; c < LK_BLOCK; c++) sum[c] += x[p * LK_BLOCK + c];
        for (size_t c = 0; c < LK_BLOCK; c++)
            ((float *)io->y)[row * LK_BLOCK + c] = (float)(sum[c] - (int32_t)pixels * d->x_real.zero) * factor;
    }
}

#endif
