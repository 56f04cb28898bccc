/* Files: read whole, written whole or not at all. */
#ifndef LK_BASE_FILE_H
#define LK_BASE_FILE_H

#include <stddef.h>
#include <stdio.h>

#include "engine/likeness.h"

/* A file's bytes, mapped read-only. A file that another process cuts short while it is mapped raises SIGBUS, as
 * with every mapped file; Likeness itself replaces files by rename and so never does that. */
typedef struct {
    const unsigned char *bytes; /* NULL when size is 0 */
    size_t size;
} lk_mapping;

lk_status lk_map_file(const char *path, lk_mapping *mapping); /* LK_ERROR_IO names the path and the system's reason */
void lk_unmap(lk_mapping *mapping);                           /* takes an empty one */

/* A file's bytes, in memory that is kept for the next file; all NULL and 0 to begin with. Reading costs less than mapping, above all
 * where several threads do it, but a file of over 16 MB is mapped. */
typedef struct {
    const unsigned char *bytes;
    size_t size;
    unsigned char *memory; /* [capacity] */
    size_t capacity;
    lk_mapping mapping;
} lk_loaded;

lk_status lk_load_file(const char *path, lk_loaded *loaded); /* in the place of the last; as lk_map_file, and LK_ERROR_MEMORY */
void lk_unload(lk_loaded *loaded);

/* Has the system fetch a file that will be read soon; says nothing where it cannot. */
void lk_file_ahead(const char *path);

/* An output file that appears under its name only when it is complete: bytes go to a temporary file beside it. */
typedef struct {
    FILE *stream; /* write here; errors are collected and reported by lk_output_commit */
    char *path, *temporary;
} lk_output;

lk_status lk_output_open(const char *path, lk_output *output); /* LK_ERROR_IO also where a folder, device or pipe is */
lk_status lk_output_commit(lk_output *output); /* flush, fsync, rename; on failure the temporary file is removed */
void lk_output_discard(lk_output *output);     /* removes the temporary file; takes a committed or empty one */

/* Removes the temporary files that killed writers of `path` left beside it, and no living one's. Reads the whole folder: for
 * outputs that take long to write. */
void lk_output_clear(const char *path);

/* Removes the temporary files of all outputs that are open: for a signal handler, so only async-signal-safe calls. */
void lk_output_remove_all(void);

#endif
