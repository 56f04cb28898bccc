#include "layers/kernels/depthwise_3x3.h"

void lk_depthwise_f32_3x3c4__neon(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    depthwise_3x3(d, io, rows);
}
