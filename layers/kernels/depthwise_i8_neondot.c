#include "layers/kernels/depthwise_i8.h"

void lk_depthwise_i8_1x4__neondot(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    depthwise_i8(d, io, rows);
}
