#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"

lk_status lk_map_file(const char *path, lk_mapping *mapping)
{
    lk_status status = LK_OK;
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return lk_fail(LK_ERROR_IO, "%s: cannot open: %s", path, strerror(errno));
    struct stat about;
    if (fstat(file, &about)) {
        status = lk_fail(LK_ERROR_IO, "%s: cannot read: %s", path, strerror(errno));
        goto done;
    }
    if (!S_ISREG(about.st_mode)) {
        status = lk_fail(LK_ERROR_IO, "%s: not a regular file", path);
        goto done;
    }
    lk_mapping whole = {.size = (size_t)about.st_size};
    if (whole.size) {
        void *bytes = mmap(NULL, whole.size, PROT_READ, MAP_PRIVATE, file, 0);
        if (bytes == MAP_FAILED) {
            status = lk_fail(LK_ERROR_IO, "%s: cannot map: %s", path, strerror(errno));
            goto done;
        }
        whole.bytes = bytes;
    }
    *mapping = whole;
done:
    close(file);
    return status;
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

/* Not mkstemp, whose files only their owner can read: an output gets what the user's umask leaves of 0666. */
static int open_temporary(char *name, size_t size, const char *path)
{
    static atomic_uint number;
    int file;
    do {
        snprintf(name, size, "%s.%ld-%u.tmp", path, (long)getpid(), atomic_fetch_add(&number, 1));
        file = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    } while (file < 0 && errno == EEXIST); /* left by a killed process that had the same number */
    return file;
}

/* Renaming would put a plain file in the place of a device or a pipe, and cannot replace a folder. */
static lk_status check_replaceable(const char *path)
{
    struct stat about;
    if (stat(path, &about) || S_ISREG(about.st_mode)) return LK_OK;
    return lk_fail(LK_ERROR_IO, "%s: cannot write over %s", path,
                   S_ISDIR(about.st_mode) ? "a folder" : "what is no plain file");
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
    int failed = fflush(output->stream) || ferror(output->stream) || fsync(fileno(output->stream));
    int reason = errno;
    failed |= fclose(output->stream) != 0;
    if (!reason) reason = errno;
    output->stream = NULL;
    if (!failed && rename(output->temporary, output->path)) {
        failed = 1;
        reason = errno;
    }
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
