/* How a map lies in memory. Callers, files and the reference see NHWC: [pixels][channels]. Between its own steps a plan may
 * keep maps blocked, [blocks][pixels][16]: the 16 channels of a pixel are one cache line, pixels of a block lie one
 * after another, so that a kernel's addresses have constant distances whatever the number of channels. The last block's
 * channels past the map's own hold anything, and no result depends on them. */
#ifndef LK_LAYERS_LAYOUT_H
#define LK_LAYERS_LAYOUT_H

#include <stddef.h>

#define LK_BLOCK ((size_t)16)

static inline size_t lk_blocks(size_t channels)
{
    return (channels + LK_BLOCK - 1) / LK_BLOCK;
}

/* Floats of a blocked map of one picture. */
static inline size_t lk_blocked_floats(size_t pixels, size_t channels)
{
    return lk_blocks(channels) * pixels * LK_BLOCK;
}

/* One picture's map, blocked; what pads the last block becomes 0. */
void lk_layout_block(const float *nhwc, size_t pixels, size_t channels, float *blocked);

#endif
