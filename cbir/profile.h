/* The running sums down one ranking: from them nearly every metric is one division. With ties resolved they are plain
 * sums; for LK_TIES_EXPECTED they are expectations over all orders of tied items. */
#ifndef LK_CBIR_PROFILE_H
#define LK_CBIR_PROFILE_H

#include "cbir/ranking.h"

typedef struct lk_profile {
    lk_ranking ranking;
    double *hits;          /* [count + 1]: h(i), the relevant items up to rank i */
    double *precision_sum; /* [count + 1]: the sum of rel(t) P(t) up to rank i */
    double *gain;          /* [count + 1]: the sum of rel(t) / log2(t + 1) up to rank i */
    double *discount;      /* [capacity + 1]: the sum of 1 / log2(t + 1), the ideal gain of i relevant items */
    double oxford;         /* the sum of (p0 + p1) / 2 over relevant items */
    lk_ties ties;          /* the rule that it was made by */
} lk_profile;

/* Room for rankings of `capacity` items. LK_ERROR_LIMIT, LK_ERROR_MEMORY. */
lk_status lk_profile_open(size_t capacity, lk_profile *profile);
void lk_profile_close(lk_profile *profile); /* takes a zeroed one */

/* Ranks, then sums. Cannot fail. */
void lk_profile_make(lk_profile *profile, const lk_judged *judged, lk_ties ties);

/* The group of equal scores that holds rank k, or the last one when there are fewer ranks. */
typedef struct lk_cut {
    size_t before;   /* items above the group */
    size_t hits;     /* relevant ones above it */
    size_t items;    /* of the group */
    size_t relevant; /* of the group */
    size_t slots;    /* of the group's ranks, those up to k */
} lk_cut;

/* All zero for an empty ranking. */
lk_cut lk_profile_cut(const lk_profile *profile, size_t k);

#endif
