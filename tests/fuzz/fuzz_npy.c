/* A .npy file of any bytes: every value and text of an array that is taken can be read. */
#include <stdint.h>
#include <stdlib.h>

#include "base/memory.h"
#include "cbir/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    lk_npy array;
    char text[64];
    if (lk_npy_parse(bytes, size, "array", &array) != LK_OK) return 0;
    if (array.type == LK_NPY_UNICODE) {
        /* texts of no characters take no bytes, and there may be any number of them */
        for (size_t i = 0; i < array.count && i < 1000; i++) lk_npy_text(&array, i, text, sizeof text);
        return 0;
    }
    float *values = lk_allocate_array(array.count, sizeof *values);
    if (!values || lk_npy_floats(&array, 0, array.count, values) != LK_OK) abort();
    lk_free(values);
    return 0;
}
