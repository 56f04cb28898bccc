#include "cbir/list_path.h"

#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"

static bool is_separator(char c)
{
    return c == '/' || c == '\\';
}

static bool same_character(char a, char b)
{
    return a == b || (is_separator(a) && is_separator(b));
}

lk_status lk_path_map_check(const char *text)
{
    const char *equals = strchr(text, '=');
    if (!equals || equals == text)
        return lk_fail(LK_ERROR_ARGUMENT, "'%s': a map is OLD=NEW, and OLD is not empty", text);
    return LK_OK;
}

/* The length of `text` [length] without separators at its end. */
static size_t without_separators(const char *text, size_t length)
{
    while (length && is_separator(text[length - 1])) length--;
    return length;
}

static void to_slashes(char *path)
{
    for (; *path; path++)
        if (*path == '\\') *path = '/';
}

/* head, a slash if both parts need one, tail. */
static char *join(const char *head, size_t head_length, const char *tail)
{
    const size_t tail_length = strlen(tail);
    char *path = lk_allocate(head_length + tail_length + 2, 1);
    if (!path) return NULL;
    memcpy(path, head, head_length);
    if (head_length && tail_length && path[head_length - 1] != '/') path[head_length++] = '/';
    memcpy(path + head_length, tail, tail_length);
    return path;
}

/* What is left of `path` after OLD, without the separator between; NULL when the map does not fit. */
static const char *after_old(const char *path, const char *old, size_t old_length)
{
    const size_t length = without_separators(old, old_length);
    for (size_t i = 0; i < length; i++)
        if (!path[i] || !same_character(path[i], old[i])) return NULL;
    if (path[length] && !is_separator(path[length])) return NULL;
    while (is_separator(path[length])) path++;
    return path + length;
}

/* Replaces *path by its mapped form, if a map fits. False: no memory. */
static bool map_path(char **path, const lk_list_options *options)
{
    for (size_t i = 0; options && i < options->map_count; i++) {
        const char *text = options->maps[i].text, *equals = strchr(text, '=');
        if (!equals) continue;
        const char *rest = after_old(*path, text, (size_t)(equals - text));
        if (!rest || (!*rest && !equals[1])) continue; /* no picture has the empty name */
        char *mapped = join(equals + 1, strlen(equals + 1), rest);
        if (!mapped) return false;
        to_slashes(mapped + strlen(equals + 1));
        lk_free(*path);
        *path = mapped;
        return true;
    }
    return true;
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static char *candidate(const char *path, const char *folder, bool slashes)
{
    char *whole = folder ? join(folder, strlen(folder), path) : lk_copy_text(path);
    if (whole && slashes) to_slashes(folder ? whole + strlen(folder) : whole);
    return whole;
}

char *lk_list_resolve(const char *listed, size_t length, const lk_list_place *place)
{
    char *path = lk_allocate(length + 1, 1);
    if (!path) return NULL;
    memcpy(path, listed, length);
    if (!map_path(&path, place->options)) {
        lk_free(path);
        return NULL;
    }
    for (unsigned form = 0; form < 4; form++) {
        const bool below = form & 1, slashes = form & 2;
        if ((below && (!place->folder || path[0] == '/')) || (slashes && !strchr(path, '\\'))) continue;
        char *whole = candidate(path, below ? place->folder : NULL, slashes);
        if (!whole || exists(whole)) {
            lk_free(path);
            return whole;
        }
        lk_free(whole);
    }
    return path;
}

bool lk_is_picture_name(const char *path)
{
    static const char *const endings[] = {".jpg", ".jpeg", ".png"};
    const size_t length = strlen(path);
    for (size_t i = 0; i < LK_COUNT(endings); i++) {
        const size_t ending = strlen(endings[i]);
        if (length > ending && !strcasecmp(path + length - ending, endings[i])) return true;
    }
    return false;
}

bool lk_is_picture(const void *bytes, size_t size)
{
    return (size >= 3 && !memcmp(bytes, "\xFF\xD8\xFF", 3)) ||
           (size >= 8 && !memcmp(bytes, "\x89PNG\r\n\x1A\n", 8));
}
