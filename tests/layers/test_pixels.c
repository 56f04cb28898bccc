/* The first convolution straight from RGB bytes: the bits of the same kernel on normalized floats, which the
 * other tests hold to the formula, whatever the borders, the batch and how rows are shared out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "layers/int8.h"
#include "layers/layout.h"
#include "support/conv2d_check.h"
#include "support/guard.h"

static const lk_conv2d_kernel kernels[] = {
#define LK_CONV2D(run, type, needs, panel, pack, scratch, fits) \
    {#run, run, type, needs, panel, pack, scratch, fits},
#define LK_INT8(run, needs, panel, pack, scratch, fits) {#run, run, LK_I8, needs, panel, pack, scratch, fits},
#include "layers/kernels.inc"
};

#define STEM(h, w, out, top, left)                                                                      \
    {                                                                                                   \
        .in_h = h, .in_w = w, .in_channels = 3, .out_channels = out, .groups = 1, .kernel_h = 3,        \
        .kernel_w = 3, .stride_h = 2, .stride_w = 2, .pad_top = top, .pad_left = left, .dilation_h = 1, \
        .dilation_w = 1, .lo = 0, .hi = 6, .x_real = {0.0186, 114}, .y_real = {                         \
            6.0 / 255,                                                                                  \
            0                                                                                           \
        }                                                                                               \
    }

static const lk_conv2d shapes[] = {
    STEM(227, 227, 32, 1, 1), STEM(33, 32, 16, 1, 1), STEM(32, 47, 20, 0, 0), STEM(9, 41, 8, 2, 2),
    STEM(1, 1, 3, 1, 1),      STEM(1, 9, 17, 1, 2),   STEM(9, 1, 33, 2, 1),   STEM(3, 2, 16, 0, 1),
};

static const float mean[3] = {0.485F, 0.456F, 0.406F}, deviation[3] = {0.229F, 0.224F, 0.225F};

static uint8_t *bytes_of(size_t count, bool random)
{
    uint8_t *bytes =
        (uint8_t *)lk_test_output(count / 4 + 1) + (count / 4 + 1) * 4 - count; /* up to the guard */
    for (size_t i = 0; random && i < count; i++) bytes[i] = (uint8_t)(lk_test_random() >> 32);
    return bytes;
}

static void pack(const lk_conv2d_kernel *kernel, const lk_conv2d *d, void *packed)
{
    const size_t count = d->out_channels * 27;
    lk_conv2d_weights from = {.weights = lk_test_floats(count), .bias = lk_test_floats(d->out_channels)};
    if (d->type == LK_I8) {
        from.bytes = (const int8_t *)bytes_of(count, true);
        from.scales = memcpy(lk_test_output(d->out_channels), from.weights, d->out_channels * sizeof(float));
    }
    kernel->pack(d, &from, packed);
}

static void run(const lk_conv2d_kernel *kernel, const lk_conv2d *d, size_t batch, lk_operands io)
{
    const size_t rows = batch * d->out_h;
    kernel->run(d, &io, (lk_rows){rows / 3, rows});
    kernel->run(d, &io, (lk_rows){0, rows / 3});
}

static void check(const lk_conv2d_kernel *kernel, const lk_conv2d *d, size_t batch)
{
    const size_t pixels = batch * d->in_h * d->in_w,
                 outputs = batch * lk_blocked_floats(d->out_h * d->out_w, d->out_channels) *
                           lk_dtype_bytes(d->y_type);
    lk_pixels normal;
    lk_pixels_fill(mean, deviation, &normal);
    const uint8_t *rgb = bytes_of(pixels * 3, true);
    float *floats = lk_test_output(pixels * 3);
    for (size_t i = 0; i < pixels * 3; i++) /* NumPy's order of operations */
        floats[i] = ((float)rgb[i] / 255.0F - mean[i % 3]) / deviation[i % 3];
    void *packed = lk_test_output(kernel->pack(d, NULL, NULL) / sizeof(float));
    pack(kernel, d, packed);
    uint8_t *want = bytes_of(outputs, false), *got = bytes_of(outputs, false);
    memset(want, 1, outputs);
    memset(got, 2, outputs);
    lk_operands io = {
        .x = floats, .weights = packed, .y = want, .scratch = bytes_of(kernel->scratch(d), false)};
    run(kernel, d, batch, io);
    io.x = rgb;
    io.pixels = &normal;
    io.y = got;
    run(kernel, d, batch, io);
    if (memcmp(got, want, outputs))
        fail_msg("%s: %zux%zu from bytes is not what it is from floats", kernel->name, d->in_h, d->in_w);
}

static void test_bytes_give_the_bits_of_floats(void **state)
{
    (void)state;
    const unsigned can = lk_test_can();
    size_t ran = 0;
    for (size_t k = 0; k < LK_COUNT(kernels); k++) {
        const lk_conv2d_kernel *kernel = &kernels[k];
        if (kernel->panel != LK_STEM) continue;
        if (kernel->needs & ~can) {
            print_message("skipped here: %s\n", kernel->name);
            continue;
        }
        for (size_t s = 0; s < LK_COUNT(shapes); s++) {
            lk_conv2d d = lk_sized(shapes[s]);
            d.type = kernel->type;
            d.x_type = LK_F32;
            d.y_type = kernel->type == LK_I8 ? LK_U8 : kernel->type;
            assert_true(kernel->fits(&d));
            for (size_t batch = 1; batch <= 2; batch++) {
                lk_test_seed(s * 2 + batch);
                check(kernel, &d, batch);
                lk_test_free_all();
                ran++;
            }
        }
    }
    assert_true(ran > 0);
}

/* Black, white and what lies between, by docs/preprocessing.md's formula in double. */
static void test_the_table_is_the_formula(void **state)
{
    (void)state;
    lk_pixels pixels;
    lk_pixels_fill(mean, deviation, &pixels);
    for (size_t c = 0; c < 3; c++)
        for (size_t byte = 0; byte < 256; byte++) {
            const double want = ((double)byte / 255 - (double)mean[c]) / (double)deviation[c];
            assert_float_equal(pixels.value[c][byte], want, 4e-7);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_give_the_bits_of_floats),
        cmocka_unit_test(test_the_table_is_the_formula),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
