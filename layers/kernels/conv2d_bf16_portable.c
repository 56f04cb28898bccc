#define LK_MAP_BF16
#define TILE_ROWS 2
#define BLOCKS 1
#include "layers/kernels/conv2d_blocked.h"

void lk_conv2d_bf16_2x16__portable(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    conv2d_blocked(d, io, rows);
}
