/* Two layers as one: the pointwise layer that expands an inverted residual, and its depthwise layer. The map between them, the widest of
 * the block, exists a few rows of a few channels at a time. */
#ifndef LK_LAYERS_EXPAND_DEPTHWISE_H
#define LK_LAYERS_EXPAND_DEPTHWISE_H

#include "layers/conv2d.h"

typedef struct lk_expand_depthwise {
    const lk_conv2d *expand, *depthwise; /* the one's output is the other's input, and nobody else's */
    size_t ring_rows; /* of the map between them that exist at a time, lk_expand_depthwise_ring() */
} lk_expand_depthwise;

/* y = depthwise(expand(x)), as conv2d.h defines both; io->weights are expand's, io->second_weights depthwise's. Maps are blocked.
 * Rows run [picture][panel][row] over the panels and rows of the output. */
typedef void lk_expand_depthwise_fn(const lk_expand_depthwise *d, const lk_operands *io, lk_rows rows);

typedef struct lk_expand_depthwise_kernel {
    const char *name;
    lk_expand_depthwise_fn *run;
    lk_dtype type; /* of both layers' weights and of all three maps */
    unsigned needs;
    size_t panel;            /* output channels at a time */
    lk_conv2d_pack_fn *pack; /* of expand's weights; depthwise's are packed by lk_depthwise_pack_blocks */
} lk_expand_depthwise_kernel;

/* NULL where none fits: a mask without them, or layers that are not of their kind. */
const lk_expand_depthwise_kernel *lk_expand_depthwise_choose(const lk_conv2d *expand, const lk_conv2d *depthwise, unsigned can);

size_t lk_expand_depthwise_ring_width(const lk_conv2d *depthwise); /* pixels of a row: the map's, and the zeros beside it that taps reach */
size_t lk_expand_depthwise_ring(const lk_expand_depthwise_kernel *kernel, const lk_conv2d *depthwise);
size_t lk_expand_depthwise_scratch(const lk_expand_depthwise_kernel *kernel, const lk_conv2d *depthwise); /* bytes a thread */
size_t lk_expand_depthwise_rows(const lk_expand_depthwise_kernel *kernel, const lk_conv2d *depthwise); /* of one picture */

#define LK_EXPAND_DEPTHWISE(run, type, needs, panel, pack) lk_expand_depthwise_fn run;
#include "layers/kernels.inc"

#endif
