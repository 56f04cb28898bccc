#include "base/tensor.h"

#include <math.h>
#include <string.h>

#include "base/f16.h"

size_t lk_dtype_bytes(lk_dtype dtype)
{
    static const size_t bytes[] = {[LK_F32] = 4, [LK_F16] = 2, [LK_BF16] = 2, [LK_F64] = 8,
                                   [LK_U8] = 1,  [LK_I8] = 1,  [LK_I32] = 4,  [LK_I64] = 8};
    return bytes[dtype];
}

/* An element's bits, those of a narrow one in the upper half. */
static inline uint32_t bits_at(const lk_tensor *tensor, size_t index)
{
    uint32_t wide;
    uint16_t narrow;
    if (tensor->dtype == LK_F32) {
        memcpy(&wide, tensor->bytes + index * sizeof wide, sizeof wide);
        return wide;
    }
    memcpy(&narrow, tensor->bytes + index * sizeof narrow, sizeof narrow);
    return (uint32_t)narrow << 16;
}

float lk_tensor_at(const lk_tensor *tensor, size_t index)
{
    const uint32_t bits = bits_at(tensor, index); /* bfloat16 is the upper half of a float */
    float value;
    if (tensor->dtype == LK_F16) return lk_from_f16((uint16_t)(bits >> 16));
    memcpy(&value, &bits, sizeof value);
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

size_t lk_tensor_first_not_finite(const lk_tensor *tensor)
{
    const uint32_t exponent = tensor->dtype == LK_F16 ? 0x7c000000 : 0x7f800000;
    uint32_t found = 0;                        /* as wide as what is compared */
    for (size_t i = 0; i < tensor->count; i++) /* no way out of it, so that it becomes vectors */
        found |= (bits_at(tensor, i) & exponent) == exponent;
    size_t first = found ? 0 : tensor->count;
    while (first < tensor->count && isfinite(lk_tensor_at(tensor, first))) first++;
    return first;
}
