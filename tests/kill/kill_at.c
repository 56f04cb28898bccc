/* Preloaded into a program: counts its calls that change a folder or make it last, and its own calls of
 * write. Before call KILL_AT the program is killed, a write is cut in half then; call FAIL_AT, of those that
 * need room, fails for want of disk space. Between two such calls nothing changes that another process could
 * come to see, but for files under temporary names. */
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Seen by the dynamic linker, whatever the build hides. */
#define INTERPOSED __attribute__((visibility("default")))
INTERPOSED int rename(const char *from, const char *to);

static long wanted(const char *name)
{
    const char *text = getenv(name);
    return text ? strtol(text, NULL, 10) : 0;
}

/* Counts a call; true when it is to be the last. */
static bool is_last(void)
{
    static atomic_long calls;
    return atomic_fetch_add(&calls, 1) + 1 == wanted("KILL_AT");
}

/* True when a call is to fail. Only calls that can are numbered for FAIL_AT. */
static bool fails(bool can_fail)
{
    static atomic_long failing;
    if (!can_fail || atomic_fetch_add(&failing, 1) + 1 != wanted("FAIL_AT")) return false;
    errno = ENOSPC;
    return true;
}

static bool count(bool can_fail)
{
    if (is_last()) kill(getpid(), SIGKILL);
    return fails(can_fail);
}

#define NEXT(name, type) type *next = (type *)dlsym(RTLD_NEXT, name)

typedef int two_paths(const char *, const char *);
typedef int one_path(const char *);
typedef int path_and_mode(const char *, mode_t);
typedef int one_file(int);
typedef ssize_t bytes_to_file(int, const void *, size_t);

INTERPOSED int rename(const char *from, const char *to)
{
    NEXT("rename", two_paths);
    return count(true) ? -1 : next(from, to);
}

INTERPOSED int mkdir(const char *path, mode_t mode)
{
    NEXT("mkdir", path_and_mode);
    return count(true) ? -1 : next(path, mode);
}

INTERPOSED int fsync(int file)
{
    NEXT("fsync", one_file);
    return count(true) ? -1 : next(file);
}

INTERPOSED int unlink(const char *path)
{
    NEXT("unlink", one_path);
    count(false);
    return next(path);
}

INTERPOSED int rmdir(const char *path)
{
    NEXT("rmdir", one_path);
    count(false);
    return next(path);
}

INTERPOSED ssize_t write(int file, const void *bytes, size_t size)
{
    NEXT("write", bytes_to_file);
    if (is_last()) {
        next(file, bytes, size / 2);
        kill(getpid(), SIGKILL);
    }
    return fails(true) ? -1 : next(file, bytes, size);
}
