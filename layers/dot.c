#include "layers/dot.h"

#include "base/checked.h"

static const lk_dot_kernel dots[] = {
#define LK_DOT(run, needs) {#run, run, needs},
#include "layers/kernels.inc"
};

static const lk_dot_kernel distances[] = {
#define LK_DISTANCE(run, needs) {#run, run, needs},
#include "layers/kernels.inc"
};

static const lk_rough_dot_kernel rough_dots[] = {
#define LK_ROUGH_DOT(run, needs) {#run, run, needs},
#include "layers/kernels.inc"
};

static const lk_dot_kernel *choose(const lk_dot_kernel *kernels, size_t count, unsigned can)
{
    size_t i = count - 1;
    while (kernels[i].needs & ~can) i--; /* stops at the reference, which asks for nothing */
    return &kernels[i];
}

const lk_dot_kernel *lk_dot_choose(unsigned can)
{
    return choose(dots, LK_COUNT(dots), can);
}

const lk_dot_kernel *lk_distance_choose(unsigned can)
{
    return choose(distances, LK_COUNT(distances), can);
}

const lk_rough_dot_kernel *lk_rough_dot_choose(unsigned can)
{
    size_t i = LK_COUNT(rough_dots) - 1;
    while (rough_dots[i].needs & ~can) i--;
    return &rough_dots[i];
}

static double add_lanes(const double lane[LK_DOT_LANES])
{
    return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

void lk_dot_f64__reference(const lk_dot *d, const float *rows, const float *queries, double *sums)
{
    for (size_t q = 0; q < d->queries; q++)
        for (size_t r = 0; r < d->rows; r++) {
            double lane[LK_DOT_LANES] = {0};
            for (size_t k = 0; k < d->dim; k++)
                lane[k % LK_DOT_LANES] += (double)queries[q * d->dim + k] * (double)rows[r * d->dim + k];
            *sums++ = add_lanes(lane);
        }
}

void lk_distance_f64__reference(const lk_dot *d, const float *rows, const float *queries, double *sums)
{
    for (size_t q = 0; q < d->queries; q++)
        for (size_t r = 0; r < d->rows; r++) {
            double lane[LK_DOT_LANES] = {0};
            for (size_t k = 0; k < d->dim; k++) {
                const double off = (double)queries[q * d->dim + k] - (double)rows[r * d->dim + k];
                lane[k % LK_DOT_LANES] += off * off;
            }
            *sums++ = add_lanes(lane);
        }
}

void lk_rough_dot_f32__reference(const lk_dot *d, const float *rows, const float *query, float *products)
{
    for (size_t r = 0; r < d->rows; r++) {
        products[r] = 0;
        for (size_t k = 0; k < d->dim; k++) products[r] += query[k] * rows[r * d->dim + k];
    }
}
