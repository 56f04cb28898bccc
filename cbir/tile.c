#include "cbir/tile.h"

const lk_colour lk_tile_background = {{232, 232, 232}};

static size_t at_least_1(size_t value)
{
    return value ? value : 1;
}

lk_box lk_tile_place(size_t width, size_t height)
{
    lk_box box = {0, 0, LK_TILE_WIDTH, LK_TILE_HEIGHT};
    if (width * LK_TILE_HEIGHT > height * LK_TILE_WIDTH)
        box.height = at_least_1((height * LK_TILE_WIDTH + width / 2) / width);
    else box.width = at_least_1((width * LK_TILE_HEIGHT + height / 2) / height);
    box.x = (LK_TILE_WIDTH - box.width) / 2;
    box.y = (LK_TILE_HEIGHT - box.height) / 2;
    return box;
}

/* From the picture, which stays the caller's, to width x height, the result in *made. */
static lk_status shrink(const lk_image *image, size_t width, size_t height, lk_image **made)
{
    lk_image *now = NULL;
    lk_status status = LK_OK;
    const lk_image *from = image;
    while (!status && (from->width >= 2 * width || from->height >= 2 * height)) {
        const size_t w = from->width >= 2 * width ? from->width / 2 : from->width,
                     h = from->height >= 2 * height ? from->height / 2 : from->height;
        lk_image *half = NULL;
        status = lk_image_resize(from, w, h, &half);
        if (status) break;
        lk_image_close(&now);
        from = now = half;
    }
    if (!status) status = lk_image_resize(from, width, height, made);
    lk_image_close(&now);
    return status;
}

lk_status lk_tile_of(const lk_image *image, lk_image **tile)
{
    const lk_box place = lk_tile_place(image->width, image->height);
    lk_image *small = NULL, *made = NULL;
    lk_status status = shrink(image, place.width, place.height, &small);
    if (!status) status = lk_image_create("a tile", LK_TILE_WIDTH, LK_TILE_HEIGHT, &made);
    if (!status) {
        lk_canvas_fill(made, (lk_box){0, 0, LK_TILE_WIDTH, LK_TILE_HEIGHT}, lk_tile_background);
        lk_canvas_copy(made, place.x, place.y, small);
        *tile = made;
    }
    lk_image_close(&small);
    return status;
}

lk_status lk_tile_open(const char *path, lk_image **tile)
{
    lk_image *image = NULL;
    lk_status status = lk_image_open(path, &image);
    if (status) return status;
    status = lk_tile_of(image, tile);
    lk_image_close(&image);
    return status;
}
