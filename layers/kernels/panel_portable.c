#include <string.h>

#define INLINE static inline __attribute__((always_inline))
enum { ROWS = 3, VECTORS = 2, LANES = 4 };
typedef float acc __attribute__((vector_size(16)));
typedef acc units;

INLINE acc zero(void)
{
    return (acc){0, 0, 0, 0};
}
INLINE units load(const void *p)
{
    units v;
    memcpy(&v, p, sizeof v);
    return v;
}
INLINE acc add(acc sum, units queries, const void *p)
{
    float x;
    memcpy(&x, p, sizeof x);
    return sum + queries * (acc){x, x, x, x};
}
INLINE void store(float *p, acc sum)
{
    memcpy(p, &sum, sizeof sum);
}

#include "layers/kernels/panel.h"

void lk_panel_f32_3x8__portable(const lk_panel *d, const void *rows, const uint32_t *panel, float *scores)
{
    all_rows(d, rows, panel, scores);
}
