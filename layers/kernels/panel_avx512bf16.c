#include <immintrin.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
enum { ROWS = 12, VECTORS = 2, LANES = 16 };
typedef __m512 acc;
typedef __m512i units; /* two values of each of sixteen queries */

INLINE acc zero(void)
{
    return _mm512_setzero_ps();
}
INLINE units load(const void *p)
{
    return _mm512_loadu_si512(p);
}
INLINE acc add(acc sum, units queries, const void *p)
{
    int pair;
    memcpy(&pair, p, sizeof pair); /* the rows' copy is aligned for 16 bits */
    return _mm512_dpbf16_ps(sum, (__m512bh)queries, (__m512bh)_mm512_set1_epi32(pair));
}
INLINE void store(float *p, acc sum)
{
    _mm512_storeu_ps(p, sum);
}

#include "layers/kernels/panel.h"

void lk_panel_bf16_12x32__avx512bf16(const lk_panel *d, const void *rows, const uint32_t *panel,
                                     float *scores)
{
    all_rows(d, rows, panel, scores);
}

/* What is moved, in float32: each difference is exact, the sums are off by less than 2 %. Where squares could
 * be lost below the smallest number, and for a row of zeros, the bound is that of a single value, half a unit
 * in the last of 8 places. */
static float moved(float off, float length)
{
    const float most = 0x1p-8f, ratio = length >= 1e-12f ? 1.02f * sqrtf(off / length) : most;
    return ratio < most ? ratio : most;
}

float lk_panel_round_bf16__avx512bf16(const float *values, size_t rows, size_t dim, uint16_t *rounded)
{
    float largest = 0;
    for (size_t r = 0; r < rows; r++, values += dim, rounded += dim + dim % 2) {
        __m512 off = _mm512_setzero_ps(), length = off;
        for (size_t k = 0; k < dim; k += 16) {
            const unsigned lanes = dim - k < 16 ? (unsigned)(dim - k) : 16;
            const __m512 v = _mm512_maskz_loadu_ps((__mmask16)((1u << lanes) - 1), values + k);
            const __m256i half = (__m256i)_mm512_cvtneps_pbh(v);
            const __m512i back = _mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16);
            const __m512 apart = _mm512_sub_ps(v, _mm512_castsi512_ps(back));
            off = _mm512_fmadd_ps(apart, apart, off);
            length = _mm512_fmadd_ps(v, v, length);
            _mm256_mask_storeu_epi16(rounded + k, (__mmask16)((1u << (lanes + lanes % 2)) - 1), half);
        }
        largest = fmaxf(largest, moved(_mm512_reduce_add_ps(off), _mm512_reduce_add_ps(length)));
    }
    return largest;
}
