#define TILE_ROWS 8
#define BLOCKS 2
#include "layers/kernels/expand_depthwise_i8.h"

void lk_expand_depthwise_i8_8x32_2x4__avx512vnni(const lk_expand_depthwise *d, const lk_operands *io,
                                                 lk_rows rows)
{
    expand_depthwise_i8(d, io, rows);
}
