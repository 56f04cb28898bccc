/* EXIF orientation. Cameras and phones store the picture as the sensor saw it and say in a tag how to turn
 * it.
 *
 * The reader follows OpenCV 4.10 entry by entry: it walks the first directory once, takes the first
 * orientation tag, checks the offsets of the tags that OpenCV knows even though their values do not matter
 * here, and stops at the first that leads out of the data. What was found before the stop counts; what would
 * have come after does not. A stricter or a more lenient reader would turn some damaged pictures that OpenCV
 * leaves, or the reverse. */
#include <stdbool.h>

#include "base/memory.h"
#include "cbir/image.h"

typedef struct {
    const uint8_t *bytes;
    size_t size;
    bool little_endian;
    bool past_end; /* set by a read out of the data, which then gives 0 */
} tiff_data;

static uint32_t read_u16(tiff_data *tiff, size_t offset)
{
    if (tiff->size < 2 || offset > tiff->size - 2) {
        tiff->past_end = true;
        return 0;
    }
    const uint8_t *p = tiff->bytes + offset;
    return tiff->little_endian ? p[0] | (uint32_t)p[1] << 8 : (uint32_t)p[0] << 8 | p[1];
}

static uint32_t read_u32(tiff_data *tiff, size_t offset)
{
    const uint32_t first = read_u16(tiff, offset), second = read_u16(tiff, offset + 2);
    return tiff->little_endian ? second << 16 | first : first << 16 | second;
}

static void check_text(tiff_data *tiff, size_t entry)
{
    const size_t length = read_u32(tiff, entry + 4);
    const size_t offset = length > 4 ? read_u32(tiff, entry + 8) : 8; /* OpenCV's 8, not entry + 8 */
    if (offset > tiff->size || length > tiff->size - offset) tiff->past_end = true;
}

static void check_rationals(tiff_data *tiff, size_t entry, size_t count)
{
    uint32_t offset = read_u32(tiff, entry + 8); /* 32 bits wide, so that it wraps where OpenCV's does */
    for (size_t i = 0; i < count; i++, offset += 8) {
        read_u32(tiff, offset);
        read_u32(tiff, (size_t)offset + 4);
    }
}

enum { TAG_ORIENTATION = 0x0112 };

static void check_entry(tiff_data *tiff, size_t entry)
{
    switch (read_u16(tiff, entry)) {
    case 0x010E: /* image description */
    case 0x010F: /* make */
    case 0x0110: /* model */
    case 0x0131: /* software */
    case 0x0132: /* date and time */
    case 0x8298: /* copyright */
        check_text(tiff, entry);
        break;
    case TAG_ORIENTATION:
    case 0x0128: /* resolution unit */
    case 0x0213: /* YCbCr positioning */
        read_u16(tiff, entry + 8);
        break;
    case 0x011A: /* x resolution */
    case 0x011B: /* y resolution */
        check_rationals(tiff, entry, 1);
        break;
    case 0x013E: /* white point */
        check_rationals(tiff, entry, 2);
        break;
    case 0x0211: /* YCbCr coefficients */
        check_rationals(tiff, entry, 3);
        break;
    case 0x013F: /* primary chromaticities */
    case 0x0214: /* reference black and white */
        check_rationals(tiff, entry, 6);
        break;
    default:
        break;
    }
}

int lk_exif_orientation(const uint8_t *bytes, size_t size)
{
    tiff_data tiff = {.bytes = bytes, .size = size};
    if (size < 8) return 1;
    /* Anything but "II" counts as big-endian, as in OpenCV. */
    tiff.little_endian = bytes[0] == 'I' && bytes[1] == 'I';
    if (read_u16(&tiff, 2) != 42) return 1;
    size_t entry = read_u32(&tiff, 4);
    const size_t count = read_u16(&tiff, entry);
    entry += 2;
    for (size_t i = 0; i < count; i++, entry += 12) {
        check_entry(&tiff, entry);
        if (tiff.past_end) break;
        if (read_u16(&tiff, entry) != TAG_ORIENTATION) continue;
        const uint32_t value =
            read_u16(&tiff, entry + 8); /* the value's type is not looked at, as in OpenCV */
        return value >= 1 && value <= 8 ? (int)value : 1;
    }
    return 1;
}

/* Orientation k says where the stored rows and columns run: 2 mirrored, 3 half a turn, 4 upside down and
 * mirrored, 5 to 8 transposed and then as (5) nothing, (6) mirrored, (7) half a turn, (8) upside down. */
lk_status lk_image_turn(const char *name, int orientation, lk_decoding *decoding)
{
    if (orientation < 2 || orientation > 8) return LK_OK;
    lk_image *stored = decoding->image;
    const bool transpose = orientation >= 5;
    const bool from_right = orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
    const bool from_bottom = orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
    const lk_status status = lk_image_create(name, transpose ? stored->height : stored->width,
                                             transpose ? stored->width : stored->height, &decoding->other);
    if (status != LK_OK) return status;
    lk_image *turned = decoding->other;
    uint8_t *to = turned->pixels;
    for (size_t y = 0; y < turned->height; y++) {
        for (size_t x = 0; x < turned->width; x++, to += 3) {
            const size_t u = from_right ? turned->width - 1 - x : x;
            const size_t v = from_bottom ? turned->height - 1 - y : y;
            const uint8_t *from =
                stored->pixels + (transpose ? u * stored->width + v : v * stored->width + u) * 3;
            to[0] = from[0], to[1] = from[1], to[2] = from[2];
        }
    }
    decoding->image = turned;
    decoding->other = stored;
    return LK_OK;
}
