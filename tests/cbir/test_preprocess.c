/* Network inputs against NumPy's and OpenCV's, and what cannot be an input. */
#include "engine/likeness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/images.h"

static const lk_preprocessing study = {
    .height = 227, .width = 227, .mean = {0.485f, 0.456f, 0.406f}, .std = {0.229f, 0.224f, 0.225f}};

static uint32_t input_crc32(const lk_preprocessing *preprocessing, const lk_image *image)
{
    const size_t bytes = preprocessing->width * preprocessing->height * 3 * sizeof(float);
    float *input = malloc(bytes);
    assert_non_null(input);
    memset(input, 0xA5, bytes);
    if (lk_preprocess(preprocessing, image, input) != LK_OK) fail_msg("%s", lk_error_message());
    const uint32_t check = lk_test_crc32(input, bytes);
    free(input);
    return check;
}

static void inputs_equal_numpy_bit_for_bit(void **state)
{
    (void)state;
    FILE *stream = fopen("tests/fixtures/preprocess.tsv", "r");
    assert_non_null(stream);
    char file[256], path[512];
    lk_preprocessing preprocessing = study;
    uint32_t check;
    size_t count = 0;
    while (fscanf(stream, "%255[^\t]\t%zu\t%zu\t%zu\t%x\n", file, &preprocessing.width, &preprocessing.height,
                  &preprocessing.shorter, &check) == 5) {
        preprocessing.resize = preprocessing.shorter ? LK_RESIZE_SHORTER : LK_RESIZE_EXACT;
        snprintf(path, sizeof path, LK_TEST_IMAGES "%s", file);
        lk_image *image = NULL;
        assert_int_equal(lk_image_open(path, &image), LK_OK);
        if (input_crc32(&preprocessing, image) != check)
            fail_msg("%s to %zu x %zu, shorter side %zu", file, preprocessing.width, preprocessing.height,
                     preprocessing.shorter);
        lk_image_close(&image);
        count++;
    }
    fclose(stream);
    assert_int_equal(count, 36);
}

static void resize_makes_a_picture_of_that_size(void **state)
{
    (void)state;
    lk_image *image = NULL, *resized = NULL;
    assert_int_equal(lk_image_open(LK_TEST_IMAGES "grey.jpg", &image), LK_OK);
    assert_int_equal(lk_image_resize(image, 5, 9, &resized), LK_OK);
    assert_int_equal(lk_image_width(resized), 5);
    assert_int_equal(lk_image_height(resized), 9);
    lk_image_close(&resized);
    assert_int_equal(lk_image_resize(image, lk_image_width(image), lk_image_height(image), &resized), LK_OK);
    assert_int_equal(lk_test_pixels_crc32(resized), lk_test_pixels_crc32(image));
    lk_image_close(&resized);
    lk_image_close(&image);
}

/* A picture of one row whose shorter side becomes 1024 would be a thousand times a thousand times as large.
 */
static void only_the_cut_is_computed(void **state)
{
    (void)state;
    const size_t width = 1000000;
    uint8_t *pixels = lk_test_noise(1, width * 3);
    lk_image *image = NULL, *fitted = NULL;
    assert_int_equal(lk_image_from_rgb(pixels, width, 1, &image), LK_OK);
    lk_preprocessing preprocessing = study;
    preprocessing.resize = LK_RESIZE_SHORTER;
    preprocessing.shorter = 1024;
    assert_int_equal(lk_image_fit(&preprocessing, image, &fitted), LK_OK);
    assert_int_equal(lk_image_width(fitted), 227);
    assert_int_equal(lk_image_height(fitted), 227);
    lk_image_close(&fitted);
    lk_image_close(&image);
    free(pixels);
}

static void impossible_sizes_are_refused(void **state)
{
    (void)state;
    const uint8_t pixel[3] = {1, 2, 3};
    lk_image *image = NULL, *fitted = NULL;
    assert_int_equal(lk_image_from_rgb(pixel, 1, 1, &image), LK_OK);
    assert_int_equal(lk_image_resize(image, 0, 5, &fitted), LK_ERROR_ARGUMENT);
    assert_int_equal(lk_image_resize(image, 20000, 20000, &fitted), LK_ERROR_LIMIT);
    assert_string_equal(lk_error_message(), "resize: 20000 x 20000 pixels; the limit is 134217728 in all and "
                                            "1000000 a side");
    lk_preprocessing preprocessing = study;
    preprocessing.resize = LK_RESIZE_SHORTER;
    preprocessing.shorter = 226;
    assert_int_equal(lk_image_fit(&preprocessing, image, &fitted), LK_ERROR_ARGUMENT);
    preprocessing.shorter = SIZE_MAX;
    assert_int_equal(lk_image_fit(&preprocessing, image, &fitted), LK_ERROR_LIMIT);
    preprocessing.resize = (lk_resize_rule)7;
    assert_int_equal(lk_image_fit(&preprocessing, image, &fitted), LK_ERROR_ARGUMENT);
    assert_null(fitted);
    lk_image_close(&image);
}

static void a_standard_deviation_is_above_zero(void **state)
{
    (void)state;
    const uint8_t pixel[3] = {1, 2, 3};
    float input[3] = {7, 7, 7};
    lk_image *image = NULL;
    assert_int_equal(lk_image_from_rgb(pixel, 1, 1, &image), LK_OK);
    lk_preprocessing preprocessing = study;
    preprocessing.width = preprocessing.height = 1;
    preprocessing.std[1] = 0;
    assert_int_equal(lk_preprocess(&preprocessing, image, input), LK_ERROR_ARGUMENT);
    assert_true(input[0] == 7 && input[1] == 7 && input[2] == 7);
    lk_image_close(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inputs_equal_numpy_bit_for_bit),
        cmocka_unit_test(resize_makes_a_picture_of_that_size),
        cmocka_unit_test(only_the_cut_is_computed),
        cmocka_unit_test(impossible_sizes_are_refused),
        cmocka_unit_test(a_standard_deviation_is_above_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
