#include "layers/batch_norm.h"

#include <math.h>
#include <string.h>

#include "base/checked.h"

static const lk_batch_norm_kernel kernels[] = {
#define LK_BATCH_NORM(run, needs) {#run, run, needs},
#include "layers/kernels.inc"
};

const lk_batch_norm_kernel *lk_batch_norm_choose(unsigned can)
{
    size_t i = LK_COUNT(kernels) - 1;
    while (kernels[i].needs & ~can) i--;
    return &kernels[i];
}

/* mean and variance [channels] of x [pixels][channels]: two passes in double, since E[x²] − E[x]² would
 * cancel. */
static void measure(const lk_batch_norm *d, const float *x, double *mean, double *variance)
{
    memset(mean, 0, d->channels * sizeof *mean);
    memset(variance, 0, d->channels * sizeof *variance);
    for (size_t p = 0; p < d->pixels; p++)
        for (size_t c = 0; c < d->channels; c++) mean[c] += (double)x[p * d->channels + c];
    for (size_t c = 0; c < d->channels; c++) mean[c] /= (double)d->pixels;
    for (size_t p = 0; p < d->pixels; p++)
        for (size_t c = 0; c < d->channels; c++) {
            const double off = (double)x[p * d->channels + c] - mean[c];
            variance[c] += off * off;
        }
    for (size_t c = 0; c < d->channels; c++) variance[c] /= (double)d->pixels;
}

void lk_batch_norm_f32__reference(const lk_batch_norm *d, const lk_operands *io, lk_rows rows)
{
    const size_t channels = d->channels;
    const float *gamma = io->weights, *beta = gamma + channels, *running_mean = beta + channels;
    const float *running_variance = running_mean + channels;
    double *mean = (double *)io->scratch, *deviation = mean + channels; /* scratch is aligned for any type */
    for (size_t picture = rows.begin; picture < rows.end; picture++) {
        const float *x = (const float *)io->x + picture * d->pixels * channels;
        float *y = (float *)io->y + picture * d->pixels * channels;
        for (size_t c = 0; c < channels; c++)
            mean[c] = (double)running_mean[c], deviation[c] = (double)running_variance[c];
        if (d->own_statistics) measure(d, x, mean, deviation);
        for (size_t c = 0; c < channels; c++) deviation[c] = sqrt(deviation[c] + d->epsilon);
        for (size_t p = 0; p < d->pixels; p++)
            for (size_t c = 0; c < channels; c++) {
                const double unit = ((double)x[p * channels + c] - mean[c]) / deviation[c];
                y[p * channels + c] = (float)(unit * (double)gamma[c] + (double)beta[c]);
            }
    }
}
