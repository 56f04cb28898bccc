/* A vector of floats as wide as the flags of the file that includes this allow, so that a loop is written
 * once and compiled for each ISA. Parts of a vector are read and written without touching a byte beyond them.
 */
#ifndef LK_LAYERS_KERNELS_VECTOR_H
#define LK_LAYERS_KERNELS_VECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#if defined(__AVX512F__) && !defined(LK_VECTOR_256) /* which a file may define to have half of it */
#include <immintrin.h>
#define LK_LANES 16
/* Keeps a vector in a register where the compiler would read it from memory at each use. */
#define LK_VEC_PIN(v) __asm__("" : "+v"(v))
typedef __m512 lk_vec;

static inline __mmask16 lk_vec_mask(size_t lanes)
{
    return (__mmask16)((1u << lanes) - 1);
}
static inline lk_vec lk_vec_load(const float *p)
{
    return _mm512_loadu_ps(p);
}
static inline lk_vec lk_vec_load_part(const float *p, size_t lanes)
{
    return _mm512_maskz_loadu_ps(lk_vec_mask(lanes), p);
}
static inline void lk_vec_store(float *p, lk_vec v)
{
    _mm512_storeu_ps(p, v);
}
static inline void lk_vec_store_part(float *p, lk_vec v, size_t lanes)
{
    _mm512_mask_storeu_ps(p, lk_vec_mask(lanes), v);
}
static inline lk_vec lk_vec_set(float value)
{
    return _mm512_set1_ps(value);
}
static inline lk_vec lk_vec_fma(lk_vec a, lk_vec b, lk_vec c)
{
    return _mm512_fmadd_ps(a, b, c);
}
static inline lk_vec lk_vec_add(lk_vec a, lk_vec b)
{
    return _mm512_add_ps(a, b);
}
static inline lk_vec lk_vec_divide(lk_vec a, lk_vec b)
{
    return _mm512_div_ps(a, b);
}
/* The second operand of max and min is what comes out when either is NaN: v, so that NaN stays NaN. */
static inline lk_vec lk_vec_clamp(lk_vec v, lk_vec lo, lk_vec hi)
{
    return _mm512_min_ps(hi, _mm512_max_ps(lo, v));
}
/* The vector at p, or zeros, in which case nothing is read. */
static inline lk_vec lk_vec_load_if(const float *p, bool inside)
{
    return _mm512_maskz_loadu_ps(inside ? 0xffff : 0, p);
}

#elif defined(__AVX2__)
#include <immintrin.h>
#define LK_LANES 8
#define LK_VEC_PIN(v) __asm__("" : "+x"(v))
typedef __m256 lk_vec;

static inline __m256i lk_vec_mask(size_t lanes)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)lanes), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
static inline lk_vec lk_vec_load(const float *p)
{
    return _mm256_loadu_ps(p);
}
static inline lk_vec lk_vec_load_part(const float *p, size_t lanes)
{
    return _mm256_maskload_ps(p, lk_vec_mask(lanes));
}
static inline void lk_vec_store(float *p, lk_vec v)
{
    _mm256_storeu_ps(p, v);
}
static inline void lk_vec_store_part(float *p, lk_vec v, size_t lanes)
{
    _mm256_maskstore_ps(p, lk_vec_mask(lanes), v);
}
static inline lk_vec lk_vec_set(float value)
{
    return _mm256_set1_ps(value);
}
static inline lk_vec lk_vec_fma(lk_vec a, lk_vec b, lk_vec c)
{
    return _mm256_fmadd_ps(a, b, c);
}
static inline lk_vec lk_vec_add(lk_vec a, lk_vec b)
{
    return _mm256_add_ps(a, b);
}
static inline lk_vec lk_vec_divide(lk_vec a, lk_vec b)
{
    return _mm256_div_ps(a, b);
}
static inline lk_vec lk_vec_clamp(lk_vec v, lk_vec lo, lk_vec hi)
{
    return _mm256_min_ps(hi, _mm256_max_ps(lo, v));
}
static inline lk_vec lk_vec_load_if(const float *p, bool inside)
{
    return _mm256_maskload_ps(p, _mm256_set1_epi32(inside ? -1 : 0));
}

#elif defined(LK_NEON) /* a flag of cmake/isa.cmake: every arm64 has it, and "portable" is to be what it says there too */
#include <arm_neon.h>
#define LK_LANES 4
#define LK_VEC_PIN(v) __asm__("" : "+w"(v))
typedef float32x4_t lk_vec;

