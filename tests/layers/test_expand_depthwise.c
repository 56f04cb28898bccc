/* Expansion and depthwise layer in one, against the two formulas in double, one after the other. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "layers/expand_depthwise.h"
#include "layers/int8.h"
#include "layers/layout.h"
#include "support/conv2d_check.h"
#include "support/guard.h"

static const lk_expand_depthwise_kernel kernels[] = {
#define LK_EXPAND_DEPTHWISE(run, type, needs, panel, pack) {#run, run, type, needs, panel, pack},
#include "layers/kernels.inc"
};

/* Height, width, input channels, expanded channels, stride, padding above and to the left. */
static const struct {
    size_t h, w, in, wide, stride, pad;
} shapes[] = {
    {21, 114, 16, 96, 2, 1}, {20, 57, 24, 144, 1, 1}, {29, 29, 32, 192, 1, 1}, {15, 15, 64, 40, 1, 1},
    {15, 15, 96, 56, 2, 1},  {8, 8, 160, 33, 1, 1},   {1, 2, 3, 5, 1, 1},      {2, 1, 17, 16, 2, 1},
    {5, 7, 8, 48, 2, 0},     {6, 3, 1, 2, 1, 1},      {40, 3, 5, 20, 1, 0},    {33, 200, 8, 17, 2, 1},
};

/* One case: x, both weights, and the map between in double with how far a float's may be from it. */
typedef struct {
    lk_conv2d expand, depthwise;
    const float *x, *w, *bias, *taps, *second_bias;
    double *map, *off; /* [h * w][wide] */
} the_case;

static double clamp(double value, const lk_conv2d *d)
{
    return fmin(fmax(value, (double)d->lo), (double)d->hi);
}

static void expand(the_case *c)
{
    const lk_conv2d *d = &c->expand;
    for (size_t p = 0; p < d->in_h * d->in_w; p++)
        for (size_t o = 0; o < d->out_channels; o++) {
            double sum = (double)c->bias[o], size = fabs(sum);
            for (size_t k = 0; k < d->in_channels; k++) {
                const double term =
                    (double)c->x[p * d->in_channels + k] * (double)c->w[o * d->in_channels + k];
                sum += term;
                size += fabs(term);
            }
            c->map[p * d->out_channels + o] = clamp(sum, d);
            c->off[p * d->out_channels + o] = lk_test_bound(d, (double)d->in_channels, clamp(sum, d), size);
        }
}

/* The output and, in *bound, how far a float's may be from it: by its own sum, and by what the map was off.
 */
static double formula(const the_case *c, size_t oy, size_t ox, size_t o, double *bound)
{
    const lk_conv2d *d = &c->depthwise;
    double sum = (double)c->second_bias[o], size = fabs(sum), carried = 0;
    for (size_t tap = 0; tap < 9; tap++) {
        const size_t iy = oy * d->stride_h + tap / 3 - d->pad_top,
                     ix = ox * d->stride_w + tap % 3 - d->pad_left;
        if (iy >= d->in_h || ix >= d->in_w) continue;
        const size_t at = (iy * d->in_w + ix) * d->out_channels + o;
        const double w = (double)c->taps[o * 9 + tap];
        sum += c->map[at] * w;
        size += fabs(c->map[at] * w) + c->off[at] * fabs(w);
        carried += c->off[at] * fabs(w);
    }
    *bound = carried + lk_test_bound(d, 9, sum, size) + 0x1p-8 * carried;
    return clamp(sum, d);
}

static the_case make_case(size_t s, lk_dtype type)
{
    const size_t pixels = shapes[s].h * shapes[s].w, wide = shapes[s].wide;
    the_case c = {.expand = {.in_h = shapes[s].h,
                             .in_w = shapes[s].w,
                             .in_channels = shapes[s].in,
                             .out_channels = wide,
                             .kernel_h = 1,
                             .kernel_w = 1,
                             .stride_h = 1,
                             .stride_w = 1,
                             .dilation_h = 1,
                             .dilation_w = 1,
                             .groups = 1,
                             .hi = 6},
                  .depthwise = {.in_h = shapes[s].h,
                                .in_w = shapes[s].w,
                                .in_channels = wide,
                                .out_channels = wide,
                                .kernel_h = 3,
                                .kernel_w = 3,
                                .stride_h = shapes[s].stride,
                                .stride_w = shapes[s].stride,
                                .dilation_h = 1,
                                .dilation_w = 1,
                                .pad_top = shapes[s].pad,
                                .pad_left = shapes[s].pad,
                                .groups = wide,
                                .lo = -1,
                                .hi = 1}};
    if (!shapes[s].pad) { /* Keras's: the odd pixel below and to the right */
        c.depthwise.out_h = (shapes[s].h - 1) / shapes[s].stride + 1;
        c.depthwise.out_w = (shapes[s].w - 1) / shapes[s].stride + 1;
    } else c.depthwise = lk_sized(c.depthwise);
    c.expand = lk_sized(c.expand);
    c.expand.type = c.expand.x_type = c.expand.y_type = type;
    c.depthwise.type = c.depthwise.x_type = c.depthwise.y_type = type;
    c.x = lk_test_values(pixels * shapes[s].in, type);
    c.w = lk_test_values(wide * shapes[s].in, type);
    c.bias = lk_test_floats(wide);
    c.taps = lk_test_values(wide * 9, type);
    c.second_bias = lk_test_floats(wide);
    c.map = calloc(pixels * wide, sizeof *c.map);
    c.off = calloc(pixels * wide, sizeof *c.off);
    assert_non_null(c.map);
    assert_non_null(c.off);
    expand(&c);
    return c;
}

