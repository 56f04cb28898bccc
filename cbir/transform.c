/* What may be done to a feature vector before it is stored or ranked. */
#include <math.h>

#include "engine/likeness.h"

size_t lk_largest(const float *values, size_t count)
{
    size_t best = 0;
    for (size_t i = 1; i < count; i++)
        if (values[i] > values[best] || (isnan(values[best]) && !isnan(values[i]))) best = i;
    return best;
}

void lk_softmax(float *values, size_t count)
{
    if (!count) return;
    const double largest = values[lk_largest(values, count)]; /* so that no exp() overflows */
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += exp((double)values[i] - largest);
    for (size_t i = 0; i < count; i++) values[i] = (float)(exp((double)values[i] - largest) / sum);
}

void lk_l2_normalize(float *values, size_t count)
{
    double squares =
        0; /* a float squared stays far inside a double's range, so this neither overflows nor vanishes */
    for (size_t i = 0; i < count; i++) squares += (double)values[i] * (double)values[i];
    if (squares == 0) return;
    const double length = sqrt(squares);
    for (size_t i = 0; i < count; i++) values[i] = (float)((double)values[i] / length);
}
