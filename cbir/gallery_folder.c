#include "cbir/gallery_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "cbir/gallery_path.h"

static lk_status no_memory(const char *path)
{
    return lk_fail(LK_ERROR_MEMORY, "%s: out of memory", path);
}

lk_status lk_sync_folder(const char *path)
{
    lk_status status = LK_OK;
    const int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0 || fsync(folder))
        status = lk_fail(LK_ERROR_IO, "%s: cannot write: %s", path, strerror(errno));
    if (folder >= 0) close(folder);
    return status;
}

/* ------------------------------------------------------------------ The folder itself */

/* mkdir -p. */
static lk_status make_folders(const char *path)
{
    lk_status status = LK_OK;
    char *folder = lk_copy_text(path);
    if (!folder) return no_memory(path);
    for (char *end = folder, kept = '/'; !status && kept; end++) {
        end += strcspn(end, "/");
        kept = *end;
        *end = 0;
        if (*folder && mkdir(folder, 0777) && errno != EEXIST)
            status = lk_fail(LK_ERROR_IO, "%s: cannot make this folder: %s", folder, strerror(errno));
        *end = kept;
    }
    lk_free(folder);
    return status;
}

static bool begins(const char *text, const char *with)
{
    return !strncmp(text, with, strlen(with));
}

static bool ends(const char *text, const char *with)
{
    const size_t length = strlen(text), tail = strlen(with);
    return length >= tail && !strcmp(text + length - tail, with);
}

/* Names that a writer makes beside manifest, lock and segments. */
static bool is_side_name(const char *name)
{
    if (ends(name, ".tmp"))
        return begins(name, "manifest.json.") || begins(name, "deleted-") || begins(name, "failed-");
    return (begins(name, "deleted-") && ends(name, ".json")) ||
           (begins(name, "failed-") && ends(name, ".jsonl"));
}

static bool is_ours(const char *name)
{
    return !strcmp(name, ".") || !strcmp(name, "..") || !strcmp(name, "lock") || !strcmp(name, "segments") ||
           is_side_name(name);
}

/* A folder without manifest: it must be empty, but for what a writer makes before the manifest. */
static lk_status check_empty(const char *gallery)
{
    lk_status status = LK_OK;
    DIR *folder = opendir(gallery);
    if (!folder) return lk_fail(LK_ERROR_IO, "%s: cannot read: %s", gallery, strerror(errno));
    for (struct dirent *entry; !status && (entry = readdir(folder));)
        if (!is_ours(entry->d_name))
            status = lk_fail(LK_ERROR_IO, "%s: neither a gallery nor an empty folder: it holds %s", gallery,
                             entry->d_name);
    closedir(folder);
    return status;
}

lk_status lk_make_gallery_folder(const char *gallery, bool *is_gallery)
{
    lk_status status = make_folders(gallery);
    if (status) return status;
    char *path = lk_join_path(gallery, "manifest.json");
    if (!path) return no_memory(gallery);
    *is_gallery = !access(path, F_OK);
    lk_free(path);
    return *is_gallery ? LK_OK : check_empty(gallery);
}

/* ------------------------------------------------------------------ The lock */

/* The holder writes its number into the file, and empties it when it is done: the number is a killed
 * process's, or true. */
static lk_status held(const char *path, int lock)
{
    char number[24] = "";
    const ssize_t length = pread(lock, number, sizeof number - 1, 0);
    if (length <= 0 || strspn(number, "0123456789") != (size_t)length) *number = 0;
    if (*number)
        return lk_fail(LK_ERROR_IO,
                       "%s: process %s is writing to this gallery; wait until it is done, or end it", path,
                       number);
    return lk_fail(LK_ERROR_IO,
                   "%s: another process is writing to this gallery; wait until it is done, or end it", path);
}

lk_status lk_lock_gallery(const char *gallery, int *lock)
{
    lk_status status = LK_OK;
    char number[24];
    char *path = lk_join_path(gallery, "lock");
    if (!path) return no_memory(gallery);
    const int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (file < 0) status = lk_fail(LK_ERROR_IO, "%s: cannot write: %s", path, strerror(errno));
    else if (flock(file, LOCK_EX | LOCK_NB))
        status = errno == EWOULDBLOCK ? held(path, file)
                                      : lk_fail(LK_ERROR_IO, "%s: cannot lock: %s", path, strerror(errno));
    if (!status) { /* the number is a courtesy: a full disk must not keep us from removing rows */
        const int length = snprintf(number, sizeof number, "%ld", (long)getpid());
        if (ftruncate(file, 0) || pwrite(file, number, (size_t)length, 0) < 0) errno = 0;
        *lock = file;
    } else if (file >= 0) {
        close(file);
    }
    lk_free(path);
    return status;
}

