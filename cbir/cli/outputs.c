#include "cbir/cli/outputs.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"

static char *join(const char *head, size_t head_length, const char *tail)
{
    char *text = lk_allocate(head_length + strlen(tail) + 1, 1);
    if (!text) return NULL;
    memcpy(text, head, head_length);
    strcpy(text + head_length, tail);
    return text;
}

static lk_status no_memory(const char *path)
{
    return lk_fail(LK_ERROR_MEMORY, "%s: out of memory", path);
}

/* ------------------------------------------------------------------ The folder */

/* mkdir -p of the folder that `path` lies in; *made becomes the first that was made. */
static lk_status make_folders(const char *path, char **made)
{
    char *folder = lk_copy_text(path);
    if (!folder) return no_memory(path);
    lk_status status = LK_OK;
    for (char *slash = strchr(folder + 1, '/'); !status && slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (mkdir(folder, 0777) == 0) {
            if (!*made) *made = lk_copy_text(folder);
        } else if (errno != EEXIST) {
            status = lk_fail(LK_ERROR_IO, "%s: cannot make this folder: %s", folder, strerror(errno));
        }
        *slash = '/';
    }
    lk_free(folder);
    return status;
}

/* Removes the folders from the one that holds `path` up to the first that was made, while they are empty. */
static void remove_folders(const char *path, const char *made)
{
    char *folder = lk_copy_text(path);
    for (char *slash; folder && (slash = strrchr(folder, '/')) && slash != folder;) {
        *slash = 0;
        if (strlen(folder) < strlen(made) || rmdir(folder)) break;
    }
    lk_free(folder);
}

/* ------------------------------------------------------------------ Opening */

/* A rename over a device or a folder would be a surprise. */
static lk_status check_target(const char *path)
{
    struct stat about;
    if (!stat(path, &about) && !S_ISREG(about.st_mode))
        return lk_fail(LK_ERROR_IO, "%s: cannot write: not a regular file", path);
    return LK_OK;
}

static lk_status open_beside(const outputs *out, const char *ending, lk_output *output)
{
    char *path = join(out->stem, strlen(out->stem), ending);
    if (!path) return no_memory(out->stem);
    lk_status status = check_target(path);
    if (!status) status = lk_output_open(path, output);
    lk_free(path);
    return status;
}

static lk_status open_study(outputs *out, const char *path, const char *name, size_t columns)
{
    const char *slash = strrchr(path, '/');
    char *folder = join(path, slash ? (size_t)(slash - path) + 1 : 0, name);
    char *whole = folder ? join(folder, strlen(folder), ".npy") : NULL;
    lk_status status = whole ? check_target(whole) : no_memory(path);
    if (!status) status = lk_npy_writer_open(whole, columns, &out->study);
    out->has_study = !status;
    lk_free(whole);
    lk_free(folder);
    return status;
}

lk_status outputs_open(outputs *out, const char *path, const char *study, size_t columns)
{
    *out = (outputs){0};
    out->stem = join(path, strlen(path) - strlen(".npy"), "");
    if (!out->stem) return no_memory(path);
    lk_status status = make_folders(path, &out->made_folders);
    if (!status) status = check_target(path);
    if (!status) status = lk_npy_writer_open(path, columns, &out->matrix);
    if (!status) status = open_beside(out, ".tsv", &out->rows);
    if (!status) status = open_beside(out, ".skipped.tsv", &out->skipped);
    if (!status && study) status = open_study(out, path, study, columns);
    if (status) outputs_discard(out);
    return status;
}

void outputs_discard(outputs *out)
{
    lk_npy_writer_discard(&out->matrix);
    lk_npy_writer_discard(&out->study);
    lk_output_discard(&out->rows);
    lk_output_discard(&out->skipped);
    if (out->made_folders) remove_folders(out->stem, out->made_folders);
    lk_free(out->made_folders);
    lk_free(out->stem);
    *out = (outputs){0};
}

/* ------------------------------------------------------------------ Rows */

static lk_status write_failed(const lk_output *output)
{
    return lk_fail(LK_ERROR_IO, "%s: cannot write: %s", output->path, strerror(errno));
}

lk_status outputs_add(outputs *out, const lk_list_item *item, const float *values)
{
    if (!lk_list_write_item(item, out->rows.stream)) return write_failed(&out->rows);
    lk_status status = lk_npy_writer_add(&out->matrix, values);
    if (!status && out->has_study) status = lk_npy_writer_add(&out->study, values);
    return status;
}

lk_status outputs_skip(outputs *out, const lk_list_item *item, const char *reason)
{
    if (fprintf(out->skipped.stream, "%s\t%s\n", item->path, reason) < 0) return write_failed(&out->skipped);
    out->skipped_count++;
    return LK_OK;
}

/* ------------------------------------------------------------------ The end */

static lk_status sync_output(const lk_output *output)
{
    errno = 0;
    if (fflush(output->stream) || ferror(output->stream) || fsync(fileno(output->stream)))
        return lk_fail(LK_ERROR_IO, "%s: cannot write: %s", output->path,
                       errno ? strerror(errno) : "an earlier write failed");
    return LK_OK;
}

static lk_status finish_files(outputs *out, const lk_recipe *recipe, lk_output *recipe_file)
{
    lk_status status = lk_recipe_write(recipe, recipe_file->stream, recipe_file->path);
    if (!status) status = lk_npy_writer_finish(&out->matrix);
    if (!status && out->has_study) status = lk_npy_writer_finish(&out->study);
    if (!status) status = sync_output(&out->matrix.output);
    if (!status && out->has_study) status = sync_output(&out->study.output);
    if (!status) status = sync_output(&out->rows);
    if (!status) status = sync_output(&out->skipped);
    return status ? status : sync_output(recipe_file);
}

/* A list of skipped pictures from an earlier run must not stay beside a run without any. */
static lk_status commit_skipped(outputs *out)
{
    if (out->skipped_count) return lk_output_commit(&out->skipped);
    if (unlink(out->skipped.path) && errno != ENOENT)
        return lk_fail(LK_ERROR_IO, "%s: cannot remove: %s", out->skipped.path, strerror(errno));
    lk_output_discard(&out->skipped);
    return LK_OK;
}

static lk_status commit_files(outputs *out, lk_output *recipe_file)
{
    lk_status status = lk_output_commit(&out->rows);
    if (!status) status = commit_skipped(out);
    if (!status) status = lk_output_commit(recipe_file);
    if (!status && out->has_study) status = lk_npy_writer_commit(&out->study);
    if (!status) status = lk_npy_writer_commit(&out->matrix);
    return status;
}

lk_status outputs_commit(outputs *out, const lk_recipe *recipe)
{
    lk_output recipe_file = {0};
    lk_status status = open_beside(out, ".recipe.json", &recipe_file);
    if (!status) status = finish_files(out, recipe, &recipe_file);
    if (!status) status = commit_files(out, &recipe_file);
    lk_output_discard(&recipe_file);
    if (!status) { /* what was made stays */
        lk_free(out->made_folders);
        out->made_folders = NULL;
    }
    outputs_discard(out);
    return status;
}
