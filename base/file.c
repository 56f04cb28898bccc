#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"

/* Larger files are mapped, so that they take no memory. */
#define MOST_LOADED ((size_t)1 << 24)

/* A descriptor, to be closed, and the size of a regular file. */
static lk_status open_regular(const char *path, int *file, size_t *size)
{
    struct stat about;
    const int opened = open(path, O_RDONLY | O_CLOEXEC);
    if (opened < 0) return lk_fail(LK_ERROR_IO, "%s: cannot open: %s", path, strerror(errno));
    lk_status status = LK_OK;
    if (fstat(opened, &about)) status = lk_fail(LK_ERROR_IO, "%s: cannot read: %s", path, strerror(errno));
    else if (!S_ISREG(about.st_mode)) status = lk_fail(LK_ERROR_IO, "%s: not a regular file", path);
    if (status) {
        close(opened);
        return status;
    }
    *file = opened;
    *size = (size_t)about.st_size;
    return LK_OK;
}

static lk_status map(const char *path, int file, size_t size, lk_mapping *mapping)
{
    void *bytes = size ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, file, 0) : NULL;
    if (bytes == MAP_FAILED) return lk_fail(LK_ERROR_IO, "%s: cannot map: %s", path, strerror(errno));
    *mapping = (lk_mapping){.bytes = bytes, .size = size};
    return LK_OK;
}

lk_status lk_map_file(const char *path, lk_mapping *mapping)
{
    int file;
    size_t size;
    lk_status status = open_regular(path, &file, &size);
    if (status) return status;
    status = map(path, file, size, mapping);
    close(file);
    return status;
}

static lk_status read_whole(const char *path, int file, size_t size, lk_loaded *loaded)
{
    size_t done = 0;
    ssize_t got = 1;
    while (done < size && got) { /* 0: it was cut short meanwhile */
        got = read(file, loaded->memory + done, size - done);
        if (got < 0 && errno != EINTR)
            return lk_fail(LK_ERROR_IO, "%s: cannot read: %s", path, strerror(errno));
        if (got > 0) done += (size_t)got;
    }
    loaded->bytes = loaded->memory;
    loaded->size = done;
    return LK_OK;
}

lk_status lk_load_file(const char *path, lk_loaded *loaded)
{
    int file;
    size_t size;
    lk_unmap(&loaded->mapping);
    lk_status status = open_regular(path, &file, &size);
    if (status) return status;
    if (size > MOST_LOADED) {
        status = map(path, file, size, &loaded->mapping);
        if (!status) loaded->bytes = loaded->mapping.bytes, loaded->size = size;
    } else if (!lk_grow((void **)&loaded->memory, &loaded->capacity, size, 1)) {
        status = lk_fail(LK_ERROR_MEMORY, "%s: out of memory for %zu bytes", path, size);
    } else {
        status = read_whole(path, file, size, loaded);
    }
    close(file);
    return status;
}

void lk_unload(lk_loaded *loaded)
{
    lk_unmap(&loaded->mapping);
    lk_free(loaded->memory);
    *loaded = (lk_loaded){0};
}

void lk_file_ahead(const char *path)
{
    const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* no waiting for a pipe's other end */
    if (file < 0) return;
    posix_fadvise(file, 0, 0, POSIX_FADV_WILLNEED);
    close(file);
}

void lk_unmap(lk_mapping *mapping)
{
    if (mapping->bytes) munmap((void *)(size_t)mapping->bytes, mapping->size);
    *mapping = (lk_mapping){0};
}

/* The temporary files that are open now, for the signal handler: a fixed table of atomic pointers, because a
 * handler may neither lock nor walk a list that is being changed. A file beyond the table is merely not
 * cleaned up. */
static _Atomic(char *) open_temporaries[16];

static void remember(char *temporary)
{
    for (size_t i = 0; i < LK_COUNT(open_temporaries); i++) {
        char *expected = NULL;
        if (atomic_compare_exchange_strong(&open_temporaries[i], &expected, temporary)) return;
    }
}

static void forget(char *temporary)
{
    for (size_t i = 0; i < LK_COUNT(open_temporaries); i++) {
        char *expected = temporary;
        if (atomic_compare_exchange_strong(&open_temporaries[i], &expected, NULL)) return;
    }
}

void lk_output_remove_all(void)
{
    for (size_t i = 0; i < LK_COUNT(open_temporaries); i++) {
        char *temporary = atomic_exchange(&open_temporaries[i], NULL);
        if (temporary) unlink(temporary);
    }
}

static void release(lk_output *output)
{
    lk_free(output->path);
    lk_free(output->temporary);
    *output = (lk_output){0};
}

