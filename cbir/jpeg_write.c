/* JPEG files through libjpeg-turbo. As in jpeg.c, what must outlive the longjmp belongs to the caller of
 * setjmp's function, and libjpeg's working memory (a few rows) does not pass through lk_allocate. */
#include <errno.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

#include "base/error.h"
#include "cbir/picture_write.h"

/* Text stays sharp: little quantization, and colour at full resolution. */
enum { QUALITY = 92 };

typedef struct {
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    jmp_buf escape;
    const char *name;
    const lk_image *image;
    FILE *stream;
    lk_status status;
} jpeg_writer;

static void on_error(j_common_ptr jpeg)
{
    jpeg_writer *writer = jpeg->client_data;
    const int reason = errno;
    char text[JMSG_LENGTH_MAX];
    writer->errors.format_message(jpeg, text);
    switch (writer->errors.msg_code) {
    case JERR_FILE_WRITE:
        writer->status = lk_fail(LK_ERROR_IO, "%s: cannot write: %s", writer->name, strerror(reason));
        break;
    case JERR_IMAGE_TOO_BIG:
        writer->status = lk_fail(
            LK_ERROR_LIMIT, "%s: %zu x %zu pixels; a JPEG has at most %ld a side, a PNG has more room",
            writer->name, lk_image_width(writer->image), lk_image_height(writer->image), JPEG_MAX_DIMENSION);
        break;
    default:
        writer->status = lk_fail(LK_ERROR_MEMORY, "%s: no JPEG (%s)", writer->name, text);
    }
    longjmp(writer->escape, 1);
}

static void on_message(j_common_ptr jpeg, int level)
{
    (void)jpeg, (void)level; /* nothing is printed */
}

/* All that may jump; the result is writer->status. */
static void write_picture(jpeg_writer *writer)
{
    if (setjmp(writer->escape)) return;
    struct jpeg_compress_struct *jpeg = &writer->jpeg;
    const size_t width = lk_image_width(writer->image);
    jpeg_create_compress(jpeg);
    jpeg_stdio_dest(jpeg, writer->stream);
    jpeg->image_width = (JDIMENSION)width;
    jpeg->image_height = (JDIMENSION)lk_image_height(writer->image);
    jpeg->input_components = 3;
    jpeg->in_color_space = JCS_RGB;
    jpeg_set_defaults(jpeg);
    jpeg_set_quality(jpeg, QUALITY, TRUE);
    jpeg->comp_info[0].h_samp_factor = jpeg->comp_info[0].v_samp_factor = 1;
    jpeg->optimize_coding = TRUE;
    jpeg_start_compress(jpeg, TRUE);
    while (jpeg->next_scanline < jpeg->image_height) {
        /* libjpeg's type is not const; it reads the row */
        JSAMPROW row = (JSAMPROW)(size_t)(lk_image_pixels(writer->image) + jpeg->next_scanline * width * 3);
        jpeg_write_scanlines(jpeg, &row, 1);
    }
    jpeg_finish_compress(jpeg);
}

lk_status lk_jpeg_write(const lk_image *image, FILE *stream, const char *name)
{
    jpeg_writer writer = {.name = name, .image = image, .stream = stream};
    writer.jpeg.err = jpeg_std_error(&writer.errors);
    writer.jpeg.client_data = &writer;
    writer.errors.error_exit = on_error;
    writer.errors.emit_message = on_message;
    write_picture(&writer);
    jpeg_destroy_compress(&writer.jpeg);
    return writer.status;
}
