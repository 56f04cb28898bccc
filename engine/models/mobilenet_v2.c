/* MobileNetV2: Inverted Residuals and Linear Bottlenecks. Sandler, Howard, Zhu, Zhmoginov, Chen, CVPR 2018,
 * table 2. Layers and their names are those of paddle.vision.models.mobilenet_v2. */
#include "base/checked.h"
#include "engine/models/models.h"

/* Table 2, rows 2 to 8: expansion t, output channels c, repeats n, stride s of the first of them. */
static const struct {
    size_t t, c, n, s;
} table[] = {{1, 16, 1, 1}, {6, 24, 2, 2},  {6, 32, 3, 2}, {6, 64, 4, 2},
             {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};

/* Widths are multiples of 8, and rounding takes away no more than a tenth. */
static size_t width(double channels)
{
    const size_t rounded = (size_t)(channels + 4) / 8 * 8;
    if (rounded < 8) return 8;
    return (double)rounded < 0.9 * channels ? rounded + 8 : rounded;
}

static lk_node_id conv_bn(lk_graph *g, const char *conv, const char *bn, lk_node_id x, lk_conv_attributes a)
{
    a.kernel_w = a.kernel_h;
    a.stride_w = a.stride_h;
    a.pad_top = a.pad_left = a.pad_bottom = a.pad_right = a.kernel_h / 2;
    x = lk_graph_conv2d(g, conv, x, &a);
    return lk_graph_batch_norm(g, bn, x);
}

static lk_node_id conv_bn_relu6(lk_graph *g, const char *name, lk_node_id x, lk_conv_attributes a)
{
    x = conv_bn(g, lk_graph_text(g, "%s.0", name), lk_graph_text(g, "%s.1", name), x, a);
    return lk_graph_relu6(g, lk_graph_text(g, "%s.2", name), x);
}

/* Expand (unless t is 1) → depthwise → project, linear at the end; added to its input where the shapes agree.
 */
static lk_node_id inverted_residual(lk_graph *g, const char *name, lk_node_id x, size_t t, size_t channels,
                                    size_t stride)
{
    const lk_node_id input = x;
    const size_t in = lk_graph_node(g, x)->channels, wide = in * t;
    size_t part = 0;
    if (t != 1)
        x = conv_bn_relu6(g, lk_graph_text(g, "%s.conv.%zu", name, part++), x,
                          (lk_conv_attributes){.channels = wide, .kernel_h = 1});
    x = conv_bn_relu6(
        g, lk_graph_text(g, "%s.conv.%zu", name, part++), x,
        (lk_conv_attributes){.channels = wide, .kernel_h = 3, .stride_h = stride, .groups = wide});
    x = conv_bn(g, lk_graph_text(g, "%s.conv.%zu", name, part),
                lk_graph_text(g, "%s.conv.%zu", name, part + 1), x,
                (lk_conv_attributes){.channels = channels, .kernel_h = 1});
    return stride == 1 && in == channels ? lk_graph_add(g, name, x, input) : x;
}

void lk_mobilenet_v2(lk_graph *g, const lk_architecture *architecture)
{
    const double scale = architecture->scale;
    const size_t last = width(1280 * (scale > 1 ? scale : 1));
    lk_node_id x =
        conv_bn_relu6(g, "features.0", 0,
                      (lk_conv_attributes){.channels = width(32 * scale), .kernel_h = 3, .stride_h = 2});
    size_t block = 1;
    for (size_t row = 0; row < LK_COUNT(table); row++)
        for (size_t repeat = 0; repeat < table[row].n; repeat++)
            x = inverted_residual(g, lk_graph_text(g, "features.%zu", block++), x, table[row].t,
                                  width((double)table[row].c * scale), repeat ? 1 : table[row].s);
    x = conv_bn_relu6(g, lk_graph_text(g, "features.%zu", block), x,
                      (lk_conv_attributes){.channels = last, .kernel_h = 1});
    x = lk_graph_global_pool(g, "pool2d_avg", x);
    lk_graph_name_pooled(g, x);
    if (architecture->classes) {
        x = lk_graph_flatten(g, "flatten", x);
        lk_graph_name_logits(g, lk_graph_linear(g, "classifier.1", x, last, architecture->classes));
    }
}
