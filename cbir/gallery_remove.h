/* Removing rows from a gallery: they are marked, and gone when the gallery is compacted. */
#ifndef LK_CBIR_GALLERY_REMOVE_H
#define LK_CBIR_GALLERY_REMOVE_H

#include "cbir/gallery_write.h"

/* Rows that meet any of these go. */
typedef struct lk_remove_options {
    const char *const *paths; /* as they can be opened from here, or as the gallery has them */
    size_t path_count;
    const long *labels;
    size_t label_count;
    bool missing; /* rows whose picture does not exist any more */
} lk_remove_options;

/* LK_ERROR_NOT_FOUND: a path or label that no row has; then none is removed. *removed are the rows that went. A path that has
 * failed is taken from the failures. */
lk_status lk_gallery_remove(const char *path, const lk_remove_options *options, size_t *removed);

#endif
