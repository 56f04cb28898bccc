/* The resize against OpenCV on a thousand pictures, and its fast form against its plain one. */
#include "layers/resize.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/images.h"

typedef struct {
    size_t src_width, src_height, width, height;
    uint32_t seed, check;
} resize_case;

static lk_resize whole(const resize_case *about)
{
    return (lk_resize){.src_width = about->src_width,
                       .src_height = about->src_height,
                       .full_width = about->width,
                       .full_height = about->height,
                       .width = about->width,
                       .height = about->height};
}

/* Exactly as large as the picture, so that sanitizers and valgrind see a byte written beyond; filled, so that
 * a byte that is not written shows. */
static uint8_t *output(const lk_resize *resize)
{
    const size_t size = resize->width * resize->height * 3;
    uint8_t *pixels = malloc(size);
    assert_non_null(pixels);
    return memset(pixels, 0xA5, size);
}

static size_t check_case(const resize_case *about)
{
    const lk_resize resize = whole(about);
    const size_t size = about->width * about->height * 3;
    uint8_t *src = lk_test_noise(about->seed, about->src_width * about->src_height * 3);
    uint8_t *plain = output(&resize), *fast = output(&resize);
    lk_resize_rgb_u8_reference(&resize, src, plain);
    assert_int_equal(lk_resize_rgb_u8(&resize, src, fast), LK_OK);
    const bool same = lk_test_crc32(plain, size) == about->check && memcmp(plain, fast, size) == 0;
    if (!same)
        print_error("%zu x %zu to %zu x %zu, seed %u: crc32 of OpenCV %08x, reference %08x, fast %08x\n",
                    about->src_width, about->src_height, about->width, about->height, about->seed,
                    about->check, lk_test_crc32(plain, size), lk_test_crc32(fast, size));
    free(src);
    free(plain);
    free(fast);
    return !same;
}

static void equals_opencv_on_a_thousand_sizes(void **state)
{
    (void)state;
    FILE *stream = fopen("tests/fixtures/resize.tsv", "r");
    assert_non_null(stream);
    resize_case about;
    size_t count = 0, wrong = 0;
    while (fscanf(stream, "%zu\t%zu\t%zu\t%zu\t%u\t%x\n", &about.src_width, &about.src_height, &about.width,
                  &about.height, &about.seed, &about.check) == 6) {
        wrong += check_case(&about);
        count++;
    }
    fclose(stream);
    assert_int_equal(count, 1000);
    assert_int_equal(wrong, 0);
}

/* Any window holds the pixels that it shows of the whole. */
static void a_window_is_a_cut_of_the_whole(void **state)
{
    (void)state;
    static const resize_case about = {
        .src_width = 61, .src_height = 47, .width = 90, .height = 33, .seed = 5};
    static const size_t windows[][4] = {
        {0, 0, 1, 1}, {89, 32, 1, 1}, {3, 5, 80, 20}, {0, 32, 90, 1}, {45, 0, 2, 33}};
    const lk_resize full = whole(&about);
    uint8_t *src = lk_test_noise(about.seed, about.src_width * about.src_height * 3), *pixels = output(&full);
    lk_resize_rgb_u8_reference(&full, src, pixels);
    for (size_t i = 0; i < sizeof windows / sizeof windows[0]; i++) {
        lk_resize window = full;
        window.left = windows[i][0], window.top = windows[i][1];
        window.width = windows[i][2], window.height = windows[i][3];
        uint8_t *plain = output(&window), *fast = output(&window);
        lk_resize_rgb_u8_reference(&window, src, plain);
        assert_int_equal(lk_resize_rgb_u8(&window, src, fast), LK_OK);
        for (size_t y = 0; y < window.height; y++) {
            const uint8_t *want = pixels + ((window.top + y) * full.width + window.left) * 3;
            assert_memory_equal(plain + y * window.width * 3, want, window.width * 3);
            assert_memory_equal(fast + y * window.width * 3, want, window.width * 3);
        }
        free(plain);
        free(fast);
    }
    free(src);
    free(pixels);
}

static void a_plain_colour_stays(void **state)
{
    (void)state;
    const lk_resize resize = {
        .src_width = 10, .src_height = 7, .full_width = 227, .full_height = 3, .width = 227, .height = 3};
    uint8_t src[10 * 7 * 3];
    for (int value = 0; value < 256; value++) {
        memset(src, value, sizeof src);
        uint8_t *pixels = output(&resize);
        assert_int_equal(lk_resize_rgb_u8(&resize, src, pixels), LK_OK);
        for (size_t i = 0; i < resize.width * resize.height * 3; i++)
            /* OpenCV's own shifts cost a step at times: 1 is darker by one where the rows' weights are cut
             * apart. */
            assert_in_range(value - pixels[i], 0, 1);
        free(pixels);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_opencv_on_a_thousand_sizes),
        cmocka_unit_test(a_window_is_a_cut_of_the_whole),
        cmocka_unit_test(a_plain_colour_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
