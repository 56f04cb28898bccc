#include "layers/step.h"

const char *lk_step_kind(const lk_step *step)
{
    switch (step->op) {
    case LK_OP_CONV2D:
        if (step->filter.is_linear) return "linear";
        if (lk_conv2d_is_pointwise(&step->layer.conv2d)) return "pointwise";
        return lk_conv2d_is_depthwise(&step->layer.conv2d) ? "depthwise" : "conv2d";
    case LK_OP_POOL2D:
        return "pool2d";
    case LK_OP_BATCH_NORM:
        return "batch_norm";
    case LK_OP_ACTIVATION:
        return "activation";
    case LK_OP_ADD:
        return "add";
    case LK_OP_SOFTMAX:
        return "softmax";
    }
    return "?";
}

size_t lk_step_multiply_adds(const lk_step *step)
{
    return step->op == LK_OP_CONV2D ? lk_conv2d_multiply_adds(&step->layer.conv2d) : 0;
}

size_t lk_value_floats(const lk_value *value)
{
    return value->height * value->width * value->channels;
}
