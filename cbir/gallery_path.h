/* Paths as a gallery keeps them: relative to its own folder, so that folder and pictures can move together. */
#ifndef LK_CBIR_GALLERY_PATH_H
#define LK_CBIR_GALLERY_PATH_H

#include "engine/likeness.h"

/* "folder/name", the caller's to lk_free; NULL when memory is short. A name that begins with a slash stays alone. */
char *lk_join_path(const char *folder, const char *name);

/* The same for a picture's name as a gallery has it, said shortly: "../" at its start takes the last name off the folder, as
 * long as that is a folder itself. Behind a link ".." leads elsewhere than the text says, so there it stays. */
char *lk_picture_path(const char *folder, const char *name);

/* Makes paths relative to one folder. Folders are compared as they physically are, links resolved, because ".." leads out of
 * the physical folder; the last name of a path stays as it is, a link too. The folder of the path before is remembered:
 * pictures come folder by folder. */
typedef struct lk_relative {
    char *base;              /* physical */
    char *listed, *physical; /* the folder last seen, as it was named and as it is */
} lk_relative;

lk_status lk_relative_open(const char *folder, lk_relative *relative); /* LK_ERROR_IO, LK_ERROR_MEMORY */
void lk_relative_close(lk_relative *relative);

/* The caller's to lk_free; NULL when memory is short. A path whose folder does not exist is taken as its text says. */
char *lk_relative_path(lk_relative *relative, const char *path);

#endif
