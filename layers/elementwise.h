/* Layers that work on one element, or one picture's values, at a time: activation, sum, softmax. */
#ifndef LK_LAYERS_ELEMENTWISE_H
#define LK_LAYERS_ELEMENTWISE_H

#include "layers/cpu.h"
#include "layers/kernel.h"

typedef struct lk_elementwise {
    size_t count; /* values of one picture, or of one pixel for softmax over channels */
    float lo, hi; /* activation: y = min(max(x, lo), hi); ReLU is {0, INFINITY}, ReLU6 {0, 6} */
} lk_elementwise;

/* A row is `count` values. Activation: y = clamp(x). Add: y = x + residual. Softmax: y = exp(x - max) / sum of those. */
typedef void lk_elementwise_fn(const lk_elementwise *d, const lk_operands *io, lk_rows rows);

typedef struct lk_elementwise_kernel {
    const char *name;
    lk_elementwise_fn *run;
    unsigned needs;
} lk_elementwise_kernel;

const lk_elementwise_kernel *lk_activation_choose(unsigned can);
const lk_elementwise_kernel *lk_add_choose(unsigned can);
const lk_elementwise_kernel *lk_softmax_choose(unsigned can);

#define LK_ACTIVATION(run, needs) lk_elementwise_fn run;
#define LK_ADD(run, needs) lk_elementwise_fn run;
#define LK_SOFTMAX(run, needs) lk_elementwise_fn run;
#include "layers/kernels.inc"

#endif
