/* Real photographs, where the folder beside the project has them: OpenCV's pixels, and one photo's input bit
 * for bit as the reference study made it. */
#include "engine/likeness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/images.h"

#define SHARED "../shared/"

static void photos_have_opencv_pixels(void **state)
{
    (void)state;
    lk_test_check_pixels("tests/fixtures/photos.tsv", SHARED);
}

static void one_photo_is_resized_and_normalized_as_the_study_does(void **state)
{
    (void)state;
    const lk_preprocessing study = {
        .height = 227, .width = 227, .mean = {0.485f, 0.456f, 0.406f}, .std = {0.229f, 0.224f, 0.225f}};
    static float input[227 * 227 * 3];
    char file[256], path[512];
    uint32_t pixels = 0, values = 0;
    FILE *stream = fopen("tests/fixtures/golden_photo.tsv", "r");
    assert_non_null(stream);
    assert_int_equal(fscanf(stream, "%255[^\t]\t%x\t%x", file, &pixels, &values), 3);
    fclose(stream);
    snprintf(path, sizeof path, SHARED "%s", file);
    lk_image *image = NULL, *fitted = NULL;
    assert_int_equal(lk_image_open(path, &image), LK_OK);
    assert_int_equal(lk_image_fit(&study, image, &fitted), LK_OK);
    assert_int_equal(lk_test_pixels_crc32(fitted), pixels);
    assert_int_equal(lk_preprocess(&study, image, input), LK_OK);
    assert_int_equal(lk_test_crc32(input, sizeof input), values);
    lk_image_close(&fitted);
    lk_image_close(&image);
}

int main(void)
{
    if (access(SHARED "photos", R_OK) || access(SHARED "zodiac_photos", R_OK)) {
        puts("SKIPPED: " SHARED "photos and " SHARED "zodiac_photos are not here");
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(photos_have_opencv_pixels),
        cmocka_unit_test(one_photo_is_resized_and_normalized_as_the_study_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
