/* Eight doubles in as many vectors as the flags of the file that includes this give them: the lanes of dot.h. */
#ifndef LK_LAYERS_KERNELS_DOUBLES_H
#define LK_LAYERS_KERNELS_DOUBLES_H

#include <stddef.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

#if defined(__AVX512F__)
#include <immintrin.h>
typedef __m512d lk_eight;

INLINE lk_eight lk_eight_zero(void)
{
    return _mm512_setzero_pd();
}
INLINE lk_eight lk_eight_load(const float *p)
{
    return _mm512_cvtps_pd(_mm256_loadu_ps(p));
}
INLINE lk_eight lk_eight_load_part(const float *p, size_t lanes)
{
    return _mm512_cvtps_pd(_mm256_maskz_loadu_ps((__mmask8)((1u << lanes) - 1), p));
}
INLINE lk_eight lk_eight_add_product(lk_eight sum, lk_eight a, lk_eight b)
{
    return _mm512_fmadd_pd(a, b, sum);
}
/* Not fused: the square is rounded first, as on machines that cannot fuse. */
INLINE lk_eight lk_eight_add_square(lk_eight sum, lk_eight a, lk_eight b)
{
    const __m512d off = _mm512_sub_pd(a, b);
    return _mm512_add_pd(sum, _mm512_mul_pd(off, off));
}
INLINE double lk_eight_sum(lk_eight v)
{
    const __m256d four = _mm256_add_pd(_mm512_castpd512_pd256(v), _mm512_extractf64x4_pd(v, 1));
    const __m128d two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
    return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
}

#elif defined(__AVX2__)
#include <immintrin.h>
typedef struct {
    __m256d low, high;
} lk_eight;

INLINE lk_eight lk_eight_zero(void)
{
    return (lk_eight){_mm256_setzero_pd(), _mm256_setzero_pd()};
}
INLINE lk_eight lk_eight_of(__m256 v)
{
    return (lk_eight){_mm256_cvtps_pd(_mm256_castps256_ps128(v)),
                      _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1))};
}
INLINE lk_eight lk_eight_load(const float *p)
{
    return (lk_eight){_mm256_cvtps_pd(_mm_loadu_ps(p)), _mm256_cvtps_pd(_mm_loadu_ps(p + 4))};
}
INLINE lk_eight lk_eight_load_part(const float *p, size_t lanes)
{
    const __m256i mask =
        _mm256_cmpgt_epi32(_mm256_set1_epi32((int)lanes), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    return lk_eight_of(_mm256_maskload_ps(p, mask));
}
INLINE lk_eight lk_eight_add_product(lk_eight sum, lk_eight a, lk_eight b)
{
    return (lk_eight){_mm256_fmadd_pd(a.low, b.low, sum.low), _mm256_fmadd_pd(a.high, b.high, sum.high)};
}
INLINE lk_eight lk_eight_add_square(lk_eight sum, lk_eight a, lk_eight b)
{
    const __m256d low = _mm256_sub_pd(a.low, b.low), high = _mm256_sub_pd(a.high, b.high);
    return (lk_eight){_mm256_add_pd(sum.low, _mm256_mul_pd(low, low)),
                      _mm256_add_pd(sum.high, _mm256_mul_pd(high, high))};
}
INLINE double lk_eight_sum(lk_eight v)
{
    const __m256d four = _mm256_add_pd(v.low, v.high);
    const __m128d two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
    return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
}

#elif defined(LK_NEON)
#include <arm_neon.h>
typedef struct {
    float64x2_t a, b, c, d;
} lk_eight;

INLINE lk_eight lk_eight_zero(void)
{
    const float64x2_t zero = vdupq_n_f64(0);
    return (lk_eight){zero, zero, zero, zero};
}
INLINE lk_eight lk_eight_load(const float *p)
{
    const float32x4_t low = vld1q_f32(p), high = vld1q_f32(p + 4);
    return (lk_eight){vcvt_f64_f32(vget_low_f32(low)), vcvt_high_f64_f32(low),
                      vcvt_f64_f32(vget_low_f32(high)), vcvt_high_f64_f32(high)};
}
INLINE lk_eight lk_eight_load_part(const float *p, size_t lanes)
{
    float f[8] = {0};
    memcpy(f, p, lanes * sizeof *f);
    return lk_eight_load(f);
}
INLINE lk_eight lk_eight_add_product(lk_eight sum, lk_eight x, lk_eight y)
{
    return (lk_eight){vfmaq_f64(sum.a, x.a, y.a), vfmaq_f64(sum.b, x.b, y.b), vfmaq_f64(sum.c, x.c, y.c),
                      vfmaq_f64(sum.d, x.d, y.d)};
}
INLINE float64x2_t lk_two_add_square(float64x2_t sum, float64x2_t x, float64x2_t y)
{
    const float64x2_t off = vsubq_f64(x, y);
    return vaddq_f64(sum, vmulq_f64(off, off));
}
INLINE lk_eight lk_eight_add_square(lk_eight sum, lk_eight x, lk_eight y)
{
    return (lk_eight){lk_two_add_square(sum.a, x.a, y.a), lk_two_add_square(sum.b, x.b, y.b),
                      lk_two_add_square(sum.c, x.c, y.c), lk_two_add_square(sum.d, x.d, y.d)};
}
INLINE double lk_eight_sum(lk_eight v)
{
    const float64x2_t two = vaddq_f64(vaddq_f64(v.a, v.c), vaddq_f64(v.b, v.d));
    return vgetq_lane_f64(two, 0) + vgetq_lane_f64(two, 1);
}

#else /* the compiler's own vectors */
typedef double lk_two __attribute__((vector_size(16)));
typedef float lk_two_floats __attribute__((vector_size(8)));
typedef struct {
    lk_two at[4];
} lk_eight;

INLINE lk_eight lk_eight_zero(void)
{
    return (lk_eight){{{0}, {0}, {0}, {0}}};
}
INLINE lk_eight lk_eight_load(const float *p)
{
    lk_eight v;
    for (size_t i = 0; i < 4; i++) {
        lk_two_floats two;
        memcpy(&two, p + 2 * i, sizeof two);
        v.at[i] = __builtin_convertvector(two, lk_two);
    }
    return v;
}
INLINE lk_eight lk_eight_load_part(const float *p, size_t lanes)
{
    float f[8] = {0};
    memcpy(f, p, lanes * sizeof *f);
    return lk_eight_load(f);
}
INLINE lk_eight lk_eight_add_product(lk_eight sum, lk_eight a, lk_eight b)
{
    for (size_t i = 0; i < 4; i++) sum.at[i] += a.at[i] * b.at[i];
    return sum;
}
INLINE lk_eight lk_eight_add_square(lk_eight sum, lk_eight a, lk_eight b)
{
    for (size_t i = 0; i < 4; i++) sum.at[i] += (a.at[i] - b.at[i]) * (a.at[i] - b.at[i]);
    return sum;
}
INLINE double lk_eight_sum(lk_eight v)
{
    const lk_two two = (v.at[0] + v.at[2]) + (v.at[1] + v.at[3]);
    return two[0] + two[1];
}
#endif

#endif
