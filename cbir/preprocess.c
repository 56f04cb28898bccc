/* From a decoded picture to a network's input. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "cbir/image.h"
#include "layers/pixels.h"
#include "layers/resize.h"

static lk_resize straight(const lk_image *image, size_t width, size_t height)
{
    return (lk_resize){.src_width = image->width,
                       .src_height = image->height,
                       .full_width = width,
                       .full_height = height,
                       .width = width,
                       .height = height};
}

/* PaddleClas's ResizeImage(resize_short) and CropImage: the longer side is rounded to the nearest, halves to
 * even, as Python's round does (torchvision cuts it off), and an odd rest of the cut is left on the right and
 * below. Pixels outside the cut are never computed. */
static lk_resize shorter_then_cut(const lk_preprocessing *preprocessing, const lk_image *image)
{
    const size_t shorter = image->width < image->height ? image->width : image->height;
    const double factor = (double)preprocessing->shorter / (double)shorter;
    lk_resize resize = {.src_width = image->width,
                        .src_height = image->height,
                        .full_width = (size_t)rint((double)image->width * factor),
                        .full_height = (size_t)rint((double)image->height * factor),
                        .width = preprocessing->width,
                        .height = preprocessing->height};
    resize.left = (resize.full_width - resize.width) / 2;
    resize.top = (resize.full_height - resize.height) / 2;
    return resize;
}

/* What is computed of the picture. */
static lk_status resize_of(const lk_preprocessing *preprocessing, const lk_image *image, lk_resize *resize)
{
    const size_t width = preprocessing->width, height = preprocessing->height;
    if (preprocessing->resize == LK_RESIZE_EXACT) {
        if (width == 0 || height == 0)
            return lk_fail(LK_ERROR_ARGUMENT, "resize to %zu x %zu pixels", width, height);
        *resize = straight(image, width, height);
        return LK_OK;
    }
    if (preprocessing->resize != LK_RESIZE_SHORTER)
        return lk_fail(LK_ERROR_ARGUMENT, "no resize rule has the number %d", (int)preprocessing->resize);
    if (width == 0 || height == 0 || preprocessing->shorter < width || preprocessing->shorter < height)
        return lk_fail(LK_ERROR_ARGUMENT, "cannot cut %zu x %zu pixels from a shorter side of %zu", width,
                       height, preprocessing->shorter);
    if (preprocessing->shorter > LK_IMAGE_MAX_SIDE)
        return lk_fail(LK_ERROR_LIMIT, "resize of the shorter side to %zu pixels; the limit is %zu",
                       preprocessing->shorter, LK_IMAGE_MAX_SIDE);
    *resize = shorter_then_cut(preprocessing, image);
    return LK_OK;
}

lk_status lk_image_fit_into(const lk_preprocessing *preprocessing, const lk_image *image, lk_resizer *resizer,
                            uint8_t *hwc_u8)
{
    lk_resize resize;
    const lk_status status = resize_of(preprocessing, image, &resize);
    return status ? status : lk_resize_rgb_u8(&resize, image->pixels, hwc_u8, resizer);
}

lk_status lk_image_fit(const lk_preprocessing *preprocessing, const lk_image *image, lk_image **fitted)
{
    lk_image *created = NULL;
    lk_resizer resizer = {0};
    lk_resize resize;
    lk_status status = resize_of(preprocessing, image, &resize);
    if (!status) status = lk_image_create("resize", resize.width, resize.height, &created);
    if (!status) status = lk_resize_rgb_u8(&resize, image->pixels, created->pixels, &resizer);
    lk_resizer_release(&resizer);
    if (status) lk_image_close(&created);
    else *fitted = created;
    return status;
}

lk_status lk_image_resize(const lk_image *image, size_t width, size_t height, lk_image **resized)
{
    return lk_image_fit(&(lk_preprocessing){.width = width, .height = height}, image, resized);
}

lk_status lk_preprocess(const lk_preprocessing *preprocessing, const lk_image *image, float *input)
{
    for (size_t c = 0; c < 3; c++)
        if (!(preprocessing->std[c] > 0))
            return lk_fail(LK_ERROR_ARGUMENT, "a standard deviation of %g", (double)preprocessing->std[c]);
    lk_image *fitted = NULL;
    const lk_status status = lk_image_fit(preprocessing, image, &fitted);
    if (status != LK_OK) return status;
    lk_pixels pixels;
    lk_pixels_fill(preprocessing->mean, preprocessing->std, &pixels);
    lk_pixels_normalize(&pixels, fitted->pixels, fitted->width * fitted->height, input);
    lk_image_close(&fitted);
    return LK_OK;
}
