/* A reader that goes from picture to picture gives what opening and fitting each alone does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/checked.h"
#include "cbir/picture_reader.h"
#include "support/images.h"
#include "tests/cbir/folder.h"

enum { HEIGHT = 37, WIDTH = 48, BYTES = HEIGHT * WIDTH * 3 };

static const lk_preprocessing ways[] = {
    {.height = HEIGHT, .width = WIDTH, .std = {1, 1, 1}},
    {.height = HEIGHT, .width = WIDTH, .resize = LK_RESIZE_SHORTER, .shorter = 50, .std = {1, 1, 1}},
};

static void check(lk_picture_reader *reader, const lk_preprocessing *how, const char *path)
{
    static uint8_t got[BYTES];
    lk_image *image = NULL, *fitted = NULL;
    assert_int_equal(lk_image_open(path, &image), LK_OK);
    assert_int_equal(lk_image_fit(how, image, &fitted), LK_OK);
    if (lk_picture_reader_read(reader, path, got)) fail_msg("%s", lk_error_message());
    if (memcmp(got, lk_image_pixels(fitted), BYTES)) fail_msg("%s: other pixels", path);
    lk_image_close(&fitted);
    lk_image_close(&image);
}

/* Every picture of the fixtures' table, large and small, JPEG and PNG, upright and turned, in its order and
 * back. */
static void pictures_in_a_row_are_as_each_alone(void **state)
{
    (void)state;
    char paths[256][128], line[256];
    size_t count = 0;
    FILE *table = fopen(LK_TEST_IMAGES "pixels.tsv", "r");
    assert_non_null(table);
    while (fgets(line, sizeof line, table)) {
        assert_true(count < LK_COUNT(paths));
        line[strcspn(line, "\t")] = 0;
        snprintf(paths[count++], sizeof *paths, LK_TEST_IMAGES "%.80s", line);
    }
    fclose(table);
    assert_true(count > 50);
    for (size_t w = 0; w < LK_COUNT(ways); w++) {
        lk_picture_reader *reader = NULL;
        assert_int_equal(lk_picture_reader_open(&ways[w], &reader), LK_OK);
        for (size_t i = 0; i < 2 * count; i++)
            check(reader, &ways[w], paths[i < count ? i : 2 * count - 1 - i]);
        lk_picture_reader_close(&reader);
        assert_null(reader);
    }
}

static void refuse(lk_picture_reader *reader, const char *path, lk_status status)
{
    uint8_t pixels[BYTES];
    memset(pixels, 0xA5, sizeof pixels);
    assert_int_equal(lk_picture_reader_read(reader, path, pixels), status);
    assert_memory_equal(lk_error_message(), path, strlen(path));
    for (size_t i = 0; i < BYTES; i++) assert_int_equal(pixels[i], 0xA5);
}

/* No table and no pixel of the picture before reaches one that lacks its own. */
static void a_bad_picture_between_good_ones_changes_neither(void **state)
{
    (void)state;
    const test_folder folder = open_folder();
    const char *good = LK_TEST_IMAGES "baseline_420.jpg";
    lk_picture_reader *reader = NULL;
    assert_int_equal(lk_picture_reader_open(&ways[0], &reader), LK_OK);
    check(reader, &ways[0], good);
    refuse(reader, path_in(&folder, "missing.jpg"), LK_ERROR_IO);
    refuse(reader, folder.path, LK_ERROR_IO);
    refuse(reader, put_text(&folder, "empty.jpg", ""), LK_ERROR_FORMAT);
    refuse(reader, put_text(&folder, "text.png", "no picture"), LK_ERROR_FORMAT);
    const lk_test_file whole = lk_test_read(good);
    const char *cut = path_in(&folder, "cut.jpg");
    FILE *stream = fopen(cut, "wb");
    assert_non_null(stream);
    assert_int_equal(fwrite(whole.bytes, 1, whole.size / 2, stream), whole.size / 2);
    assert_int_equal(fclose(stream), 0);
    refuse(reader, cut, LK_ERROR_FORMAT);
    check(reader, &ways[0], good);
    free(whole.bytes);
    lk_picture_reader_close(&reader);
    close_folder(&folder);
}