void lk_unlock_gallery(int *lock)
{
    if (*lock < 0) return;
    if (ftruncate(*lock, 0)) errno = 0; /* then a stale number stays, which the next writer replaces */
    close(*lock);
    *lock = -1;
}

/* ------------------------------------------------------------------ Segments */

static char *segment_folder(const char *gallery, const char *name)
{
    const size_t size = strlen(gallery) + strlen(name) + sizeof "/segments/";
    char *path = lk_allocate(size, 1);
    if (path) snprintf(path, size, "%s/segments/%s", gallery, name);
    return path;
}

void lk_remove_segment_folder(const char *gallery, const char *name)
{
    static const char *const files[] = {"features.npy", "rows.jsonl", "raw.npy"};
    char *folder = segment_folder(gallery, name);
    for (size_t i = 0; folder && i < 3; i++) {
        char *path = lk_join_path(folder, files[i]);
        if (path) unlink(path);
        lk_free(path);
    }
    if (folder) rmdir(folder);
    lk_free(folder);
}

lk_status lk_make_segment_folder(const char *gallery)
{
    lk_status status = LK_OK;
    lk_remove_segment_folder(gallery, "new");
    char *parent = lk_join_path(gallery, "segments"), *folder = segment_folder(gallery, "new");
    if (!parent || !folder) status = no_memory(gallery);
    else if ((mkdir(parent, 0777) && errno != EEXIST) || mkdir(folder, 0777))
        status = lk_fail(LK_ERROR_IO, "%s: cannot make this folder: %s", folder, strerror(errno));
    lk_free(folder);
    lk_free(parent);
    return status;
}

lk_status lk_name_segment_folder(const char *gallery, const char *name)
{
    char *parent = lk_join_path(gallery, "segments");
    char *from = segment_folder(gallery, "new"), *to = segment_folder(gallery, name);
    lk_status status = parent && from && to ? lk_sync_folder(from) : no_memory(gallery);
    if (!status && rename(from, to))
        status = lk_fail(LK_ERROR_IO, "%s: cannot write: %s", to, strerror(errno));
    if (!status) status = lk_sync_folder(parent);
    lk_free(to);
    lk_free(from);
    lk_free(parent);
    return status;
}

/* ------------------------------------------------------------------ What nobody names any more */

static bool is_named_segment(const lk_manifest *m, const char *name)
{
    for (size_t i = 0; i < m->segment_count; i++)
        if (!strcmp(name, m->segments[i].name)) return true;
    return false;
}

static bool is_named_side(const lk_manifest *m, const char *name)
{
    char deleted[32] = "", failed[32] = "";
    if (m->deleted.count) lk_deleted_name(&m->deleted, deleted);
    if (m->failed.count) lk_failed_name(&m->failed, failed);
    return !strcmp(name, deleted) || !strcmp(name, failed);
}

static void sweep_segments(const char *gallery, const lk_manifest *m)
{
    char *path = lk_join_path(gallery, "segments");
    DIR *folder = path ? opendir(path) : NULL;
    for (struct dirent *entry; folder && (entry = readdir(folder));)
        if (!strcmp(entry->d_name, "new") || (strspn(entry->d_name, "0123456789-") == strlen(entry->d_name) &&
                                              !is_named_segment(m, entry->d_name)))
            lk_remove_segment_folder(gallery, entry->d_name);
    if (folder) closedir(folder);
    if (path && !m->segment_count) rmdir(path);
    lk_free(path);
}

void lk_sweep_gallery(const char *gallery, const lk_manifest *manifest)
{
    DIR *folder = opendir(gallery);
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        if (!is_side_name(entry->d_name) || is_named_side(manifest, entry->d_name)) continue;
        char *path = lk_join_path(gallery, entry->d_name);
        if (path) unlink(path);
        lk_free(path);
    }
    if (folder) closedir(folder);
    sweep_segments(gallery, manifest);
}
