/* What the maps and weights of a blocked kernel hold: float32, or, where the including file defines LK_MAP_BF16, bfloat16. Sums are float32
 * vectors in either case.
 *
 *     lk_element          a value of a map
 *     lk_pixel            UNIT input channels of a pixel, to multiply with
 *     lk_unit, lk_units   an output's weights of UNIT input channels, and a vector of them
 *
 * With AVX512_BF16 a unit is a pair of bfloat16, multiplied and added by one instruction. Without it weights are kept as the floats that they
 * are once rounded, and a map's values become floats as they are read. */
#ifndef LK_LAYERS_KERNELS_MAP_H
#define LK_LAYERS_KERNELS_MAP_H

#include <stdint.h>

#include "layers/bf16.h"
#include "layers/kernels/vector.h"

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
#else
static inline lk_vec lk_map_load(const lk_element *p)
{
    float values[LK_LANES];
    for (size_t i = 0; i < LK_LANES; i++) values[i] = lk_from_bf16(p[i]);
    return lk_vec_load(values);
}
static inline lk_vec lk_map_load_if(const lk_element *p, bool inside)
{
    return inside ? lk_map_load(p) : lk_vec_set(0);
}
static inline void lk_map_store(lk_element *p, lk_vec v)
{
    float values[LK_LANES];
    lk_vec_store(values, v);
    for (size_t i = 0; i < LK_LANES; i++) p[i] = lk_to_bf16(values[i]);
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
typedef uint32_t lk_unit;
typedef __m512i lk_units, lk_pixel;

static inline lk_units lk_units_load(const lk_unit *p)
{
    return _mm512_loadu_si512(p);
}
static inline lk_pixel lk_units_set(const lk_element *x)
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
typedef float lk_unit;
typedef lk_vec lk_units;
typedef lk_factor lk_pixel;

static inline lk_units lk_units_load(const lk_unit *p)
{
    return lk_vec_load(p);
}
static inline lk_pixel lk_units_set(const lk_element *x)
{
#ifdef LK_MAP_BF16
    return lk_vec_factor(lk_from_bf16(*x));
#else
    return lk_vec_factor(*x);
#endif
}
static inline lk_vec lk_units_fma(lk_pixel x, lk_units w, lk_vec sum)
{
    return lk_vec_fma_by(x, w, sum);
}
#endif

#endif
