/* What the maps and weights of a blocked kernel hold: float32, or, where the including file defines LK_MAP_BF16, bfloat16. Sums are float32
 * vectors in either case.
 *
 *     lk_element          a value of a map
 *     lk_term             a value as it is multiplied: lk_terms_of makes them
 *     lk_pixel            UNIT input channels of a pixel, to multiply with
 *     lk_unit, lk_units   an output's weights of UNIT input channels, and a vector of them
 *
 * With AVX512_BF16 a unit is a pair of bfloat16, multiplied and added by one instruction. Without it weights are kept as the floats
 * that they are once rounded, and a map's values become floats before they are multiplied, once for all outputs of a tile. */
#ifndef LK_LAYERS_KERNELS_MAP_H
#define LK_LAYERS_KERNELS_MAP_H

#include <stdint.h>

#include "layers/bf16.h"
#include "layers/kernels/vector.h"
#include "layers/layout.h"

#ifdef LK_MAP_BF16
typedef uint16_t lk_element;

#if defined(__AVX512F__)
static inline lk_vec lk_widen(__m256i v)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(v), 16));
}
static inline lk_vec lk_map_load(const lk_element *p)
{
    return lk_widen(_mm256_loadu_si256((const __m256i *)p));
}
static inline lk_vec lk_map_load_if(const lk_element *p, bool inside)
{
    return lk_widen(_mm256_maskz_loadu_epi16(inside ? 0xffff : 0, p));
}
static inline void lk_map_store(lk_element *p, lk_vec v)
{
    _mm256_storeu_si256((__m256i *)p, (__m256i)_mm512_cvtneps_pbh(v));
}
#elif defined(__AVX2__)
static inline lk_vec lk_map_load(const lk_element *p)
{
    const __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
}
static inline lk_vec lk_map_load_if(const lk_element *p, bool inside)
{
    return inside ? lk_map_load(p) : lk_vec_set(0);
}
/* As lk_to_bf16. */
static inline void lk_map_store(lk_element *p, lk_vec v)
{
    const __m256i bits = _mm256_castps_si256(v), upper = _mm256_srli_epi32(bits, 16);
    const __m256i half = _mm256_add_epi32(_mm256_set1_epi32(0x7fff), _mm256_and_si256(upper, _mm256_set1_epi32(1)));
    const __m256i nearest = _mm256_srli_epi32(_mm256_add_epi32(bits, half), 16), nan = _mm256_or_si256(upper, _mm256_set1_epi32(0x40));
    const __m256i rounded = _mm256_blendv_epi8(nearest, nan, _mm256_castps_si256(_mm256_cmp_ps(v, v, _CMP_UNORD_Q)));
    const __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(rounded, rounded), 0x08);
    _mm_storeu_si128((__m128i *)p, _mm256_castsi256_si128(packed));
}
#else
typedef uint16_t lk_halves __attribute__((vector_size(8)));
typedef uint32_t lk_bits __attribute__((vector_size(16)));

static inline lk_vec lk_map_load(const lk_element *p)
{
    lk_halves halves;
    memcpy(&halves, p, sizeof halves);
    return (lk_vec)(__builtin_convertvector(halves, lk_bits) << 16);
}
static inline lk_vec lk_map_load_if(const lk_element *p, bool inside)
{
    return inside ? lk_map_load(p) : lk_vec_set(0);
}
/* As lk_to_bf16. */
static inline void lk_map_store(lk_element *p, lk_vec v)
{
    const lk_bits bits = (lk_bits)v, is_nan = (lk_bits)((lk_vec_test)(bits & 0x7fffffff) > 0x7f800000);
    const lk_bits nearest = (bits + 0x7fff + (bits >> 16 & 1)) >> 16, nan = bits >> 16 | 0x40;
    const lk_halves halves = __builtin_convertvector((is_nan & nan) | (~is_nan & nearest), lk_halves);
    memcpy(p, &halves, sizeof halves);
}
#endif

#else /* float32 */
typedef float lk_element;

static inline lk_vec lk_map_load(const lk_element *p)
{
    return lk_vec_load(p);
}
static inline lk_vec lk_map_load_if(const lk_element *p, bool inside)
{
    return lk_vec_load_if(p, inside);
}
static inline void lk_map_store(lk_element *p, lk_vec v)
{
    lk_vec_store(p, v);
}
#endif

#if defined(LK_MAP_BF16) && defined(__AVX512BF16__)
#define UNIT ((size_t)2)
typedef lk_element lk_term;
typedef uint32_t lk_unit;
typedef __m512i lk_units, lk_pixel;

static inline lk_units lk_units_load(const lk_unit *p)
{
    return _mm512_loadu_si512(p);
}
static inline lk_pixel lk_units_set(const lk_term *x)
{
    uint32_t pair;
    memcpy(&pair, x, sizeof pair);
    return _mm512_set1_epi32((int)pair);
}
static inline lk_vec lk_units_fma(lk_pixel x, lk_units w, lk_vec sum)
{
    return _mm512_dpbf16_ps(sum, (__m512bh)x, (__m512bh)w);
}
#else
#define UNIT ((size_t)1)
typedef float lk_term;
typedef float lk_unit;
typedef lk_vec lk_units;
typedef lk_factor lk_pixel;

static inline lk_units lk_units_load(const lk_unit *p)
{
    return lk_vec_load(p);
}
static inline lk_pixel lk_units_set(const lk_term *x)
{
    return lk_vec_factor(*x);
}
static inline lk_vec lk_units_fma(lk_pixel x, lk_units w, lk_vec sum)
{
    return lk_vec_fma_by(x, w, sum);
}
#endif

/* The terms of one block of `pixels` pixels, a constant: where the map's own cannot be multiplied, a copy in `floats`. */
#if defined(LK_MAP_BF16) && !defined(__AVX512BF16__)
static inline __attribute__((always_inline)) const lk_term *lk_terms_of(const lk_element *x, size_t pixels, float *floats)
{
    for (size_t i = 0; i < pixels * LK_BLOCK; i += LK_LANES) lk_vec_store(floats + i, lk_map_load(x + i));
    /* Or the compiler takes single floats out of the vectors that it stored, where memory spreads one for nothing. */
    __asm__("" : "+r"(floats) : : "memory");
    return floats;
}
#else
static inline __attribute__((always_inline)) const lk_term *lk_terms_of(const lk_element *x, size_t pixels, float *floats)
{
    (void)pixels;
    (void)floats;
    return x;
}
#endif

#endif
