/* The weights of a convolution or linear layer as a model file has them, and what a plan makes of them. */
#ifndef LK_LAYERS_FILTER_H
#define LK_LAYERS_FILTER_H

#include <stdbool.h>

#include "base/tensor.h"

typedef struct lk_filter {
    const lk_tensor *weight; /* [out][in/groups][kernel_h][kernel_w], or Linear's [in][out] */
    const lk_tensor *bias;   /* [out]; NULL is 0 */
    const lk_tensor *gamma, *beta, *mean, *variance; /* [out]: a batch norm to fold in, or all NULL */
    const lk_tensor *scale; /* [out]: of weights in int8; else NULL. Then there is a bias and no batch norm, and layers/int8.h
                             * reads it */
    double epsilon;                                  /* of that batch norm */
    bool is_linear;                                  /* weight is [in][out] */
} lk_filter;

/* weights [out][in/groups][kernel_h][kernel_w] and bias [out] in float32, batch norm folded in:
 * w' = w * gamma / sqrt(variance + epsilon), b' = (b - mean) * gamma / sqrt(variance + epsilon) + beta,
 * in double and rounded once. Linear's weights are transposed: [out][in]. */
void lk_filter_read(const lk_filter *filter, size_t outputs, float *weights, float *bias);

#endif
