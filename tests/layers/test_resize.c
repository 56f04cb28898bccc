/* The resize against OpenCV on a thousand pictures, and its fast form against its plain one. */
#include "layers/resize.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "support/guard.h"
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

static const lk_resize_kernel kernels[] = {
#define LK_RESIZE(run, needs) {#run, run, needs},
#include "layers/kernels.inc"
};

/* Bytes that end at a page that cannot be touched. */
static uint8_t *guarded(size_t size)
{
    const size_t floats = size / sizeof(float) + 1;
    return (uint8_t *)lk_test_output(floats) + floats * sizeof(float) - size;
}

/* Filled, so that a byte that is not written shows. */
static uint8_t *output(const lk_resize *resize)
{
    const size_t size = resize->width * resize->height * 3;
    return memset(guarded(size), 0xA5, size);
}

static uint8_t *noise(const resize_case *about)
{
    const size_t size = about->src_width * about->src_height * 3;
    uint8_t *drawn = lk_test_noise(about->seed, size), *src = memcpy(guarded(size), drawn, size);
    free(drawn);
    return src;
}

static void run(const lk_resize_kernel *kernel, const lk_resize *resize, const uint8_t *src, uint8_t *dst)
{
    lk_resizer resizer = {.kernel = kernel};
    assert_int_equal(lk_resize_rgb_u8(resize, src, dst, &resizer), LK_OK);
    lk_resizer_release(&resizer);
}

static size_t check_case(const lk_resize_kernel *kernel, const resize_case *about)
{
    const lk_resize resize = whole(about);
    uint8_t *src = noise(about), *pixels = output(&resize);
    run(kernel, &resize, src, pixels);
    const uint32_t check = lk_test_crc32(pixels, about->width * about->height * 3);
    if (check != about->check)
        print_error("%s: %zu x %zu to %zu x %zu, seed %u: crc32 of OpenCV %08x, here %08x\n", kernel->name,
                    about->src_width, about->src_height, about->width, about->height, about->seed,
                    about->check, check);
    lk_test_free_all();
    return check != about->check;
}

static bool can_run(const lk_resize_kernel *kernel)
{
    const bool can = !(kernel->needs & ~(lk_cpu_isa() | LK_NEEDS_PORTABLE));
    if (!can) print_message("skipped here: %s\n", kernel->name);
    return can;
}

static void equals_opencv_on_a_thousand_sizes(void **state)
{
    (void)state;
    FILE *stream = fopen("tests/fixtures/resize.tsv", "r");
    assert_non_null(stream);
    resize_case about;
    size_t count = 0, wrong = 0;
    bool ran[LK_COUNT(kernels)];
    for (size_t k = 0; k < LK_COUNT(kernels); k++) ran[k] = can_run(&kernels[k]);
    assert_true(ran[0] && ran[1]);
    while (fscanf(stream, "%zu\t%zu\t%zu\t%zu\t%u\t%x\n", &about.src_width, &about.src_height, &about.width,
                  &about.height, &about.seed, &about.check) == 6) {
        for (size_t k = 0; k < LK_COUNT(kernels); k++)
            if (ran[k]) wrong += check_case(&kernels[k], &about);
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
    uint8_t *src = noise(&about), *pixels = output(&full);
    run(&kernels[0], &full, src, pixels);
    for (size_t i = 0; i < sizeof windows / sizeof windows[0]; i++) {
        lk_resize window = full;
        window.left = windows[i][0], window.top = windows[i][1];
        window.width = windows[i][2], window.height = windows[i][3];
        for (size_t k = 0; k < LK_COUNT(kernels); k++) {
            if (!can_run(&kernels[k])) continue;
            uint8_t *cut = output(&window);
            run(&kernels[k], &window, src, cut);
            for (size_t y = 0; y < window.height; y++)
                assert_memory_equal(cut + y * window.width * 3,
                                    pixels + ((window.top + y) * full.width + window.left) * 3,
                                    window.width * 3);
        }
    }
    lk_test_free_all();
}

static void a_plain_colour_stays(void **state)
{
    (void)state;
    const lk_resize resize = {
        .src_width = 10, .src_height = 7, .full_width = 227, .full_height = 3, .width = 227, .height = 3};
    uint8_t src[10 * 7 * 3];
    lk_resizer resizer = {0};
    for (int value = 0; value < 256; value++) {
        memset(src, value, sizeof src);
        uint8_t *pixels = output(&resize);
        assert_int_equal(lk_resize_rgb_u8(&resize, src, pixels, &resizer), LK_OK);
        for (size_t i = 0; i < resize.width * resize.height * 3; i++)
            /* OpenCV's own shifts cost a step at times: 1 is darker by one where the rows' weights are cut
             * apart. */
            assert_in_range(value - pixels[i], 0, 1);
        lk_test_free_all();
    }
    lk_resizer_release(&resizer);
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
