/* Decoding and preprocessing when memory runs out, at the first allocation, the second, and so on until all
 * succeed. The lk_allocate below takes the library's place: the archive's own is then not linked. libjpeg's
 * allocations do not pass through it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "engine/likeness.h"
#include "support/images.h"

static size_t allocations_left, blocks;

void *lk_allocate(size_t bytes, size_t alignment)
{
    assert_true(alignment <= _Alignof(max_align_t));
    if (allocations_left == 0) return NULL;
    allocations_left--;
    blocks++;
    return calloc(bytes ? bytes : 1, 1);
}

void lk_free(void *memory)
{
    blocks -= memory != NULL;
    free(memory);
}

static void sweep(const char *path)
{
    const lk_test_file file = lk_test_read(path);
    lk_image *image = NULL;
    lk_status status = LK_ERROR_MEMORY;
    for (size_t n = 0; status != LK_OK; n++) {
        allocations_left = n;
        status = lk_test_decode(file.bytes, file.size, &image);
        assert_true(status == LK_OK || status == LK_ERROR_MEMORY);
        assert_true(n < 1000);
        if (status != LK_OK) assert_int_equal(blocks, 0);
        else assert_true(n > 0);
    }
    lk_image *whole = NULL;
    allocations_left = SIZE_MAX;
    assert_int_equal(lk_image_open(path, &whole), LK_OK);
    assert_int_equal(lk_test_pixels_crc32(image), lk_test_pixels_crc32(whole));
    lk_image_close(&whole);
    lk_image_close(&image);
    assert_int_equal(blocks, 0);
    free(file.bytes);
}

static void decoding_gives_all_or_nothing(void **state)
{
    (void)state;
    sweep(LK_TEST_IMAGES "baseline_420.jpg");
    sweep(LK_TEST_IMAGES "cmyk.jpg");
    sweep(LK_TEST_IMAGES "orientation_6.jpg");
    sweep(LK_TEST_IMAGES "rgb_16_interlaced.png");
    sweep(LK_TEST_IMAGES "transparent_palette_8.png");
    sweep(LK_TEST_IMAGES "exif_before.png");
    sweep(LK_TEST_IMAGES "exif_after.png");
}

static void preprocessing_gives_all_or_nothing(void **state)
{
    (void)state;
    const lk_preprocessing preprocessing = {.height = 9, .width = 8, .std = {1, 1, 1}};
    float input[9 * 8 * 3] = {0};
    lk_image *image = NULL;
    allocations_left = SIZE_MAX;
    assert_int_equal(lk_image_open(LK_TEST_IMAGES "grey.jpg", &image), LK_OK);
    for (size_t n = 0; n < 2; n++) {
        allocations_left = n;
        assert_int_equal(lk_preprocess(&preprocessing, image, input), LK_ERROR_MEMORY);
        assert_int_equal(blocks, 1);
    }
    allocations_left = 2; /* the fitted picture, the resize's tables and rows */
    assert_int_equal(lk_preprocess(&preprocessing, image, input), LK_OK);
    lk_image_close(&image);
    assert_int_equal(blocks, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decoding_gives_all_or_nothing),
        cmocka_unit_test(preprocessing_gives_all_or_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
