/* Decoded pictures, and what the two decoders share. */
#ifndef LK_CBIR_IMAGE_H
#define LK_CBIR_IMAGE_H

#include "engine/likeness.h"

struct lk_image {
    size_t width, height;
    size_t capacity;  /* bytes of pixels */
    uint8_t pixels[]; /* [height][width][3], RGB */
};

/* No side of a picture may be longer: libpng's own default limit, with which OpenCV reads too. */
#define LK_IMAGE_MAX_SIDE ((size_t)1000000)

/* Makes *image, which may be NULL, a picture of this size, for a decoder to fill: in the memory that it has, if that is enough.
 * LK_ERROR_FORMAT for an empty size, LK_ERROR_LIMIT for one past LK_IMAGE_MAX_PIXELS or LK_IMAGE_MAX_SIDE, before memory is
 * taken; LK_ERROR_MEMORY. `name` begins the message. */
lk_status lk_image_create(const char *name, size_t width, size_t height, lk_image **image);

/* The errors of lk_image_create that a size is alone. */
lk_status lk_image_check_size(const char *name, size_t width, size_t height);

/* A picture as it is in its file. */
typedef struct lk_encoded {
    const uint8_t *bytes;
    size_t size;
    const char *name;                   /* begins messages */
    const lk_preprocessing *fitted_for; /* NULL, or a JPEG may be decoded at a half, a quarter or an eighth of its size, as
                                         * long as what this resizes to is no larger */
} lk_encoded;

/* What decoders work in, kept from one picture to the next; all NULL and 0 to begin with. */
typedef struct lk_decoding {
    lk_image *image; /* the last picture, if it was decoded */
    lk_image *other; /* the one before it was turned, perhaps */
    uint8_t *row;    /* [row_bytes] */
    size_t row_bytes;
} lk_decoding;

void lk_decoding_release(lk_decoding *decoding);

/* The decoders: bytes that begin with their format's signature in, pixels that are upright out, in decoding->image. */
lk_status lk_jpeg_decode(const lk_encoded *encoded, lk_decoding *decoding);
lk_status lk_png_decode(const lk_encoded *encoded, lk_decoding *decoding);

/* The one that the first bytes ask for. */
lk_status lk_picture_decode(const lk_encoded *encoded, lk_decoding *decoding);

/* Scales and cuts it by the rules of `preprocessing`: hwc_u8 [height][width][3]. */
struct lk_resizer;
lk_status lk_image_fit_into(const lk_preprocessing *preprocessing, const lk_image *image, struct lk_resizer *resizer,
                            uint8_t *hwc_u8);

/* The orientation, 1 to 8, that EXIF data beginning at its TIFF header ("II*" or "MM*") gives; 1 where it
 * gives none. Reads as OpenCV 4.10 does, its leniency and its early stops included. */
int lk_exif_orientation(const uint8_t *tiff, size_t size);

/* Turns decoding->image upright from `orientation`; 1 and values that are none leave it. */
lk_status lk_image_turn(const char *name, int orientation, lk_decoding *decoding);

#endif
