#include "layers/elementwise.h"

#include <math.h>

#include "base/checked.h"

static const lk_elementwise_kernel activations[] = {
#define LK_ACTIVATION(run, needs) {#run, run, needs},
#include "layers/kernels.inc"
};
static const lk_elementwise_kernel adds[] = {
#define LK_ADD(run, needs) {#run, run, needs},
#include "layers/kernels.inc"
};
static const lk_elementwise_kernel softmaxes[] = {
#define LK_SOFTMAX(run, needs) {#run, run, needs},
#include "layers/kernels.inc"
};

static const lk_elementwise_kernel *choose(const lk_elementwise_kernel *kernels, size_t count, unsigned can)
{
    size_t i = count - 1;
    while (kernels[i].needs & ~can) i--;
    return &kernels[i];
}

const lk_elementwise_kernel *lk_activation_choose(unsigned can)
{
    return choose(activations, LK_COUNT(activations), can);
}

const lk_elementwise_kernel *lk_add_choose(unsigned can)
{
    return choose(adds, LK_COUNT(adds), can);
}

const lk_elementwise_kernel *lk_softmax_choose(unsigned can)
{
    return choose(softmaxes, LK_COUNT(softmaxes), can);
}

void lk_activation_f32__reference(const lk_elementwise *d, const lk_operands *io, lk_rows rows)
{
    for (size_t i = rows.begin * d->count; i < rows.end * d->count; i++)
        ((float *)io->y)[i] = lk_clamp(((const float *)io->x)[i], d->lo, d->hi);
}

void lk_add_f32__reference(const lk_elementwise *d, const lk_operands *io, lk_rows rows)
{
    for (size_t i = rows.begin * d->count; i < rows.end * d->count; i++)
        ((float *)io->y)[i] = ((const float *)io->x)[i] + ((const float *)io->residual)[i];
}

void lk_softmax_f32__reference(const lk_elementwise *d, const lk_operands *io, lk_rows rows)
{
    for (size_t row = rows.begin; row < rows.end; row++) {
        const float *x = (const float *)io->x + row * d->count;
        float *y = (float *)io->y + row * d->count, largest = -INFINITY;
        double sum = 0;
        for (size_t i = 0; i < d->count; i++) largest = x[i] > largest ? x[i] : largest;
        for (size_t i = 0; i < d->count; i++) sum += (double)(y[i] = expf(x[i] - largest));
        for (size_t i = 0; i < d->count; i++) y[i] = (float)((double)y[i] / sum);
    }
}
