/* The recipe: all that decides the values of a feature. Two sets of features can be compared only when their
 * recipes are equal. The backend, the instruction set, threads and batch are not in it: they change speed
 * alone. */
#ifndef LK_CBIR_RECIPE_H
#define LK_CBIR_RECIPE_H

#include <stdbool.h>
#include <stdio.h>

#include "engine/likeness.h"

typedef struct {
    char model_sha256[65];
    lk_preprocessing preprocessing;
    char feature[128]; /* as lk_feature_name() spells it */
    size_t length;     /* floats a picture */
    bool softmax, l2;  /* in this order, after the feature */
    lk_batch_norm_mode batch_norm;
} lk_recipe;

/* One name for each feature, whichever of its names was asked for: "pooled" for AdaptiveAvgPool2D-6 and
 * pool2d_avg, "logits" for classifier.1, a layer's Paddle name for its counter name. LK_ERROR_NOT_FOUND when
 * `asked` is the name of no layer or block of the model, LK_ERROR_LIMIT when it is longer than `size`,
 * LK_ERROR_MEMORY. */
lk_status lk_feature_name(const lk_model *model, const char *asked, char *name, size_t size);

/* Writes the recipe as JSON with sorted keys: equal recipes give equal bytes. LK_ERROR_IO, LK_ERROR_MEMORY.
 */
lk_status lk_recipe_write(const lk_recipe *recipe, FILE *stream, const char *name);

/* LK_ERROR_IO, LK_ERROR_FORMAT, LK_ERROR_UNSUPPORTED (a later format version, or another precision than f32).
 */
lk_status lk_recipe_open(const char *path, lk_recipe *recipe);
lk_status lk_recipe_parse(const void *bytes, size_t size, const char *name, lk_recipe *recipe);

/* LK_ERROR_MISMATCH, with the first field in which the two differ and both its values. */
lk_status lk_recipe_compare(const lk_recipe *a, const lk_recipe *b);

#endif
