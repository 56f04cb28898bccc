/* Drawing on RGB pixels: boxes, pictures, coverage, and the strokes of the marks. All of it clips at the
 * canvas's edges. */
#ifndef LK_CBIR_CANVAS_H
#define LK_CBIR_CANVAS_H

#include "cbir/image.h"

typedef struct lk_colour {
    uint8_t rgb[3];
} lk_colour;

typedef struct lk_box {
    size_t x, y, width, height; /* pixels, from the top left */
} lk_box;

void lk_canvas_fill(lk_image *canvas, lk_box box, lk_colour colour);

/* A frame of `thickness` pixels around the box, outside it. The box lies at least that far from the canvas's
 * edges. */
void lk_canvas_frame(lk_image *canvas, lk_box box, size_t thickness, lk_colour colour);

/* The picture's top left pixel comes to (x, y). */
void lk_canvas_copy(lk_image *canvas, size_t x, size_t y, const lk_image *picture);

/* Lays the colour over the box, as thick as `coverage` [box.height][stride] says: 0 nothing, 255 all of it.
 */
void lk_canvas_cover(lk_image *canvas, lk_box box, const uint8_t *coverage, size_t stride, lk_colour colour);

/* A line with round ends, its edges smooth; a dot where both ends are one. Pixel centres lie at half numbers.
 */
typedef struct lk_stroke {
    float x0, y0, x1, y1, width;
} lk_stroke;
void lk_canvas_stroke(lk_image *canvas, const lk_stroke *stroke, lk_colour colour);

#endif
