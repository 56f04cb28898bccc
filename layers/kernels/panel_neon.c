#include <arm_neon.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
enum { ROWS = 6, VECTORS = 4, LANES = 4 };
typedef float32x4_t acc, units;

INLINE acc zero(void)
{
    return vdupq_n_f32(0);
}
INLINE units load(const void *p)
{
    return vld1q_f32(p);
}
INLINE acc add(acc sum, units queries, const void *p)
{
    float x;
    memcpy(&x, p, sizeof x);
    return vfmaq_n_f32(sum, queries, x);
}
INLINE void store(float *p, acc sum)
{
    vst1q_f32(p, sum);
}

#include "layers/kernels/panel.h"

void lk_panel_f32_6x16__neon(const lk_panel *d, const void *rows, const uint32_t *panel, float *scores)
{
    all_rows(d, rows, panel, scores);
}
