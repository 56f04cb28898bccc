/* float16: IEEE 754 binary16, 1 sign, 5 exponent (bias 15), 10 fraction bits. */
#ifndef LK_BASE_F16_H
#define LK_BASE_F16_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* Without a branch, so that loops over it become vectors. */
static inline float lk_from_f16(uint16_t value)
{
    const uint32_t rest = value & 0x7fff, special = rest >= 0x7c00 ? 0x7f800000 : 0; /* infinity, NaN */
    uint32_t bits = rest << 13;
    float magnitude;
    memcpy(&magnitude, &bits, sizeof magnitude);
    magnitude *= 0x1p112F; /* biases differ by 112; what is subnormal there becomes normal here */
    memcpy(&bits, &magnitude, sizeof bits);
    bits |= special | (uint32_t)(value & 0x8000) << 16;
    memcpy(&magnitude, &bits, sizeof magnitude);
    return magnitude;
}

/* Rounds to nearest even; what is too large becomes infinity. NaN stays NaN. */
static inline uint16_t lk_to_f16(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
    const float magnitude = fabsf(value);
    if (value != value) return sign | 0x7e00;
    if (magnitude >= 65520) return sign | 0x7c00;
    /* Below 2^-14 all stand 2^-24 apart. */
    if (magnitude < 0x1p-14F) return (uint16_t)(sign | (uint16_t)(int)rintf(magnitude * 0x1p24F));
    bits &= 0x7fffffff;
    bits += 0xfff + (bits >> 13 & 1);
    return (uint16_t)(sign | (uint16_t)((bits - (112U << 23)) >> 13));
}

#endif
