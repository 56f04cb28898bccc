/* A gallery on disk: features, paths, labels, and the recipe that made them (docs/gallery.md).
 *
 * GALLERY/
 *   manifest.json           format version, kind of rows, recipe, model, labels, segments in order, each with its row count
 *                           and the CRC-32 of its files; replaced by rename: readers see the old one or the new one
 *   lock                    flock'ed by the one writer
 *   segments/NNNNNN/        immutable once the manifest names it:
 *     features.npy            float32 [rows][dim], or uint8 [rows][(dim + 7) / 8]
 *     rows.jsonl              a line a row: path (relative to the gallery), label, bytes, sha256 of the picture
 *     raw.npy                 the float features beside hashed ones, where they are kept
 *   deleted-CRC32.json      indices of removed rows, named by the manifest
 *   failed-CRC32.jsonl      pictures that could not be read, with the reason, to be retried
 * Nothing in it is a time, so the same content gives the same bytes. */
#ifndef LK_CBIR_GALLERY_H
#define LK_CBIR_GALLERY_H

#include "cbir/recipe.h"
#include "cbir/search.h"

/* Opening, counting and looking at rows is the public header's part. */
size_t lk_gallery_alive(const lk_gallery *gallery); /* rows that are not removed */
const lk_rows_set *lk_gallery_rows(const lk_gallery *gallery); /* for lk_index_open; its `out` marks removed rows */
const lk_rows_set *lk_gallery_raw(const lk_gallery *gallery);  /* the floats beside hashed rows; NULL: not kept */

/* A row for the length of a call, nothing kept: for passes over all rows. A failure of `visit` ends the pass and is returned. */
typedef lk_status lk_gallery_visit(void *context, size_t index, const lk_gallery_row *row);
lk_status lk_gallery_each_row(const lk_gallery *gallery, size_t first, lk_gallery_visit *visit, void *context);

const char *lk_gallery_label_name(const lk_gallery *gallery, long label); /* from the model or info file; NULL: none */
const char *lk_gallery_label_english(const lk_gallery *gallery, long label);

/* The folder, as it was opened; and a row's path as it can be opened from the working folder, to lk_free (NULL: no memory). */
const char *lk_gallery_folder(const lk_gallery *gallery);
char *lk_gallery_picture_path(const lk_gallery *gallery, const char *path);

/* LK_ERROR_MISMATCH, naming the gallery, `query` (what the other features are called) and what differs between the recipes. A
 * gallery without a recipe takes any. */
lk_status lk_gallery_check_recipe(const lk_gallery *gallery, const lk_recipe *recipe, const char *query);

/* The gallery's own model, or the one at `path` if that is not NULL, checked by SHA-256. LK_ERROR_NOT_FOUND: the gallery names
 * none. LK_ERROR_MISMATCH: another model, both digests named. */
lk_status lk_gallery_open_model(const lk_gallery *gallery, const char *path, lk_model **model);

/* The matrix of the recipe's projection as it can be opened from the working folder; NULL: the recipe has none. */
const char *lk_gallery_projection(const lk_gallery *gallery);

#endif
