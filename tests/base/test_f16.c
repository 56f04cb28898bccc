/* float16 against the format's definition: every number of it, and what lies between. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/f16.h"

/* From IEEE 754: sign, exponent, fraction. */
static double value_of(unsigned bits)
{
    const int exponent = (int)(bits >> 10 & 31), fraction = (int)(bits & 1023);
    const double magnitude = exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24);
    return bits >> 15 ? -magnitude : magnitude;
}

static void test_every_number(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 0x10000; bits++) {
        const float value = lk_from_f16((uint16_t)bits);
        if ((bits & 0x7c00) == 0x7c00) {
            if (bits & 1023) assert_true(isnan(value) && isnan(lk_from_f16(lk_to_f16(value))));
            else assert_true(isinf(value) && (value < 0) == (bits >> 15));
            continue;
        }
        assert_true((double)value == value_of(bits) && !signbit(value) == !(bits >> 15));
        assert_int_equal(lk_to_f16(value), bits);
    }
}

/* Halfway goes to the even one; a little to either side, to the nearer one; beyond the last, to infinity. */
static void test_rounding(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 0x7bff; bits++) {
        const float middle = (float)((value_of(bits) + value_of(bits + 1)) / 2); /* exact in float */
        assert_int_equal(lk_to_f16(middle), bits + (bits & 1));
        assert_int_equal(lk_to_f16(nextafterf(middle, 0)), bits);
        assert_int_equal(lk_to_f16(nextafterf(middle, INFINITY)), bits + 1);
        assert_int_equal(lk_to_f16(-middle), 0x8000 | (bits + (bits & 1)));
    }
    assert_int_equal(lk_to_f16(nextafterf(65520, 0)), 0x7bff);
    assert_int_equal(lk_to_f16(65520), 0x7c00);
    assert_int_equal(lk_to_f16(-INFINITY), 0xfc00);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_number), cmocka_unit_test(test_rounding)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
