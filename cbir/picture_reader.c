/* From files to a network's input, one picture after another in the same memory. */
#include "cbir/picture_reader.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "cbir/image.h"
#include "layers/resize.h"

/* A picture of more bytes than this is let go of once it is resized, so that one huge picture among many does
 * not hold its memory to the end. */
#define MOST_KEPT ((size_t)1 << 26)

struct lk_picture_reader {
    lk_preprocessing preprocessing;
    lk_loaded file;
    lk_decoding decoding;
    lk_resizer resizer;
};

lk_status lk_picture_reader_open(const lk_preprocessing *preprocessing, lk_picture_reader **reader)
{
    lk_picture_reader *opened = lk_allocate_array(1, sizeof *opened);
    if (!opened) return lk_fail(LK_ERROR_MEMORY, "out of memory to read pictures");
    opened->preprocessing = *preprocessing;
    *reader = opened;
    return LK_OK;
}

void lk_picture_reader_close(lk_picture_reader **reader)
{
    lk_picture_reader *closed = *reader;
    if (!closed) return;
    lk_unload(&closed->file);
    lk_decoding_release(&closed->decoding);
    lk_resizer_release(&closed->resizer);
    lk_free(closed);
    *reader = NULL;
}

static lk_status decode(lk_picture_reader *reader, const void *bytes, size_t size, const char *name)
{
    const lk_encoded encoded = {bytes, size, name,
                                reader->preprocessing.fast_decode ? &reader->preprocessing : NULL};
    return lk_picture_decode(&encoded, &reader->decoding);
}

lk_status lk_picture_reader_load(lk_picture_reader *reader, const char *path, const lk_image **image)
{
    lk_status status = lk_load_file(path, &reader->file);
    if (!status) status = decode(reader, reader->file.bytes, reader->file.size, path);
    if (!status) *image = reader->decoding.image;
    return status;
}

lk_status lk_picture_reader_fit(lk_picture_reader *reader, uint8_t *hwc_u8)
{
    lk_decoding *decoding = &reader->decoding;
    const lk_status status =
        lk_image_fit_into(&reader->preprocessing, decoding->image, &reader->resizer, hwc_u8);
    if (decoding->image->capacity > MOST_KEPT) lk_decoding_release(decoding);
    return status;
}

lk_status lk_picture_reader_read(lk_picture_reader *reader, const char *path, uint8_t *hwc_u8)
{
    const lk_image *image;
    const lk_status status = lk_picture_reader_load(reader, path, &image);
    return status ? status : lk_picture_reader_fit(reader, hwc_u8);
}

lk_status lk_picture_reader_decode(lk_picture_reader *reader, const void *bytes, size_t size,
                                   const char *name, uint8_t *hwc_u8)
{
    const lk_status status = decode(reader, bytes, size, name);
    return status ? status : lk_picture_reader_fit(reader, hwc_u8);
}
