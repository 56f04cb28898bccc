#include "layers/kernels/linear_i8.h"

void lk_linear_i8__neondot(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    linear_i8(d, io, rows);
}
