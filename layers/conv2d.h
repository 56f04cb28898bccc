/* Convolution of two-dimensional maps: the layer's geometry, its three families of kernels, and the choice among them. */
#ifndef LK_LAYERS_CONV2D_H
#define LK_LAYERS_CONV2D_H

#include <stdbool.h>

#include "base/tensor.h"
#include "layers/affine.h"
#include "layers/cpu.h"
#include "layers/kernel.h"

typedef enum lk_residual {
    LK_RESIDUAL_NONE,
    LK_RESIDUAL_BEFORE_ACTIVATION, /* y = clamp(conv + bias + residual): ResNet */
    LK_RESIDUAL_AFTER_ACTIVATION   /* y = clamp(conv + bias) + residual */
} lk_residual;

typedef struct lk_conv2d {
    size_t in_h, in_w, in_channels;    /* of one picture, NHWC */
    size_t out_h, out_w, out_channels;
    size_t kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w;
    size_t pad_top, pad_left; /* zeros; how many stand below and to the right follows from out_h and out_w */
    size_t groups;            /* divides in_channels and out_channels */
    float lo, hi;             /* activation: ReLU6 is {0, 6}, ReLU {0, INFINITY}, none {-INFINITY, INFINITY} */
    lk_residual residual;
    lk_dtype type; /* LK_F32; LK_I8 (int8.h); or LK_BF16: a pack function then rounds the weights. Those of a depthwise layer, or of one
                               * that is not pointwise and reads floats, are few and multiplied as floats anyway: they stay as they are,
                               * and so does bias */
    lk_dtype x_type, y_type; /* of the maps; a residual is of y's. Blocked maps lie in memory as their type says, and so do bytes;
                              * other NHWC maps are floats, whose values are bfloat16's where the type is */
    lk_affine x_real, y_real, residual_real; /* LK_I8: what bytes of the maps stand for. A float x becomes bytes of x_real first; a
                                              * float y has neither activation nor residual. A residual is added before the
                                              * activation */
} lk_conv2d;

/* y[oy][ox][o] = clamp(bias[o] + sum over ky, kx, c of
 *                      x[oy*stride_h + ky*dilation_h - pad_top][ox*stride_w + kx*dilation_w - pad_left][c] * w[o][c][ky][kx])
 * where c runs over the in_channels / groups inputs of o's group, and x is 0 outside the map; plus the residual.
 * A row is one row of output pixels; for the pointwise family one pixel. Rows run [picture][row], those of a kernel with
 * panels [picture][panel][row]; lk_conv2d_rows counts those of a picture. Cannot fail. Touches no byte outside its operands. */
typedef void lk_conv2d_fn(const lk_conv2d *d, const lk_operands *io, lk_rows rows);

/* What a kernel's weights are made from: weights [out_channels][in_channels/groups][kernel_h][kernel_w], bias [out_channels]. Of
 * an LK_I8 layer: bytes in place of weights, each of scales [out_channels]. */
typedef struct lk_conv2d_weights {
    const float *weights, *bias;
    const int8_t *bytes;
    const float *scales;
} lk_conv2d_weights;

/* Lays them as a kernel reads them. Returns how many bytes that takes; writes nothing, and reads nothing of `from`, when `packed`
 * is NULL. */
typedef size_t lk_conv2d_pack_fn(const lk_conv2d *d, const lk_conv2d_weights *from, void *packed);

#define LK_STEM ((size_t)-1)
#define LK_ROWS ((size_t)-2)

typedef struct lk_conv2d_kernel {
    const char *name;
    lk_conv2d_fn *run;
    lk_dtype type;                            /* of the layers that it does */
    unsigned needs;                           /* LK_NEEDS_ and LK_ISA_ bits; 0 is the reference */
    size_t panel;                             /* 0: maps are NHWC. LK_STEM: x is NHWC, y is blocked (layout.h). LK_ROWS: maps
                                               * are blocked, all output channels of a row are made at a time. Else maps are blocked,
                                               * and so many output channels */
    lk_conv2d_pack_fn *pack;
    size_t (*scratch)(const lk_conv2d *d);    /* bytes of scratch a thread; NULL for none */
    bool (*fits)(const lk_conv2d *d);         /* whether it can do this layer; NULL: all of its family */
} lk_conv2d_kernel;

/* Which family a layer is of. Pointwise: 1x1, stride 1, no padding, one group. Depthwise: one input and output channel a group. */
bool lk_conv2d_is_pointwise(const lk_conv2d *d);
bool lk_conv2d_is_depthwise(const lk_conv2d *d);

/* The last kernel of the layer's family whose needs are all in `can` and which fits. There is always the reference. */
const lk_conv2d_kernel *lk_conv2d_choose(const lk_conv2d *d, unsigned can);
const lk_conv2d_kernel *lk_pointwise_choose(const lk_conv2d *d, unsigned can);
const lk_conv2d_kernel *lk_depthwise_choose(const lk_conv2d *d, unsigned can);

