/* The layers of a model as paddle.summary lists them: those that are modules, not sums and reshapes. */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "engine/model.h"
#include "engine/shapes.h"

struct lk_summary {
    lk_layer *layers;
    size_t count;
};

static size_t tensor_count(const lk_tensor *tensor)
{
    return tensor ? tensor->count : 0;
}

static lk_layer describe(const lk_graph *graph, const lk_node *node, const lk_shape *in, const lk_shape *out)
{
    const lk_filter *f = &node->filter;
    lk_layer layer = {.name = node->name,
                      .kind = lk_node_kind_name(node),
                      .channels = out->channels,
                      .height = out->height,
                      .width = out->width,
                      .is_vector = out->flattened};
    layer.trainable =
        tensor_count(f->weight) + tensor_count(f->bias) + tensor_count(f->gamma) + tensor_count(f->beta);
    layer.parameters = layer.trainable + tensor_count(f->mean) + tensor_count(f->variance);
    if (node->kind == LK_NODE_CONV2D || node->kind == LK_NODE_LINEAR) {
        const lk_conv2d d = lk_conv2d_of_node(graph, node, in, out);
        layer.multiply_adds = lk_conv2d_multiply_adds(&d);
    }
    return layer;
}

static size_t number_in_kind(const lk_summary *summary, const char *kind)
{
    size_t number = 1;
    for (size_t i = 0; i < summary->count; i++) number += !strcmp(summary->layers[i].kind, kind);
    return number;
}

static lk_status fill(const lk_graph *graph, size_t height, size_t width, lk_shape *shapes,
                      lk_summary *summary)
{
    const lk_status status = lk_infer_shapes(graph, height, width, shapes);
    if (status) return status;
    for (lk_node_id i = 1; i < lk_graph_count(graph); i++) {
        const lk_node *node = lk_graph_node(graph, i);
        if (node->kind == LK_NODE_ADD || node->kind == LK_NODE_FLATTEN) continue;
        lk_layer layer = describe(graph, node, &shapes[node->inputs[0]], &shapes[i]);
        layer.number = number_in_kind(summary, layer.kind);
        summary->layers[summary->count++] = layer;
    }
    return LK_OK;
}

lk_status lk_summary_open(const lk_model *model, size_t height, size_t width, lk_summary **summary)
{
    const size_t count = lk_graph_count(model->graph);
    if (height < LK_MIN_SIDE || height > LK_MAX_SIDE || width < LK_MIN_SIDE || width > LK_MAX_SIDE)
        return lk_fail(LK_ERROR_ARGUMENT, "input of %zu x %zu pixels: sides must be %zu to %zu", height,
                       width, LK_MIN_SIDE, LK_MAX_SIDE);
    lk_status status = LK_ERROR_MEMORY;
    lk_shape *shapes = lk_allocate_array(count, sizeof *shapes);
    lk_summary *opened = lk_allocate_array(1, sizeof *opened);
    if (opened) opened->layers = lk_allocate_array(count, sizeof *opened->layers);
    if (shapes && opened && opened->layers) status = fill(model->graph, height, width, shapes, opened);
    else lk_fail(status, "out of memory for a summary");
    lk_free(shapes);
    if (status) lk_summary_close(&opened);
    else *summary = opened;
    return status;
}

void lk_summary_close(lk_summary **summary)
{
    if (!*summary) return;
    lk_free((*summary)->layers);
    lk_free(*summary);
    *summary = NULL;
}

size_t lk_summary_count(const lk_summary *summary)
{
    return summary->count;
}

const lk_layer *lk_summary_layer(const lk_summary *summary, size_t index)
{
    return index < summary->count ? &summary->layers[index] : NULL;
}
