/* The rows that may still be among the k nearest of one query, while a worker passes over spans in rising order.
 *
 * A row has a value, which is off by at most `margin` from what ranks it (0: it is what ranks it; larger is nearer). The k
 * largest values so far stand in a heap, and a row whose value lies more than two margins below the least of them has k rows
 * before it, whatever the errors. Rows above that limit are candidates; they are ranked by exact scores at the end. */
#ifndef LK_CBIR_TOP_K_H
#define LK_CBIR_TOP_K_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct lk_candidate {
    float value;
    float key;          /* the exact score, negated for distances: filled in when candidates are ranked */
    uint32_t span, row; /* rising with the index */
} lk_candidate;

typedef struct lk_top {
    float *heap;              /* [k] the largest values, the least of them first */
    lk_candidate *candidates; /* [lk_top_capacity(k)] */
    size_t k, held;           /* held: values in the heap */
    size_t count;             /* of candidates */
    float margin;
    float least; /* no row at or below this is wanted, however few there are */
} lk_top;

/* Room for k candidates that stay and as many again before they must be thinned out. */
static inline size_t lk_top_capacity(size_t k)
{
    return 2 * k + 64;
}

/* A new row is a candidate if its value is above this. With margin 0 it need not be equal: a later row comes after all
 * equal ones before it. */
float lk_top_limit(const lk_top *top);

/* Adds a candidate above the limit; there must be room. */
void lk_top_add(lk_top *top, lk_candidate candidate);

/* Drops candidates that the limit has passed meanwhile. */
void lk_top_thin(lk_top *top, float limit);

/* Sorts by key, the larger first, and among equals by index. */
void lk_candidates_sort(lk_candidate *candidates, size_t count);

#endif
