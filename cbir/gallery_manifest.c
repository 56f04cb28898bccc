#include "cbir/gallery_manifest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "cbir/gallery_folder.h"
#include "cbir/gallery_path.h"
#include "cbir/gallery_rows.h"
#include "cbir/json.h"

enum { FORMAT_VERSION = 1 };

void lk_deleted_name(const lk_side_file *file, char name[32])
{
    snprintf(name, 32, "deleted-%08x.json", file->sum.crc32);
}

void lk_failed_name(const lk_side_file *file, char name[32])
{
    snprintf(name, 32, "failed-%08x.jsonl", file->sum.crc32);
}

void lk_manifest_close(lk_manifest *manifest)
{
    lk_free(manifest->segments);
    lk_free(manifest->model_path);
    lk_free(manifest->projection_path);
    json_decref(manifest->recipe);
    json_decref(manifest->labels);
    *manifest = (lk_manifest){0};
}

bool lk_manifest_add_segment(lk_manifest *manifest, const lk_segment_entry *segment)
{
    void *segments = manifest->segments;
    if (!lk_grow(&segments, &manifest->segment_capacity, manifest->segment_count + 1, sizeof *segment))
        return false;
    manifest->segments = segments;
    manifest->segments[manifest->segment_count++] = *segment;
    manifest->rows += segment->rows;
    return true;
}

/* ------------------------------------------------------------------ Reading: each returns what is wrong, or
 * NULL */

static bool get_size(const json_t *json, const char *key, size_t least, size_t most, size_t *value)
{
    const json_t *number = json_object_get(json, key);
    const json_int_t found = json_integer_value(number);
    if (!json_is_integer(number) || found < 0 || (size_t)found < least || (size_t)found > most) return false;
    *value = (size_t)found;
    return true;
}

static bool get_sum(const json_t *json, lk_file_sum *sum)
{
    size_t bytes;
    const char *digits = json_string_value(json_object_get(json, "crc32"));
    if (!digits || strlen(digits) != 8 || strspn(digits, "0123456789abcdef") != 8) return false;
    if (!get_size(json, "bytes", 0, SIZE_MAX / 2, &bytes)) return false;
    sum->bytes = bytes;
    sum->crc32 = (uint32_t)strtoul(digits, NULL, 16);
    return true;
}

/* The number that a segment's name begins with; 0: it is no name. Nothing but digits and one '-' can lead
 * astray. */
static unsigned long segment_number(const char *name)
{
    const size_t digits = strspn(name, "0123456789"), length = strlen(name);
    if (digits < 6 || digits > 18 || length >= sizeof((lk_segment_entry *)0)->name) return 0;
    if (name[digits] &&
        (name[digits] != '-' || strspn(name + digits + 1, "0123456789") != length - digits - 1))
        return 0;
    return strtoul(name, NULL, 10);
}

static const char *read_segment(const json_t *json, unsigned long *number, lk_manifest *m)
{
    lk_segment_entry segment = {0};
    const char *name = json_string_value(json_object_get(json, "name"));
    const json_t *files = json_object_get(json, "files");
    size_t rows;
    if (!name || segment_number(name) <= *number)
        return "a segment's name is none, or not above the one before";
    *number = segment_number(name);
    strcpy(segment.name, name);
    if (!get_size(json, "rows", 1, SIZE_MAX / 2, &segment.rows) || !lk_add(m->rows, segment.rows, &rows) ||
        rows > SIZE_MAX / 2)
        return "a segment's rows are no number";
    if (!get_sum(json_object_get(files, "features.npy"), &segment.features) ||
        !get_sum(json_object_get(files, "rows.jsonl"), &segment.lines) ||
        (m->raw_dim && !get_sum(json_object_get(files, "raw.npy"), &segment.raw)))
        return "a segment's file lacks its bytes or crc32";
    return lk_manifest_add_segment(m, &segment) ? NULL : "";
}

static const char *read_segments(const json_t *json, lk_manifest *m)
{
    const char *fault = json_is_array(json) ? NULL : "'segments' is missing";
    unsigned long number = 0;
    for (size_t i = 0; !fault && i < json_array_size(json); i++)
        fault = read_segment(json_array_get(json, i), &number, m);
    return fault;
}

static const char *read_side(const json_t *root, const char *key, lk_side_file *side)
{
    const json_t *json = json_object_get(root, key);
    if (!json || (get_size(json, "count", 1, SIZE_MAX / 2, &side->count) && get_sum(json, &side->sum)))
        return NULL;
    return "'deleted' or 'failed' lacks count, bytes or crc32";
}

static const char *read_task(const json_t *json, lk_gallery_task *task)
{
    if (!json) return NULL;
    const char *kind = json_string_value(json_object_get(json, "kind")),
               *sha256 = json_string_value(json_object_get(json, "list_sha256"));
    if (!kind || !*kind || strlen(kind) >= sizeof task->kind || !lk_is_sha256(sha256) ||
        !get_size(json, "items", 0, SIZE_MAX / 2, &task->items) ||
        !get_size(json, "done", 0, task->items, &task->done) ||
        !get_size(json, "base", 0, SIZE_MAX / 2, &task->base))
        return "'task' is not kind, list_sha256, items, done and base";
    strcpy(task->kind, kind);
    strcpy(task->list_sha256, sha256);
    task->finished = json_is_true(json_object_get(json, "finished"));
    return NULL;
}

