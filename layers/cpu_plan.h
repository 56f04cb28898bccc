/* A program as the CPU backend compiled it: between layers/cpu_compile.c, which makes it, and layers/cpu_run.c. */
#ifndef LK_LAYERS_CPU_PLAN_H
#define LK_LAYERS_CPU_PLAN_H

#include "layers/expand_depthwise.h"
#include "layers/layout.h"
#include "layers/pool.h"
#include "layers/step.h"

/* A step with all that a run needs to know. Two steps of the program may be one here: then the first is only a name and its
 * weights. */
typedef struct lk_cpu_step {
    const char *kernel;
    bool in_next;                         /* the next step does this one as well */
    lk_value_id input, residual, output;
    lk_expand_depthwise expand_depthwise; /* both layers, of the second of two such steps; else `expand` is NULL */
    union {
        lk_conv2d_fn *conv2d;
        lk_expand_depthwise_fn *expand_depthwise;
        lk_pool2d_fn *pool2d;
        lk_batch_norm_fn *batch_norm;
        lk_elementwise_fn *elementwise;
    } run;
    lk_conv2d_pack_fn *pack;
    size_t weights, weight_bytes; /* place in the packed block */
    size_t scratch;               /* bytes a worker */
    size_t rows;                  /* of one picture */
    size_t panels;                /* of output channels; rows are those of one panel after another */
    size_t rows_at_once;          /* of one piece; 0: as the threads are, which must not change what it computes */
    size_t worth;                 /* the most pieces that are worth handing out */
    bool reads_blocked, writes_blocked;      /* the layout of its input; of its output and residual */
    lk_dtype reads_type, writes_type;        /* how these lie in memory */
    const lk_pixels *pixels;                 /* it reads the program's input as the bytes that this is for */
    bool rounds_input;                       /* to bfloat16 */
    bool converts_input, converts_residual;  /* what it reads was written otherwise */
} lk_cpu_step;

typedef struct lk_cpu_value {
    bool is_blocked;
    lk_dtype type;   /* in memory */
    bool is_bf16;    /* its values are bfloat16's, whatever they lie in memory as */
    size_t bytes;  /* of one picture */
    bool is_apart; /* there is one for each picture of a batch, side by side; of all others there are as many as run at a time */
    size_t offset; /* in the arena, or in what is apart */
} lk_cpu_value;

typedef struct lk_cpu_program {
    const lk_program *program;
    lk_cpu_step *steps;
    lk_cpu_value *values;
    uint8_t *weights;
    size_t arena, apart; /* bytes: maps of one picture that is run; what all pictures have of their own */
    size_t weight_bytes;
    size_t scratch;   /* of one worker, bytes */
    size_t converted; /* floats: the largest map that a step wants in the other layout; 0: none */
} lk_cpu_program;

/* Which kernels. One that is given does a program's only step, whatever the mask would choose, and the program's input lies as
 * that kernel reads it. */
typedef struct lk_cpu_choice {
    unsigned can; /* the mask */
    const lk_conv2d_kernel *conv2d;
    const lk_pool2d_kernel *pool2d;
} lk_cpu_choice;

/* LK_ERROR_LIMIT, LK_ERROR_MEMORY. */
lk_status lk_cpu_compile(const lk_program *program, const lk_cpu_choice *choice, void **compiled);
void lk_cpu_release(void *compiled);

/* The rest of lk_backend's calls. */
const char *lk_cpu_kernel(const void *compiled, size_t step);
lk_step_traffic lk_cpu_traffic(const void *compiled, size_t step);
size_t lk_cpu_arena_bytes(const void *compiled);
size_t lk_cpu_weight_bytes(const void *compiled);
lk_status lk_cpu_open(const void *compiled, lk_pool *pool, void **instance);
void lk_cpu_close(void *instance);
void *lk_cpu_input(const void *instance);
void lk_cpu_read(const void *instance, lk_value_id value, size_t picture, float *chw);
lk_status lk_cpu_run(void *instance, size_t pictures, uint64_t *step_ns);

#endif