static void *pack(lk_conv2d_pack_fn *fn, const lk_conv2d *d, const float *weights, const float *bias)
{
    float *packed = lk_test_output(fn(d, NULL, NULL) / sizeof *packed);
    fn(d, &(lk_conv2d_weights){.weights = weights, .bias = bias}, packed);
    return packed;
}

static void run_and_compare(const lk_expand_depthwise_kernel *kernel, const the_case *c, size_t s)
{
    const lk_conv2d *e = &c->expand, *d = &c->depthwise;
    const size_t pixels = d->out_h * d->out_w, rows = lk_expand_depthwise_rows(kernel, d);
    const lk_expand_depthwise both = {e, d, lk_expand_depthwise_ring(kernel, d)};
    const lk_operands io = {.x = lk_test_blocked(c->x, 1, e->in_h * e->in_w, e->in_channels, kernel->type),
                            .weights = pack(kernel->pack, e, c->w, c->bias),
                            .second_weights = pack(lk_depthwise_pack_blocks, d, c->taps, c->second_bias),
                            .y = lk_test_blocked(NULL, 1, pixels, d->out_channels, kernel->type),
                            .scratch =
                                lk_test_output(lk_expand_depthwise_scratch(kernel, d) / sizeof(float))};
    kernel->run(&both, &io, (lk_rows){rows / 3, rows});
    kernel->run(&both, &io, (lk_rows){0, rows / 3});
    float *y = lk_test_output(pixels * d->out_channels);
    lk_test_unblock(io.y, 1, pixels, d->out_channels, kernel->type, y);
    for (size_t i = 0; i < pixels * d->out_channels; i++) {
        const size_t pixel = i / d->out_channels;
        double bound;
        const double want = formula(c, pixel / d->out_w, pixel % d->out_w, i % d->out_channels, &bound);
        if (!(fabs((double)y[i] - want) <= bound))
            fail_msg("%s, shape %zu, output %zu: %.9g, not %.9g", kernel->name, s, i, (double)y[i], want);
    }
}

/* False when the kernel is not for this shape. */
static bool check(const lk_expand_depthwise_kernel *kernel, size_t s)
{
    lk_test_seed(s);
    const the_case c = make_case(s, kernel->type);
    const lk_expand_depthwise_kernel *chosen =
        lk_expand_depthwise_choose(&c.expand, &c.depthwise, kernel->needs);
    const bool is_chosen = chosen && !strcmp(chosen->name, kernel->name);
    if (is_chosen) run_and_compare(kernel, &c, s);
    else assert_true(kernel->pack == lk_pointwise_pack_pairs && c.expand.in_channels % 2 == 1);
    free(c.map);
    free(c.off);
    lk_test_free_all();
    return is_chosen;
}

static void test_every_kernel_is_within_its_bound(void **state)
{
    (void)state;
    for (size_t k = 0; k < LK_COUNT(kernels); k++) {
        size_t checked = 0;
        if (kernels[k].type == LK_I8) continue; /* those are exact: test_int8.c */
        if (kernels[k].needs & ~lk_test_can()) {
            print_message("%s: this machine cannot run it\n", kernels[k].name);
            continue;
        }
        for (lk_test_side side = LK_TEST_GUARD_END; side <= LK_TEST_GUARD_BEGIN; side++) {
            lk_test_guard(side);
            for (size_t s = 0; s < LK_COUNT(shapes); s++) checked += check(&kernels[k], s) ? 1 : 0;
        }
        assert_true(checked > 10);
    }
}

/* Layers that are not an expansion and what follows it stay two steps. */
static void test_other_pairs_are_left_alone(void **state)
{
    (void)state;
    lk_test_seed(1);
    const the_case c = make_case(1, LK_F32);
    lk_conv2d e = c.expand, d = c.depthwise;
    assert_non_null(lk_expand_depthwise_choose(&e, &d, LK_NEEDS_NATIVE));
    assert_null(lk_expand_depthwise_choose(&e, &d, LK_NEEDS_PORTABLE | LK_NEEDS_OPENBLAS));
    assert_null(lk_expand_depthwise_choose(&d, &e, LK_NEEDS_NATIVE));
    e.residual = LK_RESIDUAL_AFTER_ACTIVATION;
    assert_null(lk_expand_depthwise_choose(&e, &d, LK_NEEDS_NATIVE));
    e.residual = LK_RESIDUAL_NONE;
    d.dilation_h = 2;
    assert_null(lk_expand_depthwise_choose(&e, &d, LK_NEEDS_NATIVE));
    free(c.map);
    free(c.off);
    lk_test_free_all();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kernel_is_within_its_bound),
        cmocka_unit_test(test_other_pairs_are_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
