#define TILE_ROWS 4
#define BLOCKS 1
#include "layers/kernels/pointwise_i8.h"

void lk_pointwise_i8_4x16__avx2(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    pointwise_i8(d, io, rows);
}
