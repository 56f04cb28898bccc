/* CUDA C's words, in C, for kernels that run on the CPU: threads of a block one after another, each until it waits or ends. */
#ifndef LK_TESTS_EMULATE_H
#define LK_TESTS_EMULATE_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/f16.h"

typedef struct {
    uint32_t x, y, z;
} lk_place3;

extern lk_place3 blockIdx, threadIdx, blockDim, gridDim;

/* The threads of a block run one block at a time, so one place for what they share is enough. */
#define __shared__ static
void __syncthreads(void);
int __syncthreads_or(int any); /* whether it was not 0 for any thread of the block */

#define LK_DEVICE static inline __attribute__((unused))
#define LK_KERNEL static void
#define LK_PARAMETER const
#define LK_LAUNCH_BOUNDS(threads)
#define LK_ALIGN(bytes) __attribute__((aligned(bytes)))
#define LK_UNROLLED

typedef struct {
    uint16_t bits;
} lk_half;

LK_DEVICE float lk_get_half(lk_half value)
{
    return lk_from_f16(value.bits);
}

LK_DEVICE lk_half lk_put_half(float value)
{
    return (lk_half){lk_to_f16(value)};
}

LK_DEVICE int __popc(uint32_t bits)
{
    return __builtin_popcount(bits);
}

LK_DEVICE uint32_t atomicAdd(uint32_t *sum, uint32_t term)
{
    const uint32_t before = *sum;
    *sum += term;
    return before;
}

LK_DEVICE uint32_t __float_as_uint(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

LK_DEVICE float __uint_as_float(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Runs `kernel` for every thread of every block; with `waits` in turns, from one __syncthreads() to the next. Ends the program when
 * some threads of a block end where others wait. */
void lk_emulate(void (*kernel)(const void *args), bool waits, const void *args, const uint32_t grid[3], uint32_t block);

#endif
