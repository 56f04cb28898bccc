/* The layers of a model as paddle.summary lists them. */
#ifndef LK_CBIR_CLI_LAYER_TABLE_H
#define LK_CBIR_CLI_LAYER_TABLE_H

#include "engine/likeness.h"

typedef struct {
    char type[40];              /* "Conv2D-1" */
    char name[80];              /* Paddle's structured name */
    size_t input[3], output[3]; /* channels, height, width */
    bool input_is_vector, output_is_vector;
    size_t parameters, trainable, multiply_adds;
} layer_row;

/* paddle.summary's rows and sums. It also lists what computes nothing of its own: each InvertedResidual after
 * its parts, the Dropout before the classifier; it lists neither additions nor the flattening. Its sizes in
 * MB depend on that, so the table keeps to it. */
typedef struct {
    layer_row *rows;
    size_t count, capacity;
    size_t total, trainable, multiply_adds, output_values;
} layer_table;

lk_status layer_table_open(const lk_model *model, size_t height, size_t width, layer_table *table);
void layer_table_close(layer_table *table);

#endif
