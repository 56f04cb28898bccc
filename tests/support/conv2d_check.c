#include "support/conv2d_check.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "layers/bf16.h"
#include "layers/layout.h"
#include "layers/openblas.h"
#include "support/guard.h"

unsigned lk_test_can(void)
{
    return lk_cpu_isa() | LK_NEEDS_PORTABLE | LK_NEEDS_NATIVE |
           (lk_openblas_load() == LK_OK ? LK_NEEDS_OPENBLAS : 0u);
}

lk_conv2d lk_sized(lk_conv2d d)
{
    d.out_h = (d.in_h + 2 * d.pad_top - (d.kernel_h - 1) * d.dilation_h - 1) / d.stride_h + 1;
    d.out_w = (d.in_w + 2 * d.pad_left - (d.kernel_w - 1) * d.dilation_w - 1) / d.stride_w + 1;
    return d;
}

/* The arrays of one case. Weights are in the order of a model file: [out][in/groups][kernel_h][kernel_w]. */
typedef struct {
    const float *x, *weights, *bias, *residual;
} inputs;

typedef struct {
    double value, size; /* the sum, and the sum of its terms' magnitudes */
} sum;

static sum formula(const lk_conv2d *d, const inputs *in, size_t picture, size_t oy, size_t ox, size_t o)
{
    const size_t per_group = d->in_channels / d->groups,
                 first = o / (d->out_channels / d->groups) * per_group;
    const float *x = in->x + picture * d->in_h * d->in_w * d->in_channels;
    const float *w = in->weights + o * per_group * d->kernel_h * d->kernel_w;
    sum s = {(double)in->bias[o], fabs((double)in->bias[o])};
    for (size_t c = 0; c < per_group; c++)
        for (size_t ky = 0; ky < d->kernel_h; ky++)
            for (size_t kx = 0; kx < d->kernel_w; kx++, w++) {
                const long iy = (long)(oy * d->stride_h + ky * d->dilation_h) - (long)d->pad_top;
                const long ix = (long)(ox * d->stride_w + kx * d->dilation_w) - (long)d->pad_left;
                if (iy < 0 || iy >= (long)d->in_h || ix < 0 || ix >= (long)d->in_w) continue;
                const double term =
                    (double)x[((size_t)iy * d->in_w + (size_t)ix) * d->in_channels + first + c] * (double)*w;
                s.value += term;
                s.size += fabs(term);
            }
    return s;
}

static double clamp(double value, const lk_conv2d *d)
{
    return fmin(fmax(value, (double)d->lo), (double)d->hi);
}

static sum with_epilogue(const lk_conv2d *d, sum s, double residual)
{
    if (d->residual != LK_RESIDUAL_NONE) s.size += fabs(residual);
    if (d->residual == LK_RESIDUAL_BEFORE_ACTIVATION) s.value += residual;
    s.value = clamp(s.value, d);
    if (d->residual == LK_RESIDUAL_AFTER_ACTIVATION) s.value += residual;
    return s;
}

/* Where channel c of a pixel lies in a batch of blocked maps. */
static size_t place_of(size_t pixels, size_t channels, size_t picture, size_t pixel, size_t c)
{
    const size_t block = picture * lk_blocks(channels) + c / LK_BLOCK;
    return (block * pixels + pixel) * LK_BLOCK + c % LK_BLOCK;
}

void *lk_test_blocked(const float *nhwc, size_t batch, size_t pixels, size_t channels, lk_dtype type)
{
    const size_t count = batch * lk_blocked_floats(pixels, channels), bytes = count * lk_dtype_bytes(type);
    void *made = memset(lk_test_output(bytes / sizeof(float)), 0xff, bytes); /* NaN in either type */
    for (size_t i = 0; nhwc && i < batch * pixels * channels; i++) {
        const size_t at =
            place_of(pixels, channels, i / channels / pixels, i / channels % pixels, i % channels);
        if (type == LK_BF16) ((uint16_t *)made)[at] = lk_to_bf16(nhwc[i]);
        else ((float *)made)[at] = nhwc[i];
    }
    return made;
}

void lk_test_unblock(const void *maps, size_t batch, size_t pixels, size_t channels, lk_dtype type,
                     float *nhwc)
{
    for (size_t i = 0; i < batch * pixels * channels; i++) {
        const size_t at =
            place_of(pixels, channels, i / channels / pixels, i / channels % pixels, i % channels);
        nhwc[i] = type == LK_BF16 ? lk_from_bf16(((const uint16_t *)maps)[at]) : ((const float *)maps)[at];
    }
}

const float *lk_test_values(size_t count, lk_dtype type)
{
    float *values = lk_test_floats(count);
    for (size_t i = 0; type == LK_BF16 && i < count; i++) values[i] = lk_round_bf16(values[i]);
    return values;
}

