#define LK_MAP_BF16
#define TILE_ROWS 8
#define LAST_ROWS 12
#define BLOCKS 2
#define STRIP_ROWS 2
#define COLUMNS 6
#include "layers/kernels/expand_depthwise.h"

void lk_expand_depthwise_bf16_8x32_2x6__avx512bf16(const lk_expand_depthwise *d, const lk_operands *io,
                                                   lk_rows rows)
{
    expand_depthwise(d, io, rows);
}
