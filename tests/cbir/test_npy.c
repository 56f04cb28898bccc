/* Files of NumPy's own (tests/fixtures/make_numpy_fixtures.py) are read, and ours are byte for byte what it
 * writes. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cbir/npy.h"
#include "support/images.h"
#include "tests/cbir/folder.h"

#define NUMPY "tests/fixtures/numpy/"

/* The floats of a fixture, checked against `wanted`. */
static void check(const char *name, lk_npy_type type, size_t count, const float *wanted)
{
    char path[128];
    float values[8];
    lk_npy array;
    snprintf(path, sizeof path, NUMPY "%s.npy", name);
    const lk_test_file file = lk_test_read(path);
    assert_int_equal(lk_npy_parse(file.bytes, file.size, path, &array), LK_OK);
    assert_int_equal(array.type, type);
    assert_int_equal(array.count, count);
    assert_int_equal(lk_npy_floats(&array, 0, count, values), LK_OK);
    for (size_t i = 0; i < count; i++) assert_true(values[i] == wanted[i]);
    assert_int_equal(lk_npy_floats(&array, 1, count, values), LK_ERROR_ARGUMENT);
    free(file.bytes);
}

static void numbers_of_every_type_become_floats(void **state)
{
    (void)state;
    static const float matrix[] = {0, 0.25F, 0.5F, 0.75F, 1, 1.25F}, integers[] = {0, 1, 100},
                       bools[] = {0, 1, 1};
    check("float32", LK_NPY_FLOAT32, 6, matrix);
    check("version_2", LK_NPY_FLOAT32, 6, matrix);
    check("version_3", LK_NPY_FLOAT32, 6, matrix);
    check("float64", LK_NPY_FLOAT64, 3, (const float[]){0.1F, -INFINITY, 3});
    check("bool", LK_NPY_BOOL, 3, bools);
    check("int8", LK_NPY_INT8, 3, integers);
    check("uint8", LK_NPY_UINT8, 3, integers);
    check("int16", LK_NPY_INT16, 3, integers);
    check("uint16", LK_NPY_UINT16, 3, integers);
    check("int32", LK_NPY_INT32, 3, integers);
    check("uint32", LK_NPY_UINT32, 3, integers);
    check("int64", LK_NPY_INT64, 3, integers);
    check("uint64", LK_NPY_UINT64, 3, integers);
    check("negative", LK_NPY_INT16, 2, (const float[]){-1, -32768});
    check("scalar", LK_NPY_FLOAT32, 1, (const float[]){2.5F});
}

static void shapes_are_read(void **state)
{
    (void)state;
    lk_npy array;
    lk_test_file file = lk_test_read(NUMPY "empty.npy");
    assert_int_equal(lk_npy_parse(file.bytes, file.size, "empty", &array), LK_OK);
    assert_int_equal(array.dims, 2);
    assert_int_equal(array.shape[0], 0);
    assert_int_equal(array.shape[1], 5);
    assert_int_equal(array.count, 0);
    free(file.bytes);
    file = lk_test_read(NUMPY "scalar.npy");
    assert_int_equal(lk_npy_parse(file.bytes, file.size, "scalar", &array), LK_OK);
    assert_int_equal(array.dims, 0);
    free(file.bytes);
}

static void texts_become_utf8(void **state)
{
    (void)state;
    char text[16];
    lk_npy array;
    const lk_test_file file = lk_test_read(NUMPY "texts.npy");
    assert_int_equal(lk_npy_parse(file.bytes, file.size, "texts", &array), LK_OK);
    assert_true(lk_npy_text(&array, 0, text, sizeof text));
    assert_string_equal(text, "马");
    assert_true(lk_npy_text(&array, 1, text, sizeof text));
    assert_string_equal(text, "photo.jpg");
    assert_true(lk_npy_text(&array, 2, text, sizeof text));
    assert_string_equal(text, "é😀");
    assert_true(lk_npy_text(&array, 2, text, 5)); /* a character is not cut through */
    assert_string_equal(text, "é");
    assert_false(lk_npy_text(&array, 3, text, sizeof text));
    assert_int_equal(lk_npy_floats(&array, 0, 1, &(float){0}), LK_ERROR_UNSUPPORTED);
    free(file.bytes);
}

static void other_arrays_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"big_endian", "fortran", "complex"};
    for (size_t i = 0; i < 3; i++) {
        char path[128];
        lk_npy array;
        snprintf(path, sizeof path, NUMPY "%s.npy", names[i]);
        const lk_test_file file = lk_test_read(path);
        assert_int_equal(lk_npy_parse(file.bytes, file.size, path, &array), LK_ERROR_UNSUPPORTED);
        assert_int_equal(strncmp(lk_error_message(), path, strlen(path)), 0);
        free(file.bytes);
    }
    lk_npy array;
    const lk_test_file file = lk_test_read(NUMPY "record.npy");
    assert_int_equal(lk_npy_parse(file.bytes, file.size, "record", &array), LK_ERROR_FORMAT);
    free(file.bytes);
}

