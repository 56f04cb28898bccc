#define TILE_ROWS 6
#define BLOCKS 1
#include "layers/kernels/pointwise_i8.h"

void lk_pointwise_i8_6x16__neondot(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    pointwise_i8(d, io, rows);
}
