/* bfloat16: the upper half of a float32, rounded to nearest even. */
#ifndef LK_LAYERS_BF16_H
#define LK_LAYERS_BF16_H

#include <stdint.h>
#include <string.h>

static inline float lk_from_bf16(uint16_t value)
{
    const uint32_t bits = (uint32_t)value << 16;
    float wide;
    memcpy(&wide, &bits, sizeof wide);
    return wide;
}

/* NaN stays NaN. */
static inline uint16_t lk_to_bf16(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if (value != value) return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static inline float lk_round_bf16(float value)
{
    return lk_from_bf16(lk_to_bf16(value));
}

#endif
