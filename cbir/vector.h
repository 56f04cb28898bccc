/* From a run's features to the vector of a picture: pooling, fusion, projection, softmax, length. */
#ifndef LK_CBIR_VECTOR_H
#define LK_CBIR_VECTOR_H

#include "engine/likeness.h"

#define LK_MAX_PARTS 16

/* How a map [channels][height][width] becomes a vector. */
typedef enum lk_pooling {
    LK_POOLING_FLAT,    /* as it is: channels * height * width values, in that order */
    LK_POOLING_AVERAGE, /* the mean of each channel */
    LK_POOLING_MAX      /* the largest of each channel */
} lk_pooling;

/* One feature of a picture, on its way into the vector: pooled, then over its own length if `l2`, then times `weight`. */
typedef struct lk_part {
    char feature[128]; /* as lk_feature_name() spells it */
    lk_pooling pooling;
    bool l2;
    float weight;
} lk_part;

/* How several parts become one vector. */
typedef enum lk_fusion {
    LK_FUSION_SERIES,  /* one behind the other */
    LK_FUSION_PARALLEL /* added; all must have the same length */
} lk_fusion;

/* A 1x1 convolution on the vector, y = W x: a file's matrix. */
typedef struct lk_projection {
    float *weights; /* [outputs][inputs] */
    size_t outputs, inputs;
    char *path;      /* of the file; NULL: there is none */
    char sha256[65]; /* of the file */
} lk_projection;

/* Reads a .npy of float32 or float64, [outputs][inputs] or a convolution's [outputs][inputs][1][1].
 * LK_ERROR_IO, LK_ERROR_FORMAT (NaN too), LK_ERROR_UNSUPPORTED, LK_ERROR_MEMORY. */
lk_status lk_projection_open(const char *path, lk_projection *projection);
void lk_projection_close(lk_projection *projection); /* takes an empty one */

/* What is done to a picture's features. */
typedef struct lk_vector_rule {
    const lk_part *parts;
    size_t part_count; /* 1 to LK_MAX_PARTS */
    lk_fusion fusion;
    const lk_projection *projection; /* NULL: none */
    bool softmax, l2;                /* of the whole, in this order, at the end */
} lk_vector_rule;

/* A rule for features of a plan: part i is the plan's feature `first + i`. */
typedef struct lk_vectorizer {
    lk_vector_rule rule;
    const lk_plan *plan;
    size_t first;
    size_t length;  /* floats of the vector */
    size_t map;     /* floats of the largest feature */
    size_t scratch; /* floats of working memory for lk_vectorize */
} lk_vectorizer;

/* Checks that the parts fit together. The rule's parts and projection, and the plan, must outlive the vectorizer.
 * LK_ERROR_ARGUMENT names what does not: parts of different lengths that are to be added, a projection of other inputs. */
lk_status lk_vectorizer_init(lk_vectorizer *vectorizer, const lk_vector_rule *rule, const lk_plan *plan, size_t first);

/* The vector of picture `index` of the session's last run: values [length], scratch [scratch]. */
lk_status lk_vectorize(const lk_vectorizer *vectorizer, const lk_session *session, size_t index, float *scratch, float *values);

#endif
