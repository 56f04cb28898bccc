#include "engine/graph.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"

struct lk_graph {
    const lk_safetensors *file;
    lk_padding_rule padding;
    double epsilon;
    const lk_quantization *quantization; /* NULL: of floats */
    lk_node *nodes;
    size_t count, capacity;
    bool *used; /* [tensors of the file]: asked for */
    struct text {
        struct text *next;
        char characters[];
    } * texts;
    lk_node_id pooled, logits;
    lk_error error; /* the first failure */
};

lk_status lk_graph_open(const lk_safetensors *file, size_t channels, lk_graph **graph)
{
    lk_graph *opened = lk_allocate_array(1, sizeof *opened);
    if (!opened) return lk_fail(LK_ERROR_MEMORY, "%s: out of memory", lk_safetensors_path(file));
    opened->file = file;
    opened->pooled = opened->logits = LK_NO_NODE;
    opened->used = lk_allocate_array(lk_safetensors_count(file), sizeof *opened->used);
    void *nodes = NULL;
    if (!opened->used || !lk_grow(&nodes, &opened->capacity, 256, sizeof *opened->nodes)) {
        lk_graph_close(&opened);
        return lk_fail(LK_ERROR_MEMORY, "%s: out of memory", lk_safetensors_path(file));
    }
    opened->nodes = nodes;
    opened->nodes[0] = (lk_node){
        .kind = LK_NODE_INPUT, .name = "input", .inputs = {LK_NO_NODE, LK_NO_NODE}, .channels = channels};
    opened->count = 1;
    *graph = opened;
    return LK_OK;
}

void lk_graph_close(lk_graph **graph)
{
    lk_graph *closed = *graph;
    if (!closed) return;
    while (closed->texts) {
        struct text *next = closed->texts->next;
        lk_free(closed->texts);
        closed->texts = next;
    }
    lk_free(closed->nodes);
    lk_free(closed->used);
    lk_free(closed);
    *graph = NULL;
}

void lk_graph_set_padding(lk_graph *graph, lk_padding_rule rule)
{
    graph->padding = rule;
}

void lk_graph_set_epsilon(lk_graph *graph, double epsilon)
{
    graph->epsilon = epsilon;
}

void lk_graph_set_quantization(lk_graph *graph, const lk_quantization *quantization)
{
    graph->quantization = quantization;
    lk_quantization_find(quantization, "input", &graph->nodes[0].real);
}

void lk_graph_fail(lk_graph *graph, lk_status status)
{
    if (graph->error.status == LK_OK) graph->error = lk_error_take(status);
}

const char *lk_graph_text(lk_graph *graph, const char *format, ...)
{
    char characters[256];
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(characters, sizeof characters, format, arguments);
    va_end(arguments);
    struct text *text = length < 0 || (size_t)length >= sizeof characters
                            ? NULL
                            : lk_allocate(sizeof *text + (size_t)length + 1, _Alignof(struct text));
    if (!text) {
        lk_graph_fail(graph, lk_fail(LK_ERROR_MEMORY, "%s: out of memory", lk_safetensors_path(graph->file)));
        return "";
    }
    memcpy(text->characters, characters, (size_t)length + 1);
    text->next = graph->texts;
    graph->texts = text;
    return text->characters;
}

/* "[32, 3, 3, 3]" */
static void print_shape(const size_t *shape, size_t rank, char text[128])
{
    size_t length = 0;
    text[length++] = '[';
    for (size_t i = 0; i < rank && length < 100; i++)
        length += (size_t)snprintf(text + length, 128 - length, i ? ", %zu" : "%zu", shape[i]);
    snprintf(text + length, 128 - length, "]");
}

static lk_status check_finite(const lk_graph *graph, const lk_tensor *tensor)
{
    const size_t i = lk_tensor_first_not_finite(tensor);
    if (i == tensor->count) return LK_OK;
    return lk_fail(LK_ERROR_TENSOR, "%s: tensor %s holds %s at element %zu", lk_safetensors_path(graph->file),
                   tensor->name, isnan(lk_tensor_at(tensor, i)) ? "NaN" : "infinity", i);
}

static lk_status check_bytes(const lk_graph *graph, const lk_tensor *tensor)
{
    for (size_t i = 0; i < tensor->count; i++)
        if (tensor->bytes[i] == 0x80)
            return lk_fail(LK_ERROR_TENSOR, "%s: tensor %s holds -128 at element %zu",
                           lk_safetensors_path(graph->file), tensor->name, i);
    return LK_OK;
}

