/* Fixed-point bilinear interpolation: weights have 11 bits, a row scaled across is kept with 4 of them
 * dropped, and the sum down drops 16 and then 2, each by a shift that rounds towards minus infinity, the last
 * with a half added. */
#include "layers/resize.h"

#include <math.h>

#include "base/error.h"
#include "base/memory.h"

/* Where a value of the result comes from, along one axis: src[first] * weight[0] + src[second] * weight[1].
 */
typedef struct {
    size_t first, second; /* both inside the picture, also where a weight is 0 */
    int32_t weight[2];    /* of 2048 */
} lk_tap;

static size_t clamp_to(double position, size_t size)
{
    return position <= 0 ? 0 : position >= (double)size - 1 ? size - 1 : (size_t)position;
}

/* Position d of `full`, in a picture of `src`. float and double stand where OpenCV has them. */
static lk_tap tap_at(size_t d, size_t src, size_t full)
{
    const double scale = 1.0 / ((double)full / (double)src);
    float f = (float)(((double)d + 0.5) * scale - 0.5);
    const float s = floorf(f);
    f -= s;
    return (lk_tap){.first = clamp_to((double)s, src),
                    .second = clamp_to((double)s + 1, src),
                    .weight = {(int32_t)rintf((1 - f) * 2048), (int32_t)rintf(f * 2048)}};
}

/* Columns give all weight to the outermost one where they lead out of the picture. Rows keep their weights
 * there: the same row is then read twice, which rounds differently. */
static lk_tap column_at(size_t d, size_t src, size_t full)
{
    lk_tap tap = tap_at(d, src, full);
    if (tap.first == tap.second) {
        tap.weight[0] = 2048;
        tap.weight[1] = 0;
    }
    return tap;
}

void lk_resize_rgb_u8_reference(const lk_resize *resize, const uint8_t *src, uint8_t *dst)
{
    const size_t stride = resize->src_width * 3;
    for (size_t y = 0; y < resize->height; y++) {
        const lk_tap row = tap_at(resize->top + y, resize->src_height, resize->full_height);
        for (size_t x = 0; x < resize->width; x++) {
            const lk_tap column = column_at(resize->left + x, resize->src_width, resize->full_width);
            for (size_t c = 0; c < 3; c++) {
                const uint8_t *left = src + column.first * 3 + c, *right = src + column.second * 3 + c;
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

/* Two rows of the source, scaled across. Neighbours differ in their lowest bit, so that row y has slot y & 1
 * and the two that a row of the result needs never drive each other out. */
typedef struct {
    int16_t *values[2]; /* [width * 3]; at most 2048 * 255 / 16, which fits */
    size_t number[2];
} scaled_rows;

static const int16_t *scaled_row(scaled_rows *rows, const lk_tap *columns, size_t width, const uint8_t *src,
                                 size_t stride, size_t y)
{
    int16_t *to = rows->values[y & 1];
    if (rows->number[y & 1] == y) return to;
    rows->number[y & 1] = y;
    src += y * stride;
    for (size_t x = 0; x < width; x++, to += 3) {
        const uint8_t *first = src + columns[x].first * 3, *second = src + columns[x].second * 3;
        const int32_t a = columns[x].weight[0], b = columns[x].weight[1];
        for (size_t c = 0; c < 3; c++) to[c] = (int16_t)((first[c] * a + second[c] * b) >> 4);
    }
    return rows->values[y & 1];
}

/* 16-bit operands and halves of products: compilers make it one multiplication for 8 or 16 values. */
static void blend_rows(const int16_t *upper, const int16_t *lower, const int32_t weight[2], size_t count,
                       uint8_t *dst)
{
    const int16_t a = (int16_t)weight[0], b = (int16_t)weight[1];
    for (size_t i = 0; i < count; i++) {
        const int16_t sum = (int16_t)((int16_t)(a * upper[i] >> 16) + (int16_t)(b * lower[i] >> 16));
        dst[i] = (uint8_t)((sum + 2) >> 2);
    }
}

lk_status lk_resize_rgb_u8(const lk_resize *resize, const uint8_t *src, uint8_t *dst)
{
    const size_t width = resize->width, stride = resize->src_width * 3;
    lk_status status = LK_OK;
    lk_tap *columns = lk_allocate_array(width, sizeof *columns);
    int16_t *values = lk_allocate_array(width, 6 * sizeof *values);
    if (!columns || !values) {
        status =
            lk_fail(LK_ERROR_MEMORY, "out of memory to resize to %zu x %zu pixels", width, resize->height);
        goto done;
    }
    for (size_t x = 0; x < width; x++)
        columns[x] = column_at(resize->left + x, resize->src_width, resize->full_width);
    scaled_rows rows = {.values = {values, values + width * 3}, .number = {SIZE_MAX, SIZE_MAX}};
    for (size_t y = 0; y < resize->height; y++, dst += width * 3) {
        const lk_tap row = tap_at(resize->top + y, resize->src_height, resize->full_height);
        const int16_t *upper = scaled_row(&rows, columns, width, src, stride, row.first);
        const int16_t *lower = scaled_row(&rows, columns, width, src, stride, row.second);
        blend_rows(upper, lower, row.weight, width * 3, dst);
    }
done:
    lk_free(values);
    lk_free(columns);
    return status;
}
