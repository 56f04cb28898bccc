#include "layers/pool2d.h"

#include <math.h>

#include "base/checked.h"
#include "layers/int8.h"
#include "layers/layout.h"

static const lk_pool2d_kernel kernels[] = {
#define LK_POOL2D(run, type, needs, is_blocked, fits) {#run, run, type, needs, is_blocked, fits},
#include "layers/kernels.inc"
};

const lk_pool2d_kernel *lk_pool2d_choose(const lk_pool2d *d, lk_dtype type, unsigned can)
{
    if (type == LK_U8) return lk_pool2d_u8_choose(d, can);
    size_t i = LK_COUNT(kernels) - 1;
    while (i &&
           (kernels[i].type != type || kernels[i].needs & ~can || (kernels[i].fits && !kernels[i].fits(d))))
        i--;
    return &kernels[i];
}

bool lk_pool2d_is_global_average(const lk_pool2d *d)
{
    return d->kind == LK_POOL_ADAPTIVE_AVERAGE && d->out_h == 1 && d->out_w == 1;
}

size_t lk_pool2d_rows(const lk_pool2d_kernel *kernel, const lk_pool2d *d)
{
    return kernel->is_blocked ? lk_blocks(d->channels) : d->out_h;
}

/* The part of the map under one output cell, along one axis. */
typedef struct {
    size_t begin, end;
} span;

static span adaptive_span(size_t cell, size_t in, size_t out)
{
    return (span){cell * in / out, ((cell + 1) * in + out - 1) / out};
}

static span window_span(size_t cell, size_t stride, size_t kernel, size_t pad, size_t in)
{
    const size_t begin = cell * stride, end = begin + kernel; /* in the padded map */
    return (span){begin > pad ? begin - pad : 0, end > pad ? (end - pad < in ? end - pad : in) : 0};
}

static void pool_cell(const lk_pool2d *d, const float *x, span rows, span columns, float *y)
{
    const bool average = d->kind == LK_POOL_ADAPTIVE_AVERAGE;
    for (size_t c = 0; c < d->channels; c++) y[c] = average ? 0 : -INFINITY;
    for (size_t iy = rows.begin; iy < rows.end; iy++)
        for (size_t ix = columns.begin; ix < columns.end; ix++) {
            const float *pixel = x + (iy * d->in_w + ix) * d->channels;
            if (average)
                for (size_t c = 0; c < d->channels; c++) y[c] += pixel[c];
            else
                for (size_t c = 0; c < d->channels; c++)
                    y[c] = y[c] >= pixel[c] ? y[c] : pixel[c]; /* keeps NaN */
        }
    if (!average) return;
    const float area = (float)((rows.end - rows.begin) * (columns.end - columns.begin));
    for (size_t c = 0; c < d->channels; c++) y[c] /= area;
}

void lk_pool2d_f32__reference(const lk_pool2d *d, const lk_operands *io, lk_rows rows)
{
    for (size_t row = rows.begin; row < rows.end; row++) {
        const size_t oy = row % d->out_h;
        const float *x = (const float *)io->x + row / d->out_h * d->in_h * d->in_w * d->channels;
        const span down = d->kind == LK_POOL_MAX
                              ? window_span(oy, d->stride_h, d->kernel_h, d->pad_top, d->in_h)
                              : adaptive_span(oy, d->in_h, d->out_h);
        for (size_t ox = 0; ox < d->out_w; ox++) {
            const span across = d->kind == LK_POOL_MAX
                                    ? window_span(ox, d->stride_w, d->kernel_w, d->pad_left, d->in_w)
                                    : adaptive_span(ox, d->in_w, d->out_w);
            pool_cell(d, x, down, across, (float *)io->y + (row * d->out_w + ox) * d->channels);
        }
    }
}
