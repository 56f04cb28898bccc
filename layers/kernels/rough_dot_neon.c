#include "layers/kernels/rough_dot.h"

void lk_rough_dot_f32__neon(const lk_dot *d, const float *rows, const float *query, float *products)
{
    rough_dot(d, rows, query, products);
}
