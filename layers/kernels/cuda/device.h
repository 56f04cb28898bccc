/* The little of CUDA that kernels are written in. They are C as well: a test compiles them with tests/gpu/emulate.h in the
 * place of CUDA, and runs their threads one after another.
 *
 * A kernel file is included once for each type of map, with LK_NAME, LK_REAL, LK_GET and LK_PUT defined for it. */
#ifndef LK_CUDA_DEVICE_H
#define LK_CUDA_DEVICE_H

#include "layers/gpu_args.h"

#ifdef __CUDACC__
#include <cuda_fp16.h>
#define LK_DEVICE static __device__ __forceinline__
#define LK_KERNEL extern "C" __global__ void
#define LK_PARAMETER const __grid_constant__ /* read where it was handed over, not copied */
#define LK_LAUNCH_BOUNDS(threads) __launch_bounds__(threads)
#define LK_ALIGN(bytes) __align__(bytes)
#define LK_UNROLLED _Pragma("unroll")
typedef __half lk_half;
LK_DEVICE float lk_get_half(lk_half value)
{
    return __half2float(value);
}
LK_DEVICE lk_half lk_put_half(float value)
{
    return __float2half_rn(value);
}
#else
#include "gpu/emulate.h"
#endif

#define LK_MINUS_INFINITY (-HUGE_VALF)

/* min(max(value, lo), hi), and NaN stays NaN, as lk_clamp has it. */
LK_DEVICE float lk_gpu_clamp(float value, float lo, float hi)
{
    return value < lo ? lo : value > hi ? hi : value;
}

/* Four floats at once: 16 bytes. */
typedef struct LK_ALIGN(16) lk_float4 {
    float v[4];
} lk_float4;

/* Where this thread is, in a grid whose x runs over `threads` of one picture. */
LK_DEVICE uint32_t lk_gpu_index(void)
{
    return blockIdx.x * blockDim.x + threadIdx.x;
}

#endif
