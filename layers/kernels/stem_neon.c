#define COLUMNS 4
#define BLOCKS 1
#include "layers/kernels/stem.h"

void lk_conv2d_f32_stem4__neon(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    stem(d, io, rows);
}
