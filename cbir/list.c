#include "cbir/list.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/memory.h"
#include "cbir/list_path.h"

/* The bytes of one line, or of a part of it. */
typedef struct {
    const char *start, *end;
} span;

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

static span trimmed(span text)
{
    while (text.start < text.end && is_blank(*text.start)) text.start++;
    while (text.start < text.end && is_blank(text.end[-1])) text.end--;
    return text;
}

static bool parse_label(span text, long *label)
{
    char digits[24];
    const size_t length = (size_t)(text.end - text.start);
    if (!length || length >= sizeof digits || is_blank(*text.start)) return false;
    memcpy(digits, text.start, length);
    digits[length] = 0;
    char *end;
    errno = 0;
    const long value = strtol(digits, &end, 10);
    if (errno || *end || value < INT_MIN || value > INT_MAX) return false;
    *label = value;
    return true;
}

static const char *last_of(span line, bool (*wanted)(char))
{
    for (const char *c = line.end; c > line.start; c--)
        if (wanted(c[-1])) return c - 1;
    return NULL;
}

static bool is_tab(char c)
{
    return c == '\t';
}

/* Parts a line into its path and its label. A path before a TAB keeps its own blanks, so that any path can be
 * written down. False: what stands after the TAB is no integer. */
static bool part_line(span line, lk_list_style style, span *path, lk_list_item *item)
{
    const char *tab = last_of(line, is_tab);
    if (tab) {
        const span label = trimmed((span){tab + 1, line.end});
        *path = (span){line.start, tab};
        if (label.start == label.end) return true;
        return item->has_label = parse_label(label, &item->label);
    }
    *path = trimmed(line);
    const char *blank = style == LK_LIST_STUDY ? last_of(*path, is_blank) : NULL;
    if (blank && parse_label((span){blank + 1, path->end}, &item->label)) {
        item->has_label = true;
        *path = trimmed((span){path->start, blank});
    }
    return true;
}

static lk_status append(lk_list *list, const lk_list_item *item)
{
    void *items = list->items;
    if (!lk_grow(&items, &list->capacity, list->count + 1, sizeof *list->items)) {
        lk_free(item->path);
        return lk_fail(LK_ERROR_MEMORY, "out of memory for a list of %zu pictures", list->count + 1);
    }
    list->items = items;
    list->items[list->count++] = *item;
    return LK_OK;
}

static void shrink(lk_list *list, size_t count)
{
    while (list->count > count) lk_free(list->items[--list->count].path);
}

static lk_status add_line(lk_list *list, span line, size_t number, const lk_list_text *text,
                          const lk_list_options *options)
{
    lk_list_item item = {0};
    span path;
    if (!part_line(line, text->style, &path, &item))
        return lk_fail(LK_ERROR_FORMAT, "%s:%zu: the label after the TAB is not an integer", text->name,
                       number);
    if (path.start == path.end && item.has_label)
        return lk_fail(LK_ERROR_FORMAT, "%s:%zu: a label without a path", text->name, number);
    if (path.start == path.end) return LK_OK;
    const lk_list_place place = {options, text->folder};
    item.path = lk_list_resolve(path.start, (size_t)(path.end - path.start), &place);
    if (!item.path) return lk_fail(LK_ERROR_MEMORY, "%s: out of memory", text->name);
    return append(list, &item);
}

lk_status lk_list_add_text(lk_list *list, const lk_list_text *text, const lk_list_options *options)
{
    const char *at = text->bytes, *end = text->size ? at + text->size : at;
    const size_t before = list->count;
    if (text->size && memchr(at, 0, text->size))
        return lk_fail(LK_ERROR_FORMAT, "%s: not a text: it holds a zero byte", text->name);
    if (text->size >= 3 && !memcmp(at, "\xEF\xBB\xBF", 3)) at += 3;
    for (size_t number = 1; at < end; number++) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        if (!line_end) line_end = end;
        const lk_status status = add_line(list, (span){at, line_end}, number, text, options);
        if (status) {
            shrink(list, before);
            return status;
        }
        at = line_end + (line_end < end);
    }
    return LK_OK;
}

/* A stream has no size beforehand: lines are taken one by one, so that memory is the list's and one line's.
 */
lk_status lk_list_add_stream(lk_list *list, FILE *stream, const char *name, const lk_list_options *options)
{
    lk_status status = LK_OK;
    const size_t before = list->count;
    char *line = NULL;
    size_t capacity = 0, number = 0;
    ssize_t length;
    while (!status && (length = getline(&line, &capacity, stream)) >= 0) {
        const size_t bom = !number && length >= 3 && !memcmp(line, "\xEF\xBB\xBF", 3) ? 3 : 0;
        const lk_list_text text = {.name = name, .style = LK_LIST_PATHS};
        number++;
        if (length && line[length - 1] == '\n') length--;
        if (memchr(line, 0, (size_t)length))
            status = lk_fail(LK_ERROR_FORMAT, "%s:%zu: not a text: it holds a zero byte", name, number);
        else status = add_line(list, (span){line + bom, line + length}, number, &text, options);
    }
    if (!status && ferror(stream))
        status = lk_fail(LK_ERROR_IO, "%s: cannot read: %s", name, strerror(errno));
    free(line);
    if (status) shrink(list, before);
    return status;
}

lk_status lk_list_add_path(lk_list *list, const char *path)
{
    if (strpbrk(path, "\t\n\r"))
        return lk_fail(LK_ERROR_UNSUPPORTED, "%s: a name with a TAB or a line break cannot be listed", path);
    const lk_list_item item = {.path = lk_copy_text(path)};
    if (!item.path) return lk_fail(LK_ERROR_MEMORY, "%s: out of memory", path);
    return append(list, &item);
}

void lk_list_truncate(lk_list *list, size_t count)
{
    shrink(list, count);
}

void lk_list_close(lk_list *list)
{
    shrink(list, 0);
    lk_free(list->items);
    *list = (lk_list){0};
}

bool lk_list_write_item(const lk_list_item *item, FILE *stream)
{
    if (item->has_label) return fprintf(stream, "%s\t%ld\n", item->path, item->label) >= 0;
    return fprintf(stream, "%s\t\n", item->path) >= 0;
}
