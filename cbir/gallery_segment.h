/* Writing one segment: its files grow in segments/new, which takes the segment's own name when all of it is on the disk. */
#ifndef LK_CBIR_GALLERY_SEGMENT_H
#define LK_CBIR_GALLERY_SEGMENT_H

#include <stdio.h>

#include "base/file.h"
#include "cbir/gallery_manifest.h"
#include "cbir/npy.h"

typedef struct lk_segment_file {
    FILE *stream;
    char *path;
    lk_file_sum sum; /* of what was written behind the header */
} lk_segment_file;

typedef struct lk_segment_writer {
    const char *gallery; /* the caller's; NULL: closed */
    lk_npy features_type, raw_type; /* shape[0] is the rows so far */
    lk_segment_file features, lines, raw; /* raw's stream is NULL where none is kept */
} lk_segment_writer;

/* Rows in memory. */
typedef struct lk_segment_rows {
    size_t count;
    const void *features; /* as features.npy has them */
    const float *raw;     /* [count][raw_dim]; NULL where none is kept */
    const char *lines;    /* `count` lines with their ends */
    size_t lines_size;
} lk_segment_rows;

/* Begins a segment of rows as the manifest has them; what lay in segments/new is gone. */
lk_status lk_segment_open(const char *gallery, const lk_manifest *manifest, lk_segment_writer *writer);
lk_status lk_segment_add(lk_segment_writer *writer, const lk_segment_rows *rows);
size_t lk_segment_count(const lk_segment_writer *writer); /* 0 for a closed one */

/* Puts all bytes on the disk, and then the folder under `name`, which no manifest names yet. *entry is for the manifest. The
 * writer is closed, on failure too. LK_ERROR_IO. */
lk_status lk_segment_commit(lk_segment_writer *writer, const char *name, lk_segment_entry *entry);
void lk_segment_discard(lk_segment_writer *writer); /* removes segments/new; takes a closed one */

/* A published segment, mapped, its checksums compared: what is copied from it is what was written. LK_ERROR_IO, LK_ERROR_FORMAT. */
typedef struct lk_segment_view {
    lk_mapping features, lines, raw;
    lk_segment_rows rows;
} lk_segment_view;

lk_status lk_segment_view_open(const char *gallery, const lk_manifest *manifest, const lk_segment_entry *entry,
                               lk_segment_view *view);
void lk_segment_view_close(lk_segment_view *view);

#endif