static void run_in_two(const lk_conv2d_kernel *kernel, const lk_conv2d *d, size_t batch, const inputs *in,
                       float *y)
{
    const size_t rows = batch * lk_conv2d_rows(kernel, d), pixels = d->out_h * d->out_w;
    float *packed = lk_test_output(kernel->pack(d, NULL, NULL) / sizeof(float));
    kernel->pack(d, &(lk_conv2d_weights){.weights = in->weights, .bias = in->bias}, packed);
    lk_operands io = {.x = in->x,
                      .residual = in->residual,
                      .weights = packed,
                      .y = y,
                      .scratch = kernel->scratch ? lk_test_output(kernel->scratch(d) / sizeof(float)) : NULL};
    if (kernel->panel && kernel->panel != LK_STEM)
        io.x = lk_test_blocked(in->x, batch, d->in_h * d->in_w, d->in_channels, d->x_type);
    if (kernel->panel) io.y = lk_test_blocked(NULL, batch, pixels, d->out_channels, d->y_type);
    if (kernel->panel && in->residual)
        io.residual = lk_test_blocked(in->residual, batch, pixels, d->out_channels, d->y_type);
    kernel->run(d, &io, (lk_rows){rows / 3, rows});
    kernel->run(d, &io, (lk_rows){0, rows / 3});
    if (kernel->panel) lk_test_unblock(io.y, batch, pixels, d->out_channels, d->y_type, y);
}

double lk_test_bound(const lk_conv2d *d, double terms, double want, double size)
{
    const double sums = (terms + 2) * 0x1p-24 * size;
    if (d->type != LK_BF16) return sums;
    return 2 * sums + (d->y_type == LK_BF16 ? 0x1p-8 * (fabs(want) + 2 * sums) : 0);
}

static size_t compare(const char *name, const lk_conv2d *d, size_t batch, const inputs *in, const float *y,
                      double *worst)
{
    const double terms =
        (double)(d->in_channels / d->groups * d->kernel_h * d->kernel_w) + (d->residual != LK_RESIDUAL_NONE);
    size_t outside = 0;
    for (size_t i = 0; i < batch * d->out_h * d->out_w * d->out_channels; i++) {
        const size_t o = i % d->out_channels, pixel = i / d->out_channels, ox = pixel % d->out_w;
        const size_t oy = pixel / d->out_w % d->out_h, picture = pixel / d->out_w / d->out_h;
        const sum want =
            with_epilogue(d, formula(d, in, picture, oy, ox, o), in->residual ? (double)in->residual[i] : 0);
        const double bound = lk_test_bound(d, terms, want.value, want.size);
        const double off = fabs((double)y[i] - want.value);
        if (off <= bound) { /* false for NaN */
            if (bound > 0) *worst = fmax(*worst, off / bound);
            continue;
        }
        if (!outside++)
            print_message("%s: %zux%zux%zu -> %zux%zux%zu kernel %zux%zu stride %zu groups %zu batch %zu: "
                          "[%zu][%zu][%zu][%zu] is %.9g, not %.9g\n",
                          name, d->in_h, d->in_w, d->in_channels, d->out_h, d->out_w, d->out_channels,
                          d->kernel_h, d->kernel_w, d->stride_h, d->groups, batch, picture, oy, ox, o,
                          (double)y[i], want.value);
    }
    return outside;
}

size_t lk_check_conv2d(const lk_conv2d_kernel *kernel, const lk_conv2d *d, size_t batch, double *worst,
                       size_t *checked)
{
    size_t outside = 0;
    const size_t outputs = batch * d->out_h * d->out_w * d->out_channels;
    for (lk_test_side side = LK_TEST_GUARD_END; side <= LK_TEST_GUARD_BEGIN; side++) {
        lk_test_seed(outputs + (size_t)side);
        lk_test_guard(side);
        const size_t weights = d->out_channels * (d->in_channels / d->groups) * d->kernel_h * d->kernel_w;
        const inputs in = {.x = lk_test_values(batch * d->in_h * d->in_w * d->in_channels, d->x_type),
                           .weights = lk_test_values(weights, d->type),
                           .bias = lk_test_floats(d->out_channels),
                           .residual =
                               d->residual == LK_RESIDUAL_NONE ? NULL : lk_test_values(outputs, d->y_type)};
        float *y = lk_test_output(outputs);
        run_in_two(kernel, d, batch, &in, y);
        outside += compare(kernel->name, d, batch, &in, y, worst);
        *checked += outputs;
        lk_test_free_all();
    }
    return outside;
}

lk_conv2d lk_typed(const lk_conv2d_kernel *kernel, lk_conv2d d)
{
    d.type = d.x_type = d.y_type = kernel->type;
    if (kernel->type == LK_BF16 && kernel->panel == LK_STEM) d.x_type = LK_F32;
    if (kernel->type == LK_BF16 && kernel->fits == lk_pointwise_fits_f32_vector) d.x_type = d.y_type = LK_F32;
    return d;
}

void lk_check_family(const lk_conv2d_kernel *kernels, size_t kernel_count, const lk_conv2d *shapes,
                     size_t shape_count)
{
    const unsigned can = lk_test_can();
    for (size_t k = 0; k < kernel_count; k++) {
        double worst = 0;
        size_t checked = 0, outside = 0;
        if (kernels[k].needs & ~can) {
            print_message("%s: this machine cannot run it\n", kernels[k].name);
            continue;
        }
        for (size_t s = 0; s < shape_count; s++) {
            const lk_conv2d d = lk_typed(&kernels[k], lk_sized(shapes[s]));
            if (!kernels[k].fits || kernels[k].fits(&d))
                outside += lk_check_conv2d(&kernels[k], &d, 1 + s % 2, &worst, &checked);
        }
        print_message("%s: %zu outputs, worst error %.2f of the bound\n", kernels[k].name, checked, worst);
        assert_int_equal(outside, 0);
        assert_true(checked > 0);
    }
}
