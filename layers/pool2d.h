/* Pooling: the mean or the largest of a window, channel by channel. */
#ifndef LK_LAYERS_POOL2D_H
#define LK_LAYERS_POOL2D_H

#include <stdbool.h>

#include "base/tensor.h"
#include "layers/affine.h"
#include "layers/cpu.h"
#include "layers/kernel.h"

typedef enum lk_pool2d_kind {
    LK_POOL_ADAPTIVE_AVERAGE, /* output cell o covers input floor(o*in/out) up to ceil((o+1)*in/out); 1x1 is global */
    LK_POOL_MAX               /* kernel, stride and padding; padding is -infinity, as in Paddle */
} lk_pool2d_kind;

typedef struct lk_pool2d {
    lk_pool2d_kind kind;
    size_t in_h, in_w, channels, out_h, out_w; /* one picture, NHWC */
    size_t kernel_h, kernel_w, stride_h, stride_w, pad_top, pad_left; /* LK_POOL_MAX only */
    lk_affine x_real; /* what bytes of an eight-bit map stand for; such a layer is a global average (int8.h) */
} lk_pool2d;

/* A row is one row of output pixels: batch * out_h of them; of a blocked kernel one block of channels: [picture][block]. Averages
 * are summed in float, in reading order. */
typedef void lk_pool2d_fn(const lk_pool2d *d, const lk_operands *io, lk_rows rows);

typedef struct lk_pool2d_kernel {
    const char *name;
    lk_pool2d_fn *run;
    lk_dtype type; /* of x; y is float32 */
    unsigned needs;
    bool is_blocked;                   /* maps are blocked (layout.h), else NHWC */
    bool (*fits)(const lk_pool2d *d);  /* NULL: all */
} lk_pool2d_kernel;

/* For maps that lie in memory as `type`; the reference, which wants float32, when there is no other. */
const lk_pool2d_kernel *lk_pool2d_choose(const lk_pool2d *d, lk_dtype type, unsigned can);
bool lk_pool2d_is_global_average(const lk_pool2d *d);
size_t lk_pool2d_rows(const lk_pool2d_kernel *kernel, const lk_pool2d *d); /* of one picture */

#define LK_POOL2D(run, type, needs, is_blocked, fits) lk_pool2d_fn run;
#include "layers/kernels.inc"

#endif
