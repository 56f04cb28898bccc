#define TILE_ROWS 2
#define BLOCKS 1
#include "layers/kernels/conv2d_blocked.h"
#include "layers/kernels/conv2d_picture.h"

void lk_conv2d_f32_2x16__portable(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    conv2d_blocked(d, io, rows);
}

void lk_conv2d_f32_picture2x16__portable(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    conv2d_picture(d, io, rows);
}