/* A writer locks its temporary file until that has its name, so that lk_output_clear can tell it from a
 * killed one's. Between opening and locking it may have been taken for that: then it is gone, and false.
 * Where nothing can be locked nothing is cleared either. */
static bool lock_temporary(int file)
{
    struct stat about;
    while (flock(file, LOCK_EX) && errno == EINTR) continue;
    return fstat(file, &about) || about.st_nlink;
}

/* Not mkstemp, whose files only their owner can read: an output gets what the user's umask leaves of 0666. */
static int open_temporary(char *name, size_t size, const char *path)
{
    static atomic_uint number;
    for (;;) {
        snprintf(name, size, "%s.%ld-%u.tmp", path, (long)getpid(), atomic_fetch_add(&number, 1));
        const int file = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (file < 0 && errno == EEXIST) continue; /* left by a killed process that had the same number */
        if (file < 0 || lock_temporary(file)) return file;
        close(file);
    }
}

/* "NAME.123-4.tmp", NAME being `length` characters? */
static bool is_temporary(const char *entry, const char *name, size_t length)
{
    if (strncmp(entry, name, length) != 0 || entry[length] != '.') return false;
    const char *at = entry + length + 1;
    const size_t process = strspn(at, "0123456789");
    if (!process || at[process] != '-') return false;
    at += process + 1;
    const size_t number = strspn(at, "0123456789");
    return number && !strcmp(at + number, ".tmp");
}

static void clear(int folder, const char *name)
{
    struct stat opened, named;
    const int file = openat(folder, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0) return;
    if (!flock(file, LOCK_EX | LOCK_NB) && !fstat(file, &opened) && !fstatat(folder, name, &named, 0) &&
        opened.st_ino == named.st_ino)
        unlinkat(folder, name, 0);
    close(file);
}

void lk_output_clear(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    char *parent = lk_copy_text(slash ? path : ".");
    if (!parent) return;
    if (slash) parent[slash == path ? 1 : slash - path] = 0;
    DIR *folder = opendir(parent);
    for (struct dirent *entry; folder && (entry = readdir(folder));)
        if (is_temporary(entry->d_name, name, strlen(name))) clear(dirfd(folder), entry->d_name);
    if (folder) closedir(folder);
    lk_free(parent);
}

/* Renaming would put a plain file in the place of a device or a pipe, and cannot replace a folder. */
static lk_status check_replaceable(const char *path)
{
    struct stat about;
    if (stat(path, &about) || S_ISREG(about.st_mode)) return LK_OK;
    return lk_fail(LK_ERROR_IO, "%s: cannot write: not a regular file", path);
}

lk_status lk_output_open(const char *path, lk_output *output)
{
    const lk_status status = check_replaceable(path);
    if (status) return status;
    const size_t size = strlen(path) + sizeof ".-9223372036854775808-4294967295.tmp";
    lk_output opened = {.path = lk_copy_text(path), .temporary = lk_allocate(size, 1)};
    if (!opened.path || !opened.temporary) {
        release(&opened);
        return lk_fail(LK_ERROR_MEMORY, "%s: out of memory", path);
    }
    const int file = open_temporary(opened.temporary, size, path);
    if (file < 0) {
        release(&opened);
        return lk_fail(LK_ERROR_IO, "%s: cannot write: %s", path, strerror(errno));
    }
    remember(opened.temporary);
    opened.stream = fdopen(file, "wb");
    if (!opened.stream) {
        close(file);
        lk_output_discard(&opened);
        return lk_fail(LK_ERROR_MEMORY, "%s: out of memory", path);
    }
    *output = opened;
    return LK_OK;
}

lk_status lk_output_commit(lk_output *output)
{
    errno = 0;
    const bool failed = fflush(output->stream) || ferror(output->stream) || fsync(fileno(output->stream)) ||
                        rename(output->temporary, output->path); /* still locked */
    int reason = errno;
    if (failed && !reason && write(fileno(output->stream), "", 1) < 0)
        reason = errno;     /* of a write some way back: one more byte meets it again */
    fclose(output->stream); /* nothing is left to write */
    output->stream = NULL;
    if (failed) {
        const lk_status status = lk_fail(LK_ERROR_IO, "%s: cannot write: %s", output->path,
                                         reason ? strerror(reason) : "an earlier write failed");
        lk_output_discard(output);
        return status;
    }
    forget(output->temporary);
    release(output);
    return LK_OK;
}

void lk_output_discard(lk_output *output)
{
    if (output->stream) fclose(output->stream);
    if (output->temporary) {
        unlink(output->temporary);
        forget(output->temporary);
    }
    release(output);
}