/* A file too large to be read into memory is mapped. */
static void a_large_file_is_as_a_small_one(void **state)
{
    (void)state;
    const test_folder folder = open_folder();
    const lk_test_file small = lk_test_read(LK_TEST_IMAGES "baseline_444.jpg");
    const char *large = path_in(&folder, "large.jpg");
    uint8_t want[BYTES], got[BYTES];
    lk_picture_reader *reader = NULL;
    FILE *stream = fopen(large, "wb");
    assert_non_null(stream);
    assert_int_equal(fwrite(small.bytes, 1, small.size, stream), small.size);
    assert_int_equal(fflush(stream), 0);
    assert_int_equal(ftruncate(fileno(stream), (17 << 20)), 0); /* zeros after the picture's end */
    assert_int_equal(fclose(stream), 0);
    assert_int_equal(lk_picture_reader_open(&ways[0], &reader), LK_OK);
    assert_int_equal(lk_picture_reader_decode(reader, small.bytes, small.size, "small", want), LK_OK);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(lk_picture_reader_read(reader, large, got), LK_OK);
        assert_memory_equal(got, want, BYTES);
        check(reader, &ways[0], LK_TEST_IMAGES "rgb_8.png");
    }
    free(small.bytes);
    lk_picture_reader_close(&reader);
    close_folder(&folder);
}

/* fast_decode.tsv: OpenCV's reduced pictures, resized. */
static void fast_decoding_is_opencvs_reduced_picture(void **state)
{
    (void)state;
    static uint8_t pixels[BYTES];
    FILE *stream = fopen("tests/fixtures/fast_decode.tsv", "r");
    assert_non_null(stream);
    char file[64], path[128];
    lk_preprocessing how = {.std = {1, 1, 1}, .fast_decode = true};
    size_t parts, count = 0, of_parts[9] = {0};
    uint32_t check_sum;
    while (fscanf(stream, "%63[^\t]\t%zu\t%zu\t%zu\t%zu\t%x\n", file, &how.width, &how.height, &how.shorter,
                  &parts, &check_sum) == 6) {
        const lk_image *image = NULL;
        lk_picture_reader *reader = NULL;
        how.resize = how.shorter ? LK_RESIZE_SHORTER : LK_RESIZE_EXACT;
        snprintf(path, sizeof path, LK_TEST_IMAGES "%s", file);
        assert_int_equal(lk_picture_reader_open(&how, &reader), LK_OK);
        if (lk_picture_reader_load(reader, path, &image)) fail_msg("%s", lk_error_message());
        assert_int_equal(lk_picture_reader_fit(reader, pixels), LK_OK);
        if (lk_test_crc32(pixels, how.width * how.height * 3) != check_sum)
            fail_msg("%s to %zux%zu (%zu): other pixels from %zux%zu; OpenCV divides by %zu", file, how.width,
                     how.height, how.shorter, lk_image_width(image), lk_image_height(image), parts);
        lk_picture_reader_close(&reader);
        of_parts[parts]++;
        count++;
    }
    fclose(stream);
    assert_int_equal(count, 150);
    assert_true(of_parts[1] && of_parts[2] && of_parts[4] && of_parts[8]);
}

static void fast_decoding_leaves_png_as_it_is(void **state)
{
    (void)state;
    lk_preprocessing fast = ways[0];
    lk_picture_reader *reader = NULL;
    fast.fast_decode = true;
    fast.width = fast.height = 3;
    assert_int_equal(lk_picture_reader_open(&fast, &reader), LK_OK);
    uint8_t want[27], got[27];
    assert_int_equal(lk_picture_reader_read(reader, LK_TEST_IMAGES "rgb_8.png", got), LK_OK);
    lk_picture_reader_close(&reader);
    fast.fast_decode = false;
    assert_int_equal(lk_picture_reader_open(&fast, &reader), LK_OK);
    assert_int_equal(lk_picture_reader_read(reader, LK_TEST_IMAGES "rgb_8.png", want), LK_OK);
    assert_memory_equal(got, want, sizeof got);
    lk_picture_reader_close(&reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures_in_a_row_are_as_each_alone),
        cmocka_unit_test(a_bad_picture_between_good_ones_changes_neither),
        cmocka_unit_test(a_large_file_is_as_a_small_one),
        cmocka_unit_test(fast_decoding_is_opencvs_reduced_picture),
        cmocka_unit_test(fast_decoding_leaves_png_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
