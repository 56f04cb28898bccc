/* What the tests of pictures share: tables of expected checksums, files in memory, drawn noise. */
#ifndef LK_TESTS_SUPPORT_IMAGES_H
#define LK_TESTS_SUPPORT_IMAGES_H

#include "engine/likeness.h"

#define LK_TEST_IMAGES "tests/fixtures/images/"

uint32_t lk_test_crc32(const void *bytes, size_t size);
uint32_t lk_test_pixels_crc32(const lk_image *image);

/* A file's bytes in memory that the caller gives to free(), in a block of exactly its size, so that
 * sanitizers see a read past the end. Fails the test when it cannot. */
typedef struct {
    uint8_t *bytes;
    size_t size;
} lk_test_file;
lk_test_file lk_test_read(const char *path);

/* `count` bytes, free() them; the generator of tests/fixtures/make_resize_fixture.py. */
uint8_t *lk_test_noise(uint32_t seed, size_t count);

/* Opens each file of a table (file, width, height, crc32 of its RGB pixels; TAB between) under `folder` and
 * compares. Fails the test, naming every file that differs, and for a table without lines. */
void lk_test_check_pixels(const char *table, const char *folder);

/* Decodes `bytes` from an exact copy of the first `size` of them, under the name "name", and checks what
 * every failure keeps to: one line that begins with the name, and an out-parameter left as it was. *image is
 * NULL on failure. */
lk_status lk_test_decode(const uint8_t *bytes, size_t size, lk_image **image);

#endif
