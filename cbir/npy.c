/* Reading .npy: the header is a Python dictionary with three known keys, taken apart by a small scanner. */
#include "cbir/npy.h"

#include <string.h>

#include "base/checked.h"
#include "base/error.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               ".npy files are read and written as they lie in memory");

/* The header's text, and how far it is read. */
typedef struct {
    const char *at, *end;
} scanner;

static void skip_blanks(scanner *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\t')) s->at++;
}

/* Takes `text` if it comes next. */
static bool take(scanner *s, const char *text)
{
    const size_t length = strlen(text);
    skip_blanks(s);
    if ((size_t)(s->end - s->at) < length || memcmp(s->at, text, length)) return false;
    s->at += length;
    return true;
}

static bool take_size(scanner *s, size_t *value)
{
    size_t number = 0;
    skip_blanks(s);
    const char *start = s->at;
    for (; s->at < s->end && *s->at >= '0' && *s->at <= '9'; s->at++)
        if (!lk_multiply(number, 10, &number) || !lk_add(number, (size_t)(*s->at - '0'), &number))
            return false;
    *value = number;
    return s->at > start;
}

/* A Python string without escapes, in either kind of quotes. */
static bool take_string(scanner *s, char *text, size_t size)
{
    skip_blanks(s);
    if (s->at == s->end || (*s->at != '\'' && *s->at != '"')) return false;
    const char *start = s->at + 1;
    const char *close = memchr(start, *s->at, (size_t)(s->end - start));
    if (!close || (size_t)(close - start) >= size) return false;
    memcpy(text, start, (size_t)(close - start));
    text[close - start] = 0;
    s->at = close + 1;
    return true;
}

static bool take_shape(scanner *s, lk_npy *array)
{
    if (!take(s, "(")) return false;
    for (array->dims = 0; !take(s, ")"); array->dims++) {
        if (array->dims == LK_NPY_MAX_DIMS || !take_size(s, &array->shape[array->dims])) return false;
        take(s, "L"); /* as Python 2 wrote it */
        if (!take(s, ",")) {
            array->dims++;
            return array->dims > 1 && take(s, ")"); /* (3) is a number, not a tuple */
        }
    }
    return true;
}

typedef struct {
    char descr[32];
    bool fortran, seen_descr, seen_order, seen_shape;
} header_text;

static bool take_entry(scanner *s, header_text *header, lk_npy *array)
{
    char key[16];
    if (!take_string(s, key, sizeof key) || !take(s, ":")) return false;
    if (!strcmp(key, "descr") && !header->seen_descr)
        return header->seen_descr = take_string(s, header->descr, sizeof header->descr);
    if (!strcmp(key, "shape") && !header->seen_shape) return header->seen_shape = take_shape(s, array);
    if (strcmp(key, "fortran_order") != 0 || header->seen_order) return false;
    header->seen_order = true;
    header->fortran = take(s, "True");
    return header->fortran || take(s, "False");
}

static bool take_header(scanner *s, header_text *header, lk_npy *array)
{
    if (!take(s, "{")) return false;
    while (!take(s, "}")) {
        if (!take_entry(s, header, array)) return false;
        if (!take(s, ",")) {
            if (!take(s, "}")) return false;
            break;
        }
    }
    skip_blanks(s);
    return s->at == s->end && header->seen_descr && header->seen_order && header->seen_shape;
}

static const struct {
    const char *descr;
    lk_npy_type type;
    size_t item_bytes;
} types[] = {
    {"<f4", LK_NPY_FLOAT32, 4}, {"<f8", LK_NPY_FLOAT64, 8}, {"|b1", LK_NPY_BOOL, 1},
    {"|i1", LK_NPY_INT8, 1},    {"|u1", LK_NPY_UINT8, 1},   {"<i2", LK_NPY_INT16, 2},
    {"<u2", LK_NPY_UINT16, 2},  {"<i4", LK_NPY_INT32, 4},   {"<u4", LK_NPY_UINT32, 4},
    {"<i8", LK_NPY_INT64, 8},   {"<u8", LK_NPY_UINT64, 8},
};

static lk_status set_type(const header_text *header, const char *name, lk_npy *array)
{
    for (size_t i = 0; i < LK_COUNT(types); i++) {
        if (strcmp(header->descr, types[i].descr) != 0) continue;
        array->type = types[i].type;
        array->item_bytes = types[i].item_bytes;
        return LK_OK;
    }
    scanner text = {header->descr, header->descr + strlen(header->descr)};
    size_t characters;
    if (take(&text, "<U") && take_size(&text, &characters) && text.at == text.end &&
        lk_multiply(characters, 4, &array->item_bytes)) {
        array->type = LK_NPY_UNICODE;
        return LK_OK;
    }
    return lk_fail(LK_ERROR_UNSUPPORTED,
                   "%s: its values are '%s'; Likeness reads little-endian numbers and texts", name,
                   header->descr);
}

/* The file's prefix: magic, version, and a header length of two bytes (version 1) or four. */
static lk_status find_header(const unsigned char *bytes, size_t size, const char *name, scanner *header)
{
    if (size < 10 || memcmp(bytes, "\x93NUMPY", 6) != 0)
        return lk_fail(LK_ERROR_FORMAT, "%s: not a .npy file", name);
    const unsigned version = bytes[6];
    if (version < 1 || version > 3 || bytes[7])
        return lk_fail(LK_ERROR_UNSUPPORTED, "%s: .npy version %u.%u; 1.0 to 3.0 are read", name, version,
                       bytes[7]);
    size_t prefix = 10, length = bytes[8] | (size_t)bytes[9] << 8;
    if (version > 1) {
        if (size < 12) return lk_fail(LK_ERROR_FORMAT, "%s: cut short in its header", name);
        prefix = 12;
        length |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
    }
    if (length > size - prefix)
        return lk_fail(LK_ERROR_FORMAT, "%s: its header is %zu bytes long, the file %zu", name, length, size);
    *header = (scanner){(const char *)bytes + prefix, (const char *)bytes + prefix + length};
    return LK_OK;
}

lk_status lk_npy_parse(const void *bytes, size_t size, const char *name, lk_npy *array)
{
    scanner s = {0};
    header_text header = {0};
    lk_npy parsed = {.count = 1};
    size_t wanted;
    lk_status status = find_header(bytes, size, name, &s);
    if (status) return status;
    if (!take_header(&s, &header, &parsed))
        return lk_fail(LK_ERROR_FORMAT, "%s: its .npy header is not descr, fortran_order and shape", name);
    status = set_type(&header, name, &parsed);
    if (status) return status;
    if (header.fortran && parsed.dims > 1)
        return lk_fail(LK_ERROR_UNSUPPORTED, "%s: in Fortran order; save numpy.ascontiguousarray of it",
                       name);
    parsed.data = (const unsigned char *)s.end;
    for (size_t i = 0; i < parsed.dims; i++)
        if (!lk_multiply(parsed.count, parsed.shape[i], &parsed.count))
            return lk_fail(LK_ERROR_FORMAT, "%s: its shape is too large for any file", name);
    const size_t there = size - (size_t)(parsed.data - (const unsigned char *)bytes);
    if (!lk_multiply(parsed.count, parsed.item_bytes, &wanted) || wanted != there)
        return lk_fail(LK_ERROR_FORMAT,
                       "%s: its header asks for %zu values of %zu bytes, and %zu bytes follow", name,
                       parsed.count, parsed.item_bytes, there);
    *array = parsed;
    return LK_OK;
}
