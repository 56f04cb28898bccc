#define LK_MAP_BF16
#define TILE_ROWS 8
#define LAST_ROWS 12
#define BLOCKS 2
#include "layers/kernels/pointwise_blocked.h"

void lk_pointwise_bf16_8x32__avx512bf16(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    pointwise_blocked(d, io, rows);
}
