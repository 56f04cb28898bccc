/* Floats to the bytes of an eight-bit map. */
#ifndef LK_LAYERS_KERNELS_TO_BYTES_H
#define LK_LAYERS_KERNELS_TO_BYTES_H

#include <stdbool.h>

#include "layers/affine.h"

#if defined(__AVX512F__)
#include <immintrin.h>

static inline void to_bytes(const float *values, size_t count, lk_affine real, uint8_t *bytes)
{
    const lk_bytes range = lk_affine_bytes(real, -INFINITY, INFINITY);
    const __m512 inverse = _mm512_set1_ps(lk_affine_inverse(real)), lo = _mm512_set1_ps(range.lo), hi = _mm512_set1_ps(range.hi);
    for (size_t i = 0; i < count; i += 16) {
        const bool whole = count - i >= 16;
        const __mmask16 some = (__mmask16)(whole ? 0xffff : (1u << (count - i)) - 1);
        __m512 value = _mm512_mul_ps(_mm512_maskz_loadu_ps(some, values + i), inverse);
        value = _mm512_min_ps(_mm512_max_ps(value, lo), hi); /* NaN: the second operand, so lo */
        const __m512i q = _mm512_add_epi32(_mm512_cvtps_epi32(value), _mm512_set1_epi32(range.zero));
        if (whole) _mm_storeu_si128((__m128i *)(bytes + i), _mm512_cvtepi32_epi8(q));
        else _mm512_mask_cvtepi32_storeu_epi8(bytes + i, some, q);
    }
}

#elif defined(__AVX2__)
#include <immintrin.h>

static inline void to_bytes(const float *values, size_t count, lk_affine real, uint8_t *bytes)
{
    const lk_bytes range = lk_affine_bytes(real, -INFINITY, INFINITY);
    const float inverse = lk_affine_inverse(real);
    const __m256 factor = _mm256_set1_ps(inverse), lo = _mm256_set1_ps(range.lo), hi = _mm256_set1_ps(range.hi);
    const size_t whole = count / 8 * 8;
    for (size_t i = 0; i < whole; i += 8) {
        const __m256 value = _mm256_mul_ps(_mm256_loadu_ps(values + i), factor);
        const __m256 inside = _mm256_min_ps(_mm256_max_ps(value, lo), hi); /* NaN: the second operand, so lo */
        const __m256i q = _mm256_add_epi32(_mm256_cvtps_epi32(inside), _mm256_set1_epi32(range.zero));
        const __m128i halves = _mm_packus_epi32(_mm256_castsi256_si128(q), _mm256_extracti128_si256(q, 1));
        _mm_storel_epi64((__m128i *)(bytes + i), _mm_packus_epi16(halves, halves));
    }
    for (size_t i = whole; i < count; i++) bytes[i] = lk_byte_of(values[i] * inverse, range);
}

#else

static inline void to_bytes(const float *values, size_t count, lk_affine real, uint8_t *bytes)
{
    const lk_bytes range = lk_affine_bytes(real, -INFINITY, INFINITY);
    const float inverse = lk_affine_inverse(real);
    for (size_t i = 0; i < count; i++) bytes[i] = lk_byte_of(values[i] * inverse, range);
}

#endif

#endif
