/* A model file opened: its metadata read, its network built and checked. Private to the engine. */
#ifndef LK_ENGINE_MODEL_H
#define LK_ENGINE_MODEL_H

#include <jansson.h>

#include "engine/models/models.h"

struct lk_model {
    lk_safetensors *file;
    lk_graph *graph;
    lk_architecture architecture; /* its name points into description */
    lk_preprocessing preprocessing;
    lk_quantization quantization; /* its activations are NULL: the network is of floats */
    json_t *description, *labels, *labels_english; /* parsed metadata; labels NULL when there are none */
};

/* Builds a model on an open file, which it takes over, in failure too. */
lk_status lk_model_on(lk_safetensors *file, lk_model **model);

/* Reads all metadata entries that the engine knows into the model, whose file is open. */
lk_status lk_model_read_metadata(lk_model *model, lk_padding_rule *padding, double *epsilon);

/* Sizes that a network may be run at, pixels. */
#define LK_MIN_SIDE ((size_t)32)
#define LK_MAX_SIDE ((size_t)1024)

#endif
