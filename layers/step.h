/* What a plan is made of, as plain data: values (maps in memory) and steps (layers that make one value from others).
 * The engine writes it, a backend compiles it. */
#ifndef LK_LAYERS_STEP_H
#define LK_LAYERS_STEP_H

#include "layers/batch_norm.h"
#include "layers/conv2d.h"
#include "layers/elementwise.h"
#include "layers/filter.h"
#include "layers/pool2d.h"

typedef enum lk_op {
    LK_OP_CONV2D, /* linear too: a convolution whose kernel is the whole map */
    LK_OP_POOL2D,
    LK_OP_BATCH_NORM,
    LK_OP_ACTIVATION,
    LK_OP_ADD,
    LK_OP_SOFTMAX
} lk_op;

typedef size_t lk_value_id;
#define LK_NO_VALUE ((lk_value_id)-1)

typedef struct lk_value {
    size_t height, width, channels; /* one picture, NHWC */
    bool kept;                      /* read by the caller after the run: nothing may overwrite it */
    lk_affine real;                 /* what bytes of an eight-bit map stand for */
} lk_value;

typedef struct lk_step {
    lk_op op;
    const char *name; /* of the layer whose output this is; the model's */
    lk_value_id input, residual, output; /* residual: of a sum, or of a convolution with a residual; else LK_NO_VALUE */
    union {
        lk_conv2d conv2d;
        lk_pool2d pool2d;
        lk_batch_norm batch_norm;
        lk_elementwise elementwise; /* activation, add, softmax */
    } layer;
    lk_filter filter; /* convolution: its weights; batch norm: gamma, beta, mean, variance */
} lk_step;

/* What a step reads and writes once compiled. */
typedef struct lk_step_traffic {
    bool in_next;        /* the next step does this one as well: no map is read or written here */
    size_t map_bytes;    /* of one picture: input, residual and output, as they lie in memory */
    size_t weight_bytes; /* packed */
} lk_step_traffic;

typedef struct lk_program {
    lk_step *steps; /* in an order in which they can run */
    size_t step_count;
    lk_value *values;
    size_t value_count;
    lk_value_id input; /* written by the caller before a run */
    const lk_pixels *pixels; /* not NULL: the input is written as RGB bytes, and this is what they stand for */
    size_t batch;      /* the most pictures of a run */
} lk_program;

const char *lk_step_kind(const lk_step *step);         /* "pointwise", "depthwise", "conv2d", "linear", "pool2d" … */
size_t lk_step_multiply_adds(const lk_step *step);     /* for one picture; of convolutions only, else 0 */
size_t lk_value_floats(const lk_value *value);         /* for one picture */

#endif
