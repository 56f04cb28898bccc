/* Opening pictures: OpenCV's pixels, kinds told by content, and what is no picture. */
#include "engine/likeness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/images.h"

static void every_fixture_has_opencv_pixels(void **state)
{
    (void)state;
    lk_test_check_pixels(LK_TEST_IMAGES "pixels.tsv", LK_TEST_IMAGES);
}

static void content_tells_the_kind(void **state)
{
    (void)state;
    static const char *const files[] = {LK_TEST_IMAGES "grey.jpg", LK_TEST_IMAGES "rgb_8.png"};
    for (size_t i = 0; i < 2; i++) {
        const lk_test_file file = lk_test_read(files[i]);
        lk_image *image = NULL, *opened = NULL;
        assert_int_equal(lk_test_decode(file.bytes, file.size, &image), LK_OK);
        assert_int_equal(lk_image_open(files[i], &opened), LK_OK);
        assert_int_equal(lk_test_pixels_crc32(image), lk_test_pixels_crc32(opened));
        lk_image_close(&opened);
        lk_image_close(&image);
        free(file.bytes);
    }
}

static void other_bytes_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        lk_status status;
        const char *message;
    } cases[] = {
        {"", 0, LK_ERROR_FORMAT, "name: empty file"},
        {"\xFF", 1, LK_ERROR_FORMAT, "name: not a picture: neither JPEG nor PNG"},
        {"hello, world\n", 13, LK_ERROR_FORMAT, "name: not a picture: neither JPEG nor PNG"},
        {"\x89PNG\r\n\x1A", 7, LK_ERROR_FORMAT, "name: not a picture: neither JPEG nor PNG"},
        {"GIF89a..", 8, LK_ERROR_UNSUPPORTED, "name: looks like GIF; only JPEG and PNG are read"},
        {"RIFF....WEBPVP8 ", 16, LK_ERROR_UNSUPPORTED, "name: looks like WebP; only JPEG and PNG are read"},
        {"II*\0\x08\0\0\0", 8, LK_ERROR_UNSUPPORTED, "name: looks like TIFF; only JPEG and PNG are read"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        lk_image *image = NULL;
        assert_int_equal(lk_test_decode((const uint8_t *)cases[i].bytes, cases[i].size, &image),
                         cases[i].status);
        assert_string_equal(lk_error_message(), cases[i].message);
    }
}

static void expect_open_fails(const char *path, lk_status status, const char *fault)
{
    lk_image *image = NULL;
    char message[256];
    snprintf(message, sizeof message, "%s: %s", path, fault);
    assert_int_equal(lk_image_open(path, &image), status);
    assert_string_equal(lk_error_message(), message);
    assert_null(image);
}

static void files_that_are_none_are_named(void **state)
{
    (void)state;
    char empty[] = "/tmp/likeness-test-XXXXXX";
    const int file = mkstemp(empty);
    assert_true(file >= 0);
    expect_open_fails(empty, LK_ERROR_FORMAT, "empty file");
    close(file);
    unlink(empty);
    expect_open_fails(empty, LK_ERROR_IO, "cannot open: No such file or directory");
    expect_open_fails("tests/fixtures", LK_ERROR_IO, "not a regular file");
    expect_open_fails("tests/fixtures/resize.tsv", LK_ERROR_FORMAT, "not a picture: neither JPEG nor PNG");
}

static void pixels_of_the_caller_are_copied(void **state)
{
    (void)state;
    uint8_t pixels[2 * 3 * 3];
    for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)(i * 7);
    lk_image *image = NULL;
    assert_int_equal(lk_image_from_rgb(pixels, 2, 3, &image), LK_OK);
    pixels[0] = 99;
    assert_int_equal(lk_image_width(image), 2);
    assert_int_equal(lk_image_height(image), 3);
    assert_int_equal(lk_image_pixels(image)[0], 0);
    assert_memory_equal(lk_image_pixels(image) + 1, pixels + 1, sizeof pixels - 1);
    lk_image_close(&image);
    assert_null(image);
    lk_image_close(&image);
}

static void sizes_of_the_caller_are_checked(void **state)
{
    (void)state;
    const uint8_t pixel[3] = {0};
    lk_image *image = NULL;
    assert_int_equal(lk_image_from_rgb(pixel, 0, 1, &image), LK_ERROR_ARGUMENT);
    assert_int_equal(lk_image_from_rgb(pixel, 1, 0, &image), LK_ERROR_ARGUMENT);
    assert_int_equal(lk_image_from_rgb(pixel, LK_IMAGE_MAX_PIXELS / 1024 + 1, 1024, &image), LK_ERROR_LIMIT);
    assert_int_equal(lk_image_from_rgb(pixel, SIZE_MAX, SIZE_MAX, &image), LK_ERROR_LIMIT);
    assert_int_equal(lk_image_from_rgb(pixel, 1000001, 1, &image), LK_ERROR_LIMIT);
    assert_null(image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_fixture_has_opencv_pixels), cmocka_unit_test(content_tells_the_kind),
        cmocka_unit_test(other_bytes_are_named),           cmocka_unit_test(files_that_are_none_are_named),
        cmocka_unit_test(pixels_of_the_caller_are_copied), cmocka_unit_test(sizes_of_the_caller_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
