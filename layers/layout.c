#include "layers/layout.h"

#include <string.h>

static size_t width_of(size_t channels, size_t first)
{
    return channels - first < LK_BLOCK ? channels - first : LK_BLOCK;
}

void lk_layout_block(const float *nhwc, size_t pixels, size_t channels, float *blocked)
{
    for (size_t c = 0; c < channels; c += LK_BLOCK) {
        const size_t width = width_of(channels, c);
        for (size_t p = 0; p < pixels; p++, blocked += LK_BLOCK) {
            memcpy(blocked, nhwc + p * channels + c, width * sizeof *blocked);
            memset(blocked + width, 0, (LK_BLOCK - width) * sizeof *blocked);
        }
    }
}

void lk_layout_unblock(const float *blocked, size_t pixels, size_t channels, float *nhwc)
{
    for (size_t c = 0; c < channels; c += LK_BLOCK)
        for (size_t p = 0; p < pixels; p++, blocked += LK_BLOCK)
            memcpy(nhwc + p * channels + c, blocked, width_of(channels, c) * sizeof *nhwc);
}
