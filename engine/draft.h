/* A graph on its way to a plan: which layers become steps, and what has been folded or fused into each. */
#ifndef LK_ENGINE_DRAFT_H
#define LK_ENGINE_DRAFT_H

#include "engine/graph.h"

/* One layer of the graph. It is a step of its own unless another layer's step makes its output (`maker`). */
typedef struct lk_draft_layer {
    const lk_node *node;
    lk_node_id
        maker; /* the layer whose step makes this one's output; itself, unless folded, fused or a mere view */
    lk_node_id output; /* of a step: the layer whose output it makes in the end */
    lk_filter filter;  /* of a convolution: with the batch norm that was folded in */
    lk_node_id residual;
    lk_residual residual_kind;
    float lo, hi; /* the activation of a convolution, or of the layer itself */
    size_t uses;  /* by other layers */
    bool wanted;  /* as a feature: must exist as it is */
    bool needed;  /* for a feature */
} lk_draft_layer;

/* layers [lk_graph_count()]: a step for every layer; views share their input's memory. `wanted` is for the
 * caller to set. */
void lk_draft_begin(const lk_graph *graph, lk_draft_layer *layers);

/* Batch norm → the convolution or linear layer before it. Neither pass hides a wanted layer's output. */
void lk_draft_fold(lk_draft_layer *layers, size_t count);

/* Activation and residual sum → the convolution before them. */
void lk_draft_fuse(lk_draft_layer *layers, size_t count);

/* Whether an int8 network says of every map that another layer reads, once folded and fused, what its bytes stand for.
 * LK_ERROR_FORMAT names what is missing; LK_ERROR_MEMORY. */
lk_status lk_draft_check_quantization(const lk_graph *graph, const lk_quantization *quantization);

/* Marks what the wanted layers need. */
void lk_draft_mark_needed(lk_draft_layer *layers, size_t count);

#endif
