/* Hostile JPEG files: decoded, turned upright, resized and cut. */
#include "fuzz_image.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    fuzz_image(lk_jpeg_decode, bytes, size);
    return 0;
}
