#include "engine/shapes.h"

#include <math.h>

#include "base/error.h"

/* Positions of a window along one axis; 0 when it fits nowhere. */
static size_t positions(size_t in, size_t pad, size_t window, size_t stride)
{
    return in + pad < window ? 0 : (in + pad - window) / stride + 1;
}

static size_t dilated(size_t kernel, size_t dilation)
{
    return (kernel - 1) * dilation + 1;
}

/* Keras's and TensorFlow's "same": the smallest padding that gives ceil(in / stride) outputs, its larger half
 * behind. */
static size_t same_pad_before(size_t in, size_t window, size_t stride)
{
    const size_t out = (in + stride - 1) / stride, reach = (out - 1) * stride + window;
    return reach > in ? (reach - in) / 2 : 0;
}

static bool keras_same(const lk_graph *graph, const lk_conv_attributes *a)
{
    return lk_graph_padding(graph) == LK_PADDING_KERAS_SAME && (a->stride_h > 1 || a->stride_w > 1);
}

static void conv2d_shape(const lk_graph *graph, const lk_node *node, const lk_shape *in, lk_shape *out)
{
    const lk_conv_attributes *a = &node->as.conv;
    if (keras_same(graph, a)) {
        out->height = (in->height + a->stride_h - 1) / a->stride_h;
        out->width = (in->width + a->stride_w - 1) / a->stride_w;
        return;
    }
    out->height =
        positions(in->height, a->pad_top + a->pad_bottom, dilated(a->kernel_h, a->dilation_h), a->stride_h);
    out->width =
        positions(in->width, a->pad_left + a->pad_right, dilated(a->kernel_w, a->dilation_w), a->stride_w);
}

static void pool_shape(const lk_node *node, const lk_shape *in, lk_shape *out)
{
    const lk_pool_attributes *a = &node->as.pool;
    out->height = a->out_h;
    out->width = a->out_w;
    if (a->kind == LK_POOL_ADAPTIVE_AVERAGE) return;
    out->height = positions(in->height, a->pad_top + a->pad_bottom, a->kernel_h, a->stride_h);
    out->width = positions(in->width, a->pad_left + a->pad_right, a->kernel_w, a->stride_w);
}

static bool same_shape(const lk_shape *a, const lk_shape *b)
{
    return a->height == b->height && a->width == b->width && a->channels == b->channels;
}

static lk_status infer(const lk_graph *graph, const lk_node *node, const lk_shape *shapes, lk_shape *out)
{
    const lk_shape *in = &shapes[node->inputs[0]];
    *out = *in;
    out->channels = node->channels;
    switch (node->kind) {
    case LK_NODE_CONV2D:
        conv2d_shape(graph, node, in, out);
        break;
    case LK_NODE_POOL2D:
        pool_shape(node, in, out);
        break;
    case LK_NODE_FLATTEN:
        out->flattened = true;
        break;
    case LK_NODE_LINEAR:
        *out = (lk_shape){.height = 1, .width = 1, .channels = node->channels, .flattened = true};
        if (node->filter.weight->shape[0] != in->height * in->width * in->channels)
            return lk_fail(LK_ERROR_ARGUMENT, "layer %s takes %zu values, but gets %zu at this input size",
                           node->name, node->filter.weight->shape[0], in->height * in->width * in->channels);
        break;
    case LK_NODE_ADD:
        if (!same_shape(in, &shapes[node->inputs[1]]))
            return lk_fail(LK_ERROR_ARGUMENT, "layer %s adds maps of different sizes at this input size",
                           node->name);
        break;
    default:
        break;
    }
    if (!out->height || !out->width)
        return lk_fail(LK_ERROR_ARGUMENT, "layer %s: its window is larger than its map of %zu x %zu",
                       node->name, in->height, in->width);
    return LK_OK;
}

lk_status lk_infer_shapes(const lk_graph *graph, size_t height, size_t width, lk_shape *shapes)
{
    shapes[0] = (lk_shape){.height = height, .width = width, .channels = lk_graph_node(graph, 0)->channels};
    for (lk_node_id i = 1; i < lk_graph_count(graph); i++) {
        const lk_status status = infer(graph, lk_graph_node(graph, i), shapes, &shapes[i]);
        if (status) return status;
    }
    return LK_OK;
}

lk_conv2d lk_conv2d_of_node(const lk_graph *graph, const lk_node *node, const lk_shape *in,
                            const lk_shape *out)
{
    lk_conv2d d = {.in_h = in->height,
                   .in_w = in->width,
                   .in_channels = in->channels,
                   .out_h = out->height,
                   .out_w = out->width,
                   .out_channels = node->channels,
                   .lo = -INFINITY,
                   .hi = INFINITY};
    if (node->kind == LK_NODE_LINEAR) { /* a kernel as large as the map, at its one position */
        d.kernel_h = in->height, d.kernel_w = in->width;
        d.stride_h = d.stride_w = d.dilation_h = d.dilation_w = d.groups = 1;
        return d;
    }
    const lk_conv_attributes *a = &node->as.conv;
    d.kernel_h = a->kernel_h, d.kernel_w = a->kernel_w;
    d.stride_h = a->stride_h, d.stride_w = a->stride_w;
    d.dilation_h = a->dilation_h, d.dilation_w = a->dilation_w;
    d.groups = a->groups;
    d.pad_top = a->pad_top, d.pad_left = a->pad_left;
    if (keras_same(graph, a)) {
        d.pad_top = same_pad_before(in->height, dilated(a->kernel_h, a->dilation_h), a->stride_h);
        d.pad_left = same_pad_before(in->width, dilated(a->kernel_w, a->dilation_w), a->stride_w);
    }
    return d;
}

lk_pool2d lk_pool2d_of_node(const lk_node *node, const lk_shape *in, const lk_shape *out)
{
    const lk_pool_attributes *a = &node->as.pool;
    return (lk_pool2d){.kind = a->kind,
                       .in_h = in->height,
                       .in_w = in->width,
                       .channels = in->channels,
                       .out_h = out->height,
                       .out_w = out->width,
                       .kernel_h = a->kernel_h,
                       .kernel_w = a->kernel_w,
                       .stride_h = a->stride_h,
                       .stride_w = a->stride_w,
                       .pad_top = a->pad_top,
                       .pad_left = a->pad_left};
}
