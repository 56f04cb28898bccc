/* Stages that were written before: a trace folder, or a golden .npz. */
#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "cbir/cli/stages.h"
#include "cbir/npz.h"

void stage_free(stage_values *values)
{
    lk_free(values->memory);
    *values = (stage_values){0};
}

void stages_close(stages **s)
{
    if (*s) (*s)->close(*s);
    *s = NULL;
}

/* ------------------------------------------------------------------ .npz */

typedef struct {
    stages base;
    lk_npz *npz;
} npz_stages;

static const char *npz_name(const stages *s, size_t index)
{
    return lk_npz_name(((const npz_stages *)s)->npz, index);
}

static stage_layout npz_layout(const stages *s, size_t index)
{
    (void)s, (void)index;
    return STAGE_BY_SHAPE;
}

static lk_status npz_load(const stages *s, size_t index, stage_values *values)
{
    lk_npz_array loaded;
    const lk_status status = lk_npz_load(((const npz_stages *)s)->npz, index, &loaded);
    if (!status) *values = (stage_values){loaded.array, loaded.memory};
    return status;
}

/* A golden of one photo names it in a text array. */
static bool npz_photo(const stages *s, char *text, size_t size)
{
    stage_values values;
    size_t index;
    if (!lk_npz_find(((const npz_stages *)s)->npz, "photo", &index) || npz_load(s, index, &values))
        return false;
    const bool known = lk_npy_text(&values.array, 0, text, size);
    stage_free(&values);
    return known;
}

static void npz_close(stages *s)
{
    lk_npz_close(&((npz_stages *)s)->npz);
    lk_free(s);
}

lk_status stages_open_npz(const char *path, stages **s)
{
    npz_stages *n = lk_allocate_array(1, sizeof *n);
    if (!n) return lk_fail(LK_ERROR_MEMORY, "%s: out of memory", path);
    n->base = (stages){.source = path,
                       .name = npz_name,
                       .layout = npz_layout,
                       .load = npz_load,
                       .photo = npz_photo,
                       .close = npz_close};
    const lk_status status = lk_npz_open(path, &n->npz);
    if (status) {
        lk_free(n);
    } else {
        n->base.count = lk_npz_count(n->npz);
        *s = &n->base;
    }
    return status;
}

/* ------------------------------------------------------------------ A trace folder */

typedef struct {
    stages base;
    json_t *index; /* trace.json, checked: every stage has a name, a file, a layout and a CRC-32 */
} folder_stages;

static const char *entry_text(const stages *s, size_t index, const char *key)
{
    const json_t *list = json_object_get(((const folder_stages *)s)->index, "stages");
    return json_string_value(json_object_get(json_array_get(list, index), key));
}

static const char *folder_name(const stages *s, size_t index)
{
    return entry_text(s, index, "name");
}

static stage_layout folder_layout(const stages *s, size_t index)
{
    return strcmp(entry_text(s, index, "layout"), "HWC") != 0 ? STAGE_VECTOR : STAGE_HWC;
}

/* The file is copied, as values outlive the call and a mapping would have to be kept beside them. */
static lk_status folder_load(const stages *s, size_t index, stage_values *values)
{
    char path[4096];
    lk_mapping file;
    lk_npy array;
    if (snprintf(path, sizeof path, "%s/%s", s->source, entry_text(s, index, "file")) >= (int)sizeof path)
        return lk_fail(LK_ERROR_LIMIT, "%s: its path is too long", s->source);
    lk_status status = lk_map_file(path, &file);
    if (status) return status;
    char crc[16];
    snprintf(crc, sizeof crc, "%08lx", crc32_z(0, file.bytes, file.size));
    unsigned char *copy = lk_allocate(file.size, 1);
    if (!copy) status = lk_fail(LK_ERROR_MEMORY, "%s: out of memory", path);
    else if (strcmp(crc, entry_text(s, index, "crc32")) != 0)
        status = lk_fail(LK_ERROR_FORMAT, "%s: its CRC-32 is %s, trace.json says %s", path, crc,
                         entry_text(s, index, "crc32"));
    else if (file.size) memcpy(copy, file.bytes, file.size);
    if (!status) status = lk_npy_parse(copy, file.size, path, &array);
    lk_unmap(&file);
    if (status) lk_free(copy);
    else *values = (stage_values){array, copy};
    return status;
}

static bool folder_photo(const stages *s, char *text, size_t size)
{
    const char *photo = json_string_value(json_object_get(((const folder_stages *)s)->index, "photo"));
    if (!photo) return false;
    const char *slash = strrchr(photo, '/');
    snprintf(text, size, "%s", slash ? slash + 1 : photo);
    return true;
}

static void folder_close(stages *s)
{
    json_decref(((folder_stages *)s)->index);
    lk_free(s);
}

/* A file's name in the index must stay inside the folder. */
static bool is_entry(const json_t *entry)
{
    const char *name = NULL, *file = NULL, *layout = NULL, *crc = NULL;
    return !json_unpack((json_t *)(size_t)entry, "{s:s, s:s, s:s, s:s}", "name", &name, "file", &file,
                        "layout", &layout, "crc32", &crc) &&
           !strchr(file, '/') && (!strcmp(layout, "HWC") || !strcmp(layout, "vector"));
}

static lk_status read_index(const char *folder, json_t **index)
{
    char path[4096];
    lk_mapping file;
    if (snprintf(path, sizeof path, "%s/trace.json", folder) >= (int)sizeof path)
        return lk_fail(LK_ERROR_LIMIT, "%s: its path is too long", folder);
    lk_status status = lk_map_file(path, &file);
    if (status) return status;
    json_t *json = NULL;
    status = lk_json_parse(file.size ? (const char *)file.bytes : "", file.size, path, &json);
    lk_unmap(&file);
    if (status) return status;
    const json_t *list = json_object_get(json, "stages");
    bool sound = json_is_array(list) && json_array_size(list) > 0;
    for (size_t i = 0; sound && i < json_array_size(list); i++) sound = is_entry(json_array_get(list, i));
    if (!sound) {
        json_decref(json);
        return lk_fail(LK_ERROR_FORMAT, "%s: not the index of a trace", path);
    }
    *index = json;
    return LK_OK;
}

lk_status stages_open_folder(const char *path, stages **s)
{
    folder_stages *f = lk_allocate_array(1, sizeof *f);
    if (!f) return lk_fail(LK_ERROR_MEMORY, "%s: out of memory", path);
    f->base = (stages){.source = path,
                       .name = folder_name,
                       .layout = folder_layout,
                       .load = folder_load,
                       .photo = folder_photo,
                       .close = folder_close};
    const lk_status status = read_index(path, &f->index);
    if (status) {
        lk_free(f);
    } else {
        f->base.count = json_array_size(json_object_get(f->index, "stages"));
        *s = &f->base;
    }
    return status;
}

lk_status stages_open_path(const char *path, stages **s)
{
    struct stat about;
    if (stat(path, &about)) return lk_fail(LK_ERROR_IO, "%s: cannot open: %s", path, strerror(errno));
    return S_ISDIR(about.st_mode) ? stages_open_folder(path, s) : stages_open_npz(path, s);
}
