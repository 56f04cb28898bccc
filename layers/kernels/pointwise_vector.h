/* A vector times a matrix: pointwise on one pixel, such as a classifier. It is bound by reading the weights, so several panels
 * at a time hide the latency of their sums. The panels are those of pointwise_blocked.h. */
#ifndef LK_LAYERS_KERNELS_POINTWISE_VECTOR_H
#define LK_LAYERS_KERNELS_POINTWISE_VECTOR_H

#include "base/sanitizer.h"
#include "layers/conv2d.h"
#include "layers/kernels/vector.h"
#include "layers/layout.h"

#define INLINE static inline __attribute__((always_inline))
#define PANELS 4
enum { VECTORS = LK_BLOCK / LK_LANES };

/* `count` panels, a constant, from the one whose bias, weights, residual and output these are. */
INLINE void some_panels(const lk_conv2d *d, const float *bias, const lk_operands *io, size_t count)
{
    const size_t panel = d->in_channels * LK_BLOCK;
    lk_vec sum[PANELS][VECTORS];
LK_UNROLL(4)
    for (size_t p = 0; p < count; p++)
LK_UNROLL(4)
        for (size_t v = 0; v < VECTORS; v++) sum[p][v] = lk_vec_load(bias + p * LK_BLOCK + v * LK_LANES);
    for (size_t c = 0; c < d->in_channels; c++) {
        const lk_factor x = lk_vec_factor(((const float *)io->x)[c]);
        const float *w = (const float *)io->weights + c * LK_BLOCK;
LK_UNROLL(4)
        for (size_t p = 0; p < count; p++)
LK_UNROLL(4)
            for (size_t v = 0; v < VECTORS; v++)
                sum[p][v] = lk_vec_fma_by(x, lk_vec_load(w + p * panel + v * LK_LANES), sum[p][v]);
    }
LK_UNROLL(4)
    for (size_t p = 0; p < count; p++)
LK_UNROLL(4)
        for (size_t v = 0; v < VECTORS; v++) {
            const size_t at = p * LK_BLOCK + v * LK_LANES;
            lk_vec value = sum[p][v];
            if (d->residual == LK_RESIDUAL_BEFORE_ACTIVATION)
                value = lk_vec_add(value, lk_vec_load((const float *)io->residual + at));
            value = lk_vec_clamp(value, lk_vec_set(d->lo), lk_vec_set(d->hi));
            if (d->residual == LK_RESIDUAL_AFTER_ACTIVATION)
                value = lk_vec_add(value, lk_vec_load((const float *)io->residual + at));
            lk_vec_store((float *)io->y + at, value);
        }
}

/* Rows [picture][panel]. */
INLINE void pointwise_vector(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    const size_t panels = lk_blocks(d->out_channels), inputs = lk_blocks(d->in_channels) * LK_BLOCK;
    for (size_t row = rows.begin; row < rows.end;) {
        const size_t picture = row / panels, at = row % panels;
        const size_t whole = (picture + 1) * panels < rows.end ? (picture + 1) * panels : rows.end;
        const lk_operands here = {.x = (const float *)io->x + picture * inputs,
                                  .residual = io->residual ? (const float *)io->residual + row * LK_BLOCK : NULL,
                                  .weights = (const float *)io->weights + (panels + at * d->in_channels) * LK_BLOCK,
                                  .y = (float *)io->y + row * LK_BLOCK};
        const float *bias = (const float *)io->weights + at * LK_BLOCK;
        if (row + PANELS <= whole) {
            some_panels(d, bias, &here, PANELS);
            row += PANELS;
        } else {
            some_panels(d, bias, &here, 1);
            row++;
        }
    }
}

#endif
