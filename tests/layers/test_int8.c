/* Every int8 kernel gives the bits of docs/model_file.md, here worked out in whole numbers and doubles. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "layers/expand_depthwise.h"
#include "layers/int8.h"
#include "layers/layout.h"
#include "support/conv2d_check.h"
#include "support/guard.h"
#include "support/int8_case.h"

static const lk_conv2d_kernel kernels[] = {
#define LK_INT8(run, needs, panel, pack, scratch, fits) {#run, run, LK_I8, needs, panel, pack, scratch, fits},
#include "layers/kernels.inc"
};

static const lk_pool2d_kernel pool_kernels[] = {
#define LK_POOL2D_U8(run, needs, is_blocked) {#run, run, LK_U8, needs, is_blocked, NULL},
#include "layers/kernels.inc"
};

#define SHAPE(h, w, in, out, group_count, k, s, p, low, high)                                               \
    {                                                                                                       \
        .in_h = h, .in_w = w, .in_channels = in, .out_channels = out, .groups = group_count, .kernel_h = k, \
        .kernel_w = k, .stride_h = s, .stride_w = s, .pad_top = p, .pad_left = p, .dilation_h = 1,          \
        .dilation_w = 1, .lo = low, .hi = high, .type = LK_I8, .x_type = LK_U8, .y_type = LK_U8             \
    }
#define POINTWISE(h, w, in, out, low, high) SHAPE(h, w, in, out, 1, 1, 1, 0, low, high)
#define DEPTHWISE(h, w, c, s, p) SHAPE(h, w, c, c, c, 3, s, p, 0, 6)
#define DEPTHWISE_5(h, w, c, s) SHAPE(h, w, c, c, c, 5, s, 2, 0, 6)
#define STEM(h, w, out, p) SHAPE(h, w, 3, out, 1, 3, 2, p, 0, 6)

/* MobileNetV2's channels and strides on small maps; then single pixels, rows and columns, and every tail of
 * channels and of pixels. Residuals, float inputs and float outputs are set where the shapes are used. */
static const lk_conv2d pointwise[] = {
    POINTWISE(19, 20, 32, 16, -INFINITY, INFINITY),
    POINTWISE(20, 19, 16, 96, 0, 6),
    POINTWISE(13, 13, 96, 24, -INFINITY, INFINITY),
    POINTWISE(13, 12, 24, 144, 0, 6),
    POINTWISE(9, 7, 192, 64, -INFINITY, INFINITY),
    POINTWISE(7, 7, 64, 384, 0, 6),
    POINTWISE(4, 4, 960, 160, -INFINITY, INFINITY),
    POINTWISE(3, 3, 320, 1280, 0, 6),
    POINTWISE(1, 1, 1, 1, -INFINITY, INFINITY),
    POINTWISE(3, 5, 1, 17, 0, INFINITY),
    POINTWISE(3, 5, 3, 31, -1, 1),
    POINTWISE(1, 9, 7, 33, 0, 6),
    POINTWISE(5, 1, 65, 5, 0, 6),
    POINTWISE(1, 2, 18, 48, 0, 6),
    POINTWISE(1, 3, 20, 49, 0, 6),
    POINTWISE(1, 10, 12, 40, 0, 6),
    POINTWISE(1, 11, 5, 64, 0, 6),
    POINTWISE(1, 23, 6, 80, 0, 6),
};
static const lk_conv2d linear[] = {
    POINTWISE(1, 1, 1280, 1000, -INFINITY, INFINITY), POINTWISE(1, 1, 1280, 12, -INFINITY, INFINITY),
    POINTWISE(1, 1, 1, 1, -INFINITY, INFINITY),       POINTWISE(1, 1, 35, 70, -INFINITY, INFINITY),
    POINTWISE(1, 1, 18, 130, -INFINITY, INFINITY),
};
static const lk_conv2d depthwise[] = {
    DEPTHWISE(31, 30, 32, 1, 1),  DEPTHWISE(30, 31, 96, 2, 1), DEPTHWISE(17, 16, 144, 1, 1),
    DEPTHWISE(16, 17, 144, 2, 1), DEPTHWISE(8, 8, 960, 1, 1),  DEPTHWISE(1, 1, 2, 1, 1),
    DEPTHWISE(1, 7, 9, 2, 1),     DEPTHWISE(7, 1, 5, 1, 1),    DEPTHWISE(5, 3, 17, 2, 1),
    DEPTHWISE(2, 2, 15, 1, 1),    DEPTHWISE(9, 23, 7, 1, 0),   DEPTHWISE(9, 24, 3, 2, 0),
    DEPTHWISE(3, 40, 12, 1, 1),   DEPTHWISE(4, 5, 20, 1, 2),   DEPTHWISE(5, 4, 20, 2, 2),
    DEPTHWISE(3, 6, 16, 1, 1),    DEPTHWISE(4, 9, 16, 2, 1),   DEPTHWISE_5(13, 12, 40, 1),
    DEPTHWISE_5(11, 14, 17, 2),   DEPTHWISE_5(1, 3, 2, 1),
};
static const lk_conv2d others[] = {
    STEM(45, 53, 32, 1),
    STEM(32, 33, 8, 1),
    STEM(3, 3, 17, 0),
    STEM(8, 9, 48, 0),
    STEM(11, 70, 16, 2),
    SHAPE(9, 8, 6, 10, 2, 5, 1, 2, 0, 6),
    SHAPE(13, 15, 24, 40, 1, 3, 2, 1, 0, 6),
    SHAPE(9, 10, 32, 72, 1, 3, 1, 1, -INFINITY, INFINITY),
    SHAPE(9, 11, 48, 20, 1, 1, 2, 0, 0, 6),
    SHAPE(12, 11, 5, 33, 1, 5, 3, 4, 0, 6),
    SHAPE(5, 4, 17, 16, 1, 3, 1, 1, -1, 1),
    SHAPE(4, 4, 160, 16, 1, 4, 1, 0, 0, 6),
};

