/* Sorting by float score: keys that order as the scores do, and a stable radix sort over them. */
#ifndef LK_CBIR_SCORE_SORT_H
#define LK_CBIR_SCORE_SORT_H

#include <stddef.h>
#include <stdint.h>

/* A number that rises as the score falls, equal for equal scores, 0 and -0 among them. Not for NaN. */
uint32_t lk_score_key(float score);
float lk_key_score(uint32_t key);

/* Sorts keys [count], below 2^32 of them, by their upper 32 bits, rising; equal ones keep their order. The result lies
 * in one of the two arrays, the one that is returned. */
uint64_t *lk_sort_keys(uint64_t *keys, uint64_t *spare, size_t count);

#endif
