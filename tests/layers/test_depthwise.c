#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/checked.h"
#include "support/conv2d_check.h"
#include "support/guard.h"

static const lk_conv2d_kernel kernels[] = {
#define LK_DEPTHWISE(run, type, needs, panel, pack, scratch, fits) \
    {#run, run, type, needs, panel, pack, scratch, fits},
#include "layers/kernels.inc"
};

#define SHAPE(h, w, c, k, s, p, dil, low, high)                                                      \
    {                                                                                                \
        .in_h = h, .in_w = w, .in_channels = c, .out_channels = c, .groups = c, .kernel_h = k,       \
        .kernel_w = k, .stride_h = s, .stride_w = s, .pad_top = p, .pad_left = p, .dilation_h = dil, \
        .dilation_w = dil, .lo = low, .hi = high                                                     \
    }

/* MobileNetV2's channels and strides, on maps cut to a size that is quick in double; then 1x1, one row or
 * column, odd sizes, every channel tail, other kernels, strides and paddings. */
static const lk_conv2d shapes[] = {
    SHAPE(31, 30, 32, 3, 1, 1, 1, 0, 6),
    SHAPE(30, 31, 96, 3, 2, 1, 1, 0, 6),
    SHAPE(17, 16, 144, 3, 1, 1, 1, 0, 6),
    SHAPE(16, 17, 144, 3, 2, 1, 1, 0, 6),
    SHAPE(15, 15, 192, 3, 1, 1, 1, 0, 6),
    SHAPE(15, 15, 384, 3, 1, 1, 1, 0, 6),
    SHAPE(15, 15, 576, 3, 2, 1, 1, 0, 6),
    SHAPE(8, 8, 960, 3, 1, 1, 1, 0, 6),
    SHAPE(1, 1, 2, 3, 1, 1, 1, -INFINITY, INFINITY),
    SHAPE(1, 7, 9, 3, 2, 1, 1, 0, 6),
    SHAPE(7, 1, 5, 3, 1, 1, 1, 0, 6),
    SHAPE(5, 3, 17, 3, 2, 1, 1, -1, 1),
    SHAPE(2, 2, 15, 3, 1, 1, 1, 0, 6),
    SHAPE(9, 23, 7, 3, 1, 0, 1, 0, INFINITY),
    SHAPE(9, 24, 3, 3, 2, 0, 1, 0, 6),
    SHAPE(9, 9, 33, 3, 3, 2, 1, 0, 6),
    SHAPE(11, 10, 24, 5, 1, 2, 1, 0, 6),
    SHAPE(11, 10, 24, 5, 2, 2, 1, 0, 6),
    SHAPE(12, 12, 8, 3, 1, 2, 2, 0, 6),
    SHAPE(3, 40, 12, 3, 1, 1, 1, 0, 6),
    SHAPE(4, 41, 31, 3, 2, 1, 1, 0, 6),
    SHAPE(9, 14, 40, 7, 1, 3, 1, 0, 6),
    SHAPE(10, 9, 20, 2, 2, 0, 1, 0, 6),
};

static void test_every_kernel_is_within_its_bound(void **state)
{
    (void)state;
    lk_check_family(kernels, LK_COUNT(kernels), shapes, LK_COUNT(shapes));
}

/* What only the kernels of any shape do: a residual of either kind; taps, strides and dilations that differ
 * between rows and columns. */
static void test_residuals_and_sides_that_differ(void **state)
{
    (void)state;
    lk_conv2d oblong = SHAPE(13, 12, 37, 3, 1, 1, 1, 0, 6);
    oblong.kernel_w = 5, oblong.stride_w = 3, oblong.dilation_h = 2, oblong.pad_left = 4;
    lk_conv2d cases[] = {SHAPE(8, 9, 20, 3, 1, 1, 1, 0, 6), SHAPE(9, 8, 33, 3, 2, 1, 1, 0, 6), oblong};
    cases[0].residual = LK_RESIDUAL_BEFORE_ACTIVATION;
    cases[1].residual = LK_RESIDUAL_AFTER_ACTIVATION;
    double worst = 0;
    for (size_t c = 0; c < LK_COUNT(cases); c++) {
        size_t checked = 0, fast = 0;
        for (size_t k = 0; k < LK_COUNT(kernels); k++) {
            const lk_conv2d d = lk_typed(&kernels[k], lk_sized(cases[c]));
            if (kernels[k].needs & ~lk_test_can() || (kernels[k].fits && !kernels[k].fits(&d))) continue;
            assert_int_equal(lk_check_conv2d(&kernels[k], &d, 2, &worst, &checked), 0);
            fast += kernels[k].needs != 0;
        }
        assert_true(checked > 0 && fast > 0);
    }
}

/* Keras's padding: one side only. */
static void test_padding_on_one_side(void **state)
{
    (void)state;
    lk_conv2d d = shapes[1];
    d.in_h = d.in_w = 14, d.pad_top = d.pad_left = 0, d.out_h = d.out_w = 7;
    double worst = 0;
    size_t checked = 0;
    for (size_t k = 0; k < LK_COUNT(kernels); k++)
        if (!(kernels[k].needs & ~lk_test_can())) {
            const lk_conv2d typed = lk_typed(&kernels[k], d);
            assert_int_equal(lk_check_conv2d(&kernels[k], &typed, 2, &worst, &checked), 0);
        }
    assert_true(checked > 0);
}

/* The tests' own test: a kernel that forgets a tap must be found out. */
static void forgets_a_tap(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    lk_depthwise_f32__reference(d, io, rows);
    for (size_t i = rows.begin * d->out_w * d->out_channels; i < rows.end * d->out_w * d->out_channels; i++)
        ((float *)io->y)[i] -= ((const float *)io->x)[0] * ((const float *)io->weights)[d->out_channels];
}

static void test_a_forgotten_tap_is_found(void **state)
{
    (void)state;
    const lk_conv2d d = lk_sized((lk_conv2d)SHAPE(5, 5, 4, 3, 1, 1, 1, -INFINITY, INFINITY));
    const lk_conv2d_kernel mutant = {"mutant", forgets_a_tap,          LK_F32, 0,
                                     0,        lk_depthwise_pack_taps, NULL,   NULL};
    double worst = 0;
    size_t checked = 0;
    assert_true(lk_check_conv2d(&mutant, &d, 1, &worst, &checked) > 0);
}

/* … and one that stores a whole vector at the tail must die on the guard page. */
static void stores_too_far(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    lk_depthwise_f32__reference(d, io, rows);
    ((volatile float *)io->y)[rows.end * d->out_w * d->out_channels] = 0;
}

static void test_an_overrun_dies(void **state)
{
    (void)state;
    const lk_conv2d d = lk_sized((lk_conv2d)SHAPE(5, 5, 4, 3, 1, 1, 1, 0, 6));
    const lk_conv2d_kernel mutant = {"overrun", stores_too_far,         LK_F32, 0,
                                     0,         lk_depthwise_pack_taps, NULL,   NULL};
    const pid_t child = fork();
    if (child == 0) {
        double worst = 0;
        size_t checked = 0;
        signal(SIGSEGV, SIG_DFL); /* cmocka and the sanitizers catch it otherwise */
        lk_check_conv2d(&mutant, &d, 1, &worst, &checked);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kernel_is_within_its_bound),
        cmocka_unit_test(test_residuals_and_sides_that_differ),
        cmocka_unit_test(test_padding_on_one_side),
        cmocka_unit_test(test_a_forgotten_tap_is_found),
        cmocka_unit_test(test_an_overrun_dies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
