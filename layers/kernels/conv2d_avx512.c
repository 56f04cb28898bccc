#define TILE_ROWS 8
#define LAST_ROWS 12
#define BLOCKS 2
#include "layers/kernels/conv2d_blocked.h"
#include "layers/kernels/conv2d_picture.h"

void lk_conv2d_f32_8x32__avx512(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    conv2d_blocked(d, io, rows);
}

void lk_conv2d_f32_picture8x32__avx512(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    conv2d_picture(d, io, rows);
}
