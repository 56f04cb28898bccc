#include "cbir/canvas.h"

#include <math.h>
#include <string.h>

#include "base/checked.h"

static uint8_t *pixel(lk_image *canvas, size_t x, size_t y)
{
    return canvas->pixels + (y * canvas->width + x) * 3;
}

/* The part of the box that is on the canvas. */
static lk_box clipped(const lk_image *canvas, lk_box box)
{
    box.x = lk_least(box.x, canvas->width);
    box.y = lk_least(box.y, canvas->height);
    box.width = lk_least(box.width, canvas->width - box.x);
    box.height = lk_least(box.height, canvas->height - box.y);
    return box;
}

/* Rounded to nearest, so that 0 and 255 give exactly the old and the new colour. */
static void blend(uint8_t *at, lk_colour colour, unsigned coverage)
{
    for (size_t c = 0; c < 3; c++)
        at[c] = (uint8_t)((colour.rgb[c] * coverage + at[c] * (255 - coverage) + 127) / 255);
}

void lk_canvas_fill(lk_image *canvas, lk_box box, lk_colour colour)
{
    box = clipped(canvas, box);
    for (size_t y = 0; y < box.height; y++)
        for (size_t x = 0; x < box.width; x++) memcpy(pixel(canvas, box.x + x, box.y + y), colour.rgb, 3);
}

void lk_canvas_frame(lk_image *canvas, lk_box box, size_t thickness, lk_colour colour)
{
    const size_t left = box.x - thickness, top = box.y - thickness, wide = box.width + 2 * thickness;
    lk_canvas_fill(canvas, (lk_box){left, top, wide, thickness}, colour);
    lk_canvas_fill(canvas, (lk_box){left, box.y + box.height, wide, thickness}, colour);
    lk_canvas_fill(canvas, (lk_box){left, box.y, thickness, box.height}, colour);
    lk_canvas_fill(canvas, (lk_box){box.x + box.width, box.y, thickness, box.height}, colour);
}

void lk_canvas_copy(lk_image *canvas, size_t x, size_t y, const lk_image *picture)
{
    const lk_box box = clipped(canvas, (lk_box){x, y, picture->width, picture->height});
    for (size_t row = 0; row < box.height && box.width; row++)
        memcpy(pixel(canvas, box.x, box.y + row), picture->pixels + row * picture->width * 3, box.width * 3);
}

void lk_canvas_cover(lk_image *canvas, lk_box box, const uint8_t *coverage, size_t stride, lk_colour colour)
{
    box = clipped(canvas, box);
    for (size_t y = 0; y < box.height; y++)
        for (size_t x = 0; x < box.width; x++)
            blend(pixel(canvas, box.x + x, box.y + y), colour, coverage[y * stride + x]);
}

/* How far (x, y) is from the stroke's line. */
static float distance(const lk_stroke *stroke, float x, float y)
{
    const float dx = stroke->x1 - stroke->x0, dy = stroke->y1 - stroke->y0, length = dx * dx + dy * dy;
    float along = length > 0 ? ((x - stroke->x0) * dx + (y - stroke->y0) * dy) / length : 0;
    along = along < 0 ? 0 : along > 1 ? 1 : along;
    return hypotf(x - stroke->x0 - along * dx, y - stroke->y0 - along * dy);
}

void lk_canvas_stroke(lk_image *canvas, const lk_stroke *stroke, lk_colour colour)
{
    const float reach = stroke->width / 2 + 1;
    const size_t left = (size_t)fmaxf(0, fminf(stroke->x0, stroke->x1) - reach),
                 top = (size_t)fmaxf(0, fminf(stroke->y0, stroke->y1) - reach);
    const size_t right = lk_least(canvas->width, (size_t)(fmaxf(stroke->x0, stroke->x1) + reach) + 1),
                 bottom = lk_least(canvas->height, (size_t)(fmaxf(stroke->y0, stroke->y1) + reach) + 1);
    for (size_t y = top; y < bottom; y++) {
        for (size_t x = left; x < right; x++) {
            const float inside =
                stroke->width / 2 + 0.5F - distance(stroke, (float)x + 0.5F, (float)y + 0.5F);
            const float coverage = inside < 0 ? 0 : inside > 1 ? 1 : inside;
            blend(pixel(canvas, x, y), colour, (unsigned)(coverage * 255 + 0.5F));
        }
    }
}
