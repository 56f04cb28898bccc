/* A report of searches that a browser shows: one HTML file, the pictures in it, so that it can be sent and kept as it is. */
#ifndef LK_CBIR_REPORT_H
#define LK_CBIR_REPORT_H

#include "cbir/strip.h"

/* A report on its way: a section a query, in the order in which they are added. Open it, add, commit or discard. Needs no
 * Pango: the browser draws the text. */
typedef struct lk_report lk_report;

/* LK_ERROR_IO, LK_ERROR_MEMORY. The file appears under its name when it is committed. */
lk_status lk_report_open(const char *path, lk_report **report);

/* Adds a query and its hits, as strip.h describes them (`columns` is left to the browser). Pictures that cannot be read
 * are noted and named in their places. LK_ERROR_MEMORY; a write that fails is told by the commit. */
lk_status lk_report_add(lk_report *report, const lk_strip *strip);

/* Ends the file and gives it its name. Sets *report NULL, in failure too. LK_ERROR_IO. */
lk_status lk_report_commit(lk_report **report);
void lk_report_discard(lk_report **report); /* takes NULL */

#endif
