/* Bits of features against NumPy's, for every rule. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "cbir/hash.h"
#include "cbir/npy.h"

#define FIXTURES "tests/fixtures/hash/"

enum { ROWS = 7, VALUES = 45, BYTES = 6 };

static void read_features(float *values)
{
    lk_mapping bytes;
    lk_npy array;
    assert_int_equal(lk_map_file(FIXTURES "features.npy", &bytes), LK_OK);
    assert_int_equal(lk_npy_parse(bytes.bytes, bytes.size, "features.npy", &array), LK_OK);
    assert_int_equal(array.count, ROWS * VALUES);
    assert_int_equal(lk_npy_floats(&array, 0, array.count, values), LK_OK);
    lk_unmap(&bytes);
}

static void assert_bits(const char *name, const uint8_t *bits)
{
    lk_mapping bytes;
    lk_npy array;
    assert_int_equal(lk_map_file(name, &bytes), LK_OK);
    assert_int_equal(lk_npy_parse(bytes.bytes, bytes.size, name, &array), LK_OK);
    assert_int_equal(array.count, ROWS * BYTES);
    assert_memory_equal(array.data, bits, ROWS * BYTES);
    lk_unmap(&bytes);
}

static void test_bits_are_numpys(void **state)
{
    (void)state;
    static const char *const kinds[] = {
        [LK_HASH_MEAN] = "mean", [LK_HASH_MEDIAN] = "median", [LK_HASH_FIXED] = "fixed"};
    for (int sigmoid = 0; sigmoid < 2; sigmoid++)
        for (lk_hash_kind kind = LK_HASH_MEAN; kind <= LK_HASH_FIXED; kind++)
            for (int matrix = 0; matrix < (kind == LK_HASH_FIXED ? 1 : 2); matrix++) {
                const lk_hash hash = {
                    .kind = kind, .threshold = 0.5f, .sigmoid = sigmoid, .whole_matrix = matrix};
                float values[ROWS * VALUES], sorted[ROWS * VALUES];
                uint8_t bits[ROWS * BYTES];
                char name[128];
                read_features(values);
                lk_hash_prepare(&hash, values, ROWS * VALUES);
                const float whole = lk_hash_threshold(&hash, values, ROWS * VALUES, sorted);
                for (size_t row = 0; row < ROWS; row++) {
                    const float *at = values + row * VALUES;
                    lk_hash_pack(at, VALUES, matrix ? whole : lk_hash_threshold(&hash, at, VALUES, sorted),
                                 bits + row * BYTES);
                }
                snprintf(name, sizeof name, FIXTURES "%s_%s%s.npy", sigmoid ? "sigmoid" : "plain",
                         kinds[kind], matrix ? "_matrix" : "");
                assert_bits(name, bits);
            }
}

static void test_sizes(void **state)
{
    (void)state;
    assert_int_equal(lk_hash_bytes(0), 0);
    assert_int_equal(lk_hash_bytes(8), 1);
    assert_int_equal(lk_hash_bytes(1280), 160);
    assert_int_equal(lk_hash_bytes(12), 2);
    uint8_t bits[2] = {0xff, 0xff};
    const float values[] = {1, 0, 1, 1, 0, 0, 0, 1, 1, 0, 1, 0};
    lk_hash_pack(values, 12, 0.5f, bits);
    assert_int_equal(bits[0], 0xb1); /* 10110001 */
    assert_int_equal(bits[1], 0xa0); /* 1010, then zeros */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_bits_are_numpys), cmocka_unit_test(test_sizes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
