/* Paths in lists: --map, and the search for a relative path's folder. Shared by the list's own files only. */
#ifndef LK_CBIR_LIST_PATH_H
#define LK_CBIR_LIST_PATH_H

#include "cbir/list.h"

typedef struct {
    const lk_list_options *options; /* NULL: no maps */
    const char *folder;             /* NULL: the working folder only */
} lk_list_place;

/* The path under which a picture listed as `path` [length] is to be opened, the caller's. The listed path is
 * mapped first. Then the first of these that exists is taken: as it stands, below the list's folder, and both
 * again with slashes for backslashes; when none does, the path as it stands, for the error message. NULL: no
 * memory. */
char *lk_list_resolve(const char *path, size_t length, const lk_list_place *place);

bool lk_is_picture_name(const char *path);          /* ends in .jpg, .jpeg or .png, in any case */
bool lk_is_picture(const void *bytes, size_t size); /* begins as a JPEG or PNG file does */

/* For the list's sources: one item without label; and back to the first `count` items. */
lk_status lk_list_add_path(lk_list *list, const char *path);
void lk_list_truncate(lk_list *list, size_t count);

#endif
