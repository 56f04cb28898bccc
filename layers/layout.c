#include "layers/layout.h"

#include <string.h>

void lk_layout_block(const float *nhwc, size_t pixels, size_t channels, float *blocked)
{
    for (size_t c = 0; c < channels; c += LK_BLOCK) {
        const size_t width = channels - c < LK_BLOCK ? channels - c : LK_BLOCK;
        for (size_t p = 0; p < pixels; p++, blocked += LK_BLOCK) {
            memcpy(blocked, nhwc + p * channels + c, width * sizeof *blocked);
            memset(blocked + width, 0, (LK_BLOCK - width) * sizeof *blocked);
        }
    }
}
