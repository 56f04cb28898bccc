/* Lists of pictures: the study's `path<TAB>label` files, folders, single pictures, paths from a stream. */
#ifndef LK_CBIR_LIST_H
#define LK_CBIR_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "engine/likeness.h"

typedef struct {
    char *path; /* as it is to be opened: mapped, and resolved against the working folder or the list's */
    long label; /* when has_label */
    bool has_label;
} lk_list_item;

/* Items in the order of their sources. Zero it, add to it, close it. */
typedef struct {
    lk_list_item *items;
    size_t count, capacity;
} lk_list;

/* One --map OLD=NEW: a path that begins with OLD, a whole number of components, begins with NEW instead. A
 * slash and a backslash count as equal in OLD; what follows it gets slashes. The texts are the caller's. */
typedef struct {
    const char *text; /* "OLD=NEW", parted at the first '=' */
} lk_path_map;

typedef struct {
    const lk_path_map *maps; /* tried in order, the first that fits is taken */
    size_t map_count;
} lk_list_options;

/* How the lines of a list are parted into path and label. */
typedef enum {
    LK_LIST_STUDY =
        0,            /* at the last TAB; in a line without one, at the last blank if an integer follows it */
    LK_LIST_PATHS = 1 /* at the last TAB only: paths from a stream hold blanks */
} lk_list_style;

/* A text to add to a list: its bytes, and the name and folder that it came from. */
typedef struct {
    const char *bytes;
    size_t size;
    const char *name;   /* for error messages, which say "name:line" */
    const char *folder; /* where relative paths that the working folder lacks may lie; NULL: nowhere else */
    lk_list_style style;
} lk_list_text;

/* LK_ERROR_ARGUMENT when it is not OLD=NEW. */
lk_status lk_path_map_check(const char *text);

/* The four functions below add items, and leave the list as it was on failure. */

/* From a text: UTF-8 or any other bytes but NUL. A BOM, CRLF and blank lines are passed over, as are blanks
 * around a line without TAB. After a TAB stands an integer, or nothing: no label. LK_ERROR_FORMAT names the
 * line. */
lk_status lk_list_add_text(lk_list *list, const lk_list_text *text, const lk_list_options *options);

/* From all of an open stream, read as LK_LIST_PATHS. */
lk_status lk_list_add_stream(lk_list *list, FILE *stream, const char *name, const lk_list_options *options);

/* The files below a folder that are named .jpg, .jpeg or .png in any case; each folder's entries by name,
 * byte by byte. Names that begin with a dot are left out. Links are followed, cycles are not. LK_ERROR_EMPTY:
 * none. */
lk_status lk_list_add_folder(lk_list *list, const char *path);

/* From a folder, a picture (told by its first bytes, or its name's ending), or else a list file.
 * LK_ERROR_EMPTY: a list without a line. */
lk_status lk_list_add_source(lk_list *list, const char *path, const lk_list_options *options);

void lk_list_close(lk_list *list); /* frees the items; the list is empty again */

/* "path<TAB>label\n", or "path<TAB>\n": read back as the same item from any list. False: the stream failed.
 */
bool lk_list_write_item(const lk_list_item *item, FILE *stream);

#endif
