/* What the fuzz targets of both picture decoders do with their bytes. */
#ifndef LK_TESTS_FUZZ_IMAGE_H
#define LK_TESTS_FUZZ_IMAGE_H

#include <string.h>

#include "cbir/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static inline void check(bool promise)
{
    if (!promise) __builtin_trap();
}

static inline void fuzz_image(lk_status (*decode)(const lk_encoded *, lk_decoding *), const uint8_t *bytes, size_t size)
{
    static const lk_preprocessing preprocessing = {
        .height = 32, .width = 32, .resize = LK_RESIZE_SHORTER, .shorter = 33, .std = {1, 1, 1}};
    static float input[32 * 32 * 3];
    static lk_decoding decoding; /* from one to the next, as pictures of a list are read */
    const lk_status status = decode(&(lk_encoded){bytes, size, "name", size % 2 ? &preprocessing : NULL}, &decoding);
    if (status == LK_OK) {
        check(lk_preprocess(&preprocessing, decoding.image, input) == LK_OK);
    } else {
        check(strncmp(lk_error_message(), "name: ", 6) == 0);
        check(status == LK_ERROR_FORMAT || status == LK_ERROR_UNSUPPORTED || status == LK_ERROR_LIMIT);
    }
}

#endif
