#include "layers/kernels/pointwise_vector.h"

void lk_pointwise_f32_1x64__neon(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    pointwise_vector(d, io, rows);
}
