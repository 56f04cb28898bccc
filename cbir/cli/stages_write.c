/* A trace as a folder of .npy files and an index, trace.json, which is written last: a folder without it is
 * no trace. */
#include <errno.h>
#include <jansson.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "cbir/cli/cli.h"
#include "cbir/cli/stages.h"
#include "cbir/json.h"

typedef struct {
    const char *folder;
    bool made;     /* the folder is ours */
    json_t *index; /* the stages written so far */
} writing;

static lk_status path_in(const writing *w, const char *file, char path[4096])
{
    if (snprintf(path, 4096, "%s/%s", w->folder, file) < 4096) return LK_OK;
    return lk_fail(LK_ERROR_LIMIT, "%s: its path is too long", w->folder);
}

/* "features.0.0.npy": Paddle's names hold no slash, and one from elsewhere must not lead out of the folder.
 */
static void file_name(const char *stage, char name[160])
{
    snprintf(name, 160, "%.150s.npy", stage);
    for (char *c = name; *c; c++)
        if (*c == '/') *c = '_';
}

static unsigned long checksum(const lk_npy *array)
{
    char header[LK_NPY_HEADER_MAX];
    const size_t length = lk_npy_header(array, header);
    const unsigned long crc = crc32_z(0, (const Bytef *)header, length);
    return crc32_z(crc, array->data, array->count * array->item_bytes);
}

static json_t *entry(const char *name, const char *file, const lk_npy *array, stage_layout layout)
{
    char crc[16];
    json_t *shape = json_array();
    snprintf(crc, sizeof crc, "%08lx", checksum(array));
    for (size_t i = 0; i < array->dims; i++)
        json_array_append_new(shape, json_integer((json_int_t)array->shape[i]));
    return json_pack("{s:s, s:s, s:s, s:o, s:s, s:s}", "name", name, "file", file, "dtype",
                     array->type == LK_NPY_UINT8 ? "uint8" : "float32", "shape", shape, "layout",
                     layout == STAGE_VECTOR ? "vector" : "HWC", "crc32", crc);
}

static lk_status write_stage(writing *w, const stages *s, size_t index)
{
    char path[4096], file[160];
    stage_values values;
    file_name(s->name(s, index), file);
    lk_status status = path_in(w, file, path);
    if (!status) status = s->load(s, index, &values);
    if (status) return status;
    status = lk_npy_write(path, &values.array);
    if (!status) {
        json_t *json = entry(s->name(s, index), file, &values.array, s->layout(s, index));
        if (!json || json_array_append_new(w->index, json))
            status = lk_fail(LK_ERROR_MEMORY, "%s: out of memory", path);
    }
    stage_free(&values);
    if (!status && atomic_load(cli_interrupt())) status = lk_fail(LK_ERROR_INTERRUPTED, "interrupted");
    return status;
}

static json_t *head(const stage_recipe *recipe)
{
    char digits[65];
    const lk_preprocessing *p = &recipe->preprocessing;
    lk_model_sha256(recipe->model, digits);
    return json_pack("{s:i, s:s, s:o, s:b, s:s, s:o}", "format_version", 1, "model_sha256", digits, "photo",
                     cli_json_text(recipe->picture_path), "fused", recipe->fused, "batch_norm",
                     recipe->plan.batch_norm == LK_BATCH_NORM_BATCH ? "batch" : "running", "size",
                     json_pack("[I, I]", (json_int_t)p->height, (json_int_t)p->width));
}

static lk_status write_index(const writing *w, const stage_recipe *recipe)
{
    char path[4096];
    lk_output output;
    lk_status status = path_in(w, "trace.json", path);
    if (!status) status = lk_output_open(path, &output);
    if (status) return status;
    json_t *json = head(recipe);
    if (!json || json_object_set(json, "stages", w->index))
        status = lk_fail(LK_ERROR_MEMORY, "%s: out of memory", path);
    else if (json_dumpf(json, output.stream, LK_JSON_FLAGS | JSON_INDENT(1)) ||
             putc('\n', output.stream) == EOF)
        status = lk_fail(LK_ERROR_IO, "%s: cannot write: %s", path, strerror(errno));
    json_decref(json);
    if (!status) return lk_output_commit(&output);
    lk_output_discard(&output);
    return status;
}

/* Makes the folder, or takes the index away from one that is there: until the new one stands, it is no trace.
 */
static lk_status open_folder(writing *w)
{
    char path[4096];
    const lk_status status = path_in(w, "trace.json", path);
    if (status) return status;
    struct stat about;
    w->made = mkdir(w->folder, 0777) == 0;
    if (!w->made && errno == EEXIST && !stat(w->folder, &about) && !S_ISDIR(about.st_mode)) errno = ENOTDIR;
    if (!w->made && errno != EEXIST)
        return lk_fail(LK_ERROR_IO, "%s: cannot make this folder: %s", w->folder, strerror(errno));
    if (unlink(path) && errno != ENOENT)
        return lk_fail(LK_ERROR_IO, "%s: cannot remove: %s", path, strerror(errno));
    return LK_OK;
}

static void undo(const writing *w)
{
    char path[4096];
    for (size_t i = 0; i < json_array_size(w->index); i++) {
        const char *file = json_string_value(json_object_get(json_array_get(w->index, i), "file"));
        if (!path_in(w, file, path)) unlink(path);
    }
    if (w->made) rmdir(w->folder);
}

lk_status stages_write(const stages *s, const stage_recipe *recipe, const char *folder)
{
    writing w = {.folder = folder, .index = json_array()};
    if (!w.index) return lk_fail(LK_ERROR_MEMORY, "%s: out of memory", folder);
    cli_patience(true);
    lk_status status = open_folder(&w);
    for (size_t i = 0; !status && i < s->count; i++) status = write_stage(&w, s, i);
    if (!status) status = write_index(&w, recipe);
    if (status) {
        const lk_error error = lk_error_take(status);
        undo(&w);
        status = lk_error_restore(&error);
    }
    cli_patience(false);
    json_decref(w.index);
    return status;
}
