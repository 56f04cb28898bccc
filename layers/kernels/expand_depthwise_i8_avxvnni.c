#define TILE_ROWS 4
#define BLOCKS 1
#include "layers/kernels/expand_depthwise_i8.h"

void lk_expand_depthwise_i8_4x16_1x4__avxvnni(const lk_expand_depthwise *d, const lk_operands *io,
                                              lk_rows rows)
{
    expand_depthwise_i8(d, io, rows);
}
