/* Of an int8 network, what the bytes of its maps stand for: the model file's metadata entry `quantization`. */
#ifndef LK_ENGINE_QUANTIZATION_H
#define LK_ENGINE_QUANTIZATION_H

#include <jansson.h>

#include "engine/likeness.h"
#include "layers/affine.h"

/* Scales of maps lie between these, those of weights below the upper one: so no product of them leaves float32's range. */
#define LK_LEAST_SCALE 1e-9
#define LK_MOST_SCALE 1e9

typedef struct lk_quantization {
    const char *path;    /* of the file, for messages */
    json_t *activations; /* {layer: {"scale": …, "zero": …}}, all of them checked; to be json_decref'd */
} lk_quantization;

/* Checks the entry `json`, of the file at `path`, which outlives the result. LK_ERROR_FORMAT names the layer. */
lk_status lk_quantization_read(const json_t *json, const char *path, lk_quantization *quantization);

/* Leaves *real as it is when the layer is not there. */
void lk_quantization_find(const lk_quantization *quantization, const char *layer, lk_affine *real);

/* LK_ERROR_FORMAT: there is nothing on that layer. */
lk_status lk_quantization_lacks(const lk_quantization *quantization, const char *layer);

#endif
