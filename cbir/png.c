/* PNG through libpng, with the transformations that OpenCV's IMREAD_COLOR asks for: 16 bits lose their lower
 * byte, alpha is dropped, palettes and grey become RGB; gamma and colour profiles are not applied.
 *
 * libpng reports errors by longjmp. All state that must outlive the jump is in png_reader, which belongs to
 * the caller of the function that calls setjmp, so no local variable is clobbered. */
#include <setjmp.h>
#include <string.h>

#include <png.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "cbir/image.h"

typedef struct {
    const uint8_t *bytes;
    size_t size, offset;
    const char *name;
    png_structp png;
    png_infop info, end_info;
    jmp_buf escape;
    lk_decoding *decoding;
    bool out_of_memory; /* libpng skips some chunks that it has no memory for, so this is looked at in the end
                         */
    lk_status status;
} png_reader;

static _Noreturn void escape(png_reader *reader, lk_status status)
{
    reader->status = status;
    longjmp(reader->escape, 1);
}

static _Noreturn void out_of_memory(png_reader *reader)
{
    escape(reader, lk_fail(LK_ERROR_MEMORY, "%s: out of memory for a PNG", reader->name));
}

static void on_error(png_structp png, png_const_charp text)
{
    png_reader *reader = png_get_error_ptr(png);
    if (reader->out_of_memory) out_of_memory(reader);
    escape(reader, lk_fail(LK_ERROR_FORMAT, "%s: damaged PNG (%s)", reader->name, text));
}

/* Warnings are about chunks that give no pixels: a critical chunk with a wrong CRC, or data that end too
 * early, are errors. OpenCV skips the same chunks. */
static void on_warning(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

static png_voidp on_allocate(png_structp png, png_alloc_size_t bytes)
{
    png_reader *reader = png_get_mem_ptr(png);
    void *memory = lk_allocate(bytes, _Alignof(max_align_t));
    if (!memory) reader->out_of_memory = true;
    return memory;
}

static void on_free(png_structp png, png_voidp memory)
{
    (void)png;
    lk_free(memory);
}

static void on_read(png_structp png, png_bytep to, size_t count)
{
    png_reader *reader = png_get_io_ptr(png);
    if (count > reader->size - reader->offset)
        escape(reader, lk_fail(LK_ERROR_FORMAT, "%s: PNG data cut short", reader->name));
    memcpy(to, reader->bytes + reader->offset, count);
    reader->offset += count;
}

/* Whether every chunk up to the last lies inside the file. libpng allocates what an eXIf chunk claims to hold
 * before it reads it, up to 2 GB; this bounds it by the file's size. */
static bool chunks_fit(const uint8_t *bytes, size_t size)
{
    size_t at = 8;
    while (size - at >= 12) {
        const size_t length = png_get_uint_32(bytes + at);
        if (length > size - at - 12) return false;
        if (memcmp(bytes + at + 4, "IEND", 4) == 0) return true;
        at += 12 + length;
    }
    return false;
}

/* Chunks that cannot change a pixel here are not parsed, only their CRC is read: less of libpng meets hostile
 * bytes. */
static void ignore_chunks(png_structp png)
{
    static const png_byte names[] = "bKGD\0cHRM\0gAMA\0hIST\0iCCP\0iTXt\0oFFs\0pCAL\0pHYs\0sBIT\0sCAL\0sPLT\0"
                                    "sRGB\0tEXt\0tIME\0zTXt";
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, names, sizeof names / 5);
}

static void read_header(png_reader *reader)
{
    /* png_set_sig_bytes is not used: the signature is read again, and checked, by libpng. */
    png_set_read_fn(reader->png, reader, on_read);
    png_set_user_limits(reader->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX); /* lk_image_create has the limits */
    ignore_chunks(reader->png);
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
    png_set_crc_action(reader->png, PNG_CRC_QUIET_USE, PNG_CRC_QUIET_USE); /* a fuzzer rarely guesses a CRC */
#endif
    png_read_info(reader->png, reader->info);
    const lk_status status =
        lk_image_create(reader->name, png_get_image_width(reader->png, reader->info),
                        png_get_image_height(reader->png, reader->info), &reader->decoding->image);
    if (status != LK_OK) escape(reader, status);
}

static void read_rows(png_reader *reader)
{
    const png_structp png = reader->png;
    lk_image *image = reader->decoding->image;
    const png_byte colour = png_get_color_type(png, reader->info);
    png_set_strip_16(png);
    png_set_strip_alpha(png);
    if (colour == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
    if (!(colour & PNG_COLOR_MASK_COLOR)) {
        if (png_get_bit_depth(png, reader->info) < 8) png_set_expand_gray_1_2_4_to_8(png);
        png_set_gray_to_rgb(png);
    }
    const int passes = png_set_interlace_handling(png);
    png_read_update_info(png, reader->info);
    if (png_get_rowbytes(png, reader->info) != image->width * 3)
        png_error(png, "its rows are not RGB"); /* would overrun the pixels: never trusted to be impossible */
    for (int pass = 0; pass < passes; pass++)
        for (size_t y = 0; y < image->height; y++)
            png_read_row(png, image->pixels + y * image->width * 3, NULL);
    png_read_end(png, reader->end_info);
}

/* The eXIf chunk may stand before the pixels or after them; OpenCV prefers the first. */
static int orientation_of(png_reader *reader)
{
    png_uint_32 size = 0;
    png_bytep tiff = NULL;
    if (!png_get_eXIf_1(reader->png, reader->info, &size, &tiff))
        png_get_eXIf_1(reader->png, reader->end_info, &size, &tiff);
    return tiff ? lk_exif_orientation(tiff, size) : 1;
}

/* All that may jump; the result is reader->status. */
static void read_picture(png_reader *reader)
{
    if (setjmp(reader->escape) == 0) {
        reader->info = png_create_info_struct(reader->png);
        reader->end_info = png_create_info_struct(reader->png);
        if (!reader->info || !reader->end_info) out_of_memory(reader);
        read_header(reader);
        read_rows(reader);
        if (reader->out_of_memory) out_of_memory(reader);
        reader->status = lk_image_turn(reader->name, orientation_of(reader), reader->decoding);
    }
}

lk_status lk_png_decode(const lk_encoded *encoded, lk_decoding *decoding)
{
    const uint8_t *bytes = encoded->bytes;
    const size_t size = encoded->size;
    const char *name = encoded->name;
    if (size < 8 || !chunks_fit(bytes, size)) return lk_fail(LK_ERROR_FORMAT, "%s: PNG data cut short", name);
    png_reader reader = {.bytes = bytes, .size = size, .name = name, .decoding = decoding};
    reader.png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, &reader, on_error, on_warning, &reader,
                                          on_allocate, on_free);
    if (!reader.png) return lk_fail(LK_ERROR_MEMORY, "%s: out of memory for a PNG", name);
    read_picture(&reader);
    png_destroy_read_struct(&reader.png, &reader.info, &reader.end_info);
    return reader.status;
}
