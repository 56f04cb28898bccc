/* Every byte of a gallery against its manifest. */
#ifndef LK_CBIR_GALLERY_VERIFY_H
#define LK_CBIR_GALLERY_VERIFY_H

#include <stdatomic.h>

#include "engine/likeness.h"

typedef struct lk_verify_options {
    bool pictures;               /* also read each row's picture, and compare its SHA-256 */
    const atomic_int *interrupt; /* as in lk_extract_options */
} lk_verify_options;

typedef struct lk_verify_result {
    size_t files, rows; /* looked at */
    size_t faults;      /* of the gallery's own files */
    size_t missing, changed; /* pictures */
} lk_verify_result;

/* Calls `fault` with a line for each fault: the file, what is wrong with it, and the rows that it concerns. Goes on to the end
 * whatever it finds. LK_OK when there was no fault, missing and changed pictures not counted; LK_ERROR_FORMAT when there was
 * one; and what kept it from looking: no gallery, a manifest that cannot be read, LK_ERROR_INTERRUPTED. */
lk_status lk_gallery_verify(const char *path, const lk_verify_options *options,
                            void (*fault)(void *context, const char *text), void *context, lk_verify_result *result);

#endif
