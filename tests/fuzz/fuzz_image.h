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

static inline void fuzz_image(lk_status (*decode)(const uint8_t *, size_t, const char *, lk_image **),
                              const uint8_t *bytes, size_t size)
{
    static const lk_preprocessing preprocessing = {
        .height = 32, .width = 32, .resize = LK_RESIZE_SHORTER, .shorter = 33, .std = {1, 1, 1}};
    static float input[32 * 32 * 3];
    lk_image *image = NULL;
    const lk_status status = decode(bytes, size, "name", &image);
    check((status == LK_OK) == (image != NULL));
    if (status == LK_OK) {
        check(lk_preprocess(&preprocessing, image, input) == LK_OK);
    } else {
        check(strncmp(lk_error_message(), "name: ", 6) == 0);
        check(status == LK_ERROR_FORMAT || status == LK_ERROR_UNSUPPORTED || status == LK_ERROR_LIMIT);
    }
    lk_image_close(&image);
}

#endif