static const char *read_model(const json_t *json, lk_manifest *m)
{
    if (!json) return NULL;
    const char *path = json_string_value(json_object_get(json, "path")),
               *sha256 = json_string_value(json_object_get(json, "sha256"));
    if (!path || !*path || !lk_is_sha256(sha256)) return "'model' is not path and sha256";
    strcpy(m->model_sha256, sha256);
    m->model_path = lk_copy_text(path);
    return m->model_path ? NULL : "";
}

static const char *read_projection(const json_t *json, lk_manifest *m)
{
    if (!json) return NULL;
    const char *path = json_string_value(json);
    if (!path || !*path) return "'projection' is no path";
    m->projection_path = lk_copy_text(path);
    return m->projection_path ? NULL : "";
}

static const char *read_shape(const json_t *root, lk_manifest *m)
{
    const char *type = json_string_value(json_object_get(root, "type"));
    m->bits = type && !strcmp(type, "bits");
    if (!type || (!m->bits && strcmp(type, "float32") != 0)) return "'type' is neither float32 nor bits";
    if (!get_size(root, "dim", 1, LK_GALLERY_MAX_DIM, &m->dim)) return "'dim' is no number of values";
    if (json_object_get(root, "raw_dim") && !get_size(root, "raw_dim", 1, LK_GALLERY_MAX_DIM, &m->raw_dim))
        return "'raw_dim' is no number of values";
    if (!get_size(root, "segment_rows", 1, SIZE_MAX / 2, &m->segment_rows))
        return "'segment_rows' is no number of rows";
    return NULL;
}

/* "" is what is wrong when memory is short. */
static const char *read_all(json_t *root, lk_manifest *m)
{
    m->recipe = json_incref(json_object_get(root, "recipe"));
    m->labels = json_incref(json_object_get(root, "labels"));
    if (m->recipe && !json_is_object(m->recipe)) return "'recipe' is no object";
    if (m->labels && !json_is_object(m->labels)) return "'labels' is no object";
    const char *fault = read_shape(root, m);
    if (!fault) fault = read_segments(json_object_get(root, "segments"), m);
    if (!fault) fault = read_side(root, "deleted", &m->deleted);
    if (!fault) fault = read_side(root, "failed", &m->failed);
    if (!fault) fault = read_task(json_object_get(root, "task"), &m->task);
    if (!fault) fault = read_model(json_object_get(root, "model"), m);
    return fault ? fault : read_projection(json_object_get(root, "projection"), m);
}

lk_status lk_manifest_parse(const char *text, size_t size, const char *name, lk_manifest *manifest)
{
    json_t *root = NULL;
    size_t version = 0;
    lk_manifest m = {0};
    lk_status status = lk_json_parse(size ? text : "", size, name, &root);
    if (status) return status;
    if (!get_size(root, "format_version", 1, SIZE_MAX / 2, &version))
        status = lk_fail(LK_ERROR_FORMAT, "%s: not a gallery's manifest: it has no format_version", name);
    else if (version != FORMAT_VERSION)
        status = lk_fail(LK_ERROR_UNSUPPORTED, "%s: gallery format %zu; this Likeness reads %d", name,
                         version, FORMAT_VERSION);
    const char *fault = status ? NULL : read_all(root, &m);
    if (fault)
        status = *fault ? lk_fail(LK_ERROR_FORMAT, "%s: %s", name, fault)
                        : lk_fail(LK_ERROR_MEMORY, "%s: out of memory", name);
    json_decref(root);
    if (status) lk_manifest_close(&m);
    else *manifest = m;
    return status;
}

lk_status lk_manifest_open(const char *gallery, lk_manifest *manifest)
{
    lk_mapping file = {0};
    char *path = lk_join_path(gallery, "manifest.json");
    if (!path) return lk_fail(LK_ERROR_MEMORY, "%s: out of memory", gallery);
    lk_status status = LK_OK;
    if (access(gallery, F_OK)) status = lk_fail(LK_ERROR_IO, "%s: cannot open: %s", gallery, strerror(errno));
    else if (access(path, F_OK) && (errno == ENOENT || errno == ENOTDIR))
        status = lk_fail(LK_ERROR_FORMAT, "%s: not a gallery: it holds no manifest.json", gallery);
    else status = lk_map_file(path, &file);
    if (!status) {
        status = lk_manifest_parse((const char *)file.bytes, file.size, path, manifest);
        lk_unmap(&file);
    }
    lk_free(path);
    return status;
}

/* ------------------------------------------------------------------ Writing */

static json_t *pack_sum(const lk_file_sum *sum)
{
    char digits[16];
    snprintf(digits, sizeof digits, "%08x", sum->crc32);
    return json_pack("{s:I, s:s}", "bytes", (json_int_t)sum->bytes, "crc32", digits);
}