static const void *run_in_two(const lk_conv2d_kernel *kernel, const lk_test_int8 *c, lk_test_side side)
{
    const lk_conv2d *d = c->d;
    const size_t rows = c->batch * lk_conv2d_rows(kernel, d), pixels = d->out_h * d->out_w,
                 in = d->in_h * d->in_w;
    const size_t x_size = lk_dtype_bytes(d->x_type), y_size = lk_dtype_bytes(d->y_type);
    const size_t outputs = c->batch * pixels * d->out_channels;
    lk_operands io = {.x = d->x_type == LK_F32 ? (const void *)c->x_floats : c->x,
                      .residual = d->residual ? c->residual : NULL,
                      .weights = lk_test_pack(c, kernel->pack),
                      .y = lk_test_bytes(outputs * y_size, side)};
    void *nhwc = io.y;
    if (kernel->scratch) io.scratch = lk_test_output((kernel->scratch(d) + 3) / 4);
    if (kernel->panel && kernel->panel != LK_STEM)
        io.x = lk_test_blocks(io.x, c->batch, in, d->in_channels, x_size, side);
    if (kernel->panel) io.y = lk_test_blocks(NULL, c->batch, pixels, d->out_channels, y_size, side);
    if (kernel->panel && io.residual)
        io.residual = lk_test_blocks(io.residual, c->batch, pixels, d->out_channels, y_size, side);
    kernel->run(d, &io, (lk_rows){rows / 3, rows});
    kernel->run(d, &io, (lk_rows){0, rows / 3});
    if (kernel->panel) lk_test_unblocks(io.y, c->batch, pixels, d->out_channels, y_size, nhwc);
    return nhwc;
}

typedef struct {
    size_t checked, wrong, inside; /* inside: neither end of the range */
} tally;

static void check(const lk_conv2d_kernel *kernel, lk_conv2d d, lk_test_mode m, lk_test_side side,
                  size_t batch, tally *t)
{
    lk_test_int8 c = {.batch = batch};
    lk_test_seed(d.in_h * 131 + d.in_channels * 17 + d.out_channels + (size_t)m);
    lk_test_guard(side);
    lk_test_draw(&c, &d, m, side);
    const void *got = run_in_two(kernel, &c, side);
    for (size_t i = 0; i < batch * d.out_h * d.out_w * d.out_channels; i++) {
        const double expected = lk_test_want(&c, i), is = d.y_type == LK_F32
                                                              ? (double)((const float *)got)[i]
                                                              : (double)((const uint8_t *)got)[i];
        if (!(is == expected) && !t->wrong++)
            print_message(
                "%s: %zux%zux%zu -> %zux%zux%zu stride %zu, numbers of kind %d: value %zu is %g, not %g\n",
                kernel->name, d.in_h, d.in_w, d.in_channels, d.out_h, d.out_w, d.out_channels, d.stride_h,
                (int)m, i, is, expected);
        t->checked++;
        t->inside += d.y_type == LK_F32 || (expected > 0 && expected < 255);
    }
    lk_test_free_all();
}

