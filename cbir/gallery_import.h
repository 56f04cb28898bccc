/* Features made elsewhere, as a gallery. */
#ifndef LK_CBIR_GALLERY_IMPORT_H
#define LK_CBIR_GALLERY_IMPORT_H

#include <stdatomic.h>

#include "cbir/gallery_index.h"
#include "cbir/list.h"

typedef struct lk_gallery_import_options {
    size_t bits;         /* the rows are packed bits, so many each; 0: floats */
    size_t segment_rows; /* 0: 65,536 */
    json_t *labels;      /* a dataset_info.json; NULL: none */
    const atomic_int *interrupt; /* as in lk_extract_options */
} lk_gallery_import_options;

/* Makes a gallery at `path` of the matrix in `features`, a .npy file: any numbers [rows][dim], which become float32, or, with
 * bits, uint8 [rows][(bits + 7) / 8]. `list` gives the rows' paths and labels, in their order; NULL: they have none. The
 * size and SHA-256 of a picture that exists are kept. Goes on where the same call was killed; when it is complete already,
 * nothing is done. *result is as lk_gallery_index has it. LK_ERROR_MISMATCH (a list of another length, a gallery of other features),
 * LK_ERROR_FORMAT (NaN or infinity, bits past the last), and what reading and writing give. */
lk_status lk_gallery_import(const char *path, const char *features, const lk_list *list,
                            const lk_gallery_import_options *options, lk_gallery_index_result *result);

/* SHA-256 of a list's paths, relative to the gallery, and labels: the same list gives the same digits. `more` is hashed
 * before them. LK_ERROR_MEMORY, LK_ERROR_IO. */
lk_status lk_list_digest(const lk_list *list, const char *gallery, const char *more, char sha256[65]);

#endif
