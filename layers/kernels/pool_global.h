/* The mean of a blocked map, a block of channels at a time; the mean itself is a float32. */
#ifndef LK_LAYERS_KERNELS_POOL_GLOBAL_H
#define LK_LAYERS_KERNELS_POOL_GLOBAL_H

#include "layers/kernels/map.h"
#include "layers/layout.h"
#include "layers/pool2d.h"

/* Rows [picture][block]. */
static inline void pool_global(const lk_pool2d *d, const lk_operands *io, lk_rows rows)
{
    const size_t pixels = d->in_h * d->in_w;
    for (size_t row = rows.begin; row < rows.end; row++)
        for (size_t v = 0; v < LK_BLOCK; v += LK_LANES) {
            const lk_element *x = (const lk_element *)io->x + row * pixels * LK_BLOCK + v;
            lk_vec sum = lk_vec_set(0);
            for (size_t p = 0; p < pixels; p++) sum = lk_vec_add(sum, lk_map_load(x + p * LK_BLOCK));
            lk_vec_store((float *)io->y + row * LK_BLOCK + v, lk_vec_divide(sum, lk_vec_set((float)pixels)));
        }
}

#endif
