#include "cbir/gallery_rows.h"

#include <limits.h>
#include <sha256.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "cbir/json.h"

bool lk_is_sha256(const char *text)
{
    return text && strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

/* ------------------------------------------------------------------ Reading */

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Bytes from their digits, with a 0 behind; false for what is none, or holds a 0. */
static bool from_hex(const char *digits, char *bytes)
{
    for (; *digits; digits += 2) {
        const int high = hex_digit(digits[0]), low = high < 0 ? -1 : hex_digit(digits[1]);
        if (low < 0 || !(high | low)) return false;
        *bytes++ = (char)(high << 4 | low);
    }
    *bytes = 0;
    return true;
}

/* What a line's JSON says, the texts still the JSON's. */
typedef struct {
    const char *path, *path_hex, *sha256, *reason;
    const json_t *label, *bytes;
} fields;

static const char *fault_of(const json_t *json, fields *f)
{
    static const char *const names[] = {"path", "path_hex", "sha256", "reason"};
    const char **const texts[] = {&f->path, &f->path_hex, &f->sha256, &f->reason};
    if (!json_is_object(json)) return "not an object";
    for (size_t i = 0; i < 4; i++) {
        const json_t *value = json_object_get(json, names[i]);
        *texts[i] = json_string_value(value);
        if (value && (!*texts[i] || !**texts[i])) return "one of its texts is none";
    }
    f->label = json_object_get(json, "label");
    f->bytes = json_object_get(json, "bytes");
    const json_int_t label = json_integer_value(f->label);
    if (f->path && f->path_hex) return "two paths";
    if (f->sha256 && !lk_is_sha256(f->sha256)) return "'sha256' is no SHA-256";
    if (f->label && (!json_is_integer(f->label) || label < INT_MIN || label > INT_MAX))
        return "'label' is no class";
    if (f->bytes && (!json_is_integer(f->bytes) || json_integer_value(f->bytes) < 0))
        return "'bytes' is no size";
    return NULL;
}

static size_t text_size(const char *text)
{
    return text ? strlen(text) + 1 : 0;
}

static const char *put_text(char **to, const char *text)
{
    if (!text) return NULL;
    const char *start = *to;
    *to = stpcpy(*to, text) + 1;
    return start;
}

static lk_row *build(const fields *f, bool *sound)
{
    const size_t path = text_size(f->path) + text_size(f->path_hex);
    lk_row *row =
        lk_allocate(sizeof *row + path + text_size(f->sha256) + text_size(f->reason), _Alignof(lk_row));
    if (!row) return NULL;
    char *to = (char *)(row + 1);
    row->about = (lk_gallery_row){.has_label = f->label,
                                  .label = (long)json_integer_value(f->label),
                                  .bytes = (uint64_t)json_integer_value(f->bytes),
                                  .sha256 = put_text(&to, f->sha256)};
    row->reason = put_text(&to, f->reason);
    row->about.path = f->path_hex ? to : put_text(&to, f->path);
    *sound = !f->path_hex || from_hex(f->path_hex, to);
    return row;
}

lk_status lk_row_parse(const char *text, size_t length, const char *file, size_t number, lk_row **row)
{
    char where[512];
    fields f;
    json_t *json = NULL;
    lk_row *built = NULL;
    snprintf(where, sizeof where, "%s:%zu", file, number);
    lk_status status = lk_json_parse(text, length, where, &json);
    if (status) return status;
    const char *fault = fault_of(json, &f);
    if (!fault) {
        bool sound = true;
        built = build(&f, &sound);
        if (!built) status = lk_fail(LK_ERROR_MEMORY, "%s: out of memory", where);
        else if (!sound) fault = "'path_hex' is no path";
    }
    if (fault) status = lk_fail(LK_ERROR_FORMAT, "%s: %s", where, fault);
    json_decref(json);
    if (status) lk_free(built);
    else *row = built;
    return status;
}

lk_status lk_row_offsets(const void *bytes, size_t size, size_t rows, const char *file, size_t **offsets)
{
    const char *start = bytes, *at = start, *end = size ? start + size : start;
    /* a line is two bytes at least: no more memory than the file's own size asks for */
    size_t *found = rows <= size / 2 ? lk_allocate_array(rows + 1, sizeof *found) : NULL;
    size_t count = 0;
    if (!found && rows <= size / 2) return lk_fail(LK_ERROR_MEMORY, "%s: out of memory", file);
    for (; found && at < end && count < rows; count++) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        if (!line_end) break;
        at = line_end + 1;
        found[count + 1] = (size_t)(at - start);
    }
    if (!found || count != rows || at != end) {
        lk_free(found);
        return lk_fail(LK_ERROR_FORMAT, "%s: it does not hold the %zu lines that the manifest says", file,
                       rows);
    }
    *offsets = found;
    return LK_OK;
}

/* ------------------------------------------------------------------ Writing */

/* The path as it stands, or its bytes' digits under another name. False: no memory. */
static bool set_path(json_t *json, const char *path)
{
    json_t *text = json_string(path); /* NULL for what is not UTF-8 */
    if (text) return !json_object_set_new(json, "path", text);
    const size_t length = strlen(path);
    char *digits = lk_allocate(2 * length + 1, 1);
    if (!digits) return false;
    for (size_t i = 0; i < length; i++) sprintf(digits + 2 * i, "%02x", (unsigned char)path[i]);
    const bool set = !json_object_set_new(json, "path_hex", json_string(digits));
    lk_free(digits);
    return set;
}

/* A reason may name a path of any bytes: what is not UTF-8 goes. */
static json_t *plain_text(const char *text)
{
    json_t *json = json_string(text);
    if (json) return json;
    char *plain = lk_copy_text(text);
    for (char *c = plain; c && *c; c++)
        if (*c & 0x80) *c = '?';
    json = plain ? json_string(plain) : NULL;
    lk_free(plain);
    return json;
}

static bool fill(json_t *json, const lk_gallery_row *row, const char *reason)
{
    bool ok = true;
    if (row->path) ok &= set_path(json, row->path);
    if (row->has_label) ok &= !json_object_set_new(json, "label", json_integer(row->label));
    if (row->sha256) {
        ok &= !json_object_set_new(json, "sha256", json_string(row->sha256));
        ok &= !json_object_set_new(json, "bytes", json_integer((json_int_t)row->bytes));
    }
    if (reason) ok &= !json_object_set_new(json, "reason", plain_text(reason));
    return ok;
}

lk_status lk_row_format(const lk_gallery_row *row, const char *reason, char **line)
{
    json_t *json = json_object();
    char *made = NULL;
    const size_t flags = LK_JSON_FLAGS | JSON_COMPACT;
    if (json && fill(json, row, reason)) {
        const size_t length = json_dumpb(json, NULL, 0, flags);
        made = lk_allocate(length + 2, 1);
        if (made && json_dumpb(json, made, length, flags) == length) made[length] = '\n';
    }
    json_decref(json);
    if (!made) return lk_fail(LK_ERROR_MEMORY, "out of memory for a row's line");
    *line = made;
    return LK_OK;
}

lk_status lk_picture_digest(const char *path, char sha256[65], uint64_t *bytes)
{
    lk_mapping file;
    const lk_status status = lk_map_file(path, &file);
    if (status) return status;
    SHA256Data(file.size ? file.bytes : (const uint8_t *)"", file.size, sha256);
    *bytes = file.size;
    lk_unmap(&file);
    return LK_OK;
}
