/* Damaged and lying JPEG files. That sound ones give OpenCV's pixels is test_image.c's. */
#include "engine/likeness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/images.h"

/* Where the segment of a marker begins, at its 0xFF. */
static size_t find_marker(lk_test_file file, uint8_t marker)
{
    for (size_t at = 2; at + 4 <= file.size; at += 2 + (size_t)(file.bytes[at + 2] << 8 | file.bytes[at + 3]))
        if (file.bytes[at + 1] == marker) return at;
    fail_msg("no marker %02x", marker);
    return 0;
}

enum { SOF_BASELINE = 0xC0, SOF_PROGRESSIVE = 0xC2 };

static lk_status decode_claim(const char *path, uint8_t frame, size_t width, size_t height)
{
    const lk_test_file file = lk_test_read(path);
    uint8_t *size = file.bytes + find_marker(file, frame) + 5;
    lk_image *image = NULL;
    size[0] = (uint8_t)(height >> 8), size[1] = (uint8_t)height;
    size[2] = (uint8_t)(width >> 8), size[3] = (uint8_t)width;
    const lk_status status = lk_test_decode(file.bytes, file.size, &image);
    assert_null(image);
    free(file.bytes);
    return status;
}

/* Only the two bytes of the end marker may be missing, and only where the rows themselves show that nothing
 * else is. */
static void check_cuts(const char *name, bool one_scan)
{
    char path[256] = LK_TEST_IMAGES;
    const lk_test_file file = lk_test_read(strcat(path, name));
    lk_image *whole = NULL, *image = NULL;
    assert_int_equal(lk_test_decode(file.bytes, file.size, &whole), LK_OK);
    for (size_t size = 0; size < file.size; size++) {
        const lk_status status = lk_test_decode(file.bytes, size, &image);
        if (one_scan && size + 2 >= file.size) {
            assert_int_equal(status, LK_OK);
            assert_int_equal(lk_test_pixels_crc32(image), lk_test_pixels_crc32(whole));
            lk_image_close(&image);
        } else {
            assert_int_equal(status, LK_ERROR_FORMAT);
            if (size >= 4) assert_string_equal(lk_error_message(), "name: JPEG data cut short");
        }
    }
    lk_image_close(&whole);
    free(file.bytes);
}

static void a_cut_is_an_error_wherever_pixels_are_lost(void **state)
{
    (void)state;
    check_cuts("baseline_420.jpg", true);
    check_cuts("baseline_444.jpg", true);
    check_cuts("grey.jpg", true);
    check_cuts("cmyk.jpg", true);
    check_cuts("restarts.jpg", true);
    check_cuts("orientation_6.jpg", true);
    check_cuts("progressive_420.jpg", false);
    check_cuts("cmyk_progressive.jpg", false);
}

static void zeroed_data_are_an_error(void **state)
{
    (void)state;
    const lk_test_file file = lk_test_read(LK_TEST_IMAGES "restarts.jpg");
    const size_t scan = find_marker(file, 0xDA);
    lk_image *image = NULL;
    memset(file.bytes + scan + 40, 0xFF, 200); /* restart markers are among them */
    assert_int_equal(lk_test_decode(file.bytes, file.size, &image), LK_ERROR_FORMAT);
    assert_memory_equal(lk_error_message(), "name: damaged JPEG (", 20);
    free(file.bytes);
}