/* The last of `count` kernels that is allowed and fits: dispatch for a family. */
const lk_conv2d_kernel *lk_conv2d_choose_among(const lk_conv2d_kernel *kernels, size_t count, const lk_conv2d *d, unsigned can);

size_t lk_conv2d_rows(const lk_conv2d_kernel *kernel, const lk_conv2d *d); /* of one picture, as the kernel counts them */
size_t lk_conv2d_multiply_adds(const lk_conv2d *d); /* for one picture */

#define LK_CONV2D(run, type, needs, panel, pack, scratch, fits) lk_conv2d_fn run;
#define LK_POINTWISE(run, type, needs, panel, pack, scratch, fits) lk_conv2d_fn run;
#define LK_DEPTHWISE(run, type, needs, panel, pack, scratch, fits) lk_conv2d_fn run;
#include "layers/kernels.inc"

/* What the rows of kernels.inc name beside their kernels. */
lk_conv2d_pack_fn lk_conv2d_pack_taps;      /* bias [out], w [kernel_h][kernel_w][in/groups][out] */
lk_conv2d_pack_fn lk_depthwise_pack_taps;   /* bias [c], w [kernel_h][kernel_w][c] */
lk_conv2d_pack_fn lk_pointwise_pack_blocks; /* bias [blocks][16], w [blocks][in][16]; zeros past the last output */
lk_conv2d_pack_fn lk_pointwise_pack_pairs;  /* bias [blocks][16], w [blocks][in / 2][16][2] as bfloat16 */
lk_conv2d_pack_fn lk_pointwise_pack_halves; /* bias [blocks][16], w [blocks][in][16] as bfloat16 */
lk_conv2d_pack_fn lk_pointwise_pack_24;     /* bias [panels][32], w [panels][in][32]: of 24 outputs a whole block, and half a block twice */
lk_conv2d_pack_fn lk_pointwise_pack_24_pairs; /* the same, w [panels][in / 2][32][2] as bfloat16 */
lk_conv2d_pack_fn lk_depthwise_pack_blocks; /* [blocks][1 + taps][16]: bias, then w; zeros past the last channel */
lk_conv2d_pack_fn lk_stem_pack;             /* [blocks][1 + kernel_h * kernel_w * in][16]: bias, then w */
size_t lk_depthwise_zeros(const lk_conv2d *d);
size_t lk_stem_scratch(const lk_conv2d *d);
size_t lk_stem_padded_width(const lk_conv2d *d); /* pixels of an input row with the padding that its taps reach */
bool lk_stem_fits(const lk_conv2d *d);
bool lk_pointwise_fits_24(const lk_conv2d *d);     /* whole panels of 24 waste less than panels of 16 */
bool lk_pointwise_fits_24_pairs(const lk_conv2d *d); /* and lk_pointwise_fits_pairs */
bool lk_pointwise_fits_vector(const lk_conv2d *d);     /* one pixel */
bool lk_pointwise_fits_f32_vector(const lk_conv2d *d); /* one pixel, x and y float32 */
bool lk_pointwise_fits_bf16_maps(const lk_conv2d *d);  /* x and y bfloat16 */
bool lk_pointwise_fits_pairs(const lk_conv2d *d);      /* x and y bfloat16, an even number of inputs */

/* A weight as a layer of this type has it. */
float lk_conv2d_weight(const lk_conv2d *d, float weight);
bool lk_depthwise_fits_blocked(const lk_conv2d *d);

/* Kernels that gather columns (columns.c): of a block of outputs they hold the inputs [first, first + count), those of all groups that the
 * block has outputs of. */
typedef struct lk_inputs {
    size_t first, count;
} lk_inputs;
lk_inputs lk_conv2d_inputs_of(const lk_conv2d *d, size_t block);
bool lk_conv2d_fits_picture(const lk_conv2d *d); /* few channels, as only a picture has, of one group; no dilation along rows */
size_t lk_columns_pixels(const lk_conv2d *d);  /* whose columns are gathered at once */
size_t lk_columns_scratch(const lk_conv2d *d); /* [blocks of terms][pixels + 1][16] */
lk_conv2d_pack_fn lk_conv2d_pack_columns;      /* bias [blocks][16], w [blocks][kernel_h][kernel_w][inputs][16]; zeros for inputs of other
                                                * groups and past the last output */
lk_conv2d_pack_fn lk_conv2d_pack_column_pairs; /* the same, two terms of an output side by side, as bfloat16 */

size_t lk_im2col_scratch(const lk_conv2d *d);
bool lk_conv2d_fits_im2col(const lk_conv2d *d);
bool lk_depthwise_fits_3x3(const lk_conv2d *d);

#endif
