/* Tiles: pictures of any size at the size in which the study shows them. */
#ifndef LK_CBIR_TILE_H
#define LK_CBIR_TILE_H

#include "cbir/canvas.h"

#define LK_TILE_WIDTH ((size_t)300)
#define LK_TILE_HEIGHT ((size_t)200)

extern const lk_colour lk_tile_background;

/* Where a picture of this size lies in its tile: as large as it fits with its aspect kept, in the middle. The
 * study's own tiles were stretched; likeness is judged by eye, and a stretched picture misleads it. */
lk_box lk_tile_place(size_t width, size_t height);

/* A tile of the picture, background around it. Made small in halves, each the mean of four pixels, and then
 * by lk_image_resize, so that fine texture does not turn into noise. The result is the caller's.
 * LK_ERROR_MEMORY. */
lk_status lk_tile_of(const lk_image *image, lk_image **tile);

/* A tile of the file. lk_image_open's errors. */
lk_status lk_tile_open(const char *path, lk_image **tile);

#endif
