/* Archives of NumPy's own (tests/fixtures/make_numpy_fixtures.py), and what damage does to them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "cbir/npz.h"
#include "support/images.h"

#define NUMPY "tests/fixtures/numpy/"

static void check_archive(const char *path)
{
    lk_npz *npz = NULL;
    lk_npz_array loaded;
    size_t index;
    float values[1000];
    char text[32];
    assert_int_equal(lk_npz_open(path, &npz), LK_OK);
    assert_int_equal(lk_npz_count(npz), 3);
    assert_string_equal(lk_npz_name(npz, 0), "features.0.0");
    assert_null(lk_npz_name(npz, 3));
    assert_false(lk_npz_find(npz, "features.0.0.npy", &index));
    assert_int_equal(lk_npz_load(npz, 0, &loaded), LK_OK);
    assert_int_equal(loaded.array.shape[1], 3);
    lk_free(loaded.memory);
    assert_true(lk_npz_find(npz, "photo", &index));
    assert_int_equal(lk_npz_load(npz, index, &loaded), LK_OK);
    assert_true(lk_npy_text(&loaded.array, 0, text, sizeof text));
    assert_string_equal(text, "photo.jpg");
    lk_free(loaded.memory);
    assert_true(lk_npz_find(npz, "noise", &index));
    assert_int_equal(lk_npz_load(npz, index, &loaded), LK_OK);
    assert_int_equal(lk_npy_floats(&loaded.array, 0, 1000, values), LK_OK);
    for (size_t i = 0; i < 1000; i++) assert_true(values[i] == (float)(i % 7));
    lk_free(loaded.memory);
    assert_int_equal(lk_npz_load(npz, 3, &loaded), LK_ERROR_ARGUMENT);
    lk_npz_close(&npz);
    assert_null(npz);
}

static void stored_and_deflated_members_are_read(void **state)
{
    (void)state;
    check_archive(NUMPY "stored.npz");
    check_archive(NUMPY "deflated.npz");
}

static void a_comment_may_look_like_the_end(void **state)
{
    (void)state;
    lk_npz *npz = NULL;
    lk_npz_array loaded;
    assert_int_equal(lk_npz_open(NUMPY "commented.npz", &npz), LK_OK);
    assert_int_equal(lk_npz_count(npz), 1);
    assert_int_equal(lk_npz_load(npz, 0, &loaded), LK_OK);
    lk_free(loaded.memory);
    lk_npz_close(&npz);
}

static void other_archives_are_refused(void **state)
{
    (void)state;
    lk_npz *npz = NULL;
    assert_int_equal(lk_npz_open(NUMPY "bzip2.npz", &npz), LK_ERROR_UNSUPPORTED);
    assert_int_equal(lk_npz_open(NUMPY "float32.npy", &npz), LK_ERROR_FORMAT);
    assert_int_equal(lk_npz_open(NUMPY "missing.npz", &npz), LK_ERROR_IO);
    assert_null(npz);
}

/* Opens an archive from an exact copy of its bytes, and loads all that it can. Whether everything was sound.
 */
static bool is_sound(const uint8_t *bytes, size_t size)
{
    lk_npz *npz = NULL;
    lk_npz_array loaded;
    uint8_t *exact = malloc(size ? size : 1);
    memcpy(exact, bytes, size);
    bool sound = lk_npz_parse(exact, size, "archive", &npz) == LK_OK;
    for (size_t i = 0; sound && i < lk_npz_count(npz); i++) {
        sound = lk_npz_load(npz, i, &loaded) == LK_OK;
        if (sound) lk_free(loaded.memory);
    }
    lk_npz_close(&npz);
    free(exact);
    return sound;
}

static void every_cut_is_found(void **state)
{
    (void)state;
    const lk_test_file file = lk_test_read(NUMPY "deflated.npz");
    assert_true(is_sound(file.bytes, file.size));
    for (size_t size = 0; size < file.size; size++) assert_false(is_sound(file.bytes, size));
    free(file.bytes);
}

/* A flipped bit in a member's bytes breaks its CRC-32; in the names and times it may pass. */
static void every_flipped_bit_is_found_or_harmless(void **state)
{
    (void)state;
    const lk_test_file file = lk_test_read(NUMPY "deflated.npz");
    size_t found = 0;
    for (size_t i = 0; i < file.size * 8; i++) {
        file.bytes[i / 8] ^= (uint8_t)(1 << i % 8);
        found += !is_sound(file.bytes, file.size);
        file.bytes[i / 8] ^= (uint8_t)(1 << i % 8);
    }
    assert_true(found > file.size * 4);
    free(file.bytes);
}

/* A member that claims 4 GB of a few bytes is refused before memory is taken. */
static void a_lying_size_is_refused(void **state)
{
    (void)state;
    const lk_test_file file = lk_test_read(NUMPY "deflated.npz");
    lk_npz *npz = NULL;
    uint8_t *entry = memmem(file.bytes, file.size, "PK\x01\x02", 4);
    assert_non_null(entry);
    memcpy(entry + 24, "\xF0\xFF\xFF\xFF", 4);
    assert_int_equal(lk_npz_parse(file.bytes, file.size, "archive", &npz), LK_ERROR_FORMAT);
    assert_non_null(strstr(lk_error_message(), "contradict"));
    free(file.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stored_and_deflated_members_are_read),
        cmocka_unit_test(a_comment_may_look_like_the_end),
        cmocka_unit_test(other_archives_are_refused),
        cmocka_unit_test(every_cut_is_found),
        cmocka_unit_test(every_flipped_bit_is_found_or_harmless),
        cmocka_unit_test(a_lying_size_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
