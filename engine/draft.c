#include "engine/draft.h"

#include <math.h>

#include "base/error.h"
#include "base/memory.h"

void lk_draft_begin(const lk_graph *graph, lk_draft_layer *layers)
{
    for (lk_node_id i = 0; i < lk_graph_count(graph); i++) {
        const lk_node *node = lk_graph_node(graph, i);
        layers[i] = (lk_draft_layer){.node = node,
                                     .maker = i,
                                     .output = i,
                                     .filter = node->filter,
                                     .residual = LK_NO_NODE,
                                     .lo = -INFINITY,
                                     .hi = INFINITY};
        if (node->kind == LK_NODE_ACTIVATION)
            layers[i].lo = node->as.activation.lo, layers[i].hi = node->as.activation.hi;
        for (size_t in = 0; in < 2; in++)
            if (node->inputs[in] != LK_NO_NODE) layers[node->inputs[in]].uses++;
        if (node->kind == LK_NODE_FLATTEN) layers[i].maker = layers[node->inputs[0]].maker;
    }
}

static bool has_activation(const lk_draft_layer *layer)
{
    return layer->lo > -INFINITY || layer->hi < INFINITY;
}

/* The convolution or linear step that makes `value`, if nobody else will miss that value. */
static lk_draft_layer *sole_filter(lk_draft_layer *layers, lk_node_id value)
{
    lk_draft_layer *maker = &layers[layers[value].maker];
    const bool filters = maker->node->kind == LK_NODE_CONV2D || maker->node->kind == LK_NODE_LINEAR;
    return filters && maker->output == value && layers[value].uses == 1 && !layers[value].wanted ? maker
                                                                                                 : NULL;
}

/* The step now makes the output of `layer` too. */
static void absorb(lk_draft_layer *layers, lk_draft_layer *step, lk_node_id layer)
{
    layers[layer].maker = (lk_node_id)(step - layers);
    step->output = layer;
}

void lk_draft_fold(lk_draft_layer *layers, size_t count)
{
    for (lk_node_id i = 0; i < count; i++) {
        if (layers[i].node->kind != LK_NODE_BATCH_NORM) continue;
        lk_draft_layer *filter = sole_filter(layers, layers[i].node->inputs[0]);
        if (!filter || filter->filter.gamma) continue;
        const lk_filter *norm = &layers[i].node->filter;
        filter->filter.gamma = norm->gamma;
        filter->filter.beta = norm->beta;
        filter->filter.mean = norm->mean;
        filter->filter.variance = norm->variance;
        filter->filter.epsilon = norm->epsilon;
        absorb(layers, filter, i);
    }
}

static void fuse_activation(lk_draft_layer *layers, lk_node_id activation)
{
    lk_draft_layer *filter = sole_filter(layers, layers[activation].node->inputs[0]);
    if (!filter || has_activation(filter) || filter->residual_kind == LK_RESIDUAL_AFTER_ACTIVATION) return;
    filter->lo = layers[activation].lo;
    filter->hi = layers[activation].hi;
    absorb(layers, filter, activation);
}

/* Into whichever side is a convolution that runs after the other side is there. */
static void fuse_residual(lk_draft_layer *layers, lk_node_id sum)
{
    for (size_t side = 0; side < 2; side++) {
        const lk_node_id value = layers[sum].node->inputs[side], other = layers[sum].node->inputs[1 - side];
        lk_draft_layer *filter = sole_filter(layers, value);
        if (!filter || filter->residual != LK_NO_NODE || layers[other].maker >= layers[value].maker) continue;
        filter->residual = other;
        filter->residual_kind =
            has_activation(filter) ? LK_RESIDUAL_AFTER_ACTIVATION : LK_RESIDUAL_BEFORE_ACTIVATION;
        absorb(layers, filter, sum);
        return;
    }
}

void lk_draft_fuse(lk_draft_layer *layers, size_t count)
{
    for (lk_node_id i = 0; i < count; i++) {
        if (layers[i].node->kind == LK_NODE_ACTIVATION) fuse_activation(layers, i);
        if (layers[i].node->kind == LK_NODE_ADD) fuse_residual(layers, i);
    }
}

static void need(lk_draft_layer *layers, lk_node_id value)
{
    if (value != LK_NO_NODE) layers[layers[value].maker].needed = true;
}

void lk_draft_mark_needed(lk_draft_layer *layers, size_t count)
{
    for (lk_node_id i = 0; i < count; i++)
        if (layers[i].wanted) need(layers, i);
    /* Inputs stand before the layers that use them, so one walk from the end reaches all. */
    for (lk_node_id i = count; i-- > 0;) {
        if (!layers[i].needed) continue;
        need(layers, layers[i].node->inputs[0]);
        need(layers, layers[i].node->inputs[1]);
        need(layers, layers[i].residual);
    }
}

lk_status lk_draft_check_quantization(const lk_graph *graph, const lk_quantization *quantization)
{
    const size_t count = lk_graph_count(graph);
    lk_draft_layer *layers = lk_allocate_array(count, sizeof *layers);
    if (!layers) return lk_fail(LK_ERROR_MEMORY, "out of memory for a model");
    lk_draft_begin(graph, layers);
    lk_draft_fold(layers, count);
    lk_draft_fuse(layers, count);
    lk_status status = LK_OK;
    for (lk_node_id i = 0; !status && i < count; i++) {
        const lk_node *made = layers[layers[i].output].node;
        if (layers[i].maker == i && layers[i].uses > 0 && made->real.scale == 0)
            status = lk_quantization_lacks(quantization, made->name);
    }
    lk_free(layers);
    return status;
}
