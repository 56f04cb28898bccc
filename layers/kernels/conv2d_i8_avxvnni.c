#include "layers/kernels/conv2d_i8.h"

void lk_conv2d_i8_6x16__avxvnni(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    conv2d_i8(d, io, rows, (pointwise_i8_kernel){lk_pointwise_i8_6x16__avxvnni, 16});
}
