#include "layers/kernels/openblas.h"

void lk_pointwise_f32_sgemm__openblas_avx512(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    pointwise(d, io, rows);
}

void lk_conv2d_f32_im2col__openblas_avx512(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    conv2d(d, io, rows);
}
