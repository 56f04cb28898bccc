/* Pictures into files: JPEG or PNG, by the name's ending. */
#ifndef LK_CBIR_PICTURE_WRITE_H
#define LK_CBIR_PICTURE_WRITE_H

#include <stdio.h>

#include "engine/likeness.h"

/* LK_ERROR_ARGUMENT unless the name ends in .jpg, .jpeg or .png, in small letters or large ones. */
lk_status lk_picture_check_name(const char *path);

/* The file is there whole or not at all. LK_ERROR_ARGUMENT as above, LK_ERROR_IO, LK_ERROR_LIMIT (a side over
 * 65,500 pixels in a JPEG), LK_ERROR_MEMORY. */
lk_status lk_picture_write(const lk_image *image, const char *path);

/* The encoders, into an open stream; `name` begins the message. The same pixels give the same bytes with one
 * version of the library. LK_ERROR_IO, LK_ERROR_LIMIT, LK_ERROR_MEMORY. */
lk_status lk_jpeg_write(const lk_image *image, FILE *stream, const char *name);
lk_status lk_png_write(const lk_image *image, FILE *stream, const char *name);

#endif
