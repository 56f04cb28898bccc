/* A layer's outputs by the formulas of conv2d.h and pool2d.h, in double, and how far each kernel is from
 * them. */
#include <math.h>

#include "base/error.h"
#include "layers/cpu_plan.h"
#include "layers/single.h"

#define TERMS ((size_t)1 << 26)

typedef struct {
    double value, size; /* the sum, and the sum of its terms' magnitudes */
    double terms;       /* roundings that the bound allows for; 0: must be equal */
} sum;

static double clamp(double value, double lo, double hi)
{
    return value < lo ? lo : value > hi ? hi : value;
}

static sum convolve(const lk_single *s, const float *x, size_t o, size_t oy, size_t ox)
{
    const lk_conv2d *d = &s->step.layer.conv2d;
    const size_t inputs = d->in_channels / d->groups, first = o / (d->out_channels / d->groups) * inputs;
    const float *w = s->weights + o * inputs * d->kernel_h * d->kernel_w;
    sum r = {(double)s->biases[o], fabs((double)s->biases[o]),
             (double)(inputs * d->kernel_h * d->kernel_w + 2)};
    for (size_t c = 0; c < inputs; c++)
        for (size_t tap = 0; tap < d->kernel_h * d->kernel_w; tap++, w++) {
            /* Above and left of the map wraps to a huge number, which is outside as well. */
            const size_t iy = oy * d->stride_h + tap / d->kernel_w * d->dilation_h - d->pad_top;
            const size_t ix = ox * d->stride_w + tap % d->kernel_w * d->dilation_w - d->pad_left;
            if (iy >= d->in_h || ix >= d->in_w) continue;
            const double term = (double)x[(iy * d->in_w + ix) * d->in_channels + first + c] * (double)*w;
            r.value += term;
            r.size += fabs(term);
        }
    r.value = clamp(r.value, (double)d->lo, (double)d->hi);
    return r;
}

/* Only what `bench --layer pool` makes: the mean of the whole map, or windows with a kernel. */
static sum pool(const lk_single *s, const float *x, size_t c, size_t oy, size_t ox)
{
    const lk_pool2d *d = &s->step.layer.pool2d;
    const bool mean = d->kind == LK_POOL_ADAPTIVE_AVERAGE;
    const size_t high = mean ? d->in_h : d->kernel_h, wide = mean ? d->in_w : d->kernel_w;
    sum r = {mean ? 0 : -INFINITY, 0, mean ? (double)(high * wide + 2) : 0};
    for (size_t tap = 0; tap < high * wide; tap++) {
        const size_t iy = oy * d->stride_h + tap / wide - d->pad_top;
        const size_t ix = ox * d->stride_w + tap % wide - d->pad_left;
        if (iy >= d->in_h || ix >= d->in_w) continue;
        const double value = (double)x[(iy * d->in_w + ix) * d->channels + c];
        r.value = mean ? r.value + value : fmax(r.value, value);
        r.size += fabs(value);
    }
    if (mean) r.value /= (double)(high * wide), r.size /= (double)(high * wide);
    return r;
}

static void compare(const lk_single *s, lk_variant *v, size_t picture, size_t place)
{
    const lk_value *out = &s->values[1];
    const float *x = s->input + picture * lk_value_floats(&s->values[0]);
    const size_t pixels = out->height * out->width, c = place / pixels, pixel = place % pixels;
    const size_t oy = pixel / out->width, ox = pixel % out->width;
    const sum want = s->step.op == LK_OP_CONV2D ? convolve(s, x, c, oy, ox) : pool(s, x, c, oy, ox);
    const double off = fabs((double)s->output[place] - want.value), bound = want.terms * 0x1p-24 * want.size;
    const double share = off == 0 ? 0 : bound > 0 ? off / bound : INFINITY;
    /* So that NaN counts as far off. */
    if (!(off <= v->difference)) v->difference = off;
    if (!(share <= v->of_bound)) v->of_bound = isnan(share) ? INFINITY : share;
}

static size_t terms_of_output(const lk_single *s)
{
    const lk_conv2d *d = &s->step.layer.conv2d;
    const lk_pool2d *p = &s->step.layer.pool2d;
    if (s->step.op == LK_OP_CONV2D) return d->in_channels / d->groups * d->kernel_h * d->kernel_w + 1;
    return p->kind == LK_POOL_MAX ? p->kernel_h * p->kernel_w : p->in_h * p->in_w;
}

lk_status lk_single_check(lk_single *s)
{
    const size_t outputs = lk_value_floats(&s->values[1]), all = outputs * s->program.batch;
    const size_t some = TERMS / terms_of_output(s) + 1; /* outputs whose terms are that many */
    const size_t step = all / some | 1; /* odd, so as not to stay in one column of most maps */
    for (size_t i = 0; i < s->variant_count; i++) {
        lk_variant *v = &s->variants[i];
        v->difference = v->of_bound = 0;
        lk_single_run(s, i);
        for (size_t picture = 0; picture < s->program.batch; picture++) {
            lk_cpu_read(v->instance, 1, picture, s->output);
            for (size_t place = (step - picture * outputs % step) % step; place < outputs; place += step)
                compare(s, v, picture, place);
            compare(s, v, picture, outputs - 1);
        }
        if (v->of_bound > 1)
            return lk_fail(LK_ERROR_MISMATCH, "%s is wrong: off by %.3g, %.3g times what rounding explains",
                           v->kernel, v->difference, v->of_bound);
    }
    return LK_OK;
}
