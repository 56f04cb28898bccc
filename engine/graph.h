/* A network as the model writes it: nodes in order, each one layer with Paddle's name and its tensors.
 *
 * A network file (engine/models/) calls the builders below one after another, without looking at errors: the
 * first one sticks, later calls do nothing, and lk_graph_finish reports it. */
#ifndef LK_ENGINE_GRAPH_H
#define LK_ENGINE_GRAPH_H

#include "engine/quantization.h"
#include "layers/step.h"
#include "weights/safetensors.h"

typedef size_t lk_node_id;
#define LK_NO_NODE ((lk_node_id)-1)

typedef enum lk_node_kind {
    LK_NODE_INPUT,
    LK_NODE_CONV2D,
    LK_NODE_BATCH_NORM,
    LK_NODE_ACTIVATION,
    LK_NODE_ADD,
    LK_NODE_POOL2D,
    LK_NODE_FLATTEN,
    LK_NODE_LINEAR,
    LK_NODE_SOFTMAX
} lk_node_kind;

typedef enum lk_padding_rule {
    LK_PADDING_PADDLE,    /* as the layer says, the same on both sides */
    LK_PADDING_KERAS_SAME /* out = ceil(in / stride); what is left over goes below and to the right */
} lk_padding_rule;

/* A convolution's attributes; 0 stands for 1 in stride, dilation and groups. */
typedef struct lk_conv_attributes {
    size_t channels; /* of the output */
    size_t kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, groups;
    size_t pad_top, pad_left, pad_bottom, pad_right;
    bool has_bias;
} lk_conv_attributes;

typedef struct lk_pool_attributes {
    lk_pool2d_kind kind;
    size_t out_h, out_w;                                                                     /* adaptive */
    size_t kernel_h, kernel_w, stride_h, stride_w, pad_top, pad_left, pad_bottom, pad_right; /* max */
} lk_pool_attributes;

typedef struct lk_node {
    lk_node_kind kind;
    const char *name;
    lk_node_id inputs[2]; /* LK_NO_NODE where there is none */
    size_t channels;      /* of the output; a linear layer's features */
    union {
        lk_conv_attributes conv;
        lk_pool_attributes pool;
        struct {
            float lo, hi;
        } activation;
    } as;
    lk_affine real;   /* of an int8 network: what bytes of the output stand for; scale 0 where there are none */
    lk_filter filter; /* convolution, linear: weight and bias; batch norm: the other four */
} lk_node;

typedef struct lk_graph lk_graph;

/* An empty graph whose tensors come from `file`, which outlives it. Node 0 is the input, with `channels`. */
lk_status lk_graph_open(const lk_safetensors *file, size_t channels, lk_graph **graph);
void lk_graph_close(lk_graph **graph);

void lk_graph_set_padding(lk_graph *graph, lk_padding_rule rule); /* of convolutions with a stride above 1 */
void lk_graph_set_epsilon(lk_graph *graph, double epsilon);       /* of every batch norm */

/* From now on weights are int8, with scales and a bias, and batch norms are folded and have no tensors. It outlives the graph. */
void lk_graph_set_quantization(lk_graph *graph, const lk_quantization *quantization);

/* The builders. `name` is copied; tensors are asked for as NAME.weight, NAME.bias, NAME._mean,
 * NAME._variance, and must have the shapes that the layer and its input give. */
lk_node_id lk_graph_conv2d(lk_graph *graph, const char *name, lk_node_id x,
                           const lk_conv_attributes *attributes);
lk_node_id lk_graph_batch_norm(lk_graph *graph, const char *name, lk_node_id x);
lk_node_id lk_graph_activation(lk_graph *graph, const char *name, lk_node_id x, float lo, float hi);
lk_node_id lk_graph_relu(lk_graph *graph, const char *name, lk_node_id x);
lk_node_id lk_graph_relu6(lk_graph *graph, const char *name, lk_node_id x);
lk_node_id lk_graph_add(lk_graph *graph, const char *name, lk_node_id x, lk_node_id residual);
lk_node_id lk_graph_pool(lk_graph *graph, const char *name, lk_node_id x,
                         const lk_pool_attributes *attributes);
lk_node_id lk_graph_global_pool(lk_graph *graph, const char *name, lk_node_id x);
lk_node_id lk_graph_flatten(lk_graph *graph, const char *name, lk_node_id x);
/* `inputs`: how many values one picture brings, in Paddle's order (channels, rows, columns). */
lk_node_id lk_graph_linear(lk_graph *graph, const char *name, lk_node_id x, size_t inputs, size_t features);
lk_node_id lk_graph_softmax(lk_graph *graph, const char *name, lk_node_id x);

/* What "pooled" and "logits" mean here. */
void lk_graph_name_pooled(lk_graph *graph, lk_node_id node);
void lk_graph_name_logits(lk_graph *graph, lk_node_id node);

/* printf into text that the graph owns: names of layers. */
const char *lk_graph_text(lk_graph *graph, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Makes any failure above known, for a network file that finds one itself. */
void lk_graph_fail(lk_graph *graph, lk_status status);

/* The first failure of all the above; else whether every tensor of the file was asked for. */
lk_status lk_graph_finish(lk_graph *graph);

/* Reading it. */
size_t lk_graph_count(const lk_graph *graph);
const lk_node *lk_graph_node(const lk_graph *graph, lk_node_id node);
lk_padding_rule lk_graph_padding(const lk_graph *graph);
double lk_graph_epsilon(const lk_graph *graph);
lk_node_id lk_graph_pooled(const lk_graph *graph); /* LK_NO_NODE when there is none */
lk_node_id lk_graph_logits(const lk_graph *graph);
const char *lk_node_kind_name(const lk_node *node); /* Paddle's class: "Conv2D", "ReLU6" … */

/* The node that a feature's name means (see lk_plan_options in likeness.h). LK_ERROR_NOT_FOUND. */
lk_status lk_graph_find(const lk_graph *graph, const char *name, lk_node_id *node);

#endif
