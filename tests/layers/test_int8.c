/* Every int8 kernel gives the bits of docs/model_file.md, here worked out in whole numbers and doubles. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "layers/int8.h"
#include "layers/layout.h"
#include "support/conv2d_check.h"
#include "support/guard.h"

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
    DEPTHWISE(3, 6, 16, 1, 1),    DEPTHWISE(4, 9, 16, 2, 1),
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

/* How a case's numbers are drawn: anything, or what makes sums as large as they can be. */
typedef enum { ANYTHING, ALL_LARGEST, ALL_SMALLEST, ZERO_IN_THE_MIDDLE, HUGE_FACTORS, MODES } mode;

typedef struct {
    const lk_conv2d *d;
    size_t batch;
    uint8_t *x, *residual;
    float *x_floats, *scales, *bias;
    int8_t *w;
} test_case;

/* Guard pages touch its first or its last byte. */
static uint8_t *guarded(size_t count, lk_test_side side)
{
    const size_t floats = (count + 3) / 4;
    uint8_t *bytes = (uint8_t *)lk_test_output(floats);
    return side == LK_TEST_GUARD_END ? bytes + floats * 4 - count : bytes;
}

static double between(double least, double most)
{
    return least + (most - least) * (double)(lk_test_random() >> 11) * 0x1p-53;
}

static lk_affine any_affine(mode m)
{
    const int32_t zeros[] = {[ALL_LARGEST] = 0, [ALL_SMALLEST] = 255, [ZERO_IN_THE_MIDDLE] = 128};
    const int32_t any = (int32_t)(lk_test_random() % 256);
    return (lk_affine){between(0.005, 0.05), m == ANYTHING || m == HUGE_FACTORS ? any : zeros[m]};
}

static void draw(test_case *c, lk_conv2d *d, mode m, lk_test_side side)
{
    const size_t terms = d->in_channels / d->groups * d->kernel_h * d->kernel_w;
    const size_t inputs = c->batch * d->in_h * d->in_w * d->in_channels;
    const size_t outputs = c->batch * d->out_h * d->out_w * d->out_channels;
    d->x_real = any_affine(m);
    d->residual_real = any_affine(m);
    d->y_real = any_affine(m);
    /* Typical sums fill some of the range, so that most bytes are neither end of it. */
    d->y_real.scale = d->x_real.scale * 0.01 * sqrt((double)terms) * 80;
    if (m == HUGE_FACTORS) d->y_real.scale = 1e-9;
    c->scales = lk_test_output(d->out_channels);
    c->bias = lk_test_output(d->out_channels);
    for (size_t o = 0; o < d->out_channels; o++) {
        c->scales[o] = (float)between(0.0005, 0.02);
        c->bias[o] = (float)(between(-20, 20) * d->y_real.scale);
        if (m == ALL_LARGEST && o % 3 == 0) c->bias[o] = 3e30F; /* more than 2^30 units */
    }
    c->w = (int8_t *)guarded(d->out_channels * terms, side);
    for (size_t i = 0; i < d->out_channels * terms; i++)
        c->w[i] = (int8_t)(m == ALL_LARGEST    ? 127
                           : m == ALL_SMALLEST ? (i % 2 ? 127 : -127)
                                               : (int)(lk_test_random() % 255) - 127);
    c->x = guarded(inputs, side);
    for (size_t i = 0; i < inputs; i++)
        c->x[i] = (uint8_t)(m == ALL_LARGEST ? 255 : m == ALL_SMALLEST ? 0 : lk_test_random() % 256);
    c->residual = guarded(outputs, side);
    for (size_t i = 0; i < outputs; i++) c->residual[i] = (uint8_t)(lk_test_random() % 256);
    c->x_floats = lk_test_output(inputs);
    for (size_t i = 0; i < inputs; i++) {
        c->x_floats[i] =
            (float)((double)(c->x[i] - d->x_real.zero) * d->x_real.scale + between(-0.004, 0.004));
        if (m == ZERO_IN_THE_MIDDLE && i % 7 == 0) c->x_floats[i] = i % 2 ? 1e30F : -1e30F;
    }
    c->d = d;
}

/* ------------------------------------------------------------------ the page, in whole numbers and doubles
 */

static long clip(double value)
{
    return (long)fmin(fmax(value, 0), 255);
}

