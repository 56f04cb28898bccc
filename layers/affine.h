/* What the bytes of an eight-bit map stand for, and how floats become such bytes. */
#ifndef LK_LAYERS_AFFINE_H
#define LK_LAYERS_AFFINE_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

/* real = (q - zero) * scale, for a byte q; scale is above 0 and zero a byte, too. All 0: no such map. */
typedef struct lk_affine {
    double scale;
    int32_t zero;
} lk_affine;

/* The bytes that values may become: those of [lo, hi] once zero is taken off. */
typedef struct lk_bytes {
    float lo, hi; /* whole numbers: q - zero */
    int32_t zero;
} lk_bytes;

static inline lk_bytes lk_affine_bytes(lk_affine real, float lo, float hi)
{
    const double zero = real.zero, least = rint((double)lo / real.scale) + zero, most = rint((double)hi / real.scale) + zero;
    return (lk_bytes){(float)(fmin(fmax(least, 0), 255) - zero), (float)(fmin(fmax(most, 0), 255) - zero), real.zero};
}

/* min(max(rint(value) + zero, lo), hi), rounding to nearest even. Bounds come first, so that no number is too large to be
 * converted; they are whole, so the result is the same. NaN becomes the least. */
static inline uint8_t lk_byte_of(float value, lk_bytes bytes)
{
    value = value > bytes.lo ? value : bytes.lo;
    value = value < bytes.hi ? value : bytes.hi;
    const float whole = (value + 0x1.8p23F) - 0x1.8p23F; /* rintf of so small a number, which may be a call */
    return (uint8_t)((int32_t)whole + bytes.zero);
}

/* A float map's value is multiplied by this before it becomes a byte, of any from 0 to 255. */
static inline float lk_affine_inverse(lk_affine real)
{
    return (float)(1.0 / real.scale);
}

#endif
