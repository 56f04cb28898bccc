/* The kernels of a GPU and what each is given. A kernel takes its struct by value; pointers are the device's. */
#ifndef LK_LAYERS_GPU_ARGS_H
#define LK_LAYERS_GPU_ARGS_H

#include <stdint.h>

/* Every kernel: its name, its struct, and whether its threads wait for one another. Those on maps come for float32 and for float16. */
#define LK_GPU_MAP_KERNELS(KERNEL)        \
    KERNEL(conv2d, conv, 0)               \
    KERNEL(stem, conv, 0)                 \
    KERNEL(depthwise, conv, 0)            \
    KERNEL(pointwise, conv, 1)            \
    KERNEL(depthwise_project, project, 1) \
    KERNEL(im2col, conv, 0)               \
    KERNEL(pool2d, pool, 0)               \
    KERNEL(batch_norm, elementwise, 0)    \
    KERNEL(clamp, elementwise, 0)         \
    KERNEL(add, elementwise, 0)           \
    KERNEL(softmax, elementwise, 1)
#define LK_GPU_SEARCH_KERNELS(KERNEL) \
    KERNEL(hamming, hamming, 0)       \
    KERNEL(values, select, 0)         \
    KERNEL(select, select, 1)

typedef enum lk_gpu_kernel {
#define LK_GPU_NUMBER(name, args, waits) LK_GPU_##name,
    LK_GPU_MAP_KERNELS(LK_GPU_NUMBER)
    LK_GPU_SEARCH_KERNELS(LK_GPU_NUMBER)
#undef LK_GPU_NUMBER
    LK_GPU_KERNEL_COUNT
} lk_gpu_kernel;

/* How a map lies in memory: as the kernel's own type, or otherwise. */
typedef enum lk_gpu_type { LK_GPU_OWN, LK_GPU_FLOAT, LK_GPU_PIXELS } lk_gpu_type; /* PIXELS: uint8, to be normalized */

/* A convolution, of any family. Maps are NHWC, [picture][row][column][channel]. */
typedef struct lk_gpu_conv {
    const void *x, *residual; /* residual: of y's shape, or NULL */
    const void *w;            /* pointwise: [out_c][in_c], of the kernel's type; else float [kernel_h][kernel_w][in_c/groups][out_c] */
    const float *bias;        /* [out_c]; NULL, of pointwise only: none */
    void *y;
    uint32_t pictures, in_h, in_w, in_c, out_h, out_w, out_c;
    uint32_t kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_left, groups;
    lk_gpu_type x_type, y_type;
    const float *pixels;       /* [3][256]: what the bytes of PIXELS stand for */
    float x_lo, x_hi;          /* the activation that x still needs */
    float lo, hi;
    uint32_t residual_last;    /* added after the activation, else before it */
    uint32_t rows;             /* depthwise: output rows of a thread */
} lk_gpu_conv;

/* A depthwise layer and the pointwise layer behind it, whose map between them stays in shared memory. */
typedef struct lk_gpu_project {
    lk_gpu_conv depthwise, project; /* depthwise.y and project.x are not used */
} lk_gpu_project;

typedef struct lk_gpu_pool {
    const void *x;
    float *y; /* [picture][out_h][out_w][channels] */
    uint32_t pictures, in_h, in_w, channels, out_h, out_w;
    uint32_t is_max; /* windows as below; else the adaptive average */
    uint32_t kernel_h, kernel_w, stride_h, stride_w, pad_top, pad_left;
    lk_gpu_type x_type;
    float x_lo, x_hi;
} lk_gpu_pool;

typedef struct lk_gpu_elementwise {
    const void *x, *residual;
    void *y;
    const double *scale, *offset; /* batch norm: [channels] */
    uint64_t count;               /* values of all pictures; softmax: pictures */
    uint32_t channels;            /* batch norm; softmax: values of a picture */
    float x_lo, x_hi;             /* the activations that x and the residual still need */
    float residual_lo, residual_hi;
    float lo, hi;
} lk_gpu_elementwise;

/* values[q][r] = minus the number of bits in which row r and query q differ. Rows are whole words, zeros behind their end. */
typedef struct lk_gpu_hamming {
    const uint32_t *rows, *queries;
    float *values; /* [queries][row_count] */
    uint64_t row_count;
    uint32_t words, query_count;
} lk_gpu_hamming;

/* A row that may be among a query's nearest. */
typedef struct lk_gpu_candidate {
    float value;
    uint32_t row;
} lk_gpu_candidate;

/* Of each query's values: those that are not more than `margins` below the k-th largest, in rising order of row. */
typedef struct lk_gpu_select {
    float *values;        /* [query_count][row_count]; the kernel `values` makes them: product * scale - offset */
    const float *scales, *offsets; /* [row_count], or NULL: 1, 0 */
    const uint32_t *out;  /* a bit a row: not to be found, its value becomes -infinity; NULL: none */
    const float *margins; /* [query_count] */
    lk_gpu_candidate *candidates; /* [query_count][capacity] */
    uint32_t *found;      /* [query_count]: how many there are, perhaps more than capacity */
    uint64_t row_count;
    uint32_t query_count, k, capacity;
} lk_gpu_select;

typedef union lk_gpu_args {
    lk_gpu_conv conv;
    lk_gpu_project project;
    lk_gpu_pool pool;
    lk_gpu_elementwise elementwise;
    lk_gpu_hamming hamming;
    lk_gpu_select select;
} lk_gpu_args;

#endif
