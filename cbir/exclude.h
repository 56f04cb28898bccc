/* Rows that a search shall not find: by label, or because they are the query itself. */
#ifndef LK_CBIR_EXCLUDE_H
#define LK_CBIR_EXCLUDE_H

#include "cbir/gallery.h"

/* Leaves out, of lk_gallery_rows or lk_gallery_raw in `filtered`, the rows that have none of the labels; removed rows stay out.
 * `bitmap` is lk_free()d by the caller after `filtered` is no longer used. */
lk_status lk_exclude_other_labels(const lk_gallery *gallery, const long *labels, size_t count, lk_rows_set *filtered,
                                  uint8_t **bitmap);

/* The gallery's rows by the SHA-256 of their pictures, to find those that are a given picture. */
typedef struct lk_twins {
    struct lk_twin *rows; /* [count], sorted */
    size_t count;
} lk_twins;

lk_status lk_twins_open(const lk_gallery *gallery, lk_twins *twins);
void lk_twins_close(lk_twins *twins); /* takes an empty one */

/* The indices of rows whose picture has these bytes: *first of twins->rows, and how many. */
size_t lk_twins_find(const lk_twins *twins, const char sha256[65], const struct lk_twin **first);

struct lk_twin {
    unsigned char digest[32];
    size_t index;
};

#endif
