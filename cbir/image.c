#include "cbir/image.h"

#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"

/* Fuzzers, which build with this macro by custom, would spend their time on clearing memory for large claims.
 */
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
static const size_t max_pixels = (size_t)1 << 18;
#else
static const size_t max_pixels = LK_IMAGE_MAX_PIXELS;
#endif

lk_status lk_image_check_size(const char *name, size_t width, size_t height)
{
    if (width == 0 || height == 0)
        return lk_fail(LK_ERROR_FORMAT, "%s: a picture of %zu x %zu pixels", name, width, height);
    size_t pixels;
    if (width > LK_IMAGE_MAX_SIDE || height > LK_IMAGE_MAX_SIDE || !lk_multiply(width, height, &pixels) ||
        pixels > max_pixels)
        return lk_fail(LK_ERROR_LIMIT, "%s: %zu x %zu pixels; the limit is %zu in all and %zu a side", name,
                       width, height, max_pixels, LK_IMAGE_MAX_SIDE);
    return LK_OK;
}

lk_status lk_image_create(const char *name, size_t width, size_t height, lk_image **image)
{
    const lk_status status = lk_image_check_size(name, width, height);
    if (status) return status;
    const size_t pixels = width * height;
    if (*image && (*image)->capacity < pixels * 3) lk_image_close(image);
    if (!*image) {
        lk_image *created = lk_allocate(sizeof *created + pixels * 3, _Alignof(lk_image));
        if (!created)
            return lk_fail(LK_ERROR_MEMORY, "%s: out of memory for %zu x %zu pixels", name, width, height);
        created->capacity = pixels * 3;
        *image = created;
    }
    (*image)->width = width;
    (*image)->height = height;
    return LK_OK;
}

void lk_decoding_release(lk_decoding *decoding)
{
    lk_image_close(&decoding->image);
    lk_image_close(&decoding->other);
    lk_free(decoding->row);
    *decoding = (lk_decoding){0};
}

/* The first bytes of a file say what it is, never its name. */
typedef struct {
    const char *kind;
    size_t offset;
    const char *signature;
    lk_status (*decode)(const lk_encoded *encoded, lk_decoding *decoding); /* NULL: not read */
} picture_kind;

static const picture_kind kinds[] = {
    {"JPEG", 0, "\xFF\xD8\xFF", lk_jpeg_decode},
    {"PNG", 0, "\x89PNG\r\n\x1A\n", lk_png_decode},
    {"GIF", 0, "GIF8", NULL},
    {"WebP", 8, "WEBP", NULL},
    {"BMP", 0, "BM", NULL},
    {"TIFF", 0, "II*", NULL}, /* the zero after it would end the string */
    {"TIFF", 0, "MM", NULL},
    {"JPEG 2000", 4, "jP  ", NULL},
    {"HEIF or AVIF", 4, "ftyp", NULL},
};

static const picture_kind *recognise(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < LK_COUNT(kinds); i++) {
        const size_t length = strlen(kinds[i].signature);
        if (size >= kinds[i].offset + length &&
            memcmp(bytes + kinds[i].offset, kinds[i].signature, length) == 0)
            return &kinds[i];
    }
    return NULL;
}

lk_status lk_picture_decode(const lk_encoded *encoded, lk_decoding *decoding)
{
    const char *name = encoded->name;
    if (encoded->size == 0) return lk_fail(LK_ERROR_FORMAT, "%s: empty file", name);
    const picture_kind *kind = recognise(encoded->bytes, encoded->size);
    if (!kind) return lk_fail(LK_ERROR_FORMAT, "%s: not a picture: neither JPEG nor PNG", name);
    if (!kind->decode)
        return lk_fail(LK_ERROR_UNSUPPORTED, "%s: looks like %s; only JPEG and PNG are read", name,
                       kind->kind);
    return kind->decode(encoded, decoding);
}

lk_status lk_image_decode(const void *bytes, size_t size, const char *name, lk_image **image)
{
    lk_decoding decoding = {0};
    const lk_status status = lk_picture_decode(&(lk_encoded){bytes, size, name, NULL}, &decoding);
    if (status == LK_OK) {
        *image = decoding.image;
        decoding.image = NULL;
    }
    lk_decoding_release(&decoding);
    return status;
}

lk_status lk_image_open(const char *path, lk_image **image)
{
    lk_mapping file;
    lk_status status = lk_map_file(path, &file);
    if (status != LK_OK) return status;
    status = lk_image_decode(file.bytes, file.size, path, image);
    lk_unmap(&file);
    return status;
}

lk_status lk_image_from_rgb(const uint8_t *hwc_u8, size_t width, size_t height, lk_image **image)
{
    if (width == 0 || height == 0)
        return lk_fail(LK_ERROR_ARGUMENT, "a picture of %zu x %zu pixels", width, height);
    lk_image *created = NULL;
    const lk_status status = lk_image_create("pixels", width, height, &created);
    if (status != LK_OK) return status;
    memcpy(created->pixels, hwc_u8, width * height * 3);
    *image = created;
    return LK_OK;
}

void lk_image_close(lk_image **image)
{
    lk_free(*image);
    *image = NULL;
}

size_t lk_image_width(const lk_image *image)
{
    return image->width;
}

size_t lk_image_height(const lk_image *image)
{
    return image->height;
}

const uint8_t *lk_image_pixels(const lk_image *image)
{
    return image->pixels;
}
