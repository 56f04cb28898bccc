/* One recipe's files of extract's outputs. */
#ifndef LK_CBIR_CLI_OUTPUT_MATRIX_H
#define LK_CBIR_CLI_OUTPUT_MATRIX_H

#include "cbir/cli/outputs.h"

/* Text from two, lk_free() it; NULL when memory is short. */
char *outputs_join(const char *head, size_t head_length, const char *tail);

/* Opens a file beside STEM; refuses to replace what is no regular file. */
lk_status outputs_open_beside(const char *stem, const char *ending, lk_output *output);

lk_status outputs_sync(const lk_output *output);

/* Matrix `index` of the options. */
lk_status output_matrix_open(output_matrix *m, const outputs_options *options, size_t index);
lk_status output_matrix_add(output_matrix *m, const float *values);
lk_status output_matrix_finish(output_matrix *m); /* all is on the disk, under temporary names */
lk_status output_matrix_commit(output_matrix *m);
void output_matrix_discard(output_matrix *m);

#endif