static void check_all(const lk_conv2d *shapes, size_t count, lk_dtype x_type, lk_dtype y_type,
                      lk_residual residual)
{
    for (size_t k = 0; k < LK_COUNT(kernels); k++) {
        tally t = {0};
        if (kernels[k].needs & ~lk_test_can()) {
            print_message("%s: this machine cannot run it\n", kernels[k].name);
            continue;
        }
        for (size_t s = 0; s < count; s++) {
            lk_conv2d d = lk_sized(shapes[s]);
            d.x_type = x_type;
            d.y_type = y_type;
            d.residual = residual;
            if (kernels[k].fits && !kernels[k].fits(&d)) continue;
            for (lk_test_mode m = LK_TEST_ANYTHING; m < LK_TEST_MODES; m++)
                for (lk_test_side side = LK_TEST_GUARD_END; side <= LK_TEST_GUARD_BEGIN; side++)
                    check(&kernels[k], d, m, side, 1 + s % 2, &t);
        }
        if (t.checked)
            print_message("%s: %zu values, %zu inside the range\n", kernels[k].name, t.checked, t.inside);
        assert_int_equal(t.wrong, 0);
        assert_true(t.inside * 4 >= t.checked);
    }
}

static void test_pointwise(void **state)
{
    (void)state;
    check_all(pointwise, LK_COUNT(pointwise), LK_U8, LK_U8, LK_RESIDUAL_NONE);
    check_all(pointwise, LK_COUNT(pointwise), LK_U8, LK_U8, LK_RESIDUAL_BEFORE_ACTIVATION);
}

static void test_depthwise(void **state)
{
    (void)state;
    check_all(depthwise, LK_COUNT(depthwise), LK_U8, LK_U8, LK_RESIDUAL_NONE);
}

static void test_stem_and_others(void **state)
{
    (void)state;
    check_all(others, LK_COUNT(others), LK_F32, LK_U8, LK_RESIDUAL_NONE);
    check_all(others, LK_COUNT(others), LK_U8, LK_U8, LK_RESIDUAL_BEFORE_ACTIVATION);
}

static void test_linear(void **state)
{
    (void)state;
    check_all(linear, LK_COUNT(linear), LK_F32, LK_F32, LK_RESIDUAL_NONE);
}

/* Every kernel must have met a layer that it fits. */
static void test_every_kernel_is_tested(void **state)
{
    (void)state;
    for (size_t k = 0; k < LK_COUNT(kernels); k++) {
        size_t fitting = 0;
        const struct {
            const lk_conv2d *shapes;
            size_t count;
            lk_dtype x_type, y_type;
        } sets[] = {{pointwise, LK_COUNT(pointwise), LK_U8, LK_U8},
                    {depthwise, LK_COUNT(depthwise), LK_U8, LK_U8},
                    {others, LK_COUNT(others), LK_F32, LK_U8},
                    {others, LK_COUNT(others), LK_U8, LK_U8},
                    {linear, LK_COUNT(linear), LK_F32, LK_F32}};
        for (size_t s = 0; s < LK_COUNT(sets); s++)
            for (size_t i = 0; i < sets[s].count; i++) {
                lk_conv2d d = lk_sized(sets[s].shapes[i]);
                d.x_type = sets[s].x_type;
                d.y_type = sets[s].y_type;
                fitting += !kernels[k].fits || kernels[k].fits(&d);
            }
        assert_true(fitting > 0);
    }
}

/* ------------------------------------------------------------------ expansion and depthwise layer in one */

