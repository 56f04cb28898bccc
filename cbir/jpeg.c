/* JPEG through libjpeg-turbo, with the settings (integer DCT, fancy upsampling, block smoothing) that OpenCV
 * leaves at their defaults too; its 2.1 and the 3.0 inside OpenCV 4.10 give the same pixels.
 *
 * libjpeg reports errors by longjmp. All state that must outlive the jump is in jpeg_reader, which belongs to
 * the caller of the function that calls setjmp, so no local variable is clobbered.
 *
 * libjpeg allocates for itself, by malloc, and offers no hook for that: its working memory (a few rows; for
 * several scans also the coefficients) does not pass through lk_allocate. It is bounded by the limits below.
 */
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "cbir/image.h"

/* What libjpeg may hold for the coefficients of a picture in several scans: enough for LK_IMAGE_MAX_PIXELS in
 * three full components (0.8 GB), not for four. */
static const long max_coefficient_bytes = 1L << 30;

/* Each scan visits every block, however few bytes it has: a small file of a thousand scans would keep a large
 * picture busy for minutes. Encoders write about ten scans; this allows 85 of them at 50 megapixels. */
static const uint64_t max_scan_pixels = (uint64_t)1 << 32;

typedef struct {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf escape;
    const char *name;
    lk_decoding *decoding;  /* its row: one of a four-component picture */
    bool rows_tell_the_end; /* a missing end of the file shows in the rows that need it; see loses_pixels */
    bool cut_short;         /* the decoder has asked for bytes past the end */
    lk_status status;
} jpeg_reader;

static _Noreturn void escape(jpeg_reader *reader, lk_status status)
{
    reader->status = status;
    longjmp(reader->escape, 1);
}

static lk_status status_of_error(int code)
{
    switch (code) {
    case JERR_OUT_OF_MEMORY:
        return LK_ERROR_MEMORY;
    case JERR_IMAGE_TOO_BIG:
    case JERR_WIDTH_OVERFLOW:
    case JERR_NO_BACKING_STORE: /* max_memory_to_use is reached */
        return LK_ERROR_LIMIT;
    case JERR_ARITH_NOTIMPL:
    case JERR_BAD_PRECISION: /* 12 bits a sample */
    case JERR_CCIR601_NOTIMPL:
    case JERR_COMPONENT_COUNT:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_FRACT_SAMPLE_NOTIMPL:
    case JERR_NOT_COMPILED:
    case JERR_NOTIMPL:
    case JERR_SOF_UNSUPPORTED: /* lossless, hierarchical */
        return LK_ERROR_UNSUPPORTED;
    default:
        return LK_ERROR_FORMAT;
    }
}

static _Noreturn void report(jpeg_reader *reader)
{
    const lk_status status = status_of_error(reader->errors.msg_code);
    if (status == LK_ERROR_FORMAT && reader->cut_short)
        escape(reader, lk_fail(status, "%s: JPEG data cut short", reader->name));
    if (reader->errors.msg_code == JERR_NO_BACKING_STORE)
        escape(reader,
               lk_fail(status,
                       "%s: a JPEG in several scans of %u x %u pixels; its coefficients need over %ld bytes",
                       reader->name, reader->jpeg.image_width, reader->jpeg.image_height,
                       max_coefficient_bytes));
    char text[JMSG_LENGTH_MAX];
    reader->errors.format_message((j_common_ptr)&reader->jpeg, text);
    static const char *const kinds[] = {
        [LK_ERROR_MEMORY] = "out of memory for a JPEG",
        [LK_ERROR_FORMAT] = "damaged JPEG",
        [LK_ERROR_UNSUPPORTED] = "a kind of JPEG that is not read",
        [LK_ERROR_LIMIT] = "JPEG over a limit",
    };
    escape(reader, lk_fail(status, "%s: %s (%s)", reader->name, kinds[status], text));
}

/* Which of libjpeg's warnings mean that pixels are lost or made up. OpenCV prints them and goes on, with grey
 * where data is missing; here such a picture is refused rather than silently searched by its grey half.
 * Harmless, since every pixel is decoded: extraneous bytes before a marker (many cameras pad), an unknown
 * JFIF revision or Adobe transform, odd spectral parameters in a sequential scan, a broken colour profile. A
 * file that ends too early shows when the rows are decoded from it in one Huffman-coded scan: then a missing
 * bit gives JWRN_HIT_MARKER of its own, and a file that lacks only its end marker is whole. A later scan that
 * is missing, or the tail of arithmetic coding, shows nowhere else, so for these the end of the file itself
 * is the fault. */
static bool loses_pixels(const jpeg_reader *reader, int code)
{
    switch (code) {
    case JWRN_ARITH_BAD_CODE:
    case JWRN_BOGUS_PROGRESSION: /* a scan refines bits that no scan has given */
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_MUST_RESYNC: /* restart markers out of order: some were lost with their blocks */
        return true;
    case JWRN_JPEG_EOF:
        return !reader->rows_tell_the_end;
    default:
        return false;
    }
}

static void on_error(j_common_ptr jpeg)
{
    report(jpeg->client_data);
}

static void on_message(j_common_ptr jpeg, int level)
{
    jpeg_reader *reader = jpeg->client_data;
    if (level >= 0) return; /* a trace message */
    if (reader->errors.msg_code == JWRN_JPEG_EOF) reader->cut_short = true;
    if (loses_pixels(reader, reader->errors.msg_code)) report(reader);
}

