/* A vector times a matrix: pointwise on one pixel, such as a classifier. It is bound by reading the weights, so several panels
 * at a time hide the latency of their sums. Weights are [blocks][in_channels][LK_BLOCK]; x and y are float32 whatever the weights are. */
#ifndef LK_LAYERS_KERNELS_POINTWISE_VECTOR_H
#define LK_LAYERS_KERNELS_POINTWISE_VECTOR_H

#include "base/sanitizer.h"
#include "layers/conv2d.h"
#include "layers/kernels/map.h"
#include "layers/layout.h"

#define INLINE static inline __attribute__((always_inline))
#define PANELS 4
enum { VECTORS = LK_BLOCK / LK_LANES };

/* The panels from one on: their bias, weights, residual and output. */
typedef struct {
    const lk_conv2d *d;
    const float *bias, *x, *residual;
    const lk_element *w;
    float *y;
} panels_of_vector;

/* `count` panels, a constant. */
INLINE void some_panels(const panels_of_vector *p, size_t count)
{
    const lk_conv2d *d = p->d;
    const size_t panel = d->in_channels * LK_BLOCK;
    lk_vec sum[PANELS][VECTORS];
LK_UNROLL(4)
    for (size_t i = 0; i < count; i++)
LK_UNROLL(4)
        for (size_t v = 0; v < VECTORS; v++) sum[i][v] = lk_vec_load(p->bias + i * LK_BLOCK + v * LK_LANES);
    for (size_t c = 0; c < d->in_channels; c++) {
        const lk_factor x = lk_vec_factor(p->x[c]);
        const lk_element *w = p->w + c * LK_BLOCK;
LK_UNROLL(4)
        for (size_t i = 0; i < count; i++)
LK_UNROLL(4)
            for (size_t v = 0; v < VECTORS; v++)
                sum[i][v] = lk_vec_fma_by(x, lk_map_load(w + i * panel + v * LK_LANES), sum[i][v]);
    }
LK_UNROLL(4)
    for (size_t i = 0; i < count; i++)
LK_UNROLL(4)
        for (size_t v = 0; v < VECTORS; v++) {
            const size_t at = i * LK_BLOCK + v * LK_LANES;
            lk_vec value = sum[i][v];
            if (d->residual == LK_RESIDUAL_BEFORE_ACTIVATION)
                value = lk_vec_add(value, lk_vec_load(p->residual + at));
            value = lk_vec_clamp(value, lk_vec_set(d->lo), lk_vec_set(d->hi));
            if (d->residual == LK_RESIDUAL_AFTER_ACTIVATION)
                value = lk_vec_add(value, lk_vec_load(p->residual + at));
            lk_vec_store(p->y + at, value);
        }
}

/* Rows [picture][panel]. */
INLINE void pointwise_vector(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    const size_t panels = lk_blocks(d->out_channels), inputs = lk_blocks(d->in_channels) * LK_BLOCK;
    const float *bias = io->weights;
    const void *weights = bias + panels * LK_BLOCK;
    for (size_t row = rows.begin; row < rows.end;) {
        const size_t picture = row / panels, at = row % panels;
        const size_t whole = (picture + 1) * panels < rows.end ? (picture + 1) * panels : rows.end;
        const panels_of_vector here = {
            .d = d,
            .bias = bias + at * LK_BLOCK,
            .x = (const float *)io->x + picture * inputs,
            .residual = io->residual ? (const float *)io->residual + row * LK_BLOCK : NULL,
            .w = (const lk_element *)weights + at * d->in_channels * LK_BLOCK,
            .y = (float *)io->y + row * LK_BLOCK};
        if (row + PANELS <= whole) {
            some_panels(&here, PANELS);
            row += PANELS;
        } else {
            some_panels(&here, 1);
            row++;
        }
    }
}

#endif
