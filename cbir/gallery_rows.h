/* Lines of rows.jsonl and failed-*.jsonl: one JSON object each, sorted keys, no blanks.
 *
 *     {"bytes":51230,"label":3,"path":"../photos/a.jpg","sha256":"9f86…"}
 *
 * What is unknown is left out. A path that is not UTF-8 stands as "path_hex", two hexadecimal digits a byte. A line of the
 * failed says why in "reason". */
#ifndef LK_CBIR_GALLERY_ROWS_H
#define LK_CBIR_GALLERY_ROWS_H

#include "cbir/gallery.h"

/* A line taken apart, in one block of memory: lk_free it. */
typedef struct lk_row {
    lk_gallery_row about; /* its texts lie behind this struct */
    const char *reason;   /* NULL: none */
} lk_row;

/* `file` and `number` (from 1) stand in messages. LK_ERROR_FORMAT, LK_ERROR_MEMORY. */
lk_status lk_row_parse(const char *text, size_t length, const char *file, size_t number, lk_row **row);

/* The line with its line end, to lk_free. */
lk_status lk_row_format(const lk_gallery_row *row, const char *reason, char **line);

/* Where each of exactly `rows` lines begins, and where the last ends: offsets [rows + 1], to lk_free. Every line has an end.
 * LK_ERROR_FORMAT, LK_ERROR_MEMORY. */
lk_status lk_row_offsets(const void *bytes, size_t size, size_t rows, const char *file, size_t **offsets);

/* SHA-256 and size of a file's bytes. LK_ERROR_IO. */
lk_status lk_picture_digest(const char *path, char sha256[65], uint64_t *bytes);

bool lk_is_sha256(const char *text); /* 64 hexadecimal digits in lower case; false for NULL */

#endif
