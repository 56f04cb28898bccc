/* A feature as bits: each value against a threshold over its own vector, packed as numpy.packbits packs. */
#ifndef LK_CBIR_HASH_H
#define LK_CBIR_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum lk_hash_kind {
    LK_HASH_NONE,
    LK_HASH_MEAN,   /* bit = value >= mean of the values */
    LK_HASH_MEDIAN, /* bit = value >= median, the mean of the two middle ones when they are even in number */
    LK_HASH_FIXED   /* bit = value >= threshold */
} lk_hash_kind;

typedef struct lk_hash {
    lk_hash_kind kind;
    float threshold;   /* LK_HASH_FIXED: compared with the value after the sigmoid, if there is one */
    bool sigmoid;      /* first: 1 / (1 + exp(-x)), in float32, as the study does */
    bool whole_matrix; /* mean or median over all rows at once, as the study's code does; else over each row */
} lk_hash;

/* Bytes of `bits` bits. */
size_t lk_hash_bytes(size_t bits);

/* Sigmoid, if the rule has one, in place. */
void lk_hash_prepare(const lk_hash *hash, float *values, size_t count);

/* The threshold over prepared values [count]; `sorted` [count] is working memory for the median and is overwritten. A mean
 * is summed in double. */
float lk_hash_threshold(const lk_hash *hash, const float *values, size_t count, float *sorted);

/* Prepared values [count] against the threshold: bits [lk_hash_bytes(count)], the first value in the most significant
 * bit of the first byte, bits past the last value 0. NaN gives 0. */
void lk_hash_pack(const float *values, size_t count, float threshold, uint8_t *bits);

#endif
