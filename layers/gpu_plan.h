/* A program as the cuda backend compiled it, between the files that make it (gpu_compile.c, gpu_weights.c) and those that run it
 * (gpu_launch.c, gpu_run.c). None of them knows CUDA.
 *
 * Memory of the device: the weights and one arena for all maps belong to the plan. A session has its own place for inputs and for
 * outputs, on the device and in pinned memory, and a stream that copies between the two, so that one session's copies go on while
 * another's kernels run. Kernels are on the plan's one stream. */
#ifndef LK_LAYERS_GPU_PLAN_H
#define LK_LAYERS_GPU_PLAN_H

#include <pthread.h>

#include "layers/backend.h"
#include "layers/gpu.h"

typedef enum lk_gpu_way {
    LK_GPU_BY_KERNEL,
    LK_GPU_BY_PRODUCT, /* cuBLASLt; where that has none, the pointwise kernel */
    LK_GPU_BY_COLUMNS  /* im2col, then the same */
} lk_gpu_way;

typedef struct lk_gpu_step {
    lk_gpu_way way;
    lk_gpu_kernel kernel; /* BY_KERNEL */
    bool in_next;         /* the next step does this one as well; its weights are here */
    bool half;            /* the type of the kernel or product */
    lk_value_id input, residual, output;
    bool relu;   /* a product's own activation */
    bool clamps; /* a product: the rest of the activation is a kernel of its own, since somebody reads y who would not do it */
    size_t weights, bias, half_bias, weight_bytes; /* places in the block of weights; half_bias: of a product of halves */
} lk_gpu_step;

typedef struct lk_gpu_value {
    bool half;
    bool pixels;   /* bytes, of the program's input */
    float lo, hi;  /* the activation that its readers do: {-INFINITY, INFINITY} when it has been done */
    size_t bytes;  /* of one picture */
    size_t offset; /* in the arena */
    size_t kept;   /* of a value that is kept: its place among them, in bytes of one picture */
} lk_gpu_value;

typedef struct lk_gpu_program {
    const lk_program *program;
    lk_backend_options options;
    const lk_gpu_module *module;
    lk_gpu_device *device;
    lk_gpu_info info;
    lk_gpu_step *steps;
    lk_gpu_value *values;
    size_t chunk;                 /* pictures that the arena is for: the program's batch, or less where memory is short */
    size_t pixels;                /* place in the block of weights: what a picture's bytes stand for */
    size_t columns, column_bytes; /* place in the arena, and bytes of one picture: what im2col writes */
    size_t arena_bytes, weight_bytes, kept_bytes;
    uint8_t *arena, *weights; /* the device's */
    void *stream;             /* of the kernels */
    void **graphs;            /* [chunk + 1]: the forward pass of so many pictures, made when it is first wanted */
    pthread_mutex_t lock;     /* over `stream` and `graphs` */
    char note[160];
} lk_gpu_program;

/* Chooses how each step is done and in what type, and lays out the weights; sets nothing that needs a device. */
lk_status lk_gpu_plan(const lk_program *program, const lk_backend_options *options, lk_gpu_program *made);

/* Places all maps for made->chunk pictures: offsets, columns, arena_bytes. LK_ERROR_LIMIT, LK_ERROR_MEMORY. */
lk_status lk_gpu_place(lk_gpu_program *made);

/* Folds and packs all weights into `packed` [made->weight_bytes]. LK_ERROR_TENSOR: one is too large for float16. */
lk_status lk_gpu_pack(const lk_gpu_program *made, uint8_t *packed);

/* Puts a step, for `pictures` pictures, on the plan's stream. */
lk_gpu_fault lk_gpu_put_step(const lk_gpu_program *made, size_t step, size_t pictures);

/* A step's launch: of its kernel, or of the im2col before its product. */
lk_gpu_launch lk_gpu_launch_of(const lk_gpu_program *made, size_t step, size_t pictures);

/* Values of one row of a product, and their number in all. */
size_t lk_gpu_product_inputs(const lk_conv2d *d);

lk_status lk_gpu_compile(const lk_program *program, const lk_backend_options *options, void **compiled);
void lk_gpu_release(void *compiled);
const char *lk_gpu_kernel_name(const void *compiled, size_t step);
lk_step_traffic lk_gpu_traffic(const void *compiled, size_t step);
size_t lk_gpu_arena_bytes(const void *compiled);
size_t lk_gpu_weight_bytes(const void *compiled);
const char *lk_gpu_note(const void *compiled);
lk_status lk_gpu_open(const void *compiled, lk_pool *pool, void **instance);
void lk_gpu_close(void *instance);
void *lk_gpu_input(const void *instance);
void lk_gpu_read(const void *instance, lk_value_id value, size_t picture, float *chw);
lk_status lk_gpu_run(void *instance, size_t pictures, uint64_t *step_ns);

#endif