/* No flip of any bit anywhere may do more than fail or change pixels; sanitizers watch. */
static void any_flipped_bit_is_survived(void **state)
{
    (void)state;
    static const char *const files[] = {LK_TEST_IMAGES "size_17x9.jpg",
                                        LK_TEST_IMAGES "grey_progressive.jpg"};
    for (size_t i = 0; i < 2; i++) {
        const lk_test_file file = lk_test_read(files[i]);
        for (size_t bit = 0; bit < file.size * 8; bit++) {
            lk_image *image = NULL;
            file.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
            lk_test_decode(file.bytes, file.size, &image);
            lk_image_close(&image);
            file.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        free(file.bytes);
    }
}

static void a_claim_over_the_limit_is_refused(void **state)
{
    (void)state;
    static const char baseline[] = LK_TEST_IMAGES "baseline_420.jpg";
    assert_int_equal(decode_claim(baseline, SOF_BASELINE, 60000, 60000), LK_ERROR_LIMIT);
    assert_string_equal(lk_error_message(), "name: 60000 x 60000 pixels; the limit is 134217728 in all and "
                                            "1000000 a side");
    assert_int_equal(decode_claim(baseline, SOF_BASELINE, 65535, 65535),
                     LK_ERROR_LIMIT); /* libjpeg's own: 65500 */
    assert_int_equal(decode_claim(baseline, SOF_BASELINE, 0, 10), LK_ERROR_FORMAT);
    assert_int_equal(decode_claim(baseline, SOF_BASELINE, 10000, 10000), LK_ERROR_FORMAT);
    assert_string_equal(lk_error_message(),
                        "name: damaged JPEG (Corrupt JPEG data: premature end of data segment)");
}

static void coefficients_are_limited(void **state)
{
    (void)state;
    assert_int_equal(decode_claim(LK_TEST_IMAGES "cmyk_progressive.jpg", SOF_PROGRESSIVE, 11585, 11585),
                     LK_ERROR_LIMIT);
    assert_string_equal(lk_error_message(),
                        "name: a JPEG in several scans of 11585 x 11585 pixels; its coefficients "
                        "need over 1073741824 bytes");
}

static void odd_component_counts_are_unsupported(void **state)
{
    (void)state;
    static const uint8_t two[] = {0xFF, 0xD8, 0xFF, 0xC0, 0, 14, 8, 0, 8, 0, 8, 2, 1,  0x11, 0,    2,
                                  0x11, 0,    0xFF, 0xDA, 0, 10, 2, 1, 0, 2, 0, 0, 63, 0,    0xFF, 0xD9};
    static const uint8_t twelve_bits[] = {0xFF, 0xD8, 0xFF, 0xC1, 0, 11, 12, 0, 8, 0,  8, 1,    1,   0x11,
                                          0,    0xFF, 0xDA, 0,    8, 1,  1,  0, 0, 63, 0, 0xFF, 0xD9};
    lk_image *image = NULL;
    assert_int_equal(lk_test_decode(two, sizeof two, &image), LK_ERROR_UNSUPPORTED);
    assert_string_equal(lk_error_message(), "name: a JPEG of 2 components");
    assert_int_equal(lk_test_decode(twelve_bits, sizeof twelve_bits, &image), LK_ERROR_UNSUPPORTED);
}

/* ---------------------------------------------------------------- a legal file of hundreds of scans */

typedef struct {
    uint8_t *bytes;
    size_t size;
} writer;

static void put(writer *to, const uint8_t *bytes, size_t size)
{
    memcpy(to->bytes + to->size, bytes, size);
    to->size += size;
}
#define PUT(to, ...) put(to, (const uint8_t[]){__VA_ARGS__}, sizeof(uint8_t[]){__VA_ARGS__})

/* One grey component of 4681 x 56 = 262,136 blocks: eight times the 32,767 that one end-of-band code can
 * skip. */
enum { BOMB_WIDTH = 4681 * 8, BOMB_HEIGHT = 56 * 8, BOMB_BLOCKS = 4681 * 56 };

static void put_head(writer *to)
{
    PUT(to, 0xFF, 0xD8, 0xFF, 0xDB, 0, 67, 0);
    for (int i = 0; i < 64; i++) PUT(to, 1);
    PUT(to, 0xFF, 0xC2, 0, 11, 8, BOMB_HEIGHT >> 8, BOMB_HEIGHT & 255, BOMB_WIDTH >> 8, BOMB_WIDTH & 255, 1,
        1, 0x11, 0);
    PUT(to, 0xFF, 0xC4, 0, 20, 0x00, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0); /* DC: 0 is "no change" */
    PUT(to, 0xFF, 0xC4, 0, 20, 0x10, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0xE0); /* AC: 0 is EOB14 */
}

static void put_scan(writer *to, int coefficient, int high, int low)
{
    PUT(to, 0xFF, 0xDA, 0, 8, 1, 1, 0x00, (uint8_t)coefficient, (uint8_t)coefficient,
        (uint8_t)(high << 4 | low));
}

/* Eight codes of "skip 16384 + 16383 blocks": a 0 and fourteen 1s each, 15 bytes; 0xFF is followed by a
 * stuffed 0. */
static void put_skips(writer *to)
{
    for (int byte = 0; byte < 15; byte++) {
        uint8_t value = 0;
        for (int bit = byte * 8; bit < byte * 8 + 8; bit++) value = (uint8_t)(value << 1 | (bit % 15 != 0));
        PUT(to, value);
        if (value == 0xFF) PUT(to, 0);
    }
}

static lk_status decode_scans(int count)
{
    writer to = {.bytes = malloc(BOMB_BLOCKS / 8 + 1000 + (size_t)count * 40)};
    assert_non_null(to.bytes);
    put_head(&to);
    put_scan(&to, 0, 0, 0);
    memset(to.bytes + to.size, 0, BOMB_BLOCKS / 8);
    to.size += BOMB_BLOCKS / 8;
    for (int i = 0; i < count - 1;
         i++) { /* a coefficient at a time, a bit at a time, as the standard allows */
        const int low = 13 - i % 14;
        put_scan(&to, 1 + i / 14, low == 13 ? 0 : low + 1, low);
        put_skips(&to);
    }
    PUT(&to, 0xFF, 0xD9);
    lk_image *image = NULL;
    const lk_status status = lk_test_decode(to.bytes, to.size, &image);
    lk_image_close(&image);
    free(to.bytes);
    return status;
}

static void scans_are_limited(void **state)
{
    (void)state;
    assert_int_equal(decode_scans(60), LK_OK);
    assert_int_equal(decode_scans(300), LK_ERROR_LIMIT); /* 2^32 / (BOMB_WIDTH * BOMB_HEIGHT) = 256.003 */
    assert_string_equal(lk_error_message(), "name: over 256 scans in a JPEG of 37448 x 448 pixels");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cut_is_an_error_wherever_pixels_are_lost),
        cmocka_unit_test(zeroed_data_are_an_error),
        cmocka_unit_test(any_flipped_bit_is_survived),
        cmocka_unit_test(a_claim_over_the_limit_is_refused),
        cmocka_unit_test(coefficients_are_limited),
        cmocka_unit_test(odd_component_counts_are_unsupported),
        cmocka_unit_test(scans_are_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
