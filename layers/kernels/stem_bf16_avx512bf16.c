#define LK_MAP_BF16
#define COLUMNS 8
#define BLOCKS 2
#include "layers/kernels/stem.h"

void lk_conv2d_bf16_stem8__avx512bf16(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    stem(d, io, rows);
}
