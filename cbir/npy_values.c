/* The values of a .npy array as floats and texts. */
#include <string.h>

#include "base/error.h"
#include "cbir/npy.h"

/* One value; `at` may be unaligned, so it is copied. */
#define LK_NPY_CASE(kind, c_type)         \
    case kind: {                          \
        c_type value;                     \
        memcpy(&value, at, sizeof value); \
        return (float)value;              \
    }

static float value_at(lk_npy_type type, const unsigned char *at)
{
    switch (type) {
        LK_NPY_CASE(LK_NPY_FLOAT32, float)
        LK_NPY_CASE(LK_NPY_FLOAT64, double)
        LK_NPY_CASE(LK_NPY_INT8, int8_t)
        LK_NPY_CASE(LK_NPY_INT16, int16_t)
        LK_NPY_CASE(LK_NPY_UINT16, uint16_t)
        LK_NPY_CASE(LK_NPY_INT32, int32_t)
        LK_NPY_CASE(LK_NPY_UINT32, uint32_t)
        LK_NPY_CASE(LK_NPY_INT64, int64_t)
        LK_NPY_CASE(LK_NPY_UINT64, uint64_t)
    case LK_NPY_BOOL:
    case LK_NPY_UINT8:
    case LK_NPY_UNICODE:
        break;
    }
    return (float)*at;
}

lk_status lk_npy_floats(const lk_npy *array, size_t first, size_t count, float *values)
{
    if (array->type == LK_NPY_UNICODE)
        return lk_fail(LK_ERROR_UNSUPPORTED, "an array of texts, not of numbers");
    if (first > array->count || count > array->count - first)
        return lk_fail(LK_ERROR_ARGUMENT, "values %zu to %zu of an array of %zu", first, first + count,
                       array->count);
    if (!count) return LK_OK;
    const unsigned char *at = array->data + first * array->item_bytes;
    if (array->type == LK_NPY_FLOAT32) memcpy(values, at, count * sizeof *values);
    else
        for (size_t i = 0; i < count; i++, at += array->item_bytes) values[i] = value_at(array->type, at);
    return LK_OK;
}

/* The UTF-8 bytes of one character; 0 for what is none. */
static size_t encode_utf8(uint32_t c, char bytes[4])
{
    const size_t length = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    if (c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) return 0;
    for (size_t i = length; i-- > 1; c >>= 6) bytes[i] = (char)(0x80 | (c & 0x3F));
    bytes[0] = (char)(lead[length] | c);
    return length;
}

bool lk_npy_text(const lk_npy *array, size_t index, char *text, size_t size)
{
    if (array->type != LK_NPY_UNICODE || index >= array->count) return false;
    size_t used = 0;
    for (size_t i = 0; i < array->item_bytes; i += 4) {
        uint32_t c;
        char bytes[4] = {0};
        memcpy(&c, array->data + index * array->item_bytes + i, sizeof c);
        if (!c) break; /* shorter texts are padded with zeros */
        const size_t length = encode_utf8(c, bytes);
        if (!length) return false;
        if (used + length >= size) break;
        memcpy(text + used, bytes, length);
        used += length;
    }
    text[used] = 0;
    return true;
}
