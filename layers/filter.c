#include "layers/filter.h"

#include <math.h>

static double scale_of(const lk_filter *filter, size_t output)
{
    if (!filter->gamma) return 1;
    return (double)lk_tensor_at(filter->gamma, output) /
           sqrt((double)lk_tensor_at(filter->variance, output) + filter->epsilon);
}

void lk_filter_read(const lk_filter *filter, size_t outputs, float *weights, float *bias)
{
    const size_t inputs = filter->weight->count / outputs; /* of one output: taps times channels */
    if (!filter->is_linear) lk_tensor_read(filter->weight, weights);
    for (size_t o = 0; o < outputs; o++) {
        const double scale = scale_of(filter, o);
        double offset = filter->bias ? (double)lk_tensor_at(filter->bias, o) : 0;
        if (filter->gamma)
            offset = (offset - (double)lk_tensor_at(filter->mean, o)) * scale +
                     (double)lk_tensor_at(filter->beta, o);
        bias[o] = (float)offset;
        for (size_t i = 0; i < inputs; i++) {
            float *weight = &weights[o * inputs + i];
            if (filter->is_linear) *weight = lk_tensor_at(filter->weight, i * outputs + o);
            *weight = (float)((double)*weight * scale);
        }
    }
}