static inline lk_vec lk_vec_load(const float *p)
{
    return vld1q_f32(p);
}
static inline lk_vec lk_vec_load_part(const float *p, size_t lanes)
{
    float lane[LK_LANES] = {0};
    memcpy(lane, p, lanes * sizeof *p);
    return vld1q_f32(lane);
}
static inline void lk_vec_store(float *p, lk_vec v)
{
    vst1q_f32(p, v);
}
static inline void lk_vec_store_part(float *p, lk_vec v, size_t lanes)
{
    float lane[LK_LANES];
    vst1q_f32(lane, v);
    memcpy(p, lane, lanes * sizeof *p);
}
static inline lk_vec lk_vec_set(float value)
{
    return vdupq_n_f32(value);
}
static inline lk_vec lk_vec_fma(lk_vec a, lk_vec b, lk_vec c)
{
    return vfmaq_f32(c, a, b);
}
static inline lk_vec lk_vec_add(lk_vec a, lk_vec b)
{
    return vaddq_f32(a, b);
}
static inline lk_vec lk_vec_divide(lk_vec a, lk_vec b)
{
    return vdivq_f32(a, b);
}
/* FMAX and FMIN give NaN when either is. */
static inline lk_vec lk_vec_clamp(lk_vec v, lk_vec lo, lk_vec hi)
{
    return vminq_f32(hi, vmaxq_f32(lo, v));
}
static inline lk_vec lk_vec_load_if(const float *p, bool inside)
{
    return inside ? vld1q_f32(p) : vdupq_n_f32(0);
}
/* FMLA takes one lane as a factor of all, which costs nothing; to spread it first takes a vector operation. */
#define LK_VEC_FACTOR
typedef float lk_factor;

static inline lk_factor lk_vec_factor(float value)
{
    return value;
}
static inline lk_vec lk_vec_fma_by(lk_factor factor, lk_vec b, lk_vec c)
{
    return vfmaq_n_f32(c, b, factor);
}

#else /* the compiler's own vectors: SSE2, NEON, or plain code where there are none */
#define LK_LANES 4
#define LK_VEC_PIN(v) ((void)0)
typedef float lk_vec __attribute__((vector_size(16)));
typedef int lk_vec_test __attribute__((vector_size(16)));

static inline lk_vec lk_vec_load_part(const float *p, size_t lanes)
{
    lk_vec v = {0};
    memcpy(&v, p, lanes * sizeof *p);
    return v;
}
static inline lk_vec lk_vec_load(const float *p)
{
    return lk_vec_load_part(p, LK_LANES);
}
static inline void lk_vec_store_part(float *p, lk_vec v, size_t lanes)
{
    memcpy(p, &v, lanes * sizeof *p);
}
static inline void lk_vec_store(float *p, lk_vec v)
{
    lk_vec_store_part(p, v, LK_LANES);
}
static inline lk_vec lk_vec_set(float value)
{
    return (lk_vec){value, value, value, value};
}
static inline lk_vec lk_vec_fma(lk_vec a, lk_vec b, lk_vec c)
{
    return a * b + c;
}
static inline lk_vec lk_vec_add(lk_vec a, lk_vec b)
{
    return a + b;
}
static inline lk_vec lk_vec_divide(lk_vec a, lk_vec b)
{
    return a / b;
}
static inline lk_vec lk_vec_select(lk_vec_test test, lk_vec yes, lk_vec no)
{
    return (lk_vec)((test & (lk_vec_test)yes) | (~test & (lk_vec_test)no));
}
static inline lk_vec lk_vec_clamp(lk_vec v, lk_vec lo, lk_vec hi)
{
    v = lk_vec_select(v < lo, lo, v);
    return lk_vec_select(v > hi, hi, v);
}
static inline lk_vec lk_vec_load_if(const float *p, bool inside)
{
    return inside ? lk_vec_load(p) : lk_vec_set(0);
}
#endif

/* One number that multiplies several vectors. */
#ifndef LK_VEC_FACTOR
typedef lk_vec lk_factor;

static inline lk_factor lk_vec_factor(float value)
{
    return lk_vec_set(value);
}
static inline lk_vec lk_vec_fma_by(lk_factor factor, lk_vec b, lk_vec c)
{
    return lk_vec_fma(factor, b, c);
}
#endif

#endif
