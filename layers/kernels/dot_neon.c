#include "layers/kernels/dot.h"

void lk_dot_f64__neon(const lk_dot *d, const float *rows, const float *queries, double *sums)
{
    all_sums(d, rows, queries, sums, lk_eight_add_product);
}

void lk_distance_f64__neon(const lk_dot *d, const float *rows, const float *queries, double *sums)
{
    all_sums(d, rows, queries, sums, lk_eight_add_square);
}
