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

float lk_tensor_at(const lk_tensor *tensor, size_t index)
{
    const unsigned char *bytes = tensor->bytes + index * lk_dtype_bytes(tensor->dtype);
    uint32_t bits;
    if (tensor->dtype == LK_F32) {
        memcpy(&bits, bytes, 4);
    } else {
        uint16_t narrow;
        memcpy(&narrow, bytes, 2);
        if (tensor->dtype == LK_F16) return lk_from_f16(narrow);
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
    if (tensor->dtype == LK_F16) {
        for (size_t i = 0; i < tensor->count; i++) {
            uint16_t half;
            memcpy(&half, tensor->bytes + i * sizeof half, sizeof half);
            values[i] = lk_from_f16(half);
        }
        return;
    }
    for (size_t i = 0; i < tensor->count; i++) values[i] = lk_tensor_at(tensor, i);
}

size_t lk_tensor_first_not_finite(const lk_tensor *tensor)
{
    uint32_t found = 0;
    for (size_t i = 0; i < tensor->count; i++) { /* no way out of it, so that it becomes vectors */
        uint32_t wide;
        uint16_t narrow;
        switch (tensor->dtype) {
        case LK_F32:
            memcpy(&wide, tensor->bytes + i * sizeof wide, sizeof wide);
            found |= (wide & 0x7f800000) == 0x7f800000;
            break;
        default:
            memcpy(&narrow, tensor->bytes + i * sizeof narrow, sizeof narrow);
            found |= tensor->dtype == LK_F16 ? (narrow & 0x7c00) == 0x7c00 : (narrow & 0x7f80) == 0x7f80;
            break;
        }
    }
    size_t first = found ? 0 : tensor->count;
    while (first < tensor->count && isfinite(lk_tensor_at(tensor, first))) first++;
    return first;
}
