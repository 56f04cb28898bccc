/* What every kernel is given: its operands, and which rows of the output to make. */
#ifndef LK_LAYERS_KERNEL_H
#define LK_LAYERS_KERNEL_H

#include <stddef.h>

#include "layers/pixels.h"

/* The operands of one call, for one picture or several side by side, of the types that the layer says. What is not used is NULL. y
 * overlaps none of the others. */
typedef struct lk_operands {
    const void *x;        /* the layer's input */
    const lk_pixels *pixels; /* x is RGB bytes in place of floats, and this is what they stand for: for a kernel of LK_STEM alone */
    const void *residual; /* a second input of the output's shape */
    const void *weights;  /* as the kernel's pack function laid them */
    const void *second_weights; /* of the second of two layers in one */
    void *y;              /* the output */
    void *scratch;        /* as many bytes as the kernel's row asks for; this thread's own */
} lk_operands;

/* Rows [begin, end) of the output, counted through the batch; what a row is, each layer says. */
typedef struct lk_rows {
    size_t begin, end;
} lk_rows;

/* min(max(value, lo), hi), and NaN stays NaN. */
static inline float lk_clamp(float value, float lo, float hi)
{
    return value < lo ? lo : value > hi ? hi : value;
}

#endif
