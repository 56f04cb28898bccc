#include "cbir/cli/output_matrix.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"

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

lk_status outputs_open(outputs *out, const outputs_options *options)
{
    *out = (outputs){0};
    out->stem = outputs_join(options->path, strlen(options->path) - strlen(".npy"), "");
    out->matrices = lk_allocate_array(options->count, sizeof *out->matrices);
    lk_status status = out->stem && out->matrices ? make_folders(options->path, &out->made_folders)
                                                  : no_memory(options->path);
    for (; !status && out->count < options->count; out->count++) {
        status = output_matrix_open(&out->matrices[out->count], options, out->count);
        if (status) output_matrix_discard(&out->matrices[out->count]);
    }
    if (!status) status = outputs_open_beside(out->stem, ".tsv", &out->rows);
    if (!status) status = outputs_open_beside(out->stem, ".skipped.tsv", &out->skipped);
    if (status) outputs_discard(out);
    return status;
}

void outputs_discard(outputs *out)
{
    for (size_t i = 0; i < out->count; i++) output_matrix_discard(&out->matrices[i]);
    lk_output_discard(&out->rows);
    lk_output_discard(&out->skipped);
    if (out->made_folders) remove_folders(out->stem, out->made_folders);
    lk_free(out->made_folders);
    lk_free(out->matrices);
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
    lk_status status = LK_OK;
    for (size_t i = 0; !status && i < out->count; i++) {
        status = output_matrix_add(&out->matrices[i], values);
        values += out->matrices[i].values;
    }
    return status;
}

lk_status outputs_skip(outputs *out, const lk_list_item *item, const char *reason)
{
    if (fprintf(out->skipped.stream, "%s\t%s\n", item->path, reason) < 0) return write_failed(&out->skipped);
    out->skipped_count++;
    return LK_OK;
}

/* ------------------------------------------------------------------ The end */

lk_status outputs_sync(const lk_output *output)
{
    errno = 0;
    if (fflush(output->stream) || ferror(output->stream) || fsync(fileno(output->stream)))
        return lk_fail(LK_ERROR_IO, "%s: cannot write: %s", output->path,
                       errno ? strerror(errno) : "an earlier write failed");
    return LK_OK;
}

static lk_status finish_files(outputs *out)
{
    lk_status status = outputs_sync(&out->rows);
    if (!status) status = outputs_sync(&out->skipped);
    for (size_t i = 0; !status && i < out->count; i++) status = output_matrix_finish(&out->matrices[i]);
    return status;
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

static lk_status commit_files(outputs *out)
{
    lk_status status = lk_output_commit(&out->rows);
    if (!status) status = commit_skipped(out);
    for (size_t i = 0; !status && i < out->count; i++) status = output_matrix_commit(&out->matrices[i]);
    return status;
}

lk_status outputs_commit(outputs *out)
{
    lk_status status = finish_files(out);
    if (!status) status = commit_files(out);
    if (!status) { /* what was made stays */
        lk_free(out->made_folders);
        out->made_folders = NULL;
    }
    outputs_discard(out);
    return status;
}