static long byte_of_float(float value, lk_affine real)
{
    const float scaled = (float)((double)value * (double)(float)(1.0 / real.scale));
    return clip(rint((double)scaled) + real.zero);
}

static long sum_of(const test_case *c, size_t picture, size_t oy, size_t ox, size_t o)
{
    const lk_conv2d *d = c->d;
    const size_t per_group = d->in_channels / d->groups,
                 first = o / (d->out_channels / d->groups) * per_group;
    const int8_t *w = c->w + o * per_group * d->kernel_h * d->kernel_w;
    long sum = 0;
    for (size_t channel = 0; channel < per_group; channel++)
        for (size_t ky = 0; ky < d->kernel_h; ky++)
            for (size_t kx = 0; kx < d->kernel_w; kx++, w++) {
                const long iy = (long)(oy * d->stride_h + ky) - (long)d->pad_top;
                const long ix = (long)(ox * d->stride_w + kx) - (long)d->pad_left;
                if (iy < 0 || iy >= (long)d->in_h || ix < 0 || ix >= (long)d->in_w) continue;
                const size_t at = ((picture * d->in_h + (size_t)iy) * d->in_w + (size_t)ix) * d->in_channels +
                                  first + channel;
                const long x = d->x_type == LK_F32 ? byte_of_float(c->x_floats[at], d->x_real) : c->x[at];
                sum += (x - d->x_real.zero) * *w;
            }
    return sum;
}

/* Products and sums of floats are rounded once by way of double: it holds a product, and twice a float's
 * digits for a sum. */
static double want(const test_case *c, size_t place)
{
    const lk_conv2d *d = c->d;
    const size_t o = place % d->out_channels, pixel = place / d->out_channels, ox = pixel % d->out_w;
    const size_t oy = pixel / d->out_w % d->out_h, picture = pixel / d->out_w / d->out_h;
    const double unit = d->x_real.scale * (double)c->scales[o];
    long sum = sum_of(c, picture, oy, ox, o);
    if (d->y_type == LK_F32) {
        const float value = (float)((double)(float)sum * (double)(float)unit);
        return (double)(float)((double)value + (double)c->bias[o]);
    }
    sum += (long)fmin(fmax(rint((double)c->bias[o] / unit), -0x1p30), 0x1p30);
    float value = (float)((double)(float)sum * (double)(float)(unit / d->y_real.scale));
    if (d->residual != LK_RESIDUAL_NONE) {
        const double added = (double)(c->residual[place] - d->residual_real.zero) *
                             (double)(float)(d->residual_real.scale / d->y_real.scale);
        value = (float)((double)value + (double)(float)added);
    }
    const long lo = clip(rint((double)d->lo / d->y_real.scale) + d->y_real.zero);
    const long hi = clip(rint((double)d->hi / d->y_real.scale) + d->y_real.zero);
    return fmin(fmax(rint((double)value) + d->y_real.zero, (double)lo), (double)hi);
}

/* ------------------------------------------------------------------ running a kernel */

/* In blocks, `size` bytes a value; what pads the last block is NaN or 0x5a. NULL: an output. */
static void *blocked(const void *nhwc, size_t batch, size_t pixels, size_t channels, size_t size,
                     lk_test_side side)
{
    const size_t bytes = batch * lk_blocked_floats(pixels, channels) * size;
    uint8_t *made = guarded(bytes, side);
    if (size == 1) memset(made, 0x5a, bytes);
    for (size_t i = 0; nhwc && i < batch * pixels * channels; i++) {
        const size_t c = i % channels, pixel = i / channels % pixels, picture = i / channels / pixels;
        const size_t block = picture * lk_blocks(channels) + c / LK_BLOCK;
        memcpy(made + ((block * pixels + pixel) * LK_BLOCK + c % LK_BLOCK) * size,
               (const uint8_t *)nhwc + i * size, size);
    }
    return made;
}

static void unblock(const uint8_t *maps, size_t batch, size_t pixels, size_t channels, size_t size,
                    uint8_t *nhwc)
{
    for (size_t i = 0; i < batch * pixels * channels; i++) {
        const size_t c = i % channels, pixel = i / channels % pixels, picture = i / channels / pixels;
        const size_t block = picture * lk_blocks(channels) + c / LK_BLOCK;
        memcpy(nhwc + i * size, maps + ((block * pixels + pixel) * LK_BLOCK + c % LK_BLOCK) * size, size);
    }
}