static void on_progress(j_common_ptr jpeg)
{
    jpeg_reader *reader = jpeg->client_data;
    const struct jpeg_decompress_struct *about = &reader->jpeg;
    const uint64_t pixels = (uint64_t)about->image_width * about->image_height;
    if ((uint64_t)about->input_scan_number * pixels > max_scan_pixels)
        escape(reader, lk_fail(LK_ERROR_LIMIT, "%s: over %d scans in a JPEG of %u x %u pixels", reader->name,
                               about->input_scan_number - 1, about->image_width, about->image_height));
}

/* OpenCV takes the first APP1 segment for EXIF, whatever its name is, and skips the six bytes of "Exif\0\0".
 */
static int orientation_of(const struct jpeg_decompress_struct *jpeg)
{
    const struct jpeg_marker_struct *marker = jpeg->marker_list;
    while (marker && marker->marker != JPEG_APP0 + 1) marker = marker->next;
    return marker && marker->data_length > 6 ? lk_exif_orientation(marker->data + 6, marker->data_length - 6)
                                             : 1;
}

/* Whether a picture of this size, turned upright, is as large as what it is resized to. */
static bool covers(const lk_preprocessing *how, size_t width, size_t height, bool transposed)
{
    if (how->resize == LK_RESIZE_SHORTER) return width >= how->shorter && height >= how->shorter;
    return width >= (transposed ? how->height : how->width) &&
           height >= (transposed ? how->width : how->height);
}

/* Eighths of the picture's size: only powers of two have fast code in libjpeg-turbo. */
static void choose_scale(struct jpeg_decompress_struct *jpeg, const lk_preprocessing *how)
{
    jpeg->scale_denom = 8;
    for (jpeg->scale_num = 1; jpeg->scale_num < 8; jpeg->scale_num *= 2) {
        jpeg_calc_output_dimensions(jpeg);
        if (covers(how, jpeg->output_width, jpeg->output_height, orientation_of(jpeg) >= 5)) break;
    }
    jpeg_calc_output_dimensions(jpeg);
}

static void read_header(jpeg_reader *reader, const lk_encoded *encoded)
{
    struct jpeg_decompress_struct *jpeg = &reader->jpeg;
    jpeg_create_decompress(jpeg);
    jpeg->progress = &reader->progress;
    jpeg->mem->max_memory_to_use = max_coefficient_bytes;
    jpeg_mem_src(jpeg, encoded->bytes, encoded->size);
    jpeg_save_markers(jpeg, JPEG_APP0 + 1, 0xFFFF);
    jpeg_read_header(jpeg, TRUE);
    reader->rows_tell_the_end = !jpeg_has_multiple_scans(jpeg) && !jpeg->arith_code;
    if (jpeg->num_components != 1 && jpeg->num_components != 3 && jpeg->num_components != 4)
        escape(reader, lk_fail(LK_ERROR_UNSUPPORTED, "%s: a JPEG of %d components", reader->name,
                               jpeg->num_components));
    lk_status status = lk_image_check_size(reader->name, jpeg->image_width, jpeg->image_height);
    if (!status && encoded->fitted_for) choose_scale(jpeg, encoded->fitted_for);
    else if (!status) jpeg_calc_output_dimensions(jpeg);
    if (!status)
        status =
            lk_image_create(reader->name, jpeg->output_width, jpeg->output_height, &reader->decoding->image);
    if (status != LK_OK) escape(reader, status);
}

/* OpenCV's own formula. It takes the four inks as Adobe stores them, inverted, whether or not the file says
 * so. */
static void cmyk_to_rgb(const uint8_t *cmyk, size_t width, uint8_t *rgb)
{
    for (size_t i = 0; i < width * 4; i += 4, rgb += 3) {
        const int k = cmyk[i + 3];
        for (size_t c = 0; c < 3; c++) rgb[c] = (uint8_t)(k - ((255 - cmyk[i + c]) * k >> 8));
    }
}

static void read_rows(jpeg_reader *reader)
{
    struct jpeg_decompress_struct *jpeg = &reader->jpeg;
    const bool four = jpeg->num_components == 4;
    lk_decoding *decoding = reader->decoding;
    const size_t width = decoding->image->width;
    if (four && !lk_grow((void **)&decoding->row, &decoding->row_bytes, width * 4, 1))
        escape(reader, lk_fail(LK_ERROR_MEMORY, "%s: out of memory", reader->name));
    jpeg->out_color_space = four ? JCS_CMYK : JCS_RGB;
    jpeg_start_decompress(jpeg);
    while (jpeg->output_scanline < jpeg->output_height) {
        uint8_t *rgb = decoding->image->pixels + jpeg->output_scanline * width * 3;
        JSAMPROW row = four ? decoding->row : rgb;
        jpeg_read_scanlines(jpeg, &row, 1);
        if (four) cmyk_to_rgb(decoding->row, width, rgb);
    }
    /* No jpeg_finish_decompress: it would read on to the end marker, and nothing there can change a pixel. */
}

/* All that may jump; the result is reader->status. */
static void read_picture(jpeg_reader *reader, const lk_encoded *encoded)
{
    if (setjmp(reader->escape) == 0) {
        read_header(reader, encoded);
        read_rows(reader);
        reader->status = lk_image_turn(reader->name, orientation_of(&reader->jpeg), reader->decoding);
    }
}

lk_status lk_jpeg_decode(const lk_encoded *encoded, lk_decoding *decoding)
{
    jpeg_reader reader = {.name = encoded->name, .decoding = decoding};
    reader.jpeg.err = jpeg_std_error(&reader.errors);
    reader.jpeg.client_data = &reader; /* kept by jpeg_create_decompress, which can fail already */
    reader.errors.error_exit = on_error;
    reader.errors.emit_message = on_message;
    reader.progress.progress_monitor = on_progress;
    read_picture(&reader, encoded);
    jpeg_destroy_decompress(&reader.jpeg);
    return reader.status;
}
