/* Layers of eight-bit networks: bytes in, int8 weights with a scale a channel, int32 sums, bytes out. All kernels give the
 * same bits. docs/model_file.md says the arithmetic; what a layer is, conv2d.h and pool2d.h. */
#ifndef LK_LAYERS_INT8_H
#define LK_LAYERS_INT8_H

#include "layers/conv2d.h"
#include "layers/filter.h"
#include "layers/pool2d.h"

/* The last kernel that is allowed and fits, of all that do layers of type LK_I8 (conv2d.h says which there are). */
const lk_conv2d_kernel *lk_int8_choose(const lk_conv2d *d, unsigned can);
const lk_pool2d_kernel *lk_pool2d_u8_choose(const lk_pool2d *d, unsigned can);

/* What an output channel's sum is started with, and what it is multiplied by in the end. */
typedef struct lk_int8_channel {
    int32_t bias;     /* in units of the sum; 0 where y is float, whose bias is added as a float */
    int32_t at_zero;  /* bias, less what x_real.zero in every tap would add: for sums over x as it is */
    float factor;
} lk_int8_channel;

lk_int8_channel lk_int8_channel_of(const lk_conv2d *d, const lk_conv2d_weights *from, size_t output);

/* y_real's, of the layer's activation. */
static inline lk_bytes lk_int8_bytes(const lk_conv2d *d)
{
    return lk_affine_bytes(d->y_real, d->lo, d->hi);
}

/* What a byte of the residual, less its zero, is multiplied by. */
static inline float lk_int8_residual_factor(const lk_conv2d *d)
{
    return (float)(d->residual_real.scale / d->y_real.scale);
}

/* What a pooled channel's sum, less its zeros, is multiplied by. */
static inline float lk_pool2d_u8_factor(const lk_pool2d *d)
{
    return (float)(d->x_real.scale / (double)(d->in_h * d->in_w));
}

/* Packs the weights of an int8 filter for a kernel. LK_ERROR_MEMORY. */
lk_status lk_int8_pack(const lk_conv2d *d, const lk_filter *filter, lk_conv2d_pack_fn *pack, void *packed);

#define LK_INT8(run, needs, panel, pack, scratch, fits) lk_conv2d_fn run;
#define LK_POOL2D_U8(run, needs, is_blocked) lk_pool2d_fn run;
#include "layers/kernels.inc"

/* What the rows of kernels.inc name beside their kernels. */
lk_conv2d_pack_fn lk_int8_pack_plain;  /* float factor [out], float bias [out], int32_t bias [out], w as it is */
lk_conv2d_pack_fn lk_int8_pack_blocks; /* a block after the other: see int8_block in layers/kernels/int8_blocks.h; w
                                        * [kernel_h][kernel_w][in/groups][16] */
lk_conv2d_pack_fn lk_int8_pack_fours;  /* at_zero, factor, bias [blocks][16], w [blocks][terms / 4][16][4]; zeros past the last term and
                                        * output. Terms: [kernel_h][kernel_w][in] */
lk_conv2d_pack_fn lk_int8_pack_rows;   /* of depthwise layers, [blocks] of at_zero [16], factor [16], w [3][16][4]: a row of taps */
lk_conv2d_pack_fn lk_int8_pack_stem;   /* [blocks] of at_zero [16], factor [16], w [7][16][4]: eight bytes of each row of taps, and
                                        * then their ninths */
lk_conv2d_pack_fn lk_int8_pack_signed_fours, lk_int8_pack_signed_rows, lk_int8_pack_signed_stem; /* the same for sums over x less 128 */
bool lk_int8_fits_columns(const lk_conv2d *d);    /* not pointwise, one group, bytes to bytes */
size_t lk_columns_i8_scratch(const lk_conv2d *d); /* columns, output and residual of the pixels that are gathered at once, and one more */
bool lk_int8_fits_pointwise(const lk_conv2d *d);
bool lk_int8_fits_linear(const lk_conv2d *d);
bool lk_int8_fits_any_depthwise(const lk_conv2d *d);
bool lk_int8_fits_depthwise(const lk_conv2d *d); /* 3 x 3 taps */
bool lk_int8_fits_stem(const lk_conv2d *d);
size_t lk_stem_i8_row(const lk_conv2d *d);     /* bytes of an input row with its padding: whole words */
size_t lk_stem_i8_scratch(const lk_conv2d *d); /* three of them, and a word for each output pixel of a row */
size_t lk_linear_i8_scratch(const lk_conv2d *d);    /* the input as bytes */
size_t lk_depthwise_i8_outside(const lk_conv2d *d); /* a row of what is outside the map */
bool lk_int8_fits_ring(const lk_conv2d *d);           /* a depthwise layer for layers/kernels/depthwise_i8_ring.h */
size_t lk_depthwise_i8_row(const lk_conv2d *d);       /* bytes of a row of a block there */
size_t lk_depthwise_i8_rows(const lk_conv2d *d);      /* that its ring has */
size_t lk_depthwise_i8_ring(const lk_conv2d *d);      /* bytes of it all, for one block */

#endif
