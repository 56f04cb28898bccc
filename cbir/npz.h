/* NumPy's .npz files: a zip archive of .npy files, stored or deflated. Read only.
 * Format: PKWARE's APPNOTE.TXT, without zip64, encryption and archives in parts. */
#ifndef LK_CBIR_NPZ_H
#define LK_CBIR_NPZ_H

#include "cbir/npy.h"

typedef struct lk_npz lk_npz;

/* Opens an archive; the file stays mapped until it is closed. Names and bounds of all members are checked
 * here, their contents when they are loaded. LK_ERROR_IO, LK_ERROR_FORMAT, LK_ERROR_UNSUPPORTED,
 * LK_ERROR_MEMORY. */
lk_status lk_npz_open(const char *path, lk_npz **npz);

/* The same over bytes of the caller's, which must outlive it; `name` stands in error messages and is copied.
 */
lk_status lk_npz_parse(const void *bytes, size_t size, const char *name, lk_npz **npz);
void lk_npz_close(lk_npz **npz);

size_t lk_npz_count(const lk_npz *npz);
const char *lk_npz_name(const lk_npz *npz, size_t index); /* without its .npy; NULL past the end */
bool lk_npz_find(const lk_npz *npz, const char *name, size_t *index);

/* One member, unpacked. `memory` is freed with lk_free by the caller; `array` lies in it. */
typedef struct {
    lk_npy array;
    void *memory;
} lk_npz_array;

/* Unpacks member `index` and checks its length and CRC-32. */
lk_status lk_npz_load(const lk_npz *npz, size_t index, lk_npz_array *loaded);

#endif
