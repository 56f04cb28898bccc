/* The module that knows CUDA: found, loaded and checked when it is first asked for. */
#ifndef LK_LAYERS_GPU_MODULE_H
#define LK_LAYERS_GPU_MODULE_H

#include "engine/likeness.h"
#include "layers/gpu.h"

/* Looked for in this order: the file that the environment variable LIKENESS_CUDA_MODULE names, and then nowhere else (empty:
 * there is none); beside the library or program that this code is in; in ../lib of that, as `cmake --install` puts it. */
#define LK_GPU_MODULE_FILE "liblikeness_cuda.so"
#define LK_GPU_MODULE_VARIABLE "LIKENESS_CUDA_MODULE"

/* Whether there is a module, sound or not. */
bool lk_gpu_module_exists(void);

/* The module, loaded once a process. LK_ERROR_BACKEND: there is none, or it cannot be loaded, or it is another build's. */
lk_status lk_gpu_module_load(const lk_gpu_module **module);

/* Loads and checks the one at `path`. */
lk_status lk_gpu_module_open(const char *path, const lk_gpu_module **module);

/* What a fault means to the caller: LK_ERROR_MEMORY, else LK_ERROR_BACKEND; the message says `what` was being done, and the
 * module's reason. LK_OK for LK_GPU_OK. */
lk_status lk_gpu_fail(const lk_gpu_module *module, lk_gpu_fault fault, const char *what);

/* LK_OK when the driver answers and knows at least one device. */
lk_status lk_gpu_probe(void);

#endif
