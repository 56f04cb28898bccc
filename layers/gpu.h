/* What the library asks of a GPU, and what a module that is loaded at run time gives it: memory, streams, graphs, launches of
 * our own kernels, matrix products. Plain data and C calls, so that the library needs no CUDA to build, and a test can put a
 * machine of its own in the GPU's place. Included by CUDA C too. */
#ifndef LK_LAYERS_GPU_H
#define LK_LAYERS_GPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layers/gpu_args.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum lk_gpu_fault {
    LK_GPU_OK = 0,
    LK_GPU_NO_DRIVER,   /* none is installed */
    LK_GPU_OLD_DRIVER,  /* older than the module wants */
    LK_GPU_NO_DEVICE,   /* the driver knows no device, or none of that number */
    LK_GPU_MEMORY,      /* out of memory of the device, or of pinned memory */
    LK_GPU_LOST,        /* the device does not answer any more; nothing but closing will work from now on */
    LK_GPU_UNSUPPORTED, /* multiply: this product is not offered */
    LK_GPU_FAILED       /* anything else */
} lk_gpu_fault;

typedef struct lk_gpu_info {
    char name[128];
    unsigned major, minor; /* compute capability */
    unsigned processors;   /* multiprocessors */
    size_t free_bytes;
} lk_gpu_info;

typedef enum lk_gpu_memory { LK_GPU_DEVICE, LK_GPU_PINNED } lk_gpu_memory; /* PINNED: the host's, where copies overlap with kernels */

/* A launch of one of our kernels. */
typedef struct lk_gpu_launch {
    lk_gpu_kernel kernel;
    bool half;                     /* maps are float16 */
    uint32_t grid[3], block;       /* blocks; threads of a block */
    lk_gpu_args args;
} lk_gpu_launch;

/* y[rows][outputs] = epilogue(x[rows][inputs] · w[outputs][inputs]ᵀ + residual + bias), all of one type and without gaps. Sums are
 * float32; `tf32`: of products of rounded float32. */
typedef struct lk_gpu_product {
    size_t rows, inputs, outputs;
    const void *x, *w, *bias; /* bias [outputs], of the maps' type; NULL: none */
    const void *residual;     /* of y's shape; NULL: none */
    void *y;
    bool half, tf32, relu;    /* relu: max(·, 0) at the end */
} lk_gpu_product;

typedef struct lk_gpu_device lk_gpu_device;

/* All calls may come from any thread; those on one stream, one after another. A fault's reason is this thread's last. */
typedef struct lk_gpu_module {
    /* These two stand first in every version. */
    uint32_t abi;
    const char *build;

    const char *(*reason)(void);
    lk_gpu_fault (*count)(size_t *devices); /* at least 1 */
    lk_gpu_fault (*open)(size_t number, lk_gpu_device **device, lk_gpu_info *info);
    void (*close)(lk_gpu_device *device);

    lk_gpu_fault (*allocate)(lk_gpu_device *device, lk_gpu_memory place, size_t bytes, void **memory); /* 256-byte aligned */
    void (*release)(lk_gpu_device *device, lk_gpu_memory place, void *memory);                         /* takes NULL */

    lk_gpu_fault (*open_stream)(lk_gpu_device *device, void **stream);
    void (*close_stream)(lk_gpu_device *device, void *stream); /* takes NULL */
    lk_gpu_fault (*finish)(lk_gpu_device *device, void *stream); /* waits until all is done; reports what failed meanwhile */

    lk_gpu_fault (*open_event)(lk_gpu_device *device, void **event);
    void (*close_event)(lk_gpu_device *device, void *event); /* takes NULL */
    lk_gpu_fault (*record)(lk_gpu_device *device, void *stream, void *event);
    lk_gpu_fault (*wait)(lk_gpu_device *device, void *stream, void *event); /* the stream waits, not the caller */
    lk_gpu_fault (*elapsed)(lk_gpu_device *device, void *from, void *to, uint64_t *ns);

    /* What is put on the stream between the two is not done but becomes a graph. end_graph always ends it; with `graph` NULL it
     * throws away what was captured. */
    lk_gpu_fault (*begin_graph)(lk_gpu_device *device, void *stream);
    lk_gpu_fault (*end_graph)(lk_gpu_device *device, void *stream, void **graph);
    lk_gpu_fault (*run_graph)(lk_gpu_device *device, void *stream, void *graph);
    void (*close_graph)(lk_gpu_device *device, void *graph); /* takes NULL */

    /* Put on a stream, and return at once. */
    lk_gpu_fault (*copy)(lk_gpu_device *device, void *stream, void *to, const void *from, size_t bytes);
    lk_gpu_fault (*launch)(lk_gpu_device *device, void *stream, const lk_gpu_launch *launch);
    lk_gpu_fault (*multiply)(lk_gpu_device *device, void *stream, const lk_gpu_product *product);
} lk_gpu_module;

/* Raised when anything in this header or in gpu_args.h changes its meaning. */
#define LK_GPU_ABI ((uint32_t)1)

/* The one symbol of a module: const lk_gpu_module *lk_gpu_module_entry(void). */
#define LK_GPU_ENTRY "lk_gpu_module_entry"
typedef const lk_gpu_module *lk_gpu_entry_fn(void);

#ifdef __cplusplus
}
#endif

#endif
