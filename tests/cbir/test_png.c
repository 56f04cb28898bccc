/* Damaged and lying PNG files. That sound ones give OpenCV's pixels is test_image.c's. */
#include "engine/likeness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/images.h"

static void store_u32(uint8_t *to, uint32_t value)
{
    for (int i = 0; i < 4; i++) to[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* Where a chunk begins: its length, name, payload, CRC. */
static size_t find_chunk(lk_test_file file, const char *name)
{
    for (size_t at = 8; at + 12 <= file.size; at++)
        if (memcmp(file.bytes + at + 4, name, 4) == 0) return at;
    fail_msg("no chunk %s", name);
    return 0;
}

static void a_cut_is_an_error_wherever_it_falls(void **state)
{
    (void)state;
    static const char *const files[] = {"rgb_16_interlaced.png", "palette_8.png", "many_idat.png",
                                        "exif_after.png"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[256] = LK_TEST_IMAGES;
        const lk_test_file file = lk_test_read(strcat(path, files[i]));
        lk_image *image = NULL;
        for (size_t size = 0; size < file.size; size++) {
            assert_int_equal(lk_test_decode(file.bytes, size, &image), LK_ERROR_FORMAT);
            if (size >= 8) assert_string_equal(lk_error_message(), "name: PNG data cut short");
        }
        assert_int_equal(lk_test_decode(file.bytes, file.size, &image), LK_OK);
        lk_image_close(&image);
        free(file.bytes);
    }
}

static void a_flipped_bit_in_the_pixels_is_an_error(void **state)
{
    (void)state;
    const lk_test_file file = lk_test_read(LK_TEST_IMAGES "rgb_8.png");
    const size_t begin = find_chunk(file, "IDAT") + 4, end = find_chunk(file, "IEND");
    for (size_t at = begin; at < end; at++) {
        lk_image *image = NULL;
        file.bytes[at] ^= 4;
        assert_int_equal(lk_test_decode(file.bytes, file.size, &image), LK_ERROR_FORMAT);
        file.bytes[at] ^= 4;
    }
    free(file.bytes);
}

static void a_wrong_checksum_is_named(void **state)
{
    (void)state;
    const lk_test_file file = lk_test_read(LK_TEST_IMAGES "rgb_8.png");
    lk_image *image = NULL;
    file.bytes[find_chunk(file, "IEND") - 1] ^= 1;
    assert_int_equal(lk_test_decode(file.bytes, file.size, &image), LK_ERROR_FORMAT);
    assert_string_equal(lk_error_message(), "name: damaged PNG (IDAT: CRC error)");
    free(file.bytes);
}

/* No flip of any bit anywhere may do more than fail or change pixels; sanitizers watch. */
static void any_flipped_bit_is_survived(void **state)
{
    (void)state;
    const lk_test_file file = lk_test_read(LK_TEST_IMAGES "transparent_palette_8.png");
    for (size_t bit = 0; bit < file.size * 8; bit++) {
        lk_image *image = NULL;
        file.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        lk_test_decode(file.bytes, file.size, &image);
        lk_image_close(&image);
        file.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    free(file.bytes);
}

static lk_status decode_claim(uint32_t width, uint32_t height)
{
    const lk_test_file file = lk_test_read(LK_TEST_IMAGES "rgb_8.png");
    lk_image *image = NULL;
    store_u32(file.bytes + 16, width);
    store_u32(file.bytes + 20, height);
    store_u32(file.bytes + 29, lk_test_crc32(file.bytes + 12, 17));
    const lk_status status = lk_test_decode(file.bytes, file.size, &image);
    assert_null(image);
    free(file.bytes);
    return status;
}

static void a_claim_over_the_limit_is_refused(void **state)
{
    (void)state;
    assert_int_equal(decode_claim(60000, 60000), LK_ERROR_LIMIT);
    assert_string_equal(lk_error_message(), "name: 60000 x 60000 pixels; the limit is 134217728 in all and "
                                            "1000000 a side");
    assert_int_equal(decode_claim(0x7FFFFFFF, 0x7FFFFFFF), LK_ERROR_LIMIT);
    assert_int_equal(decode_claim(0x7FFFFFFF, 1), LK_ERROR_LIMIT);
    assert_int_equal(decode_claim(0xFFFFFFFF, 1), LK_ERROR_FORMAT); /* PNG's own numbers end at 2^31 - 1 */
    assert_int_equal(decode_claim(0, 11), LK_ERROR_FORMAT);
}

static void a_claim_over_the_data_is_an_error(void **state)
{
    (void)state;
    assert_int_equal(decode_claim(13, 12), LK_ERROR_FORMAT);
    assert_int_equal(decode_claim(10000, 10000), LK_ERROR_FORMAT);
}

/* libpng would allocate the claim before it reads: found by fuzzing. */
static void a_chunk_longer_than_the_file_is_an_error(void **state)
{
    (void)state;
    const lk_test_file file = lk_test_read(LK_TEST_IMAGES "exif_before.png");
    lk_image *image = NULL;
    store_u32(file.bytes + find_chunk(file, "eXIf"), 0x7E000002);
    assert_int_equal(lk_test_decode(file.bytes, file.size, &image), LK_ERROR_FORMAT);
    assert_string_equal(lk_error_message(), "name: PNG data cut short");
    free(file.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cut_is_an_error_wherever_it_falls),
        cmocka_unit_test(a_flipped_bit_in_the_pixels_is_an_error),
        cmocka_unit_test(a_wrong_checksum_is_named),
        cmocka_unit_test(any_flipped_bit_is_survived),
        cmocka_unit_test(a_claim_over_the_limit_is_refused),
        cmocka_unit_test(a_claim_over_the_data_is_an_error),
        cmocka_unit_test(a_chunk_longer_than_the_file_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
