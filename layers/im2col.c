#include "layers/conv2d.h"

/* Enough output pixels for SGEMM to run at speed, few enough that the columns stay in cache. Whole rows of
 * pixels. */
#define PIXELS_AT_ONCE 1024

size_t lk_im2col_scratch(const lk_conv2d *d)
{
    const size_t rows = d->out_w < PIXELS_AT_ONCE ? PIXELS_AT_ONCE / d->out_w : 1;
    return (rows < d->out_h ? rows : d->out_h) * d->out_w * d->kernel_h * d->kernel_w * d->in_channels *
           sizeof(float);
}

bool lk_conv2d_fits_im2col(const lk_conv2d *d)
{
    return d->groups == 1;
}
