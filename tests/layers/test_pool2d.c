#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/checked.h"
#include "layers/pool2d.h"
#include "support/conv2d_check.h"
#include "support/guard.h"

static const lk_pool2d_kernel kernels[] = {
#define LK_POOL2D(run, type, needs, is_blocked, fits) {#run, run, type, needs, is_blocked, fits},
#include "layers/kernels.inc"
};

#define ADAPTIVE(h, w, c, oh, ow)                                                                       \
    {                                                                                                   \
        .kind = LK_POOL_ADAPTIVE_AVERAGE, .in_h = h, .in_w = w, .channels = c, .out_h = oh, .out_w = ow \
    }
#define MAX(h, w, c, oh, ow, k, s, p)                                                                      \
    {                                                                                                      \
        .kind = LK_POOL_MAX, .in_h = h, .in_w = w, .channels = c, .out_h = oh, .out_w = ow, .kernel_h = k, \
        .kernel_w = k, .stride_h = s, .stride_w = s, .pad_top = p, .pad_left = p                           \
    }

static const lk_pool2d shapes[] = {
    ADAPTIVE(8, 8, 1280, 1, 1),  ADAPTIVE(7, 5, 9, 3, 4),      ADAPTIVE(3, 4, 5, 7, 9),
    ADAPTIVE(4, 3, 37, 1, 1),    ADAPTIVE(1, 1, 1, 1, 1),      MAX(9, 8, 7, 5, 4, 3, 2, 1),
    MAX(5, 5, 3, 4, 4, 2, 1, 0), MAX(1, 1, 17, 1, 1, 3, 1, 1),
};

/* Cell by cell from the definition in pool2d.h, in double; *size is the sum of magnitudes over the cell, 0
 * for a maximum. */
static double formula(const lk_pool2d *d, const float *x, size_t oy, size_t ox, size_t c, double *size)
{
    double sum = 0, largest = -INFINITY, count = 0;
    *size = 0;
    for (size_t iy = 0; iy < d->in_h; iy++)
        for (size_t ix = 0; ix < d->in_w; ix++) {
            const double value = (double)x[(iy * d->in_w + ix) * d->channels + c];
            bool inside;
            if (d->kind == LK_POOL_MAX) {
                const size_t down = iy + d->pad_top - oy * d->stride_h,
                             across = ix + d->pad_left - ox * d->stride_w;
                inside = down < d->kernel_h && across < d->kernel_w; /* before the window wraps: outside */
            } else {
                const double y = (double)d->in_h / (double)d->out_h, w = (double)d->in_w / (double)d->out_w;
                inside = iy >= (size_t)floor((double)oy * y) && iy < (size_t)ceil((double)(oy + 1) * y) &&
                         ix >= (size_t)floor((double)ox * w) && ix < (size_t)ceil((double)(ox + 1) * w);
            }
            if (!inside) continue;
            sum += value;
            *size += fabs(value);
            largest = fmax(largest, value);
            count++;
        }
    if (d->kind == LK_POOL_MAX) *size = 0;
    else *size *= (count + 2) / count;
    return d->kind == LK_POOL_MAX ? largest : sum / count;
}

static void test_every_kernel_is_within_its_bound(void **state)
{
    (void)state;
    for (size_t k = 0, checked; k < LK_COUNT(kernels); k++) {
        checked = 0;
        for (size_t s = 0; s < LK_COUNT(shapes); s++) {
            const lk_pool2d *d = &shapes[s];
            const size_t batch = 2, outputs = d->out_h * d->out_w * d->channels,
                         inputs = d->in_h * d->in_w * d->channels;
            if (kernels[k].needs & ~lk_test_can() || (kernels[k].fits && !kernels[k].fits(d))) continue;
            checked++;
            lk_test_seed(s);
            const float *x = lk_test_values(batch * inputs, kernels[k].type);
            float *y = lk_test_output(batch * outputs);
            const lk_rows rows = {0, batch * lk_pool2d_rows(&kernels[k], d)};
            if (kernels[k].is_blocked) {
                const lk_operands io = {
                    .x = lk_test_blocked(x, batch, d->in_h * d->in_w, d->channels, kernels[k].type),
                    .y = lk_test_blocked(NULL, batch, d->out_h * d->out_w, d->channels, LK_F32)};
                kernels[k].run(d, &io, rows);
                lk_test_unblock(io.y, batch, d->out_h * d->out_w, d->channels, LK_F32, y);
            } else kernels[k].run(d, &(lk_operands){.x = x, .y = y}, rows);
            for (size_t i = 0; i < batch * outputs; i++) {
                const size_t at = i % outputs, c = at % d->channels, ox = at / d->channels % d->out_w;
                double size;
                const double want =
                    formula(d, x + i / outputs * inputs, at / d->channels / d->out_w, ox, c, &size);
                if (!(fabs((double)y[i] - want) <= size * 0x1p-24))
                    fail_msg("%s, shape %zu, output %zu: %.9g, not %.9g", kernels[k].name, s, i, (double)y[i],
                             want);
            }
            lk_test_free_all();
        }
        assert_true(checked > 0 || kernels[k].needs & ~lk_test_can());
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_kernel_is_within_its_bound)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