static lk_status check_tensor(const lk_graph *graph, const lk_tensor *tensor, const size_t *shape,
                              size_t rank, bool bytes)
{
    const char *path = lk_safetensors_path(graph->file);
    if (bytes && tensor->dtype != LK_I8)
        return lk_fail(LK_ERROR_TENSOR, "%s: tensor %s is not of int8", path, tensor->name);
    if (!bytes && tensor->dtype != LK_F32 && tensor->dtype != LK_F16 && tensor->dtype != LK_BF16)
        return lk_fail(LK_ERROR_TENSOR, "%s: tensor %s is not of float32, float16 or bfloat16", path,
                       tensor->name);
    if (tensor->rank != rank || memcmp(tensor->shape, shape, rank * sizeof *shape)) {
        char has[128], needs[128];
        print_shape(tensor->shape, tensor->rank, has);
        print_shape(shape, rank, needs);
        return lk_fail(LK_ERROR_TENSOR, "%s: tensor %s has shape %s, but the network needs %s", path,
                       tensor->name, has, needs);
    }
    return bytes ? check_bytes(graph, tensor) : check_finite(graph, tensor);
}

/* The tensor LAYER.PART of that shape, of floats or of bytes; a failure sticks to the graph. */
static const lk_tensor *ask(lk_graph *graph, const char *layer, const char *part, const size_t *shape,
                            size_t rank, bool bytes)
{
    if (graph->error.status) return NULL;
    const char *name = lk_graph_text(graph, "%s.%s", layer, part);
    const lk_tensor *tensor = lk_safetensors_find(graph->file, name);
    lk_status status;
    if (!tensor) {
        status = lk_fail(LK_ERROR_TENSOR, "%s: tensor %s is missing", lk_safetensors_path(graph->file), name);
    } else {
        graph->used[tensor - lk_safetensors_tensor(graph->file, 0)] = true;
        status = check_tensor(graph, tensor, shape, rank, bytes);
    }
    if (status) lk_graph_fail(graph, status);
    return tensor;
}

static const lk_tensor *ask_vector(lk_graph *graph, const char *layer, const char *part, size_t count)
{
    return ask(graph, layer, part, &count, 1, false);
}

/* Weights and bias; of an int8 network, whose batch norms are folded, with a scale for each of `outputs`. */
static void ask_filter(lk_graph *graph, const char *layer, const size_t *shape, size_t rank, size_t outputs,
                       bool has_bias, lk_filter *filter)
{
    filter->weight = ask(graph, layer, "weight", shape, rank, graph->quantization != NULL);
    if (graph->quantization || has_bias) filter->bias = ask_vector(graph, layer, "bias", outputs);
    if (!graph->quantization) return;
    filter->scale = ask_vector(graph, layer, "scale", outputs);
    for (size_t o = 0; graph->error.status == LK_OK && o < outputs; o++) {
        const float scale = lk_tensor_at(filter->scale, o);
        if (!(scale > 0 && (double)scale <= LK_MOST_SCALE))
            lk_graph_fail(graph,
                          lk_fail(LK_ERROR_TENSOR,
                                  "%s: tensor %s holds %g at element %zu: a scale is above 0 and at most %g",
                                  lk_safetensors_path(graph->file), filter->scale->name, (double)scale, o,
                                  LK_MOST_SCALE));
    }
}

static lk_node_id append(lk_graph *graph, const char *name, lk_node node)
{
    void *nodes = graph->nodes;
    if (!lk_grow(&nodes, &graph->capacity, graph->count + 1, sizeof node)) {
        lk_graph_fail(graph, lk_fail(LK_ERROR_MEMORY, "%s: out of memory", lk_safetensors_path(graph->file)));
        return 0; /* the input: any valid node will do, as nothing is built from here on */
    }
    graph->nodes = nodes;
    node.name = lk_graph_text(graph, "%s", name);
    if (graph->quantization) lk_quantization_find(graph->quantization, name, &node.real);
    graph->nodes[graph->count] = node;
    return graph->count++;
}

static lk_node node_on(const lk_graph *graph, lk_node_kind kind, lk_node_id x)
{
    return (lk_node){.kind = kind, .inputs = {x, LK_NO_NODE}, .channels = graph->nodes[x].channels};
}

static size_t one_for_none(size_t value)
{
    return value ? value : 1;
}

lk_node_id lk_graph_conv2d(lk_graph *graph, const char *name, lk_node_id x,
                           const lk_conv_attributes *attributes)
{
    lk_node node = node_on(graph, LK_NODE_CONV2D, x);
    lk_conv_attributes *a = &node.as.conv;
    *a = *attributes;
    a->stride_h = one_for_none(a->stride_h), a->stride_w = one_for_none(a->stride_w);
    a->dilation_h = one_for_none(a->dilation_h), a->dilation_w = one_for_none(a->dilation_w);
    a->groups = one_for_none(a->groups);
    if (node.channels % a->groups || a->channels % a->groups) {
        lk_graph_fail(graph,
                      lk_fail(LK_ERROR_UNSUPPORTED, "%s: %s: %zu groups do not divide %zu and %zu channels",
                              lk_safetensors_path(graph->file), name, a->groups, node.channels, a->channels));
        return x;
    }
    const size_t shape[] = {a->channels, node.channels / a->groups, a->kernel_h, a->kernel_w};
    ask_filter(graph, name, shape, 4, a->channels, a->has_bias, &node.filter);
    node.channels = a->channels;
    return append(graph, name, node);
}

