#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "layers/single.h"
#include "support/conv2d_check.h"

static lk_step convolution(size_t size, size_t in, size_t out, size_t kernel, size_t groups)
{
    const lk_conv2d d = {.in_h = size,
                         .in_w = size + 1,
                         .in_channels = in,
                         .out_channels = out,
                         .kernel_h = kernel,
                         .kernel_w = kernel,
                         .stride_h = 1,
                         .stride_w = 1,
                         .dilation_h = 1,
                         .dilation_w = 1,
                         .pad_top = kernel / 2,
                         .pad_left = kernel / 2,
                         .groups = groups,
                         .lo = 0,
                         .hi = 6};
    return (lk_step){.op = LK_OP_CONV2D, .layer.conv2d = lk_sized(d)};
}

static void test_all_kernels_that_fit_are_there_and_right(void **state)
{
    (void)state;
    const struct {
        const char *reference;
        lk_step step;
    } cases[] = {
        {"lk_pointwise_f32__reference", convolution(9, 24, 40, 1, 1)},
        {"lk_depthwise_f32__reference", convolution(9, 40, 40, 3, 40)},
        {"lk_conv2d_f32__reference", convolution(9, 12, 18, 3, 3)},
    };
    for (size_t i = 0; i < LK_COUNT(cases); i++) {
        lk_single *single = NULL;
        assert_int_equal(lk_single_open(&cases[i].step, 2, lk_test_can(), NULL, &single), LK_OK);
        assert_string_equal(single->variants[0].kernel, cases[i].reference);
        const lk_conv2d_kernel *best = lk_conv2d_choose(&cases[i].step.layer.conv2d, lk_test_can());
        bool found = false;
        for (size_t v = 0; v < single->variant_count; v++)
            found |= !strcmp(single->variants[v].kernel, best->name);
        assert_true(found);
        assert_int_equal(lk_single_check(single), LK_OK);
        for (size_t v = 0; v < single->variant_count; v++)
            assert_true(single->variants[v].of_bound > 0 && single->variants[v].of_bound <= 1);
        lk_single_close(&single);
        assert_null(single);
    }
}

/* The formula sees another bias than the kernels were packed with. */
static void test_a_wrong_sum_is_found(void **state)
{
    (void)state;
    const lk_step step = convolution(5, 16, 20, 1, 1);
    lk_single *single = NULL;
    assert_int_equal(lk_single_open(&step, 1, LK_NEEDS_PORTABLE | LK_NEEDS_NATIVE, NULL, &single), LK_OK);
    assert_int_equal(lk_single_check(single), LK_OK);
    single->biases[19] += 1e-3F;
    assert_int_equal(lk_single_check(single), LK_ERROR_MISMATCH);
    assert_non_null(strstr(lk_error_message(), "lk_pointwise_f32__reference is wrong"));
    single->biases[19] = NAN;
    assert_int_equal(lk_single_check(single), LK_ERROR_MISMATCH);
    lk_single_close(&single);
}

static void test_what_does_not_fit_is_refused(void **state)
{
    (void)state;
    lk_single *single = NULL;
    const size_t huge = (size_t)1 << 20;
    const lk_step maps = convolution(huge, 1, 1, 1, 1), work = convolution(8192, 64, 512, 1, 1);
    assert_int_equal(lk_single_open(&maps, 1, 0, NULL, &single), LK_ERROR_LIMIT);
    assert_non_null(strstr(lk_error_message(), "multiply-adds"));
    assert_int_equal(lk_single_open(&work, 1, 0, NULL, &single), LK_ERROR_LIMIT);
    const lk_pool2d p = {.kind = LK_POOL_ADAPTIVE_AVERAGE,
                         .in_h = huge,
                         .in_w = huge,
                         .channels = huge,
                         .out_h = 1,
                         .out_w = 1};
    const lk_step pool = {.op = LK_OP_POOL2D, .layer.pool2d = p};
    assert_int_equal(lk_single_open(&pool, 1, 0, NULL, &single), LK_ERROR_LIMIT);
    assert_non_null(strstr(lk_error_message(), "MB"));
    assert_null(single);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_kernels_that_fit_are_there_and_right),
        cmocka_unit_test(test_a_wrong_sum_is_found),
        cmocka_unit_test(test_what_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
