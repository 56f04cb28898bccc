/* A vector of int32 sums of products of bytes, and how sums become bytes. It is half a pixel's block of sums where the file that
 * includes this is compiled for 256 bits, the whole block for 512. */
#ifndef LK_LAYERS_KERNELS_INT8_VECTOR_H
#define LK_LAYERS_KERNELS_INT8_VECTOR_H

#include <immintrin.h>
#include <string.h>

#include "layers/int8.h"
#include "layers/layout.h"

#define INLINE static inline __attribute__((always_inline))

#if defined(__AVX512VNNI__)
#define LANES ((size_t)16)
#define PIN(v) __asm__("" : "+v"(v)) /* keeps a vector in its register */
typedef __m512i ints;

INLINE ints ints_load(const void *p)
{
    return _mm512_loadu_si512(p);
}
INLINE ints ints_set(int32_t value)
{
    return _mm512_set1_epi32(value);
}
INLINE ints ints_dot(ints sum, ints x, ints w)
{
    return _mm512_dpbusd_epi32(sum, x, w);
}
#else
#define LANES ((size_t)8)
#define PIN(v) __asm__("" : "+x"(v))
typedef __m256i ints;

INLINE ints ints_load(const void *p)
{
    return _mm256_loadu_si256(p);
}
INLINE ints ints_set(int32_t value)
{
    return _mm256_set1_epi32(value);
}
INLINE ints ints_dot(ints sum, ints x, ints w)
{
#if defined(__AVXVNNI__)
    return _mm256_dpbusd_avx_epi32(sum, x, w);
#else
    /* AVX2's own product of bytes saturates: so even and odd bytes become int16. */
    const ints even = _mm256_madd_epi16(_mm256_and_si256(x, _mm256_set1_epi16(0xff)), _mm256_srai_epi16(_mm256_slli_epi16(w, 8), 8));
    const ints odd = _mm256_madd_epi16(_mm256_srli_epi16(x, 8), _mm256_srai_epi16(w, 8));
    return _mm256_add_epi32(sum, _mm256_add_epi32(even, odd));
#endif
}
#endif

#define VECTORS (LK_BLOCK / LANES) /* of a block */

/* ints_dot: each lane of sum takes four bytes of x times four of w, which are signed. */

/* Four bytes of x for every lane. */
INLINE ints ints_four(const uint8_t *x)
{
    int32_t four;
    memcpy(&four, x, sizeof four);
    return ints_set(four);
}

/* What a block of channels needs for its sums to become bytes; as float vectors. */
typedef struct {
    lk_bytes bytes;
    int32_t residual_zero;
    float residual_factor;
} ending;

INLINE ending ending_of(const lk_conv2d *d)
{
    return (ending){lk_int8_bytes(d), d->residual_real.zero, lk_int8_residual_factor(d)};
}

/* Pixels whose bytes one vector holds. */
#define GROUP (LANES / 4)

#if defined(__AVX512VNNI__)
/* The sums of some channels of a pixel to whole numbers, not above their most, less than which saturates later. */
INLINE ints ints_scaled(const ending *e, ints sum, const float *factor, const uint8_t *residual)
{
    __m512 value = _mm512_mul_ps(_mm512_cvtepi32_ps(sum), _mm512_loadu_ps(factor));
    if (residual) {
        const __m512i r = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)residual));
        const __m512 less = _mm512_cvtepi32_ps(_mm512_sub_epi32(r, _mm512_set1_epi32(e->residual_zero)));
        value = _mm512_add_ps(value, _mm512_mul_ps(less, _mm512_set1_ps(e->residual_factor)));
    }
    return _mm512_cvtps_epi32(_mm512_min_ps(value, _mm512_set1_ps(e->bytes.hi)));
}

/* `count` pixels, at most GROUP, of a block: sums [pixel * stride], residual and y [pixel][LK_BLOCK]. */
INLINE void finish_group(const ending *e, const ints *sums, size_t stride, const float *factor, const uint8_t *residual, uint8_t *y,
                         size_t count)
{
    ints value[GROUP];
    for (size_t p = 0; p < GROUP; p++)
        value[p] = p < count ? ints_scaled(e, sums[p * stride], factor, residual ? residual + p * LK_BLOCK : NULL) : value[0];
    const __m512i zero = _mm512_set1_epi16((int16_t)e->bytes.zero), lo = _mm512_set1_epi8((int8_t)((int32_t)e->bytes.lo + e->bytes.zero));
    const __m512i first = _mm512_adds_epi16(_mm512_packs_epi32(value[0], value[1]), zero);
    const __m512i second = _mm512_adds_epi16(_mm512_packs_epi32(value[2], value[3]), zero);
    __m512i bytes = _mm512_max_epu8(_mm512_packus_epi16(first, second), lo);
    /* Within each quarter stand four channels of each pixel. */
    bytes = _mm512_permutexvar_epi32(_mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15), bytes);
    if (count == GROUP) _mm512_storeu_si512(y, bytes);
    else _mm512_mask_storeu_epi32(y, (__mmask16)((1u << 4 * count) - 1), bytes);
}
#else
INLINE ints ints_scaled(const ending *e, ints sum, const float *factor, const uint8_t *residual)
{
    __m256 value = _mm256_mul_ps(_mm256_cvtepi32_ps(sum), _mm256_loadu_ps(factor));
    if (residual) {
        const __m256i r = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)residual));
        const __m256 less = _mm256_cvtepi32_ps(_mm256_sub_epi32(r, _mm256_set1_epi32(e->residual_zero)));
        value = _mm256_add_ps(value, _mm256_mul_ps(less, _mm256_set1_ps(e->residual_factor)));
    }
    return _mm256_cvtps_epi32(_mm256_min_ps(value, _mm256_set1_ps(e->bytes.hi)));
}

INLINE void finish_group(const ending *e, const ints *sums, size_t stride, const float *factor, const uint8_t *residual, uint8_t *y,
                         size_t count)
{
    const __m256i zero = _mm256_set1_epi16((int16_t)e->bytes.zero), lo = _mm256_set1_epi8((int8_t)((int32_t)e->bytes.lo + e->bytes.zero));
    __m256i pixel[GROUP];
    for (size_t p = 0; p < GROUP; p++) {
        const size_t from = p < count ? p : 0;
        const uint8_t *r = residual ? residual + from * LK_BLOCK : NULL;
        pixel[p] = _mm256_packs_epi32(ints_scaled(e, sums[from * stride], factor, r),
                                      ints_scaled(e, sums[from * stride + 1], factor + LANES, r ? r + LANES : NULL));
        pixel[p] = _mm256_adds_epi16(pixel[p], zero);
    }
    __m256i bytes = _mm256_max_epu8(_mm256_packus_epi16(pixel[0], pixel[1]), lo);
    /* Within each half stand channels 0 to 3 and 8 to 11, or 4 to 7 and 12 to 15, of both pixels. */
    bytes = _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    if (count == GROUP) _mm256_storeu_si256((__m256i *)y, bytes);
    else _mm_storeu_si128((__m128i *)y, _mm256_castsi256_si128(bytes));
}
#endif

#endif
