/* Fixed-point bilinear interpolation: weights have 11 bits, a row scaled across is kept with 4 of them
 * dropped, and the sum down drops 16 and then 2, each by a shift that rounds towards minus infinity, the last
 * with a half added. */
#include "layers/resize.h"

#include <math.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"

static const lk_resize_kernel kernels[] = {
#define LK_RESIZE(run, needs) {#run, run, needs},
#include "layers/kernels.inc"
};

const lk_resize_kernel *lk_resize_choose(unsigned can)
{
    size_t i = LK_COUNT(kernels) - 1;
    while (kernels[i].needs & ~can) i--; /* stops at the reference, which asks for nothing */
    return &kernels[i];
}

static size_t clamp_to(double position, size_t size)
{
    return position <= 0 ? 0 : position >= (double)size - 1 ? size - 1 : (size_t)position;
}

/* Position d of `full`, in a picture of `src`. float and double stand where OpenCV has them. */
static lk_resize_row tap_at(size_t d, size_t src, size_t full)
{
    const double scale = 1.0 / ((double)full / (double)src);
    float f = (float)(((double)d + 0.5) * scale - 0.5);
    const float s = floorf(f);
    f -= s;
    return (lk_resize_row){.first = clamp_to((double)s, src),
                           .second = clamp_to((double)s + 1, src),
                           .weight = {(int16_t)rintf((1 - f) * 2048), (int16_t)rintf(f * 2048)}};
}

/* Columns give all weight to the outermost one where they lead out of the picture. Rows keep their weights
 * there: the same row is then read twice, which rounds differently. */
static lk_resize_column column_at(size_t d, size_t src, size_t full)
{
    lk_resize_row tap = tap_at(d, src, full);
    if (tap.first == tap.second) {
        tap.weight[0] = 2048;
        tap.weight[1] = 0;
    }
    lk_resize_column column = {.first = tap.first * 3, .second = tap.second * 3};
    for (size_t i = 0; i < LK_COUNT(column.weight); i++) column.weight[i] = tap.weight[i % 2];
    return column;
}

void lk_resize_rgb_u8__reference(const lk_resize *resize, const lk_resize_taps *taps, const uint8_t *src,
                                 uint8_t *dst)
{
    (void)taps;
    const size_t stride = resize->src_width * 3;
    for (size_t y = 0; y < resize->height; y++) {
        const lk_resize_row row = tap_at(resize->top + y, resize->src_height, resize->full_height);
        for (size_t x = 0; x < resize->width; x++) {
            const lk_resize_column column =
                column_at(resize->left + x, resize->src_width, resize->full_width);
            for (size_t c = 0; c < 3; c++) {
                const uint8_t *left = src + column.first + c, *right = src + column.second + c;
                const int32_t upper = left[row.first * stride] * column.weight[0] +
                                      right[row.first * stride] * column.weight[1];
                const int32_t lower = left[row.second * stride] * column.weight[0] +
                                      right[row.second * stride] * column.weight[1];
                const int32_t sum =
                    (row.weight[0] * (upper >> 4) >> 16) + (row.weight[1] * (lower >> 4) >> 16);
                *dst++ = (uint8_t)((sum + 2) >> 2);
            }
        }
    }
}

static void fill_taps(const lk_resize *resize, lk_resize_taps *taps)
{
    for (size_t y = 0; y < resize->height; y++)
        taps->rows[y] = tap_at(resize->top + y, resize->src_height, resize->full_height);
    for (size_t x = 0; x < resize->width; x++) {
        taps->columns[x] = column_at(resize->left + x, resize->src_width, resize->full_width);
        if (taps->columns[x].first + 8 <= resize->src_width * 3) taps->safe = x + 1;
    }
}

lk_status lk_resize_rgb_u8(const lk_resize *resize, const uint8_t *src, uint8_t *dst, lk_resizer *resizer)
{
    lk_resize_taps taps = {.safe = 0};
    const size_t scaled = resize->width * 4, columns = resize->width * sizeof *taps.columns,
                 rows = resize->height * sizeof *taps.rows,
                 bytes = columns + rows + 2 * scaled * sizeof *taps.scaled[0];
    if (!resizer->kernel) resizer->kernel = lk_resize_choose(lk_cpu_isa() | LK_NEEDS_PORTABLE);
    if (!lk_grow(&resizer->memory, &resizer->bytes, bytes, 1))
        return lk_fail(LK_ERROR_MEMORY, "out of memory to resize to %zu x %zu pixels", resize->width,
                       resize->height);
    uint8_t *memory = resizer->memory;
    taps.columns = (void *)memory;
    taps.rows = (void *)(memory + columns);
    taps.scaled[0] = (void *)(memory + columns + rows);
    taps.scaled[1] = taps.scaled[0] + scaled;
    fill_taps(resize, &taps);
    resizer->kernel->run(resize, &taps, src, dst);
    return LK_OK;
}

void lk_resizer_release(lk_resizer *resizer)
{
    lk_free(resizer->memory);
    *resizer = (lk_resizer){0};
}
