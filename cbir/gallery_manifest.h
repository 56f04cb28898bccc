/* manifest.json: what a gallery holds, and in which files (docs/gallery.md). */
#ifndef LK_CBIR_GALLERY_MANIFEST_H
#define LK_CBIR_GALLERY_MANIFEST_H

#include <jansson.h>

#include "engine/likeness.h"

/* No row is longer: values, or bits. */
#define LK_GALLERY_MAX_DIM ((size_t)1 << 24)

typedef struct lk_file_sum {
    uint64_t bytes;
    uint32_t crc32; /* zlib's */
} lk_file_sum;

/* A folder below segments/. Its name is its number, six digits or more, rising; "-ROWS" behind it marks one that an
 * interrupt closed early, which the same task will replace by the whole one. */
typedef struct lk_segment_entry {
    char name[48];
    size_t rows; /* at least 1 */
    lk_file_sum features, lines, raw;
} lk_segment_entry;

/* deleted-CRC32.json or failed-CRC32.jsonl, named by content; there is none when count is 0. */
typedef struct lk_side_file {
    size_t count;
    lk_file_sum sum;
} lk_side_file;

/* The list that was indexed or added last. When it is not finished, the same list goes on behind `done`. */
typedef struct lk_gallery_task {
    char kind[16];        /* "index", "add", "features"; empty: none yet */
    char list_sha256[65]; /* of the paths and labels */
    size_t items, done;   /* of the pictures that had to be embedded */
    size_t base;          /* rows of the gallery before it */
    bool finished;
} lk_gallery_task;

typedef struct lk_manifest {
    size_t dim; /* values, or bits, of a row */
    bool bits;
    size_t raw_dim;      /* of raw.npy; 0: there is none */
    size_t segment_rows; /* of a full segment */
    size_t rows;         /* of all segments */
    lk_segment_entry *segments;
    size_t segment_count, segment_capacity;
    lk_side_file deleted, failed;
    lk_gallery_task task;
    char *model_path; /* relative to the gallery; NULL: none */
    char model_sha256[65];
    char *projection_path; /* of the recipe's matrix, relative too; NULL: none */
    json_t *recipe; /* as lk_recipe_write has it; NULL: features made elsewhere */
    json_t *labels; /* a dataset_info.json: {"label_dict": {"0": "name"}, "label_dict_en": …}; NULL: none */
} lk_manifest;

/* All leave *manifest as it was on failure. `name` stands in messages. LK_ERROR_FORMAT, LK_ERROR_UNSUPPORTED (a later format
 * version), LK_ERROR_IO, LK_ERROR_MEMORY. */
lk_status lk_manifest_parse(const char *text, size_t size, const char *name, lk_manifest *manifest);
lk_status lk_manifest_open(const char *gallery, lk_manifest *manifest); /* of the gallery's folder */
void lk_manifest_close(lk_manifest *manifest);

/* Replaces the gallery's manifest.json: the old one or the new one is there, whenever the machine stops. */
lk_status lk_manifest_write(const lk_manifest *manifest, const char *gallery);

/* False: no memory. */
bool lk_manifest_add_segment(lk_manifest *manifest, const lk_segment_entry *segment);

/* The manifest carries a CRC-32 of its own content, which only verify asks for: a hand may mend a manifest. */
lk_status lk_manifest_check_sum(const char *text, size_t size, const char *name);

void lk_deleted_name(const lk_side_file *file, char name[32]);
void lk_failed_name(const lk_side_file *file, char name[32]);

#endif