static bool put(json_t *object, const char *key, json_t *value)
{
    return value && !json_object_set_new(object, key, value);
}

static bool put_size(json_t *object, const char *key, size_t value)
{
    return put(object, key, json_integer((json_int_t)value));
}

static json_t *pack_segments(const lk_manifest *m)
{
    json_t *array = json_array();
    bool ok = array;
    for (size_t i = 0; ok && i < m->segment_count; i++) {
        const lk_segment_entry *s = &m->segments[i];
        json_t *files = json_object();
        ok = files && put(files, "features.npy", pack_sum(&s->features)) &&
             put(files, "rows.jsonl", pack_sum(&s->lines)) &&
             (!m->raw_dim || put(files, "raw.npy", pack_sum(&s->raw)));
        ok = !json_array_append_new(array, json_pack("{s:s, s:I, s:o}", "name", s->name, "rows",
                                                     (json_int_t)s->rows, "files", files)) &&
             ok;
    }
    if (ok) return array;
    json_decref(array);
    return NULL;
}

static bool put_side(json_t *root, const char *key, const lk_side_file *side)
{
    if (!side->count) return true;
    json_t *json = pack_sum(&side->sum);
    return json && put_size(json, "count", side->count) && put(root, key, json);
}

static bool put_task(json_t *root, const lk_gallery_task *task)
{
    if (!*task->kind) return true;
    return put(root, "task",
               json_pack("{s:s, s:s, s:I, s:I, s:I, s:b}", "kind", task->kind, "list_sha256",
                         task->list_sha256, "items", (json_int_t)task->items, "done", (json_int_t)task->done,
                         "base", (json_int_t)task->base, "finished", task->finished));
}

static bool put_all(json_t *root, const lk_manifest *m)
{
    bool ok = put_size(root, "format_version", FORMAT_VERSION) && put_size(root, "dim", m->dim) &&
              put(root, "type", json_string(m->bits ? "bits" : "float32")) &&
              put_size(root, "segment_rows", m->segment_rows) && put(root, "segments", pack_segments(m)) &&
              put_side(root, "deleted", &m->deleted) && put_side(root, "failed", &m->failed) &&
              put_task(root, &m->task);
    if (ok && m->raw_dim) ok = put_size(root, "raw_dim", m->raw_dim);
    if (ok && m->recipe) ok = put(root, "recipe", json_incref(m->recipe));
    if (ok && m->labels) ok = put(root, "labels", json_incref(m->labels));
    if (ok && m->projection_path) ok = put(root, "projection", json_string(m->projection_path));
    if (ok && m->model_path)
        ok = put(root, "model", json_pack("{s:s, s:s}", "path", m->model_path, "sha256", m->model_sha256));
    return ok;
}

/* Of the compact text, so that a hand's line breaks do not count. False: no memory. */
static bool sum_of(const json_t *root, char digits[16])
{
    char *text = json_dumps(root, LK_JSON_FLAGS | JSON_COMPACT);
    if (text) snprintf(digits, 16, "%08lx", crc32_z(0, (const unsigned char *)text, strlen(text)));
    const bool summed = text != NULL;
    free(text);
    return summed;
}

lk_status lk_manifest_check_sum(const char *text, size_t size, const char *name)
{
    json_t *root = NULL;
    char wanted[16] = "", digits[16] = "";
    lk_status status = lk_json_parse(size ? text : "", size, name, &root);
    if (status) return status;
    const char *written = json_string_value(json_object_get(root, "crc32"));
    snprintf(wanted, sizeof wanted, "%s", written ? written : "");
    json_object_del(root, "crc32");
    if (!sum_of(root, digits)) status = lk_fail(LK_ERROR_MEMORY, "%s: out of memory", name);
    else if (strcmp(wanted, digits) != 0)
        status = lk_fail(LK_ERROR_FORMAT, "%s: its content has the CRC-32 %s, and was written with %s", name,
                         digits, wanted);
    json_decref(root);
    return status;
}

static lk_status write_text(const json_t *root, const char *path)
{
    lk_output output;
    lk_status status = lk_output_open(path, &output);
    if (status) return status;
    errno = 0;
    if (json_dumpf(root, output.stream, LK_JSON_FLAGS | JSON_INDENT(1)) || putc('\n', output.stream) == EOF) {
        status =
            lk_fail(LK_ERROR_IO, "%s: cannot write: %s", path, errno ? strerror(errno) : "out of memory");
        lk_output_discard(&output);
        return status;
    }
    return lk_output_commit(&output);
}

lk_status lk_manifest_write(const lk_manifest *manifest, const char *gallery)
{
    char digits[16];
    json_t *root = json_object();
    char *path = lk_join_path(gallery, "manifest.json");
    lk_status status = LK_OK;
    if (!root || !path || !put_all(root, manifest) || !sum_of(root, digits) ||
        !put(root, "crc32", json_string(digits)))
        status = lk_fail(LK_ERROR_MEMORY, "%s: out of memory for its manifest", gallery);
    if (!status) status = write_text(root, path);
    if (!status) status = lk_sync_folder(gallery);
    json_decref(root);
    lk_free(path);
    return status;
}
