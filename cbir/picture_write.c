#include "cbir/picture_write.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include <png.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/file.h"

typedef lk_status encoder(const lk_image *image, FILE *stream, const char *name);

static encoder *encoder_of(const char *path)
{
    static const struct {
        const char *ending;
        encoder *encode;
    } kinds[] = {{".jpg", lk_jpeg_write}, {".jpeg", lk_jpeg_write}, {".png", lk_png_write}};
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot && i < LK_COUNT(kinds); i++)
        if (!strcasecmp(dot, kinds[i].ending)) return kinds[i].encode;
    return NULL;
}

lk_status lk_picture_check_name(const char *path)
{
    if (encoder_of(path)) return LK_OK;
    return lk_fail(LK_ERROR_ARGUMENT, "%s: a picture's name must end in .jpg, .jpeg or .png", path);
}

lk_status lk_picture_write(const lk_image *image, const char *path)
{
    lk_output output;
    lk_status status = lk_picture_check_name(path);
    if (!status) status = lk_output_open(path, &output);
    if (status) return status;
    status = encoder_of(path)(image, output.stream, path);
    if (!status) return lk_output_commit(&output);
    lk_output_discard(&output);
    return status;
}

/* libpng's simplified interface: it catches its own errors and needs no longjmp here. It allocates for
 * itself. */
lk_status lk_png_write(const lk_image *image, FILE *stream, const char *name)
{
    png_image about = {.version = PNG_IMAGE_VERSION,
                       .width = (png_uint_32)lk_image_width(image),
                       .height = (png_uint_32)lk_image_height(image),
                       .format = PNG_FORMAT_RGB};
    errno = 0;
    if (png_image_write_to_stdio(&about, stream, 0, lk_image_pixels(image), 0, NULL)) return LK_OK;
    if (ferror(stream)) return lk_fail(LK_ERROR_IO, "%s: cannot write: %s", name, strerror(errno));
    return lk_fail(LK_ERROR_MEMORY, "%s: no PNG of %zu x %zu pixels (%s)", name, lk_image_width(image),
                   lk_image_height(image), about.message);
}