/* Every length but the right one, and every byte of the header changed, is found or harmless. */
static void damage_is_found(void **state)
{
    (void)state;
    lk_npy array;
    const lk_test_file file = lk_test_read(NUMPY "float32.npy");
    for (size_t size = 0; size < file.size; size++) {
        uint8_t *exact = malloc(size ? size : 1);
        memcpy(exact, file.bytes, size);
        assert_int_equal(lk_npy_parse(exact, size, "cut", &array), LK_ERROR_FORMAT);
        free(exact);
    }
    uint8_t *longer = calloc(file.size + 1, 1);
    memcpy(longer, file.bytes, file.size);
    assert_int_equal(lk_npy_parse(longer, file.size + 1, "longer", &array), LK_ERROR_FORMAT);
    free(longer);
    for (size_t i = 0; i < 128; i++) {
        for (int bit = 0; bit < 8; bit++) {
            file.bytes[i] ^= (uint8_t)(1 << bit);
            const lk_status status = lk_npy_parse(file.bytes, file.size, "flipped", &array);
            if (status == LK_OK) assert_true(array.count * array.item_bytes == 24);
            file.bytes[i] ^= (uint8_t)(1 << bit);
        }
    }
    free(file.bytes);
}

/* A header with the given dictionary, and no data. */
static lk_status parse_header(const char *dictionary, lk_npy *array)
{
    uint8_t bytes[256] = "\x93NUMPY\x01";
    const size_t length = strlen(dictionary);
    bytes[8] = (uint8_t)length;
    memcpy(bytes + 10, dictionary, length);
    return lk_npy_parse(bytes, 10 + length, "array", array);
}

static void headers_are_taken_strictly(void **state)
{
    (void)state;
    lk_npy array;
    assert_int_equal(parse_header("{'shape': (0,), 'fortran_order': True, \"descr\": '<f4'}", &array), LK_OK);
    static const char *const faults[] = {
        "",
        "{",
        "{}",
        "{'descr': '<f4', 'fortran_order': False}",
        "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (0,)}",
        "{'descr': '<f4', 'fortran_order': 0, 'shape': (0,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (0)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (0,0,0,0,0,0,0,0,0,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999999,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (0,)} x",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (0,), 'extra': 1}",
        /* the product of these sizes is 0 in 64 bits */
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904,)}",
    };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        if (parse_header(faults[i], &array) != LK_ERROR_FORMAT) fail_msg("taken: %s", faults[i]);
}

static void assert_same_file(const char *path, const char *wanted)
{
    const lk_test_file a = lk_test_read(path), b = lk_test_read(wanted);
    assert_int_equal(a.size, b.size);
    assert_memory_equal(a.bytes, b.bytes, a.size);
    free(a.bytes);
    free(b.bytes);
}

static void rows_are_written_as_numpy_writes_them(void **state)
{
    (void)state;
    const test_folder folder = open_folder();
    const char *path = path_in(&folder, "out.npy");
    static const float rows[2][3] = {{0, 0.25F, 0.5F}, {0.75F, 1, 1.25F}};
    lk_npy_writer writer;
    assert_int_equal(lk_npy_writer_open(path, 3, &writer), LK_OK);
    for (size_t i = 0; i < 2; i++) assert_int_equal(lk_npy_writer_add(&writer, rows[i]), LK_OK);
    assert_int_equal(access(path, F_OK), -1); /* not before it is whole */
    assert_int_equal(lk_npy_writer_finish(&writer), LK_OK);
    assert_int_equal(lk_npy_writer_commit(&writer), LK_OK);
    assert_same_file(path, NUMPY "float32.npy");
    assert_int_equal(lk_npy_writer_open(path, 5, &writer), LK_OK);
    assert_int_equal(lk_npy_writer_finish(&writer), LK_OK);
    assert_int_equal(lk_npy_writer_commit(&writer), LK_OK);
    assert_same_file(path, NUMPY "empty.npy");
    assert_int_equal(lk_npy_writer_open(path, 3, &writer), LK_OK);
    lk_npy_writer_discard(&writer);
    lk_npy_writer_discard(&writer);
    assert_same_file(path, NUMPY "empty.npy");
    close_folder(&folder);
}

static void arrays_are_written_as_numpy_writes_them(void **state)
{
    (void)state;
    static const char *const names[] = {"float32", "float64", "uint8", "scalar", "int64", "bool", "empty"};
    const test_folder folder = open_folder();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[128];
        lk_npy array;
        snprintf(path, sizeof path, NUMPY "%s.npy", names[i]);
        const lk_test_file file = lk_test_read(path);
        assert_int_equal(lk_npy_parse(file.bytes, file.size, path, &array), LK_OK);
        assert_int_equal(lk_npy_write(path_in(&folder, names[i]), &array), LK_OK);
        assert_same_file(path_in(&folder, names[i]), path);
        free(file.bytes);
    }
    close_folder(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_of_every_type_become_floats),
        cmocka_unit_test(shapes_are_read),
        cmocka_unit_test(texts_become_utf8),
        cmocka_unit_test(other_arrays_are_refused),
        cmocka_unit_test(damage_is_found),
        cmocka_unit_test(headers_are_taken_strictly),
        cmocka_unit_test(rows_are_written_as_numpy_writes_them),
        cmocka_unit_test(arrays_are_written_as_numpy_writes_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
