#define LK_MAP_BF16
#define TILE_ROWS 6
#define BLOCKS 1
#include "layers/kernels/pointwise_blocked.h"

void lk_pointwise_bf16_6x16__avx2(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    pointwise_blocked(d, io, rows);
}
