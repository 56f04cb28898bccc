/* A plan: a program for one input size and batch, compiled by a backend. Private to the engine. */
#ifndef LK_ENGINE_PLAN_H
#define LK_ENGINE_PLAN_H

#include "engine/shapes.h"
#include "layers/backend.h"

/* A feature: which value it is read from, and its shape. */
typedef struct lk_feature {
    lk_value_id value;
    lk_shape shape;
} lk_feature;

struct lk_plan {
    lk_program program;
    size_t height, width; /* of the input */
    lk_pixels pixels;     /* what the program's points to, if it has any */
    lk_precision precision;
    lk_feature *features;
    size_t feature_count;
    const lk_backend *backend;
    void *compiled;
};

#endif
