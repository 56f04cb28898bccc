/* The way through a picture that is resized: each row of the source that a row of the result needs is scaled across once. The
 * file that includes this defines VALUES, how many 16-bit values a scaled pixel takes (3, or 4 of which one is never looked at), and
 *
 *     size_t scale_safe(columns, count, row, scaled)           the first `count` columns, which are safe, or less of them
 *     size_t blend_whole(upper, lower, weight, width, dst)     the first `width` pixels of the result, or less of them
 *
 * which return how many they did; the rest is done here. */
#ifndef LK_LAYERS_KERNELS_RESIZE_H
#define LK_LAYERS_KERNELS_RESIZE_H

#include "layers/resize.h"

static size_t scale_safe(const lk_resize_column *columns, size_t count, const uint8_t *row, int16_t *scaled);
static size_t blend_whole(const int16_t *upper, const int16_t *lower, const int16_t weight[2], size_t width, uint8_t *dst);

/* A value is at most 2048 * 255 / 16, which fits. */
static void scale_row(const lk_resize_taps *taps, size_t width, const uint8_t *row, int16_t *scaled)
{
    for (size_t x = scale_safe(taps->columns, taps->safe, row, scaled); x < width; x++) {
        const uint8_t *first = row + taps->columns[x].first, *second = row + taps->columns[x].second;
        const int32_t a = taps->columns[x].weight[0], b = taps->columns[x].weight[1];
        for (size_t c = 0; c < 3; c++) scaled[x * VALUES + c] = (int16_t)((first[c] * a + second[c] * b) >> 4);
    }
}

static void blend_row(const int16_t *upper, const int16_t *lower, const int16_t weight[2], size_t width, uint8_t *dst)
{
    for (size_t x = blend_whole(upper, lower, weight, width, dst); x < width; x++)
        for (size_t c = 0; c < 3; c++) {
            const size_t at = x * VALUES + c;
            dst[x * 3 + c] = (uint8_t)(((weight[0] * upper[at] >> 16) + (weight[1] * lower[at] >> 16) + 2) >> 2);
        }
}

static inline void resize_rgb_u8(const lk_resize *resize, const lk_resize_taps *taps, const uint8_t *src, uint8_t *dst)
{
    const size_t width = resize->width, stride = resize->src_width * 3;
    size_t held[2] = {SIZE_MAX, SIZE_MAX}; /* which row of the source each of taps->scaled is */
    for (size_t y = 0; y < resize->height; y++, dst += width * 3) {
        const lk_resize_row *row = &taps->rows[y];
        const size_t wanted[2] = {row->first, row->second};
        /* Neighbours differ in their lowest bit, so the two rows never drive each other out. */
        for (size_t i = 0; i < 2; i++) {
            const size_t slot = wanted[i] & 1;
            if (held[slot] != wanted[i]) scale_row(taps, width, src + wanted[i] * stride, taps->scaled[slot]);
            held[slot] = wanted[i];
        }
        blend_row(taps->scaled[wanted[0] & 1], taps->scaled[wanted[1] & 1], row->weight, width, dst);
    }
}

#endif
