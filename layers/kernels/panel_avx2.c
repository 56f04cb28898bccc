#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))
enum { ROWS = 6, VECTORS = 2, LANES = 8 };
typedef __m256 acc, units;

INLINE acc zero(void)
{
    return _mm256_setzero_ps();
}
INLINE units load(const void *p)
{
    return _mm256_loadu_ps(p);
}
INLINE acc add(acc sum, units queries, const void *p)
{
    return _mm256_fmadd_ps(queries, _mm256_broadcast_ss(p), sum);
}
INLINE void store(float *p, acc sum)
{
    _mm256_storeu_ps(p, sum);
}

#include "layers/kernels/panel.h"

void lk_panel_f32_6x16__avx2(const lk_panel *d, const void *rows, const uint32_t *panel, float *scores)
{
    all_rows(d, rows, panel, scores);
}
