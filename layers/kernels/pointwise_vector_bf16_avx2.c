#define LK_MAP_BF16
#include "layers/kernels/pointwise_vector.h"

void lk_pointwise_bf16_1x64__avx2(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    pointwise_vector(d, io, rows);
}
