/* The files that extract writes: the matrix and what belongs to it, all of them or none. */
#ifndef LK_CBIR_CLI_OUTPUTS_H
#define LK_CBIR_CLI_OUTPUTS_H

#include "cbir/list.h"
#include "cbir/npy.h"
#include "cbir/recipe.h"

/* OUT.npy, OUT.tsv, OUT.recipe.json; OUT.skipped.tsv when pictures were skipped; and, under a name of the
 * study's, the matrix again. */
typedef struct {
    char *stem;         /* OUT: the path without .npy */
    char *made_folders; /* the first folder that had to be made, NULL for none */
    lk_npy_writer matrix, study;
    lk_output rows, skipped;
    bool has_study;
    size_t skipped_count;
} outputs;

/* Opens the files for rows of `columns` values beside `path`, which ends in .npy; makes its folder when it is
 * missing. `study` is a file name for the second copy, without .npy, or NULL. */
lk_status outputs_open(outputs *out, const char *path, const char *study, size_t columns);

lk_status outputs_add(outputs *out, const lk_list_item *item, const float *values);
lk_status outputs_skip(outputs *out, const lk_list_item *item, const char *reason);

/* All files reach the disk before the first appears under its name, and the matrix appears last. The outputs
 * are closed, on failure too. */
lk_status outputs_commit(outputs *out, const lk_recipe *recipe);

void outputs_discard(outputs *out); /* nothing stays, a folder that was made neither; takes a closed one */

#endif
