#define TILE_ROWS 12
#define BLOCKS 2
#include "layers/kernels/pointwise_i8.h"

void lk_pointwise_i8_12x32__avx512vnni(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    pointwise_i8(d, io, rows);
}
