/* Where lists come from: folders, pictures, list files. */
#include <errno.h>
#include <fts.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "cbir/list_path.h"

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static bool is_hidden(const FTSENT *entry)
{
    return entry->fts_level > 0 && entry->fts_name[0] == '.';
}

static lk_status visit(lk_list *list, FTS *walk, FTSENT *entry)
{
    switch (entry->fts_info) {
    case FTS_D:
        if (is_hidden(entry)) fts_set(walk, entry, FTS_SKIP);
        return LK_OK;
    case FTS_F:
    case FTS_SLNONE: /* a link to nothing: kept, so that opening it reports it */
        if (is_hidden(entry) || !lk_is_picture_name(entry->fts_name)) return LK_OK;
        return lk_list_add_path(list, entry->fts_path);
    case FTS_DNR:
    case FTS_ERR:
    case FTS_NS:
        return lk_fail(LK_ERROR_IO, "%s: cannot read: %s", entry->fts_path, strerror(entry->fts_errno));
    default:
        return LK_OK;
    }
}

lk_status lk_list_add_folder(lk_list *list, const char *path)
{
    lk_status status = LK_OK;
    const size_t before = list->count;
    char *root = lk_copy_text(path);
    if (!root) return lk_fail(LK_ERROR_MEMORY, "%s: out of memory", path);
    for (size_t end = strlen(root); end > 1 && root[end - 1] == '/'; end--) root[end - 1] = 0;
    char *const roots[] = {root, NULL};
    FTS *walk = fts_open(roots, FTS_LOGICAL | FTS_NOCHDIR, by_name);
    if (!walk) {
        status = lk_fail(LK_ERROR_IO, "%s: cannot read: %s", path, strerror(errno));
        goto done;
    }
    for (FTSENT *entry; !status && (errno = 0, entry = fts_read(walk));) status = visit(list, walk, entry);
    if (!status && errno) status = lk_fail(LK_ERROR_IO, "%s: cannot read: %s", path, strerror(errno));
    if (!status && list->count == before)
        status = lk_fail(LK_ERROR_EMPTY, "%s: no .jpg, .jpeg or .png file in this folder", path);
done:
    if (walk) fts_close(walk);
    lk_free(root);
    if (status) lk_list_truncate(list, before);
    return status;
}

static lk_status add_list_file(lk_list *list, const char *path, const lk_mapping *file,
                               const lk_list_options *options)
{
    const size_t before = list->count;
    const char *slash = strrchr(path, '/');
    char *folder = lk_copy_text(path);
    if (!folder) return lk_fail(LK_ERROR_MEMORY, "%s: out of memory", path);
    folder[slash ? slash - path + 1 : 0] = 0;
    const lk_list_text text = {.bytes = (const char *)file->bytes,
                               .size = file->size,
                               .name = path,
                               .folder = *folder ? folder : NULL};
    lk_status status = lk_list_add_text(list, &text, options);
    if (!status && list->count == before) status = lk_fail(LK_ERROR_EMPTY, "%s: no picture is listed", path);
    lk_free(folder);
    return status;
}

lk_status lk_list_add_source(lk_list *list, const char *path, const lk_list_options *options)
{
    struct stat about;
    if (stat(path, &about)) { /* a picture that is missing is a bad picture, as one in a list would be */
        if (lk_is_picture_name(path)) return lk_list_add_path(list, path);
        return lk_fail(LK_ERROR_IO, "%s: cannot open: %s", path, strerror(errno));
    }
    if (S_ISDIR(about.st_mode)) return lk_list_add_folder(list, path);
    if (lk_is_picture_name(path)) return lk_list_add_path(list, path);
    lk_mapping file;
    lk_status status = lk_map_file(path, &file);
    if (status) return status;
    status = lk_is_picture(file.bytes, file.size) ? lk_list_add_path(list, path)
                                                  : add_list_file(list, path, &file, options);
    lk_unmap(&file);
    return status;
}
