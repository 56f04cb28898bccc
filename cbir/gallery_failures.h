/* failed-*.jsonl in memory. */
#ifndef LK_CBIR_GALLERY_FAILURES_H
#define LK_CBIR_GALLERY_FAILURES_H

#include "cbir/gallery_write.h"

/* Adds the lines of the file that the manifest names. LK_ERROR_FORMAT, LK_ERROR_IO, LK_ERROR_MEMORY. */
lk_status lk_failures_read(const char *gallery, const lk_side_file *file, lk_failures *failures);

/* Adds a failure, or replaces the one of the same path. */
lk_status lk_failures_put(lk_failures *failures, const lk_gallery_row *row, const char *reason);
bool lk_failures_drop(lk_failures *failures, const char *path); /* false: not among them */

/* Writes them under the name of their content; *file is for the manifest. Nothing is written when there are none. */
lk_status lk_failures_write(const lk_failures *failures, const char *gallery, lk_side_file *file);
void lk_failures_close(lk_failures *failures);

#endif
