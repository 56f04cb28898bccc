#define LK_MAP_BF16
#include "layers/kernels/pool_global.h"

void lk_pool2d_bf16_global__avx2(const lk_pool2d *d, const lk_operands *io, lk_rows rows)
{
    pool_global(d, io, rows);
}
