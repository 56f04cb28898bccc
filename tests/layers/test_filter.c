#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "layers/filter.h"

enum { OUT = 3, IN = 4 };

static lk_tensor vector(const float *values, size_t count)
{
    return (lk_tensor){
        .dtype = LK_F32, .rank = 1, .shape = {count}, .count = count, .bytes = (const unsigned char *)values};
}

static void test_folding_is_the_formula(void **state)
{
    (void)state;
    const float weight[OUT * IN] = {1, -2, 3, 4, 0.5f, 6, -7, 8, 9, 10, 11, 12}, bias[OUT] = {1, 2, -3},
                             gamma[OUT] = {0.5f, -1, 3};
    const float beta[OUT] = {7, 8, 9}, mean[OUT] = {-1, 0.25f, 5}, variance[OUT] = {0.1f, 4, 1e-6f};
    const lk_tensor tensors[] = {vector(weight, OUT * IN), vector(bias, OUT), vector(gamma, OUT),
                                 vector(beta, OUT),        vector(mean, OUT), vector(variance, OUT)};
    const lk_filter filter = {.weight = &tensors[0],
                              .bias = &tensors[1],
                              .gamma = &tensors[2],
                              .beta = &tensors[3],
                              .mean = &tensors[4],
                              .variance = &tensors[5],
                              .epsilon = 1e-5};
    float folded[OUT * IN], offset[OUT];
    lk_filter_read(&filter, OUT, folded, offset);
    for (size_t o = 0; o < OUT; o++) {
        const double scale = (double)gamma[o] / sqrt((double)variance[o] + 1e-5);
        assert_true(offset[o] == (float)(((double)bias[o] - (double)mean[o]) * scale + (double)beta[o]));
        for (size_t i = 0; i < IN; i++)
            assert_true(folded[o * IN + i] == (float)((double)weight[o * IN + i] * scale));
    }
}

static void test_linear_is_transposed(void **state)
{
    (void)state;
    const float weight[IN * OUT] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}; /* [in][out] */
    const lk_tensor tensor = vector(weight, IN * OUT);
    float got[OUT * IN], bias[OUT];
    lk_filter_read(&(lk_filter){.weight = &tensor, .is_linear = true}, OUT, got, bias);
    for (size_t o = 0; o < OUT; o++) {
        assert_true(bias[o] == 0);
        for (size_t i = 0; i < IN; i++) assert_true(got[o * IN + i] == weight[i * OUT + o]);
    }
}

/* Values of IEEE 754's table and of bfloat16's definition, at odd addresses. */
static void test_narrow_floats_are_read_exactly(void **state)
{
    (void)state;
    static const unsigned char half[] = {0,    0x00, 0x3c, 0x00, 0xc0, 0xff, 0x7b, 0x01,
                                         0x00, 0xff, 0x03, 0x00, 0x7c, 0x55, 0x35};
    static const float want[] = {1, -2, 65504, 0x1p-24f, 1023 * 0x1p-24f, INFINITY, 0.333251953125f};
    lk_tensor tensor = {.dtype = LK_F16, .rank = 1, .shape = {7}, .count = 7, .bytes = half + 1};
    float values[7];
    lk_tensor_read(&tensor, values);
    assert_memory_equal(values, want, sizeof want);
    static const unsigned char brain[] = {0, 0x80, 0x3f, 0x00, 0xc0, 0xab, 0x3e};
    static const float wide[] = {1, -2, 0.333984375f};
    tensor = (lk_tensor){.dtype = LK_BF16, .rank = 1, .shape = {3}, .count = 3, .bytes = brain + 1};
    lk_tensor_read(&tensor, values);
    assert_memory_equal(values, wide, sizeof wide);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_folding_is_the_formula),
        cmocka_unit_test(test_linear_is_transposed),
        cmocka_unit_test(test_narrow_floats_are_read_exactly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
