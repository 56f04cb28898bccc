/* The size of every node's output for one input size, and the geometry that layers get from it. */
#ifndef LK_ENGINE_SHAPES_H
#define LK_ENGINE_SHAPES_H

#include "engine/graph.h"

typedef struct lk_shape {
    size_t height, width, channels; /* in memory: NHWC */
    bool flattened; /* for Paddle it is one vector, of channels * height * width values in that order */
} lk_shape;

/* shapes [lk_graph_count()]. LK_ERROR_ARGUMENT when a layer's window does not fit its map, or shapes that are
 * added or fed to a linear layer do not agree; the message names the layer. */
lk_status lk_infer_shapes(const lk_graph *graph, size_t height, size_t width, lk_shape *shapes);

/* The layer of a convolution, linear or pool node on an input of shape `in`, with output `out`; no
 * activation, no residual. */
lk_conv2d lk_conv2d_of_node(const lk_graph *graph, const lk_node *node, const lk_shape *in,
                            const lk_shape *out);
lk_pool2d lk_pool2d_of_node(const lk_node *node, const lk_shape *in, const lk_shape *out);

#endif
