/* Int8 layers on blocked maps in plain C: the weights of a block of output channels, and its sums to bytes. */
#ifndef LK_LAYERS_KERNELS_INT8_BLOCKS_H
#define LK_LAYERS_KERNELS_INT8_BLOCKS_H

#include <string.h>

#include "layers/int8.h"
#include "layers/layout.h"

/* As lk_int8_pack_blocks lays a block: then int8_t w [terms][LK_BLOCK]. */
typedef struct {
    int32_t at_zero[LK_BLOCK]; /* what sums start with */
    float factor[LK_BLOCK], bias[LK_BLOCK];
} int8_block;

/* The compiler's own vectors: SSE2, NEON, or plain code where there are none. */
typedef int8_t int8_bytes __attribute__((vector_size(16)));
typedef int16_t int8_products __attribute__((vector_size(16)));
typedef int32_t int8_sums __attribute__((vector_size(16)));
#define INT8_HALVES 2 /* vectors of products of a block */
#define INT8_QUARTERS 4 /* vectors of sums of a block */

/* Each value of the first or the second half of a vector twice; as one of the next size, shifted by half of that, it is extended. */
#define INT8_TWICE_BYTES(v, first)                                                                                     \
    __builtin_shufflevector(v, v, (first), (first), (first) + 1, (first) + 1, (first) + 2, (first) + 2, (first) + 3, (first) + 3, \
                            (first) + 4, (first) + 4, (first) + 5, (first) + 5, (first) + 6, (first) + 6, (first) + 7, (first) + 7)

static inline __attribute__((always_inline)) void int8_weights(const int8_t *w, int8_products wide[INT8_HALVES])
{
    int8_bytes bytes;
    memcpy(&bytes, w, sizeof bytes);
    wide[0] = (int8_products)INT8_TWICE_BYTES(bytes, 0) >> 8;
    wide[1] = (int8_products)INT8_TWICE_BYTES(bytes, 8) >> 8;
}

/* sum += products; one of a byte and a weight fits int16. */
static inline __attribute__((always_inline)) void int8_add(int8_sums sum[INT8_QUARTERS], const int8_products products[INT8_HALVES])
{
    for (size_t half = 0; half < INT8_HALVES; half++) {
        const int8_products p = products[half];
        sum[2 * half] += (int8_sums)__builtin_shufflevector(p, p, 0, 0, 1, 1, 2, 2, 3, 3) >> 16;
        sum[2 * half + 1] += (int8_sums)__builtin_shufflevector(p, p, 4, 4, 5, 5, 6, 6, 7, 7) >> 16;
    }
}

/* sum += x, one byte for all channels, times their weights. */
static inline __attribute__((always_inline)) void int8_multiply(int8_sums sum[INT8_QUARTERS], uint8_t x, const int8_products weights[INT8_HALVES])
{
    int8_products products[INT8_HALVES];
    for (size_t half = 0; half < INT8_HALVES; half++) products[half] = weights[half] * (int16_t)x;
    int8_add(sum, products);
}

/* sum += x, a byte for each channel, times their weights. */
static inline __attribute__((always_inline)) void int8_multiply_each(int8_sums sum[INT8_QUARTERS], const uint8_t *x, const int8_t *w)
{
    int8_products products[INT8_HALVES], pixel[INT8_HALVES];
    int8_weights(w, products);
    int8_weights((const int8_t *)x, pixel);
    for (size_t half = 0; half < INT8_HALVES; half++) products[half] *= pixel[half] & 0xff;
    int8_add(sum, products);
}

/* What all blocks of a layer have in common on the way to bytes. */
typedef struct {
    lk_bytes bytes;
    int32_t residual_zero;
    float residual_factor;
} int8_ending;

static inline int8_ending int8_ending_of(const lk_conv2d *d)
{
    return (int8_ending){lk_int8_bytes(d), d->residual_real.zero, lk_int8_residual_factor(d)};
}

/* residual: of the same pixel and block; NULL for none. */
static inline void int8_finish(const int8_ending *e, const int8_block *block, const int8_sums sums[INT8_QUARTERS], const uint8_t *residual,
                               uint8_t *y)
{
    int32_t sum[LK_BLOCK];
    memcpy(sum, sums, INT8_QUARTERS * sizeof *sums);
    for (size_t c = 0; c < LK_BLOCK; c++) {
        float value = (float)sum[c] * block->factor[c];
        if (residual) value += (float)(residual[c] - e->residual_zero) * e->residual_factor;
        y[c] = lk_byte_of(value, e->bytes);
    }
}

#endif
