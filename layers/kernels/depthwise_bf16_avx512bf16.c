#define LK_MAP_BF16
#define STRIP_ROWS 2
#define COLUMNS 6
#include "layers/kernels/depthwise_any.h"

void lk_depthwise_bf16_2x6__avx512bf16(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    depthwise_blocked(d, io, rows);
}

void lk_depthwise_bf16_1x6__avx512bf16(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    depthwise_any(d, io, rows);
}
