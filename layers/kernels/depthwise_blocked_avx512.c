#define STRIP_ROWS 2
#define COLUMNS 6
#include "layers/kernels/depthwise_any.h"

void lk_depthwise_f32_2x6__avx512(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    depthwise_blocked(d, io, rows);
}

void lk_depthwise_f32_1x6__avx512(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    depthwise_any(d, io, rows);
}
