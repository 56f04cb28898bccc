#define LK_MAP_BF16
#define COLUMNS 6
#define BLOCKS 1
#include "layers/kernels/stem.h"

void lk_conv2d_bf16_stem6__avx2(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    stem(d, io, rows);
}
