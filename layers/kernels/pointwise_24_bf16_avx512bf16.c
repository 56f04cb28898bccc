#define LK_MAP_BF16
#include "layers/kernels/pointwise_24.h"

void lk_pointwise_bf16_8x24__avx512bf16(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    pointwise_24(d, io, rows);
}
