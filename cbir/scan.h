/* A pass of some queries over all rows of an index: every row is scored roughly and quickly, and what may be among a query's
 * k nearest is kept. */
#ifndef LK_CBIR_SCAN_H
#define LK_CBIR_SCAN_H

#include <stdatomic.h>

#include "cbir/index.h"
#include "cbir/top_k.h"

/* How queries are divided. They come in panels of the kernel's width, the last one perhaps not full; a few that would leave a
 * panel nearly empty stand behind them as singles, and pass over the rows one by one.
 * A query has a top in each of some lanes. With panels enough to keep all workers busy there is one lane: a panel takes its turns,
 * each at some spans, with one worker or another, so that a row is held against the best of all rows before it. Else a worker
 * has a lane of its own, and takes whole spans. Singles always have a lane a worker. */
typedef struct lk_scan_parts {
    size_t panels, singles;
    size_t lanes; /* of the queries in panels */
    size_t tops;  /* of all queries and lanes: [lanes][panels][width], then [workers][singles] */
} lk_scan_parts;

typedef struct lk_scan {
    const lk_index *index;
    lk_checked_queries queries;
    lk_scan_parts parts;
    size_t workers, most;      /* most: queries that there is memory for */
    uint32_t *packed;          /* [panels][units][width] */
    double *moved;             /* [queries]: |y' − y| / |y| of those that were rounded */
    lk_top *tops;              /* [tops] */
    float *heaps;              /* [tops][k] */
    lk_candidate *candidates;  /* [tops][lk_top_capacity(k)] */
    float *limits;             /* [tops]: lk_top_limit of each, INFINITY where a panel has no query */
    /* When there is one lane: */
    size_t turn_spans;         /* spans of a turn */
    atomic_size_t *passed;     /* [panels]: turns that a panel has had */
    atomic_size_t *ready;      /* [rounded_spans]: one more than the number of the span that stands there */
    /* A part for each worker: */
    lk_candidate *gathered;    /* [workers][workers][lk_top_capacity(k)] */
    float *scores;             /* [workers][rows of a span][width], or [workers][rows of a run] */
    size_t score_count;        /* of one worker */
    uint16_t *rounded_queries; /* [workers][width][dim, made even] */
    /* One for each worker at least: */
    uint16_t *rounded;         /* [rounded_spans][rows of a span][dim, made even]; NULL when the kernel takes rows as they are */
    size_t rounded_spans;
} lk_scan;

/* How `count` queries are divided. */
lk_scan_parts lk_scan_divide(const lk_index *index, size_t workers, size_t count);

/* Memory to search for `count` queries, or as many at a time as it is reasonable to hold. LK_ERROR_MEMORY. */
lk_status lk_scan_open(const lk_index *index, size_t count, lk_scan *scan);
void lk_scan_close(lk_scan *scan);

/* How far the value of a row may be from what ranks it, for a query of this squared length, which the kernel's rounding moved so
 * far (NULL, 0: sums in float32); INFINITY where there is no bound. Of floats. */
double lk_index_margin(const lk_index *index, double query_length, const lk_panel_kernel *kernel, double query_moved);

/* Finds candidates for at most scan->most queries. */
void lk_scan_run(lk_scan *scan, const lk_checked_queries *queries);

/* What the candidates of query q count rows by: spans, or runs for a single query. */
const lk_spans *lk_scan_spans(const lk_scan *scan, size_t q);

/* Gives candidates of query q their exact scores and sorts them, the nearest first. */
void lk_scan_rank(const lk_scan *scan, size_t q, lk_candidate *candidates, size_t count);

/* The candidates of query q in all its lanes, [workers · lk_top_capacity(k)] at most, in `worker`'s memory. */
size_t lk_scan_gather(const lk_scan *scan, size_t q, size_t worker, lk_candidate **candidates);

#endif
