/* What the gallery's own files share: a snapshot's manifest and bytes. */
#ifndef LK_CBIR_GALLERY_PARTS_H
#define LK_CBIR_GALLERY_PARTS_H

#include "cbir/gallery.h"
#include "cbir/gallery_manifest.h"
#include "cbir/gallery_rows.h"
#include "cbir/npy.h"

/* The manifest that the snapshot was opened by. */
const lk_manifest *lk_gallery_manifest(const lk_gallery *gallery);

/* Row `index`, apart from the gallery: lk_free it. As lk_gallery_row_at. */
lk_status lk_gallery_parse_row(const lk_gallery *gallery, size_t index, lk_row **row);

/* Row `index` of segment `segment` as it lies in rows.jsonl, its line end included. The bytes are the gallery's. */
lk_status lk_gallery_line(const lk_gallery *gallery, size_t segment, size_t index, const char **line, size_t *length);

/* A mapped features.npy or raw.npy against what the manifest says of it. LK_ERROR_FORMAT. */
lk_status lk_check_matrix(const lk_mapping *file, const char *path, const lk_npy *wanted, const unsigned char **data);

/* What the manifest says of these two files of a segment. */
lk_npy lk_segment_features(const lk_manifest *manifest, const lk_segment_entry *segment);
lk_npy lk_segment_raw(const lk_manifest *manifest, const lk_segment_entry *segment);

/* "GALLERY/segments/NAME/FILE", to lk_free; NULL: no memory. */
char *lk_segment_path(const char *gallery, const char *segment, const char *file);

/* Maps a file and compares its size with the manifest's. LK_ERROR_IO, LK_ERROR_FORMAT. */
lk_status lk_map_sized(const char *path, const lk_file_sum *sum, lk_mapping *mapping);

/* LK_ERROR_FORMAT when the bytes are not those that were written. */
lk_status lk_check_crc32(const lk_mapping *file, const char *path, const lk_file_sum *sum);

/* The indices of deleted-*.json: sets their bits in `out`, most significant first. Rising, all below `rows`. LK_ERROR_FORMAT. */
lk_status lk_read_deleted(const void *bytes, size_t size, const char *name, size_t rows, uint8_t *out, size_t *count);

/* Writes the set bits of `out` [rows / 8 + 1] under the name of their content; *file is for the manifest. Nothing is written
 * when no bit is set. */
lk_status lk_write_deleted(const char *gallery, const uint8_t *out, size_t rows, lk_side_file *file);

#endif
