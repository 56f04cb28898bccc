/* The files that extract writes: the matrices and what belongs to them, all of them or none. */
#ifndef LK_CBIR_CLI_OUTPUTS_H
#define LK_CBIR_CLI_OUTPUTS_H

#include "cbir/list.h"
#include "cbir/npy.h"
#include "cbir/recipe.h"

/* What one recipe gives: STEM.npy of values or bits, STEM.recipe.json, STEM.raw.npy beside bits, and under a name of the
 * study's the matrix again. */
typedef struct {
    const lk_recipe *recipe;
    char *stem;
    size_t values; /* of a row before the hash */
    lk_npy_writer matrix, raw, study;
    bool has_raw, has_study;
    lk_output recipe_file;
    float *prepared, *sorted; /* [values]: for the hash */
    uint8_t *bits;
    float *held; /* [rows][values], prepared: for a threshold over the whole matrix, known at the end */
    size_t held_rows, held_capacity;
} output_matrix;

/* OUT.tsv with the rows' paths and labels, OUT.skipped.tsv when pictures were skipped, and a matrix a recipe. */
typedef struct {
    output_matrix *matrices; /* [count] */
    size_t count;
    char *stem;         /* OUT: the path without .npy */
    char *made_folders; /* the first folder that had to be made, NULL for none */
    lk_output rows, skipped;
    size_t skipped_count;
} outputs;

/* What outputs_open is told. */
typedef struct {
    const char *path;         /* OUT.npy */
    const lk_recipe *recipes; /* one: OUT.npy; more: OUT-FEATURE.npy each */
    const size_t *values;     /* [count]: floats of each recipe's row before its hash */
    size_t count;
    bool keep_raw;
    const char *study_side; /* "Query" or "Gallery": the study's names too; NULL: not */
} outputs_options;

/* Opens the files; makes their folder when it is missing. */
lk_status outputs_open(outputs *out, const outputs_options *options);

/* One picture's row: all vectors, one behind the other. */
lk_status outputs_add(outputs *out, const lk_list_item *item, const float *values);
lk_status outputs_skip(outputs *out, const lk_list_item *item, const char *reason);

/* All files reach the disk before the first appears under its name, and the matrices appear last. The outputs
 * are closed, on failure too. */
lk_status outputs_commit(outputs *out);

void outputs_discard(outputs *out); /* nothing stays, a folder that was made neither; takes a closed one */

#endif
