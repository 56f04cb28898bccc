#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))
enum { ROWS = 12, VECTORS = 2, LANES = 16 };
typedef __m512 acc, units;

INLINE acc zero(void)
{
    return _mm512_setzero_ps();
}
INLINE units load(const void *p)
{
    return _mm512_loadu_ps(p);
}
INLINE acc add(acc sum, units queries, const void *p)
{
    return _mm512_fmadd_ps(queries, _mm512_set1_ps(*(const float *)p), sum);
}
INLINE void store(float *p, acc sum)
{
    _mm512_storeu_ps(p, sum);
}

#include "layers/kernels/panel.h"

void lk_panel_f32_12x32__avx512(const lk_panel *d, const void *rows, const uint32_t *panel, float *scores)
{
    all_rows(d, rows, panel, scores);
}
