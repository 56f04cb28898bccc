/* Paddle's names for layers: their classes, and every way in which a user may say which layer's output is
 * meant. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "engine/graph.h"

const char *lk_node_kind_name(const lk_node *node)
{
    switch (node->kind) {
    case LK_NODE_INPUT:
        return "Input";
    case LK_NODE_CONV2D:
        return "Conv2D";
    case LK_NODE_BATCH_NORM:
        return "BatchNorm2D";
    case LK_NODE_ACTIVATION:
        return isinf(node->as.activation.hi) ? "ReLU" : "ReLU6";
    case LK_NODE_ADD:
        return "Add";
    case LK_NODE_POOL2D:
        return node->as.pool.kind == LK_POOL_MAX ? "MaxPool2D" : "AdaptiveAvgPool2D";
    case LK_NODE_FLATTEN:
        return "Flatten";
    case LK_NODE_LINEAR:
        return "Linear";
    case LK_NODE_SOFTMAX:
        return "Softmax";
    }
    return "?";
}

/* A container's name, such as features.17 or classifier, means the output of its last layer. */
static lk_node_id find_by_name(const lk_graph *graph, const char *name)
{
    const size_t length = strlen(name);
    lk_node_id found = LK_NO_NODE;
    for (lk_node_id i = 1; i < lk_graph_count(graph); i++) {
        const char *candidate = lk_graph_node(graph, i)->name;
        if (strncmp(candidate, name, length)) continue;
        if (candidate[length] == '\0') return i;
        if (candidate[length] == '.') found = i;
    }
    return found;
}

static bool is_kind(const lk_node *node, const char *kind, size_t length)
{
    return !strncmp(lk_node_kind_name(node), kind, length) && !lk_node_kind_name(node)[length];
}

static size_t count_kind(const lk_graph *graph, const char *kind, size_t length)
{
    size_t count = 0;
    for (lk_node_id i = 1; i < lk_graph_count(graph); i++)
        count += is_kind(lk_graph_node(graph, i), kind, length);
    return count;
}

static lk_node_id nth_of_kind(const lk_graph *graph, const char *kind, size_t length, size_t n)
{
    for (lk_node_id i = 1; i < lk_graph_count(graph); i++)
        if (is_kind(lk_graph_node(graph, i), kind, length) && n-- == 0) return i;
    return LK_NO_NODE;
}

/* "Conv2D-312": layers are counted by class through the whole process, so a later instance of the network
 * counts on from the one before; taken modulo the number of such layers it names the same layer in each. */
static lk_node_id find_by_counter(const lk_graph *graph, const char *name)
{
    const char *dash = strrchr(name, '-');
    if (!dash || dash == name || dash[1] < '1' || dash[1] > '9' ||
        strspn(dash + 1, "0123456789") != strlen(dash + 1) || strlen(dash + 1) > 9)
        return LK_NO_NODE;
    const size_t length = (size_t)(dash - name), of_kind = count_kind(graph, name, length);
    return of_kind ? nth_of_kind(graph, name, length, (strtoul(dash + 1, NULL, 10) - 1) % of_kind)
                   : LK_NO_NODE;
}

lk_status lk_graph_find(const lk_graph *graph, const char *name, lk_node_id *node)
{
    lk_node_id found = LK_NO_NODE;
    if (!strcmp(name, "logits")) {
        if (lk_graph_logits(graph) == LK_NO_NODE)
            return lk_fail(LK_ERROR_NOT_FOUND,
                           "this model has no classifier, and so no logits; pooled features it has");
        found = lk_graph_logits(graph);
    } else if (!strcmp(name, "pooled")) {
        found = lk_graph_pooled(graph);
    }
    if (found == LK_NO_NODE && *name) found = find_by_name(graph, name);
    if (found == LK_NO_NODE) found = find_by_counter(graph, name);
    if (found == LK_NO_NODE)
        return lk_fail(LK_ERROR_NOT_FOUND, "no layer is called %.100s (likeness info lists the layers)",
                       name);
    *node = found;
    return LK_OK;
}
