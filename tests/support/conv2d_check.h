/* Any kernel of the convolution families against the formula of conv2d.h, in double, with an error bound. */
#ifndef LK_TESTS_CONV2D_CHECK_H
#define LK_TESTS_CONV2D_CHECK_H

#include "layers/conv2d.h"

/* The masks under which kernels of this machine run: everything that lk_cpu_isa and OpenBLAS give. */
unsigned lk_test_can(void);

/* A batch of NHWC maps as blocked ones of this type, between guard pages; NULL: an output, all NaN. What pads the last block stays NaN:
 * no result may depend on it. And back. */
void *lk_test_blocked(const float *nhwc, size_t batch, size_t pixels, size_t channels, lk_dtype type);
void lk_test_unblock(const void *blocked, size_t batch, size_t pixels, size_t channels, lk_dtype type, float *nhwc);

/* Random floats, rounded to the type. */
const float *lk_test_values(size_t count, lk_dtype type);

/* How far a sum of `terms` terms may be from `want`, where `size` is the sum of the terms' magnitudes: (terms + 2) * 2^-24 * size in
 * float32; twice that in bfloat16, whose instruction rounds more often, and half a unit in the last place of the output. */
double lk_test_bound(const lk_conv2d *d, double terms, double want, double size);

/* The layer with the types that the kernel takes. */
lk_conv2d lk_typed(const lk_conv2d_kernel *kernel, lk_conv2d d);

/* Runs `kernel` on `batch` random pictures of layer d, in two calls that split the rows, between guard pages
 * on either side. Returns how many outputs are outside |got - want| <= (K + 2) * 2^-24 * (|bias| + sum |x *
 * w|), where K counts the terms of a sum, residual included; prints the first with its seed and shape.
 * `worst` grows to the largest share of the bound, `checked` by the number of outputs. */
size_t lk_check_conv2d(const lk_conv2d_kernel *kernel, const lk_conv2d *d, size_t batch, double *worst,
                       size_t *checked);

/* All kernels × shapes of a family that fit and can run here: fails the cmocka test when one is outside, or
 * none ran. */
void lk_check_family(const lk_conv2d_kernel *kernels, size_t kernel_count, const lk_conv2d *shapes,
                     size_t shape_count);

/* out_h and out_w from the rest, with the padding of `pad_top` and `pad_left` on both sides. */
lk_conv2d lk_sized(lk_conv2d d);

#endif
