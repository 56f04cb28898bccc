#include <arm_neon.h>

#define VALUES 4
#include "layers/kernels/resize.h"

static size_t scale_safe(const lk_resize_column *columns, size_t count, const uint8_t *row, int16_t *scaled)
{
    for (size_t x = 0; x < count; x++) {
        const int16x8_t pair = vreinterpretq_s16_u16(vmovl_u8(vld1_u8(row + columns[x].first)));
        int32x4_t sum = vmull_n_s16(vget_low_s16(pair), columns[x].weight[0]);
        sum = vmlal_n_s16(sum, vget_low_s16(vextq_s16(pair, pair, 3)), columns[x].weight[1]);
        vst1_s16(scaled + x * VALUES, vshrn_n_s32(sum, 4));
    }
    return count;
}

static inline int16x8_t upper_halves(int16x8_t values, int16_t weight)
{
    return vcombine_s16(vshrn_n_s32(vmull_n_s16(vget_low_s16(values), weight), 16),
                        vshrn_n_s32(vmull_n_s16(vget_high_s16(values), weight), 16));
}

static size_t blend_whole(const int16_t *upper, const int16_t *lower, const int16_t weight[2], size_t width,
                          uint8_t *dst)
{
    size_t x = 0;
    for (; width - x >= 8; x += 8) {
        const int16x8x4_t above = vld4q_s16(upper + x * VALUES), below = vld4q_s16(lower + x * VALUES);
        uint8x8x3_t rgb;
        for (size_t c = 0; c < 3; c++) {
            const int16x8_t sum =
                vaddq_s16(upper_halves(above.val[c], weight[0]), upper_halves(below.val[c], weight[1]));
            rgb.val[c] = vqmovun_s16(vshrq_n_s16(vaddq_s16(sum, vdupq_n_s16(2)), 2));
        }
        vst3_u8(dst + x * 3, rgb);
    }
    return x;
}

void lk_resize_rgb_u8__neon(const lk_resize *resize, const lk_resize_taps *taps, const uint8_t *src,
                            uint8_t *dst)
{
    resize_rgb_u8(resize, taps, src, dst);
}
