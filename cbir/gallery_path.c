#include "cbir/gallery_path.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"

char *lk_join_path(const char *folder, const char *name)
{
    if (*name == '/') return lk_copy_text(name);
    const size_t length = strlen(folder), size = length + strlen(name) + 2;
    char *path = lk_allocate(size, 1);
    if (path) snprintf(path, size, "%s%s%s", folder, length && folder[length - 1] == '/' ? "" : "/", name);
    return path;
}

/* Without what says nothing at its end: "g/./" becomes "g", "." nothing. */
static void trim(char *folder)
{
    for (size_t length = strlen(folder); length; folder[--length] = 0) {
        const bool dot = folder[length - 1] == '.' && (length == 1 || folder[length - 2] == '/');
        if (!dot && (folder[length - 1] != '/' || length == 1)) return;
    }
}

/* Takes the last name off; false, with nothing done, where the folder's text does not say what ".." leads to.
 */
static bool go_up(char *folder)
{
    struct stat about;
    char *slash = strrchr(folder, '/');
    const char *last = slash ? slash + 1 : folder;
    if (!*last || !strcmp(last, "..") || lstat(folder, &about) || !S_ISDIR(about.st_mode)) return false;
    folder[last - folder] = 0;
    trim(folder);
    return true;
}

char *lk_picture_path(const char *folder, const char *name)
{
    if (*name == '/') return lk_copy_text(name);
    char *base = lk_copy_text(folder), *path;
    if (!base) return NULL;
    for (trim(base); !strncmp(name, "../", 3) && go_up(base);) name += 3;
    path = *base ? lk_join_path(base, name) : lk_copy_text(name);
    lk_free(base);
    return path;
}

/* An absolute path without "." and "..", as its text says, in place. */
static void normalize(char *path)
{
    char *to = path;
    for (const char *from = path; *from;) {
        while (*from == '/') from++;
        const size_t length = strcspn(from, "/");
        if (length == 2 && !memcmp(from, "..", 2)) {
            while (to > path && *--to != '/') continue;
        } else if (length && !(length == 1 && *from == '.')) {
            *to++ = '/';
            memmove(to, from, length);
            to += length;
        }
        from += length;
    }
    if (to == path) *to++ = '/';
    *to = 0;
}

/* The folder as it physically is, or, if it does not exist, as its text says. NULL: no memory. */
static char *physical_folder(const char *folder)
{
    char *real = realpath(folder, NULL), *path;
    if (real) {
        path = lk_copy_text(real);
    } else {
        char *here = getcwd(NULL, 0);
        path = lk_join_path(here ? here : "/", folder);
        if (path) normalize(path);
        free(here);
    }
    free(real);
    return path;
}

lk_status lk_relative_open(const char *folder, lk_relative *relative)
{
    char *real = realpath(folder, NULL);
    if (!real) return lk_fail(LK_ERROR_IO, "%s: cannot open: %s", folder, strerror(errno));
    char *base = lk_copy_text(real);
    free(real);
    if (!base) return lk_fail(LK_ERROR_MEMORY, "%s: out of memory", folder);
    *relative = (lk_relative){.base = base};
    return LK_OK;
}

void lk_relative_close(lk_relative *relative)
{
    lk_free(relative->base);
    lk_free(relative->listed);
    lk_free(relative->physical);
    *relative = (lk_relative){0};
}

/* Makes relative->physical the folder `listed` [length]; false: no memory. */
static bool find_folder(lk_relative *relative, const char *listed, size_t length)
{
    if (relative->physical && strlen(relative->listed) == length && !memcmp(relative->listed, listed, length))
        return true;
    char *copy = lk_allocate(length + 1, 1);
    if (!copy) return false;
    memcpy(copy, listed, length);
    char *physical = physical_folder(*copy ? copy : ".");
    if (!physical) {
        lk_free(copy);
        return false;
    }
    lk_free(relative->listed);
    lk_free(relative->physical);
    relative->listed = copy;
    relative->physical = physical;
    return true;
}

/* From the folder `base` to the file `name` in `folder`, both absolute and normal. */
static char *between(const char *base, const char *folder, const char *name)
{
    size_t common = 0, ups = 0, at = 0;
    if (!strcmp(base, "/")) base = "";
    if (!strcmp(folder, "/")) folder = "";
    for (; base[at] && base[at] == folder[at]; at++)
        if (base[at] == '/') common = at;
    if ((!base[at] || base[at] == '/') && (!folder[at] || folder[at] == '/')) common = at;
    for (const char *c = base + common; *c; c++) ups += *c == '/';
    const char *down = folder + common;
    while (*down == '/') down++;
    const size_t size = 3 * ups + strlen(down) + strlen(name) + 2;
    char *path = lk_allocate(size, 1), *to = path;
    if (!path) return NULL;
    for (size_t i = 0; i < ups; i++) to = stpcpy(to, "../");
    snprintf(to, size - 3 * ups, "%s%s%s", down, *down ? "/" : "", name);
    return path;
}

char *lk_relative_path(lk_relative *relative, const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    if (!find_folder(relative, path, (size_t)(name - path))) return NULL;
    return between(relative->base, relative->physical, name);
}
