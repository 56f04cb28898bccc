#include "layers/kernels/pointwise_24.h"

void lk_pointwise_f32_8x24__avx512(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    pointwise_24(d, io, rows);
}
