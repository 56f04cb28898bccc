/* Pictures as networks are given them: RGB bytes, and the normalized floats that these stand for. */
#ifndef LK_LAYERS_PIXELS_H
#define LK_LAYERS_PIXELS_H

#include <stddef.h>
#include <stdint.h>

/* value[c][byte] = (byte / 255 - mean[c]) / std[c], in float32 and in this order: what the study's NumPy gives. */
typedef struct lk_pixels {
    float value[3][256];
} lk_pixels;

static inline void lk_pixels_fill(const float mean[3], const float std[3], lk_pixels *pixels)
{
    for (size_t c = 0; c < 3; c++)
        for (size_t byte = 0; byte < 256; byte++) pixels->value[c][byte] = ((float)byte / 255.0f - mean[c]) / std[c];
}

/* rgb [count][3] to floats [count][3]. */
static inline void lk_pixels_normalize(const lk_pixels *pixels, const uint8_t *rgb, size_t count, float *floats)
{
    for (; count > 0; count--, rgb += 3, floats += 3)
        for (size_t c = 0; c < 3; c++) floats[c] = pixels->value[c][rgb[c]];
}

#endif
