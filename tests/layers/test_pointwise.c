#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/checked.h"
#include "support/conv2d_check.h"

static const lk_conv2d_kernel kernels[] = {
#define LK_POINTWISE(run, type, needs, panel, pack, scratch, fits) \
    {#run, run, type, needs, panel, pack, scratch, fits},
#include "layers/kernels.inc"
};

#define SHAPE(h, w, in, out, low, high, added)                                                    \
    {                                                                                             \
        .in_h = h, .in_w = w, .in_channels = in, .out_channels = out, .groups = 1, .kernel_h = 1, \
        .kernel_w = 1, .stride_h = 1, .stride_w = 1, .dilation_h = 1, .dilation_w = 1, .lo = low, \
        .hi = high, .residual = added                                                             \
    }
#define NONE LK_RESIDUAL_NONE
#define BEFORE LK_RESIDUAL_BEFORE_ACTIVATION
#define AFTER LK_RESIDUAL_AFTER_ACTIVATION

/* MobileNetV2's channels, on maps cut to a size that is quick in double; the classifier (one pixel); then
 * channel tails, a single pixel or channel, and every kind of epilogue. */
static const lk_conv2d shapes[] = {
    SHAPE(19, 20, 32, 16, -INFINITY, INFINITY, NONE),
    SHAPE(20, 19, 16, 96, 0, 6, NONE),
    SHAPE(13, 13, 96, 24, -INFINITY, INFINITY, NONE),
    SHAPE(13, 12, 24, 144, 0, 6, NONE),
    SHAPE(13, 13, 144, 24, -INFINITY, INFINITY, BEFORE),
    SHAPE(9, 9, 192, 32, -INFINITY, INFINITY, BEFORE),
    SHAPE(9, 7, 192, 64, -INFINITY, INFINITY, NONE),
    SHAPE(7, 8, 384, 64, -INFINITY, INFINITY, BEFORE),
    SHAPE(7, 7, 64, 384, 0, 6, NONE),
    SHAPE(5, 5, 576, 96, -INFINITY, INFINITY, BEFORE),
    SHAPE(4, 4, 960, 160, -INFINITY, INFINITY, NONE),
    SHAPE(4, 4, 960, 320, -INFINITY, INFINITY, NONE),
    SHAPE(3, 3, 320, 1280, 0, 6, NONE),
    SHAPE(1, 1, 1280, 1000, -INFINITY, INFINITY, NONE),
    SHAPE(1, 1, 1280, 12, -INFINITY, INFINITY, NONE),
    SHAPE(1, 1, 1, 1, -INFINITY, INFINITY, NONE),
    SHAPE(3, 5, 1, 17, 0, INFINITY, AFTER),
    SHAPE(3, 5, 3, 31, -1, 1, AFTER),
    SHAPE(1, 9, 7, 33, 0, 6, BEFORE),
    SHAPE(5, 1, 65, 5, 0, 6, AFTER),
    SHAPE(6, 6, 8, 8, 0, 6, NONE),
};

static void test_every_kernel_is_within_its_bound(void **state)
{
    (void)state;
    lk_check_family(kernels, LK_COUNT(kernels), shapes, LK_COUNT(shapes));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_kernel_is_within_its_bound)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
