/* A pass of some queries over all rows of an index: every row is scored roughly and quickly, and what may be among a query's
 * k nearest is kept. */
#ifndef LK_CBIR_SCAN_H
#define LK_CBIR_SCAN_H

#include "cbir/index.h"
#include "cbir/top_k.h"

/* Queries come in panels of the kernel's width, the last one perhaps not full; a few that would leave a panel nearly
 * empty stand behind them as singles, and pass over the rows one by one. */
typedef struct lk_scan {
    const lk_index *index;
    lk_checked_queries queries;
    size_t panels, singles;
    size_t workers, most; /* most: queries that there is memory for */
    uint32_t *packed;     /* [panels][units][width] */
    uint16_t *rounded_queries; /* [width][dim, made even] */
    double *moved;             /* [queries]: |y' − y| / |y| of those that were rounded */
    /* A part for each worker: */
    lk_top *tops;             /* [workers][most] */
    float *heaps;             /* [workers][most][k] */
    lk_candidate *candidates; /* [workers][most][lk_top_capacity(k)] */
    lk_candidate *gathered;   /* [workers][workers][lk_top_capacity(k)] */
    float *limits;            /* [workers][most]: lk_top_limit of each top, INFINITY behind the last */
    float *scores;            /* [workers][rows of a span][width], or [workers][rows of a run] */
    size_t score_count;       /* of one worker */
    uint16_t *rounded;        /* [workers][rows of a span][dim, made even]; NULL when the kernel takes rows as they are */
} lk_scan;

/* Memory to search for `count` queries, or as many at a time as it is reasonable to hold. LK_ERROR_MEMORY. */
lk_status lk_scan_open(const lk_index *index, size_t count, lk_scan *scan);
void lk_scan_close(lk_scan *scan);

/* Finds candidates for at most scan->most queries. */
void lk_scan_run(lk_scan *scan, const lk_checked_queries *queries);

/* What the candidates of query q count rows by: spans, or runs for a single query. */
const lk_spans *lk_scan_spans(const lk_scan *scan, size_t q);

/* Gives candidates of query q their exact scores and sorts them, the nearest first. */
void lk_scan_rank(const lk_scan *scan, size_t q, lk_candidate *candidates, size_t count);

/* The candidates of query q of all workers, [workers · lk_top_capacity(k)] at most, in `worker`'s memory. */
size_t lk_scan_gather(const lk_scan *scan, size_t q, size_t worker, lk_candidate **candidates);

#endif
