/* Expected values: softmax of 1, 2, 3 from SciPy 1.11 (scipy.special.softmax, float64), lengths by
 * Pythagoras. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/likeness.h"

static void softmax_is_scipys(void **state)
{
    (void)state;
    float values[] = {1, 2, 3};
    static const double wanted[] = {0.09003057317038046, 0.24472847105479764, 0.6652409557748218};
    lk_softmax(values, 3);
    for (size_t i = 0; i < 3; i++) assert_true(fabs((double)values[i] - wanted[i]) <= 0x1p-25);
}

static void softmax_takes_large_values(void **state)
{
    (void)state;
    float values[] = {3e38F, -3e38F, 3e38F};
    lk_softmax(values, 3);
    assert_true(values[0] == 0.5F && values[1] == 0 && values[2] == 0.5F);
    lk_softmax(values, 0);
}

static void a_normalized_vector_has_length_one(void **state)
{
    (void)state;
    float values[] = {3, -4}, large[] = {3e38F, 0}, small[] = {0, -1e-45F}, zero[] = {0, 0};
    lk_l2_normalize(values, 2);
    assert_true(values[0] == 0.6F && values[1] == -0.8F);
    lk_l2_normalize(large, 2);
    assert_true(large[0] == 1);
    lk_l2_normalize(small, 2);
    assert_true(small[1] == -1);
    lk_l2_normalize(zero, 2);
    assert_true(zero[0] == 0 && zero[1] == 0);
}

static void the_first_of_the_largest_is_found(void **state)
{
    (void)state;
    assert_int_equal(lk_largest((const float[]){1, 3, 3, 2}, 4), 1);
    assert_int_equal(lk_largest((const float[]){NAN, -2, -1}, 3), 2);
    assert_int_equal(lk_largest((const float[]){-1, NAN}, 2), 0);
    assert_int_equal(lk_largest(NULL, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(softmax_is_scipys),
        cmocka_unit_test(softmax_takes_large_values),
        cmocka_unit_test(a_normalized_vector_has_length_one),
        cmocka_unit_test(the_first_of_the_largest_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
