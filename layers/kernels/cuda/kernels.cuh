/* The kernels' declarations, for the module that launches them. */
#ifndef LK_CUDA_KERNELS_CUH
#define LK_CUDA_KERNELS_CUH

#include "layers/gpu_args.h"

extern "C" {
#define LK_GPU_DECLARE(name, args, waits)                                  \
    __global__ void lk_##name##_f32__cuda(const __grid_constant__ lk_gpu_##args d); \
    __global__ void lk_##name##_f16__cuda(const __grid_constant__ lk_gpu_##args d);
LK_GPU_MAP_KERNELS(LK_GPU_DECLARE)
#undef LK_GPU_DECLARE
#define LK_GPU_DECLARE(name, args, waits) __global__ void lk_##name##__cuda(const __grid_constant__ lk_gpu_##args d);
LK_GPU_SEARCH_KERNELS(LK_GPU_DECLARE)
#undef LK_GPU_DECLARE
}

#endif
