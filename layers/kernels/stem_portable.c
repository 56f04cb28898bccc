#define COLUMNS 2
#define BLOCKS 1
#include "layers/kernels/stem.h"

void lk_conv2d_f32_stem2__portable(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    stem(d, io, rows);
}
