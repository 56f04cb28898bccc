/* Preloaded into a program: counts its calls that change a folder or make it last. Before call KILL_AT the
 * program is killed; call FAIL_AT, of those that need room, fails for want of disk space. Between two such
 * calls nothing changes that another process could come to see. */
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

/* Counts a call; true when it is to fail. Only calls that can are numbered for FAIL_AT. */
static bool count(bool can_fail)
{
    static atomic_long calls, failing;
    if (atomic_fetch_add(&calls, 1) + 1 == wanted("KILL_AT")) kill(getpid(), SIGKILL);
    if (!can_fail || atomic_fetch_add(&failing, 1) + 1 != wanted("FAIL_AT")) return false;
    errno = ENOSPC;
    return true;
}

#define NEXT(name, type) type *next = (type *)dlsym(RTLD_NEXT, name)

typedef int two_paths(const char *, const char *);
typedef int one_path(const char *);
typedef int path_and_mode(const char *, mode_t);
typedef int one_file(int);

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
