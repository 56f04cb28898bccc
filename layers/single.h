/* One layer of any shape, done by every kernel of kernels.inc that fits it: to be measured, and checked against the formula first. */
#ifndef LK_LAYERS_SINGLE_H
#define LK_LAYERS_SINGLE_H

#include "layers/backend.h"

#define LK_MAX_VARIANTS 32

/* A kernel with packed weights, and memory to run in. */
typedef struct lk_variant {
    const char *kernel;
    void *compiled, *instance;
    lk_step_traffic traffic;
    double difference; /* the largest from the formula in double: set by lk_single_check */
    double of_bound;   /* the largest share of the bound below; above 1: wrong */
} lk_variant;

typedef struct lk_single {
    lk_program program; /* one step, from values[0] to values[1] */
    lk_step step;
    lk_value values[2];
    lk_tensor weight, bias;                    /* views of these: */
    float *weights, *biases, *input, *output;  /* input [batch] NHWC, output [out] of one picture, CHW */
    lk_variant variants[LK_MAX_VARIANTS];
    size_t variant_count;
} lk_single;

/* Of `layer` its op, LK_OP_CONV2D or LK_OP_POOL2D, and the layer of that kind, complete; the rest is not read. Weights and input are
 * random, the same each time. The kernels: all whose needs are in `can`, the reference first. LK_ERROR_LIMIT: more than this machine's memory or 2^40
 * multiply-adds. LK_ERROR_MEMORY. */
lk_status lk_single_open(const lk_step *layer, size_t batch, unsigned can, lk_pool *pool, lk_single **single);
void lk_single_release(lk_single *single); /* the memory of it all; what is known of the variants stays */
void lk_single_close(lk_single **single); /* takes NULL */

/* Runs each kernel and compares with the formula in double, under the bound of the tests: |got - want| <= (K + 2) * 2^-24 *
 * (|bias| + sum |x * w|) for K terms; the largest of a window exactly. Of large layers outputs spread over the whole, some 2^26
 * terms of them. LK_ERROR_MISMATCH names the kernel that is outside. */
lk_status lk_single_check(lk_single *single);

/* The whole batch once. Allocates nothing. */
void lk_single_run(const lk_single *single, size_t variant);

size_t lk_single_multiply_adds(const lk_single *single); /* for one picture */

#endif