lk_node_id lk_graph_batch_norm(lk_graph *graph, const char *name, lk_node_id x)
{
    lk_node node = node_on(graph, LK_NODE_BATCH_NORM, x);
    if (graph->quantization)
        return append(graph, name, node); /* a name for what the convolution does already */
    node.filter.gamma = ask_vector(graph, name, "weight", node.channels);
    node.filter.beta = ask_vector(graph, name, "bias", node.channels);
    node.filter.mean = ask_vector(graph, name, "_mean", node.channels);
    node.filter.variance = ask_vector(graph, name, "_variance", node.channels);
    node.filter.epsilon = graph->epsilon;
    for (size_t c = 0; graph->error.status == LK_OK && c < node.channels; c++)
        if (lk_tensor_at(node.filter.variance, c) < 0)
            lk_graph_fail(graph,
                          lk_fail(LK_ERROR_TENSOR, "%s: tensor %s holds a negative variance at element %zu",
                                  lk_safetensors_path(graph->file), node.filter.variance->name, c));
    return append(graph, name, node);
}

lk_node_id lk_graph_activation(lk_graph *graph, const char *name, lk_node_id x, float lo, float hi)
{
    lk_node node = node_on(graph, LK_NODE_ACTIVATION, x);
    node.as.activation.lo = lo;
    node.as.activation.hi = hi;
    return append(graph, name, node);
}

lk_node_id lk_graph_relu(lk_graph *graph, const char *name, lk_node_id x)
{
    return lk_graph_activation(graph, name, x, 0, INFINITY);
}

lk_node_id lk_graph_relu6(lk_graph *graph, const char *name, lk_node_id x)
{
    return lk_graph_activation(graph, name, x, 0, 6);
}

lk_node_id lk_graph_add(lk_graph *graph, const char *name, lk_node_id x, lk_node_id residual)
{
    lk_node node = node_on(graph, LK_NODE_ADD, x);
    node.inputs[1] = residual;
    if (graph->nodes[residual].channels != node.channels)
        lk_graph_fail(graph, lk_fail(LK_ERROR_UNSUPPORTED, "%s: %s adds %zu channels to %zu",
                                     lk_safetensors_path(graph->file), name, graph->nodes[residual].channels,
                                     node.channels));
    return append(graph, name, node);
}

lk_node_id lk_graph_pool(lk_graph *graph, const char *name, lk_node_id x,
                         const lk_pool_attributes *attributes)
{
    lk_node node = node_on(graph, LK_NODE_POOL2D, x);
    node.as.pool = *attributes;
    node.as.pool.stride_h = one_for_none(attributes->stride_h);
    node.as.pool.stride_w = one_for_none(attributes->stride_w);
    return append(graph, name, node);
}

lk_node_id lk_graph_global_pool(lk_graph *graph, const char *name, lk_node_id x)
{
    return lk_graph_pool(graph, name, x,
                         &(lk_pool_attributes){.kind = LK_POOL_ADAPTIVE_AVERAGE, .out_h = 1, .out_w = 1});
}

lk_node_id lk_graph_flatten(lk_graph *graph, const char *name, lk_node_id x)
{
    return append(graph, name, node_on(graph, LK_NODE_FLATTEN, x));
}

lk_node_id lk_graph_linear(lk_graph *graph, const char *name, lk_node_id x, size_t inputs, size_t features)
{
    lk_node node = node_on(graph, LK_NODE_LINEAR, x);
    const size_t shape[] = {inputs, features};
    ask_filter(graph, name, shape, 2, features, true, &node.filter);
    node.filter.is_linear = true;
    node.channels = features;
    return append(graph, name, node);
}

lk_node_id lk_graph_softmax(lk_graph *graph, const char *name, lk_node_id x)
{
    return append(graph, name, node_on(graph, LK_NODE_SOFTMAX, x));
}

void lk_graph_name_pooled(lk_graph *graph, lk_node_id node)
{
    graph->pooled = node;
}

void lk_graph_name_logits(lk_graph *graph, lk_node_id node)
{
    graph->logits = node;
}

lk_status lk_graph_finish(lk_graph *graph)
{
    if (graph->error.status) return lk_error_restore(&graph->error);
    for (size_t i = 0; i < lk_safetensors_count(graph->file); i++)
        if (!graph->used[i])
            return lk_fail(LK_ERROR_TENSOR, "%s: tensor %s belongs to no layer of this network",
                           lk_safetensors_path(graph->file), lk_safetensors_tensor(graph->file, i)->name);
    return LK_OK;
}

size_t lk_graph_count(const lk_graph *graph)
{
    return graph->count;
}

const lk_node *lk_graph_node(const lk_graph *graph, lk_node_id node)
{
    return &graph->nodes[node];
}

lk_padding_rule lk_graph_padding(const lk_graph *graph)
{
    return graph->padding;
}

double lk_graph_epsilon(const lk_graph *graph)
{
    return graph->epsilon;
}

lk_node_id lk_graph_pooled(const lk_graph *graph)
{
    return graph->pooled;
}

lk_node_id lk_graph_logits(const lk_graph *graph)
{
    return graph->logits;
}
