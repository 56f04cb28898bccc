#define STRIP_ROWS 2
#define COLUMNS 4
#include "layers/kernels/depthwise_blocked.h"

void lk_depthwise_f32_2x4__neon(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    depthwise_blocked(d, io, rows);
}