static const lk_expand_depthwise_kernel fused[] = {
#define LK_EXPAND_DEPTHWISE(run, type, needs, panel, pack) {#run, run, type, needs, panel, pack},
#include "layers/kernels.inc"
};

/* Height, width, input channels, expanded channels, stride, padding above and to the left. */
static const struct {
    size_t h, w, in, wide, stride, pad;
} blocks[] = {
    {21, 57, 16, 96, 2, 1}, {20, 29, 24, 144, 1, 1}, {15, 15, 64, 40, 1, 1}, {15, 15, 96, 56, 2, 1},
    {8, 8, 160, 33, 1, 1},  {1, 2, 3, 5, 1, 1},      {2, 1, 17, 16, 2, 1},   {5, 7, 8, 48, 2, 0},
    {6, 3, 1, 2, 1, 1},     {40, 3, 5, 20, 1, 0},    {9, 200, 8, 17, 2, 1},  {12, 100, 36, 31, 1, 1},
};

/* The map between is the first layer's formula; the output must be that of the second's on it. */
static void check_fused(const lk_expand_depthwise_kernel *kernel, size_t s, lk_test_mode m, lk_test_side side,
                        tally *t)
{
    const size_t wide = blocks[s].wide, pad = blocks[s].pad, stride = blocks[s].stride, batch = 1 + s % 2;
    lk_conv2d e = lk_sized((lk_conv2d)POINTWISE(blocks[s].h, blocks[s].w, blocks[s].in, wide, 0, 6));
    lk_conv2d d = lk_sized((lk_conv2d)DEPTHWISE(blocks[s].h, blocks[s].w, wide, stride, pad));
    if (!pad) { /* Keras's: the odd pixel below and to the right */
        d.out_h = (d.in_h - 1) / stride + 1;
        d.out_w = (d.in_w - 1) / stride + 1;
    }
    lk_test_int8 first = {.batch = batch}, second = {.batch = batch};
    lk_test_seed(s * 7 + (size_t)m);
    lk_test_guard(side);
    lk_test_draw(&first, &e, m, side);
    lk_test_draw(&second, &d, m, side);
    d.x_real = e.y_real;
    d.y_real.scale = d.x_real.scale * (m == LK_TEST_HUGE_FACTORS ? 1e-9 : 2);
    const size_t in = e.in_h * e.in_w, out = d.out_h * d.out_w;
    for (size_t i = 0; i < batch * in * wide; i++) second.x[i] = (uint8_t)lk_test_want(&first, i);
    assert_string_equal(lk_expand_depthwise_choose(&e, &d, kernel->needs)->name, kernel->name);
    const lk_expand_depthwise both = {&e, &d, lk_expand_depthwise_ring(kernel, &d)};
    const size_t rows = batch * lk_expand_depthwise_rows(kernel, &d);
    const lk_operands io = {
        .x = lk_test_blocks(first.x, batch, in, e.in_channels, 1, side),
        .weights = lk_test_pack(&first, kernel->pack),
        .second_weights = lk_test_pack(&second, lk_int8_choose(&d, kernel->needs)->pack),
        .y = lk_test_blocks(NULL, batch, out, wide, 1, side),
        .scratch = lk_test_output((lk_expand_depthwise_scratch(kernel, &d) + 3) / 4),
    };
    kernel->run(&both, &io, (lk_rows){rows / 3, rows});
    kernel->run(&both, &io, (lk_rows){0, rows / 3});
    uint8_t *y = lk_test_bytes(batch * out * wide, side);
    lk_test_unblocks(io.y, batch, out, wide, 1, y);
    for (size_t i = 0; i < batch * out * wide; i++) {
        const double expected = lk_test_want(&second, i);
        if ((double)y[i] != expected && !t->wrong++)
            print_message("%s: shape %zu, numbers of kind %d: value %zu is %d, not %g\n", kernel->name, s,
                          (int)m, i, y[i], expected);
        t->checked++;
        t->inside += expected > 0 && expected < 255;
    }
    lk_test_free_all();
}

