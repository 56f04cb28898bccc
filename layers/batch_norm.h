/* Batch norm as a step of its own, for plans that are not folded. */
#ifndef LK_LAYERS_BATCH_NORM_H
#define LK_LAYERS_BATCH_NORM_H

#include "layers/cpu.h"
#include "layers/kernel.h"

typedef struct lk_batch_norm {
    size_t pixels, channels; /* of one picture, NHWC */
    double epsilon;
    bool own_statistics; /* the picture's own mean and biased variance, summed in double, instead of the running ones */
} lk_batch_norm;

/* y = (x - mean) / sqrt(variance + epsilon) * gamma + beta, channel by channel (Ioffe and Szegedy 2015, algorithm 1).
 * weights [4][channels]: gamma, beta, mean, variance. scratch [4 * channels]. A row is one picture. */
typedef void lk_batch_norm_fn(const lk_batch_norm *d, const lk_operands *io, lk_rows rows);

typedef struct lk_batch_norm_kernel {
    const char *name;
    lk_batch_norm_fn *run;
    unsigned needs;
} lk_batch_norm_kernel;

const lk_batch_norm_kernel *lk_batch_norm_choose(unsigned can);

#define LK_BATCH_NORM(run, needs) lk_batch_norm_fn run;
#include "layers/kernels.inc"

#endif
