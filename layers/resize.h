/* OpenCV's resize(INTER_LINEAR) of 8-bit RGB pictures, bit for bit; docs/preprocessing.md has the recipe. */
#ifndef LK_LAYERS_RESIZE_H
#define LK_LAYERS_RESIZE_H

#include "engine/likeness.h"

/* The picture is scaled to full_width x full_height, of which the window at (left, top) is computed. */
typedef struct {
    size_t src_width, src_height;    /* at least 1 */
    size_t full_width, full_height;  /* at least 1 */
    size_t left, top, width, height; /* inside the full size; width and height at least 1 */
} lk_resize;

/* src [src_height][src_width][3] to dst [height][width][3], which do not overlap; touches no byte outside
 * them. LK_ERROR_MEMORY: it holds two rows of dst in 16 bits and a table of its columns meanwhile. */
lk_status lk_resize_rgb_u8(const lk_resize *resize, const uint8_t *src, uint8_t *dst);

/* The definition, a pixel at a time; what lk_resize_rgb_u8 is tested against. Allocates nothing. */
void lk_resize_rgb_u8_reference(const lk_resize *resize, const uint8_t *src, uint8_t *dst);

#endif
