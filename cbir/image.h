/* Decoded pictures, and what the two decoders share. */
#ifndef LK_CBIR_IMAGE_H
#define LK_CBIR_IMAGE_H

#include "engine/likeness.h"

struct lk_image {
    size_t width, height;
    uint8_t pixels[]; /* [height][width][3], RGB */
};

/* No side of a picture may be longer: libpng's own default limit, with which OpenCV reads too. */
#define LK_IMAGE_MAX_SIDE ((size_t)1000000)

/* A picture of black pixels, for a decoder to fill. LK_ERROR_FORMAT for an empty size, LK_ERROR_LIMIT for one
 * past LK_IMAGE_MAX_PIXELS or LK_IMAGE_MAX_SIDE, before memory is taken; LK_ERROR_MEMORY. `name` begins the
 * message. */
lk_status lk_image_create(const char *name, size_t width, size_t height, lk_image **image);

/* The decoders: bytes that begin with their format's signature in, pixels that are upright out. */
lk_status lk_jpeg_decode(const uint8_t *bytes, size_t size, const char *name, lk_image **image);
lk_status lk_png_decode(const uint8_t *bytes, size_t size, const char *name, lk_image **image);

/* The orientation, 1 to 8, that EXIF data beginning at its TIFF header ("II*" or "MM*") gives; 1 where it
 * gives none. Reads as OpenCV 4.10 does, its leniency and its early stops included. */
int lk_exif_orientation(const uint8_t *tiff, size_t size);

/* Turns *image upright from `orientation`; 1 and values that are none leave it. On failure *image stays as it
 * was. */
lk_status lk_image_turn(const char *name, int orientation, lk_image **image);

#endif
