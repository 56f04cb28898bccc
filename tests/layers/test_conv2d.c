#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "support/conv2d_check.h"

static const lk_conv2d_kernel kernels[] = {
#define LK_CONV2D(run, type, needs, panel, pack, scratch, fits) \
    {#run, run, type, needs, panel, pack, scratch, fits},
#include "layers/kernels.inc"
};

#define SHAPE(h, w, in, out, kh, kw, s, p, dil, g, added)                                             \
    {                                                                                                 \
        .in_h = h, .in_w = w, .in_channels = in, .out_channels = out, .groups = g, .kernel_h = kh,    \
        .kernel_w = kw, .stride_h = s, .stride_w = s, .pad_top = p, .pad_left = p, .dilation_h = dil, \
        .dilation_w = dil, .lo = 0, .hi = 6, .residual = added                                        \
    }
#define NONE LK_RESIDUAL_NONE
#define BEFORE LK_RESIDUAL_BEFORE_ACTIVATION
#define AFTER LK_RESIDUAL_AFTER_ACTIVATION

/* MobileNetV2's first layer, ResNet's kinds, a linear layer on a map; then strides, dilations, groups, and
 * awkward sizes. */
static const lk_conv2d shapes[] = {
    SHAPE(57, 59, 3, 32, 3, 3, 2, 1, 1, 1, NONE),    SHAPE(33, 32, 3, 16, 7, 7, 2, 3, 1, 1, NONE),
    SHAPE(14, 14, 16, 24, 3, 3, 1, 1, 1, 1, BEFORE), SHAPE(9, 10, 8, 8, 1, 1, 2, 0, 1, 1, NONE),
    SHAPE(4, 3, 20, 11, 4, 3, 1, 0, 1, 1, NONE),     SHAPE(12, 13, 6, 9, 3, 3, 1, 2, 2, 3, AFTER),
    SHAPE(12, 13, 5, 9, 3, 2, 1, 2, 3, 1, BEFORE),   SHAPE(1, 1, 1, 1, 3, 3, 1, 1, 1, 1, NONE),
    SHAPE(1, 9, 4, 3, 3, 3, 2, 1, 1, 1, NONE),       SHAPE(9, 1, 4, 3, 3, 3, 2, 1, 1, 1, NONE),
    SHAPE(8, 8, 12, 6, 3, 3, 1, 1, 1, 2, NONE),      SHAPE(40, 40, 2, 33, 5, 5, 3, 4, 1, 1, NONE),
    SHAPE(15, 13, 24, 144, 3, 3, 2, 1, 1, 1, NONE),  SHAPE(7, 9, 64, 96, 3, 3, 1, 1, 1, 2, AFTER),
    SHAPE(7, 8, 48, 72, 3, 3, 1, 1, 1, 3, BEFORE),   SHAPE(6, 5, 19, 57, 3, 3, 1, 1, 1, 19, NONE),
    SHAPE(7, 7, 32, 64, 3, 3, 2, 1, 1, 32, BEFORE),  SHAPE(13, 11, 64, 40, 1, 1, 2, 0, 1, 1, AFTER),
    SHAPE(5, 6, 96, 128, 1, 1, 1, 0, 1, 4, NONE),    SHAPE(4, 4, 256, 33, 3, 3, 1, 1, 1, 1, NONE),
    SHAPE(61, 1, 7, 20, 5, 1, 1, 2, 1, 1, NONE),     SHAPE(3, 3, 33, 17, 3, 3, 1, 0, 1, 1, BEFORE),
};

static void test_every_kernel_is_within_its_bound(void **state)
{
    (void)state;
    lk_check_family(kernels, LK_COUNT(kernels), shapes, LK_COUNT(shapes));
}

/* Dispatch: the family follows from the geometry, the kernel from the mask; the reference is what is left. */
static void test_dispatch_follows_geometry_and_mask(void **state)
{
    (void)state;
    lk_conv2d d = lk_sized(shapes[0]);
    assert_string_equal(lk_conv2d_choose(&d, 0)->name, "lk_conv2d_f32__reference");
    assert_string_equal(lk_conv2d_choose(&d, LK_NEEDS_OPENBLAS)->name, "lk_conv2d_f32_im2col__openblas");
    d.kernel_h = d.kernel_w = d.stride_h = d.stride_w = 1, d.pad_top = d.pad_left = 0;
    d = lk_sized(d);
    assert_string_equal(lk_conv2d_choose(&d, 0)->name, "lk_pointwise_f32__reference");
    assert_string_equal(lk_conv2d_choose(&d, LK_NEEDS_PORTABLE)->name, "lk_pointwise_f32__reference");
    d.groups = d.out_channels = d.in_channels, d.kernel_h = d.kernel_w = 3, d.pad_top = d.pad_left = 1;
    assert_string_equal(lk_conv2d_choose(&d, 0)->name, "lk_depthwise_f32__reference");
    assert_string_equal(lk_conv2d_choose(&d, LK_NEEDS_PORTABLE)->name, "lk_depthwise_f32_3x3c4__portable");
    d.residual = LK_RESIDUAL_BEFORE_ACTIVATION; /* the fast ones do not fit */
    assert_string_equal(lk_conv2d_choose(&d, ~(unsigned)LK_NEEDS_NATIVE)->name,
                        "lk_depthwise_f32__reference");
#ifdef __x86_64__
    d.residual = LK_RESIDUAL_NONE;
    assert_string_equal(lk_conv2d_choose(&d, LK_NEEDS_PORTABLE | LK_ISA_AVX2)->name,
                        "lk_depthwise_f32_3x3c8__avx2");
    assert_string_equal(lk_conv2d_choose(&d, ~0u)->name, "lk_depthwise_f32_2x6__avx512");
#elif defined(__aarch64__)
    d.residual = LK_RESIDUAL_NONE;
    assert_string_equal(lk_conv2d_choose(&d, LK_NEEDS_PORTABLE | LK_ISA_NEON)->name,
                        "lk_depthwise_f32_3x3c4__neon");
    assert_string_equal(lk_conv2d_choose(&d, ~0u)->name, "lk_depthwise_f32_2x4__neon");
#endif
}

/* Each row is reached by dispatch under some mask and shape: one that never is should be deleted. */
static void test_every_kernel_is_chosen_somewhere(void **state)
{
    (void)state;
    for (size_t k = 0; k < LK_COUNT(kernels); k++) {
        bool chosen = false;
        for (size_t s = 0; s < LK_COUNT(shapes) && !chosen; s++) {
            const lk_conv2d d = lk_typed(&kernels[k], lk_sized(shapes[s]));
            chosen = !strcmp(lk_conv2d_choose(&d, kernels[k].needs)->name, kernels[k].name);
        }
        if (!chosen) fail_msg("%s is never chosen", kernels[k].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kernel_is_within_its_bound),
        cmocka_unit_test(test_dispatch_follows_geometry_and_mask),
        cmocka_unit_test(test_every_kernel_is_chosen_somewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
