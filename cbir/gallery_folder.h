/* The gallery's folder for its one writer: made, locked, and cleared of what a killed writer left. */
#ifndef LK_CBIR_GALLERY_FOLDER_H
#define LK_CBIR_GALLERY_FOLDER_H

#include "cbir/gallery_manifest.h"

/* Makes the folder, and those above it, if it is missing. A folder that holds neither a gallery nor the beginning of one is
 * LK_ERROR_IO, so that nobody's files are mixed with ours. *is_gallery: it has a manifest. */
lk_status lk_make_gallery_folder(const char *gallery, bool *is_gallery);

/* Takes the lock; *lock is its file, for lk_unlock_gallery. LK_ERROR_IO: another process has it, and is named. */
lk_status lk_lock_gallery(const char *gallery, int *lock);
void lk_unlock_gallery(int *lock); /* takes -1 */

/* Removes what lies in the folder under a name of ours and is not named by the manifest: unfinished segments and files, those
 * that were replaced. What cannot be removed stays; nothing else is touched. */
void lk_sweep_gallery(const char *gallery, const lk_manifest *manifest);

lk_status lk_make_segment_folder(const char *gallery);                   /* segments/new, empty */
lk_status lk_name_segment_folder(const char *gallery, const char *name); /* segments/new becomes segments/NAME, on the disk */
void lk_remove_segment_folder(const char *gallery, const char *name);

lk_status lk_sync_folder(const char *path); /* its entries are on the disk */

#endif
