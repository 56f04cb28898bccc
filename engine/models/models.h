/* The networks that Likeness knows, one file each. */
#ifndef LK_ENGINE_MODELS_H
#define LK_ENGINE_MODELS_H

#include "engine/graph.h"

typedef struct lk_architecture {
    const char *name; /* as in the model file's metadata */
    double scale;     /* width multiplier */
    size_t classes;   /* 0: without classifier */
} lk_architecture;

/* MobileNetV2 (Sandler et al., CVPR 2018) as paddle.vision.models.mobilenet_v2 has it. */
void lk_mobilenet_v2(lk_graph *graph, const lk_architecture *architecture);

#endif
