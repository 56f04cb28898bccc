/* The two halves of lk_picture_reader_read, for who times them, or looks at the picture as it was decoded. */
#ifndef LK_CBIR_PICTURE_READER_H
#define LK_CBIR_PICTURE_READER_H

#include "engine/likeness.h"

/* *image is the reader's, until its next picture or the other half. */
lk_status lk_picture_reader_load(lk_picture_reader *reader, const char *path, const lk_image **image);
lk_status lk_picture_reader_fit(lk_picture_reader *reader, uint8_t *hwc_u8);

#endif