static void test_expand_depthwise(void **state)
{
    (void)state;
    for (size_t k = 0; k < LK_COUNT(fused); k++) {
        tally t = {0};
        if (fused[k].type != LK_I8 || fused[k].needs & ~lk_test_can()) continue;
        for (size_t s = 0; s < LK_COUNT(blocks); s++)
            for (lk_test_mode m = LK_TEST_ANYTHING; m < LK_TEST_MODES; m++)
                for (lk_test_side side = LK_TEST_GUARD_END; side <= LK_TEST_GUARD_BEGIN; side++)
                    check_fused(&fused[k], s, m, side, &t);
        print_message("%s: %zu values, %zu inside the range\n", fused[k].name, t.checked, t.inside);
        assert_int_equal(t.wrong, 0);
        assert_true(t.inside * 8 >= t.checked);
    }
}

static void check_pool(const lk_pool2d_kernel *kernel, const lk_pool2d *d, lk_test_side side)
{
    const size_t batch = 2, pixels = d->in_h * d->in_w;
    lk_test_guard(side);
    uint8_t *x = lk_test_bytes(batch * pixels * d->channels, side);
    for (size_t i = 0; i < batch * pixels * d->channels; i++) x[i] = (uint8_t)lk_test_random();
    float *y = lk_test_output(batch * d->channels);
    lk_operands io = {.x = x, .y = y};
    if (kernel->is_blocked) {
        io.x = lk_test_blocks(x, batch, pixels, d->channels, 1, side);
        io.y = lk_test_blocks(NULL, batch, 1, d->channels, sizeof(float), side);
    }
    kernel->run(d, &io, (lk_rows){0, batch * lk_pool2d_rows(kernel, d)});
    if (kernel->is_blocked) lk_test_unblocks(io.y, batch, 1, d->channels, sizeof(float), (uint8_t *)y);
    for (size_t i = 0; i < batch * d->channels; i++) {
        long sum = 0;
        for (size_t p = 0; p < pixels; p++)
            sum += x[(i / d->channels * pixels + p) * d->channels + i % d->channels] - d->x_real.zero;
        const float factor = (float)(d->x_real.scale / (double)pixels);
        assert_float_equal(y[i], (float)((double)(float)sum * (double)factor), 0);
    }
    lk_test_free_all();
}

static void test_pool(void **state)
{
    (void)state;
    const lk_pool2d shapes[] = {{.in_h = 8, .in_w = 8, .channels = 1280},
                                {.in_h = 1, .in_w = 1, .channels = 1},
                                {.in_h = 3, .in_w = 5, .channels = 17},
                                {.in_h = 32, .in_w = 31, .channels = 40}};
    for (size_t k = 0; k < LK_COUNT(pool_kernels); k++)
        for (size_t s = 0; s < LK_COUNT(shapes) && !(pool_kernels[k].needs & ~lk_test_can()); s++)
            for (lk_test_mode m = LK_TEST_ANYTHING; m < LK_TEST_HUGE_FACTORS; m++) {
                lk_pool2d d = shapes[s];
                d.kind = LK_POOL_ADAPTIVE_AVERAGE;
                d.out_h = d.out_w = 1;
                d.x_real = lk_test_affine(m);
                check_pool(&pool_kernels[k], &d, m % 2 ? LK_TEST_GUARD_END : LK_TEST_GUARD_BEGIN);
            }
}

/* The tests' own test: a kernel that is off by one in one byte must be found out. */
static void off_by_one(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    lk_conv2d_i8__reference(d, io, rows);
    ((uint8_t *)io->y)[rows.begin * d->out_channels] ^= 1;
}

static void test_one_wrong_byte_is_found(void **state)
{
    (void)state;
    const lk_conv2d_kernel mutant = {"mutant", off_by_one, LK_I8, 0, 0, lk_int8_pack_plain, NULL, NULL};
    tally t = {0};
    check(&mutant, lk_sized(pointwise[3]), LK_TEST_ANYTHING, LK_TEST_GUARD_END, 1, &t);
    assert_int_equal(t.wrong, 2); /* one in each of two calls */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pointwise),
        cmocka_unit_test(test_depthwise),
        cmocka_unit_test(test_stem_and_others),
        cmocka_unit_test(test_linear),
        cmocka_unit_test(test_expand_depthwise),
        cmocka_unit_test(test_every_kernel_is_tested),
        cmocka_unit_test(test_pool),
        cmocka_unit_test(test_one_wrong_byte_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
