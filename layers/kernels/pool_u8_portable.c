#include "layers/kernels/pool_u8.h"

void lk_pool2d_u8_global__portable(const lk_pool2d *d, const lk_operands *io, lk_rows rows)
{
    pool_u8_global(d, io, rows);
}
