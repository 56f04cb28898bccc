/* The recipe: all that decides the values of a feature. Two sets of features can be compared only when their
 * recipes are equal. The backend, the instruction set, threads and batch are not in it: they change speed
 * alone. */
#ifndef LK_CBIR_RECIPE_H
#define LK_CBIR_RECIPE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "cbir/hash.h"
#include "cbir/vector.h"

typedef struct lk_recipe {
    char model_sha256[65];
    lk_preprocessing preprocessing;
    lk_batch_norm_mode batch_norm;
    lk_precision precision; /* AUTO until an embedder has asked the model */
    lk_part parts[LK_MAX_PARTS];
    size_t part_count;
    lk_fusion fusion;
    char projection_sha256[65]; /* of the matrix file; empty: no projection */
    bool softmax, l2;           /* of the whole vector, in this order */
    lk_hash hash;               /* at the end; LK_HASH_NONE keeps floats */
    size_t length;              /* floats a picture, or bits under a hash */
} lk_recipe;

/* One name for each feature, whichever of its names was asked for: "pooled" for AdaptiveAvgPool2D-6 and
 * pool2d_avg, "logits" for classifier.1, a layer's Paddle name for its counter name. LK_ERROR_NOT_FOUND when
 * `asked` is the name of no layer or block of the model, LK_ERROR_LIMIT when it is longer than `size`,
 * LK_ERROR_MEMORY. */
lk_status lk_feature_name(const lk_model *model, const char *asked, char *name, size_t size);

/* A short name of the vector for people and for files: "pooled", "features.17-max", "logits+pooled". */
void lk_recipe_title(const lk_recipe *recipe, char *title, size_t size);

/* As JSON, to be written in another file; NULL: out of memory. The reverse leaves `json` the caller's; `name` stands in
 * messages. LK_ERROR_FORMAT, LK_ERROR_UNSUPPORTED (a later format version, a name that is not known), LK_ERROR_LIMIT. */
json_t *lk_recipe_to_json(const lk_recipe *recipe);
lk_status lk_recipe_from_json(json_t *json, const char *name, lk_recipe *recipe);

/* Writes the recipe as JSON with sorted keys: equal recipes give equal bytes. LK_ERROR_IO, LK_ERROR_MEMORY.
 */
lk_status lk_recipe_write(const lk_recipe *recipe, FILE *stream, const char *name);

/* As lk_recipe_from_json, and LK_ERROR_IO, LK_ERROR_MEMORY. */
lk_status lk_recipe_open(const char *path, lk_recipe *recipe);
lk_status lk_recipe_parse(const void *bytes, size_t size, const char *name, lk_recipe *recipe);

/* "f32", "bf16", "int8"; and back: false for any other name. */
const char *lk_precision_name(lk_precision precision);
bool lk_precision_from_name(const char *name, lk_precision *precision);

/* LK_ERROR_MISMATCH, with the first field in which the two differ and both its values. */
lk_status lk_recipe_compare(const lk_recipe *a, const lk_recipe *b);

/* The vector rule of a recipe, which must outlive it. */
lk_vector_rule lk_recipe_rule(const lk_recipe *recipe, const lk_projection *projection);

#endif
