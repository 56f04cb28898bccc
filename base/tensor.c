#include "base/tensor.h"

#include <math.h>
#include <string.h>

size_t lk_dtype_bytes(lk_dtype dtype)
{
    static const size_t bytes[] = {[LK_F32] = 4, [LK_F16] = 2, [LK_BF16] = 2, [LK_F64] = 8,
                                   [LK_U8] = 1,  [LK_I8] = 1,  [LK_I32] = 4,  [LK_I64] = 8};
    return bytes[dtype];
}

/* IEEE 754 binary16: 1 sign, 5 exponent (bias 15), 10 fraction bits. */
static float from_half(uint16_t half)
{
    const unsigned exponent = half >> 10 & 31, fraction = half & 1023;
    float magnitude;
    if (exponent == 31) magnitude = fraction ? NAN : INFINITY;
    else if (exponent == 0) magnitude = ldexpf((float)fraction, -24);
    else magnitude = ldexpf((float)(fraction + 1024), (int)exponent - 25);
    return half >> 15 ? -magnitude : magnitude;
}

float lk_tensor_at(const lk_tensor *tensor, size_t index)
{
    const unsigned char *bytes = tensor->bytes + index * lk_dtype_bytes(tensor->dtype);
    uint32_t bits;
    if (tensor->dtype == LK_F32) {
        memcpy(&bits, bytes, 4);
    } else {
        uint16_t narrow;
        memcpy(&narrow, bytes, 2);
        if (tensor->dtype == LK_F16) return from_half(narrow);
        bits = (uint32_t)narrow << 16; /* bfloat16 is the upper half of a float */
    }
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

void lk_tensor_read(const lk_tensor *tensor, float *values)
{
    if (tensor->dtype == LK_F32) {
        memcpy(values, tensor->bytes, tensor->count * sizeof *values);
        return;
    }
    for (size_t i = 0; i < tensor->count; i++) values[i] = lk_tensor_at(tensor, i);
}
