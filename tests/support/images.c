#include "support/images.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

uint32_t lk_test_crc32(const void *bytes, size_t size)
{
    return (uint32_t)crc32_z(0, bytes, size);
}

uint32_t lk_test_pixels_crc32(const lk_image *image)
{
    return lk_test_crc32(lk_image_pixels(image), lk_image_width(image) * lk_image_height(image) * 3);
}

lk_test_file lk_test_read(const char *path)
{
    FILE *stream = fopen(path, "rb");
    if (!stream) fail_msg("%s cannot be opened; tests run in the project's root", path);
    assert_int_equal(fseek(stream, 0, SEEK_END), 0);
    lk_test_file file = {.size = (size_t)ftell(stream)};
    rewind(stream);
    file.bytes = malloc(file.size);
    assert_non_null(file.bytes);
    assert_int_equal(fread(file.bytes, 1, file.size, stream), file.size);
    fclose(stream);
    return file;
}

uint8_t *lk_test_noise(uint32_t seed, size_t count)
{
    uint8_t *noise = malloc(count);
    assert_non_null(noise);
    for (size_t i = 0; i < count; i++) {
        seed = seed * 1664525u + 1013904223u;
        noise[i] = (uint8_t)(seed >> 24);
    }
    return noise;
}

/* False, with a line that says how, when the file does not give these pixels. */
static bool has_pixels(const char *path, size_t width, size_t height, uint32_t check)
{
    lk_image *image = NULL;
    if (lk_image_open(path, &image) != LK_OK) {
        print_error("%s\n", lk_error_message());
        return false;
    }
    const bool same = lk_image_width(image) == width && lk_image_height(image) == height &&
                      lk_test_pixels_crc32(image) == check;
    if (!same)
        print_error("%s: %zu x %zu pixels of crc32 %08x, OpenCV's are %zu x %zu of %08x\n", path,
                    lk_image_width(image), lk_image_height(image), lk_test_pixels_crc32(image), width, height,
                    check);
    lk_image_close(&image);
    return same;
}

void lk_test_check_pixels(const char *table, const char *folder)
{
    FILE *stream = fopen(table, "r");
    if (!stream) fail_msg("%s cannot be opened; tests run in the project's root", table);
    char file[512], path[1024];
    size_t width, height, count = 0, wrong = 0;
    uint32_t check;
    while (fscanf(stream, "%511[^\t]\t%zu\t%zu\t%x\n", file, &width, &height, &check) == 4) {
        snprintf(path, sizeof path, "%s%s", folder, file);
        wrong += !has_pixels(path, width, height, check);
        count++;
    }
    assert_true(feof(stream));
    fclose(stream);
    assert_true(count > 0);
    print_message("%zu pictures of %s, %zu differ\n", count, table, wrong);
    assert_int_equal(wrong, 0);
}

lk_status lk_test_decode(const uint8_t *bytes, size_t size, lk_image **image)
{
    uint8_t *copy = malloc(size ? size : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    lk_image *const untouched = (lk_image *)copy; /* any address that no picture has */
    lk_image *decoded = untouched;
    const lk_status status = lk_image_decode(copy, size, "name", &decoded);
    if (status != LK_OK) {
        const char *message = lk_error_message();
        assert_ptr_equal(decoded, untouched);
        assert_memory_equal(message, "name: ", 6);
        assert_null(strchr(message, '\n'));
        decoded = NULL;
    }
    free(copy);
    *image = decoded;
    return status;
}
