#include "cbir/cli/layer_table.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

static size_t values(const layer_row *row)
{
    return row->output[0] * row->output[1] * row->output[2];
}

static lk_status add(layer_table *table, const layer_row *row)
{
    void *rows = table->rows;
    if (!lk_grow(&rows, &table->capacity, table->count + 1, sizeof *table->rows))
        return lk_fail(LK_ERROR_MEMORY, "out of memory for the layer table");
    table->rows = rows;
    table->rows[table->count++] = *row;
    table->total += row->parameters;
    table->trainable += row->trainable;
    table->multiply_adds += row->multiply_adds;
    table->output_values += values(row);
    return LK_OK;
}

static layer_row row_of(const lk_layer *layer)
{
    layer_row row = {.output = {layer->channels, layer->height, layer->width},
                     .output_is_vector = layer->is_vector,
                     .parameters = layer->parameters,
                     .trainable = layer->trainable,
                     .multiply_adds = layer->multiply_adds};
    snprintf(row.type, sizeof row.type, "%s-%zu", layer->kind, layer->number);
    snprintf(row.name, sizeof row.name, "%s", layer->name);
    return row;
}

/* The length of "features.N" in the name of a part of an inverted residual, "features.N.conv.…"; else 0. */
static size_t block_length(const char *name)
{
    const char *part = strstr(name, ".conv.");
    return part && !strncmp(name, "features.", 9) ? (size_t)(part - name) : 0;
}

static void take_input(layer_row *row, const layer_row *before)
{
    memcpy(row->input, before->output, sizeof row->input);
    row->input_is_vector = before->output_is_vector;
}

/* The row after the parts of a block: as wide as its last part, and its input is what the first part had. */
static lk_status end_block(layer_table *table, size_t first, size_t number, size_t name_length)
{
    layer_row block = {0};
    const layer_row *last = &table->rows[table->count - 1];
    memcpy(block.output, last->output, sizeof block.output);
    memcpy(block.input, table->rows[first].input, sizeof block.input);
    snprintf(block.type, sizeof block.type, "InvertedResidual-%zu", number);
    snprintf(block.name, sizeof block.name, "%.*s", (int)name_length, last->name);
    return add(table, &block);
}

/* Linear takes a vector, whatever shape it was pooled to; Paddle's MobileNetV2 drops out before it. */
static lk_status add_linear(layer_table *table, layer_row *linear)
{
    layer_row dropout = {
        .type = "Dropout-1", .name = "classifier.0", .input_is_vector = true, .output_is_vector = true};
    lk_status status = LK_OK;
    for (size_t i = 0; i < 3; i++) dropout.output[i] = dropout.input[i] = linear->input[i];
    linear->input_is_vector = true;
    if (!strcmp(linear->name, "classifier.1")) status = add(table, &dropout);
    return status ? status : add(table, linear);
}

static bool is_listed(const lk_layer *layer)
{
    return strcmp(layer->kind, "Add") != 0 && strcmp(layer->kind, "Flatten") != 0;
}

static lk_status fill(layer_table *table, const lk_summary *summary, layer_row before)
{
    lk_status status = LK_OK;
    size_t block = 0, first = 0,
           blocks = 0; /* the length of the open block's name, where it began, how many */
    for (size_t i = 0; !status && i < lk_summary_count(summary); i++) {
        const lk_layer *layer = lk_summary_layer(summary, i);
        if (!is_listed(layer)) continue;
        layer_row row = row_of(layer);
        const size_t length = block_length(row.name);
        if (block && (length != block || strncmp(row.name, table->rows[first].name, block) != 0)) {
            status = end_block(table, first, ++blocks, block);
            block = 0;
        }
        if (status) break;
        if (length && !block) first = table->count;
        block = length;
        take_input(&row, table->count ? &table->rows[table->count - 1] : &before);
        status = strcmp(layer->kind, "Linear") != 0 ? add(table, &row) : add_linear(table, &row);
    }
    return status;
}

lk_status layer_table_open(const lk_model *model, size_t height, size_t width, layer_table *table)
{
    lk_summary *summary = NULL;
    layer_table opened = {0};
    lk_status status = lk_summary_open(model, height, width, &summary);
    if (status) return status;
    status = fill(&opened, summary, (layer_row){.output = {3, height, width}});
    lk_summary_close(&summary);
    if (status) layer_table_close(&opened);
    else *table = opened;
    return status;
}

void layer_table_close(layer_table *table)
{
    lk_free(table->rows);
    *table = (layer_table){0};
}
