/* The ranking of one judged query under a rule for ties. */
#ifndef LK_CBIR_RANKING_H
#define LK_CBIR_RANKING_H

#include "cbir/evaluate.h"

/* A run of ranks whose items have equal scores: those after `start`, up to and with `end`. */
typedef struct lk_tie_group {
    uint32_t start, end;
    uint32_t relevant; /* how many of them are */
} lk_tie_group;

/* Ranks count from 0 in these arrays, from 1 in the formulas. */
typedef struct lk_ranking {
    uint32_t *order;      /* [count]: indices of the judged items, nearest first, junk left out */
    uint8_t *relevant;    /* [count], in that order */
    lk_tie_group *groups; /* [group_count], from the nearest on; singles are groups of one */
    size_t count, group_count;
    size_t found; /* relevant items among them */
    size_t total; /* R: those and the relevant ones that are not ranked */
    uint64_t *keys, *spare; /* the sort's own */
    size_t capacity;
} lk_ranking;

/* Room for `capacity` items, below 2^32. LK_ERROR_LIMIT, LK_ERROR_MEMORY. */
lk_status lk_ranking_open(size_t capacity, lk_ranking *ranking);
void lk_ranking_close(lk_ranking *ranking); /* takes a zeroed one */

/* Ranks at most `capacity` items. Cannot fail. LK_TIES_EXPECTED orders by index, and the groups say what is tied. */
void lk_ranking_make(lk_ranking *ranking, const lk_judged *judged, lk_ties ties);

#endif
