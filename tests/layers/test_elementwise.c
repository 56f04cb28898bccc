/* Activation, sum, softmax and batch norm on their own; test_layers.c of the engine sets them against Paddle.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "layers/batch_norm.h"
#include "layers/elementwise.h"
#include "support/guard.h"

enum { ROWS = 3, COUNT = 37 };

static void test_activation_clamps_and_keeps_nan(void **state)
{
    (void)state;
    const lk_elementwise d = {.count = COUNT, .lo = -0.5f, .hi = 0.25f};
    float *x = lk_test_floats(ROWS * COUNT), *y = lk_test_output(ROWS * COUNT);
    x[5] = NAN;
    lk_activation_choose(0)->run(&d, &(lk_operands){.x = x, .y = y}, (lk_rows){0, ROWS});
    for (size_t i = 0; i < ROWS * COUNT; i++) {
        if (i == 5) assert_true(isnan(y[i]));
        else assert_true(y[i] == fminf(fmaxf(x[i], d.lo), d.hi));
    }
    lk_test_free_all();
}

static void test_add_adds(void **state)
{
    (void)state;
    const lk_elementwise d = {.count = COUNT};
    const float *x = lk_test_floats(ROWS * COUNT), *second = lk_test_floats(ROWS * COUNT);
    float *y = lk_test_output(ROWS * COUNT);
    lk_add_choose(0)->run(&d, &(lk_operands){.x = x, .residual = second, .y = y}, (lk_rows){1, ROWS});
    assert_true(isnan(y[COUNT - 1])); /* row 0 was not asked for */
    for (size_t i = COUNT; i < ROWS * COUNT; i++) assert_true(y[i] == x[i] + second[i]);
    lk_test_free_all();
}

static void test_softmax_of_large_values(void **state)
{
    (void)state;
    const lk_elementwise d = {.count = COUNT};
    float *x = lk_test_floats(ROWS * COUNT), *y = lk_test_output(ROWS * COUNT);
    for (size_t i = 0; i < ROWS * COUNT; i++) x[i] = x[i] * 20 + 1000; /* exp(1000) is no float */
    lk_softmax_choose(0)->run(&d, &(lk_operands){.x = x, .y = y}, (lk_rows){0, ROWS});
    for (size_t row = 0; row < ROWS; row++) {
        double sum = 0;
        for (size_t i = 0; i < COUNT; i++) sum += exp((double)x[row * COUNT + i] - 1000);
        for (size_t i = 0; i < COUNT; i++) {
            const double want = exp((double)x[row * COUNT + i] - 1000) / sum;
            assert_true(fabs((double)y[row * COUNT + i] - want) <= 4 * 0x1p-24 * want + 1e-40);
        }
    }
    lk_test_free_all();
}

static void check_batch_norm(bool own_statistics)
{
    enum { PIXELS = 11, CHANNELS = 7 };
    const lk_batch_norm d = {
        .pixels = PIXELS, .channels = CHANNELS, .epsilon = 1e-5, .own_statistics = own_statistics};
    const float *x = lk_test_floats(2 * PIXELS * CHANNELS);
    float *weights = lk_test_floats(4 * CHANNELS), *y = lk_test_output(2 * PIXELS * CHANNELS);
    for (size_t c = 0; c < CHANNELS; c++) weights[3 * CHANNELS + c] += 1.5f; /* variances */
    lk_batch_norm_choose(0)->run(
        &d, &(lk_operands){.x = x, .weights = weights, .y = y, .scratch = lk_test_output(4 * CHANNELS)},
        (lk_rows){0, 2});
    for (size_t i = 0; i < 2 * PIXELS * CHANNELS; i++) {
        const size_t c = i % CHANNELS;
        const float *picture = x + i / (PIXELS * CHANNELS) * PIXELS * CHANNELS;
        double mean = (double)weights[2 * CHANNELS + c], variance = (double)weights[3 * CHANNELS + c];
        if (own_statistics) {
            double sum = 0, squares = 0;
            for (size_t p = 0; p < PIXELS; p++) sum += (double)picture[p * CHANNELS + c];
            mean = sum / PIXELS;
            for (size_t p = 0; p < PIXELS; p++) squares += pow((double)picture[p * CHANNELS + c] - mean, 2);
            variance = squares / PIXELS;
        }
        const double want = ((double)x[i] - mean) / sqrt(variance + 1e-5) * (double)weights[c] +
                            (double)weights[CHANNELS + c];
        assert_true(fabs((double)y[i] - want) <= 2 * 0x1p-24 * fabs(want) + 1e-12);
    }
    lk_test_free_all();
}

static void test_batch_norm_by_running_statistics(void **state)
{
    (void)state;
    check_batch_norm(false);
}

static void test_batch_norm_by_own_statistics(void **state)
{
    (void)state;
    check_batch_norm(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_activation_clamps_and_keeps_nan),
        cmocka_unit_test(test_add_adds),
        cmocka_unit_test(test_softmax_of_large_values),
        cmocka_unit_test(test_batch_norm_by_running_statistics),
        cmocka_unit_test(test_batch_norm_by_own_statistics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