static const void *run_in_two(const lk_conv2d_kernel *kernel, const test_case *c, lk_test_side side)
{
    const lk_conv2d *d = c->d;
    const size_t rows = c->batch * lk_conv2d_rows(kernel, d), pixels = d->out_h * d->out_w,
                 in = d->in_h * d->in_w;
    const size_t x_size = lk_dtype_bytes(d->x_type), y_size = lk_dtype_bytes(d->y_type);
    uint8_t *packed = (uint8_t *)lk_test_output((kernel->pack(d, NULL, NULL) + 3) / 4);
    kernel->pack(d, &(lk_conv2d_weights){.bytes = c->w, .scales = c->scales, .bias = c->bias}, packed);
    const size_t outputs = c->batch * pixels * d->out_channels;
    lk_operands io = {.x = d->x_type == LK_F32 ? (const void *)c->x_floats : c->x,
                      .residual = d->residual ? c->residual : NULL,
                      .weights = packed,
                      .y = guarded(outputs * y_size, side)};
    void *nhwc = io.y;
    if (kernel->scratch) io.scratch = lk_test_output((kernel->scratch(d) + 3) / 4);
    if (kernel->panel && kernel->panel != LK_STEM)
        io.x = blocked(io.x, c->batch, in, d->in_channels, x_size, side);
    if (kernel->panel) io.y = blocked(NULL, c->batch, pixels, d->out_channels, y_size, side);
    if (kernel->panel && io.residual)
        io.residual = blocked(io.residual, c->batch, pixels, d->out_channels, y_size, side);
    kernel->run(d, &io, (lk_rows){rows / 3, rows});
    kernel->run(d, &io, (lk_rows){0, rows / 3});
    if (kernel->panel) unblock(io.y, c->batch, pixels, d->out_channels, y_size, nhwc);
    return nhwc;
}

typedef struct {
    size_t checked, wrong, inside; /* inside: neither end of the range */
} tally;

static void check(const lk_conv2d_kernel *kernel, lk_conv2d d, mode m, lk_test_side side, size_t batch,
                  tally *t)
{
    test_case c = {.batch = batch};
    lk_test_seed(d.in_h * 131 + d.in_channels * 17 + d.out_channels + (size_t)m);
    lk_test_guard(side);
    draw(&c, &d, m, side);
    const void *got = run_in_two(kernel, &c, side);
    for (size_t i = 0; i < batch * d.out_h * d.out_w * d.out_channels; i++) {
        const double expected = want(&c, i), is = d.y_type == LK_F32 ? (double)((const float *)got)[i]
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
            for (mode m = ANYTHING; m < MODES; m++)
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

static void check_pool(const lk_pool2d_kernel *kernel, const lk_pool2d *d, lk_test_side side)
{
    const size_t batch = 2, pixels = d->in_h * d->in_w;
    lk_test_guard(side);
    uint8_t *x = guarded(batch * pixels * d->channels, side);
    for (size_t i = 0; i < batch * pixels * d->channels; i++) x[i] = (uint8_t)lk_test_random();
    float *y = lk_test_output(batch * d->channels);
    lk_operands io = {.x = x, .y = y};
    if (kernel->is_blocked) {
        io.x = blocked(x, batch, pixels, d->channels, 1, side);
        io.y = blocked(NULL, batch, 1, d->channels, sizeof(float), side);
    }
    kernel->run(d, &io, (lk_rows){0, batch * lk_pool2d_rows(kernel, d)});
    if (kernel->is_blocked) unblock(io.y, batch, 1, d->channels, sizeof(float), (uint8_t *)y);
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
            for (mode m = ANYTHING; m < HUGE_FACTORS; m++) {
                lk_pool2d d = shapes[s];
                d.kind = LK_POOL_ADAPTIVE_AVERAGE;
                d.out_h = d.out_w = 1;
                d.x_real = any_affine(m);
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
    check(&mutant, lk_sized(pointwise[3]), ANYTHING, LK_TEST_GUARD_END, 1, &t);
    assert_int_equal(t.wrong, 2); /* one in each of two calls */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pointwise),
        cmocka_unit_test(test_depthwise),
        cmocka_unit_test(test_stem_and_others),
        cmocka_unit_test(test_linear),
        cmocka_unit_test(test_every_kernel_is_tested),
        cmocka_unit_test(test_pool),
        cmocka_unit_test(test_one_wrong_byte_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
