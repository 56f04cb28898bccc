#define VALUES 3
#include "layers/kernels/resize.h"

static size_t scale_safe(const lk_resize_column *columns, size_t count, const uint8_t *row, int16_t *scaled)
{
    for (size_t x = 0; x < count; x++, scaled += 3) {
        const uint8_t *pair = row + columns[x].first;
        const int32_t a = columns[x].weight[0], b = columns[x].weight[1];
        for (size_t c = 0; c < 3; c++) scaled[c] = (int16_t)((pair[c] * a + pair[3 + c] * b) >> 4);
    }
    return count;
}

/* 16-bit operands and halves of products: compilers make it one multiplication for 8 values. */
static size_t blend_whole(const int16_t *upper, const int16_t *lower, const int16_t weight[2], size_t width,
                          uint8_t *dst)
{
    const int16_t a = weight[0], b = weight[1];
    for (size_t i = 0; i < width * 3; i++) {
        const int16_t sum = (int16_t)((int16_t)(a * upper[i] >> 16) + (int16_t)(b * lower[i] >> 16));
        dst[i] = (uint8_t)((sum + 2) >> 2);
    }
    return width;
}

void lk_resize_rgb_u8__portable(const lk_resize *resize, const lk_resize_taps *taps, const uint8_t *src,
                                uint8_t *dst)
{
    resize_rgb_u8(resize, taps, src, dst);
}
