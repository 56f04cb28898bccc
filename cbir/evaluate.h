/* Evaluation of rankings: every metric of docs/metrics.md under its own name.
 *
 *     const size_t ks[] = {1, 5, 10};
 *     const lk_evaluate_options options = {.ks = ks, .k_count = 3, .items = gallery_rows};
 *     lk_evaluation *evaluation = NULL;
 *     lk_status status = lk_evaluation_open(&options, &evaluation);
 *     for (size_t q = 0; !status && q < queries; q++)
 *         status = lk_evaluation_add(evaluation, &judged[q]);
 *     double means[40]; // lk_evaluation_columns(evaluation) of them
 *     if (!status) lk_evaluation_means(evaluation, NULL, lk_evaluation_queries(evaluation), means);
 *     for (size_t c = 0; !status && c < lk_evaluation_columns(evaluation); c++)
 *         printf("%s %f\n", lk_evaluation_column(evaluation, c)->name, means[c]);
 *     lk_evaluation_close(&evaluation);
 */
#ifndef LK_CBIR_EVALUATE_H
#define LK_CBIR_EVALUATE_H

#include "engine/likeness.h"

/* How items of equal score are ordered, or what is made of their order. */
typedef enum lk_ties {
    LK_TIES_INDEX,    /* the lower gallery index first */
    LK_TIES_BEST,     /* relevant items first */
    LK_TIES_WORST,    /* relevant items last */
    LK_TIES_EXPECTED, /* the mean over all orders (McSherry & Najork 2008), for the metrics that have one */
    LK_TIES_TREC,     /* document name, descending, on float32 scores, as trec_eval */
    LK_TIES_STUDY     /* the higher index first: np.argsort(s, kind='stable')[::-1] */
} lk_ties;

/* One query's view of the whole gallery. */
typedef struct lk_judged {
    const float *scores;      /* [count], no NaN; larger is nearer (pass distances negated) */
    const uint8_t *relevant;  /* [count], 0 or 1 */
    const uint8_t *junk;      /* [count], 1: taken out of the ranking (the query itself, for leave-one-out); NULL: none */
    const char *const *names; /* [count], for LK_TIES_TREC; else NULL */
    size_t count;
    size_t relevant_unranked; /* relevant items that are not in the ranking at all: part of R (trec runs) */
} lk_judged;

typedef struct lk_evaluate_options {
    const size_t *ks; /* the k of every metric @k, each at least 1, in the order of the table */
    size_t k_count;
    const size_t *radii; /* of P@H≤r and R@H≤r; only where scores are negated Hamming distances */
    size_t radius_count;
    size_t items; /* the most that a query ranks */
    lk_ties ties;
    bool empty_is_zero; /* mAP@k/found of a query that finds nothing is 0; else the query is left out of that mean */
} lk_evaluate_options;

/* One number a query: a metric of lk_measures, at one k or radius. */
typedef struct lk_column {
    char name[32]; /* "P@10", "mAP", "P@H≤2" */
    size_t measure; /* in lk_measures */
    size_t at;      /* k, or the radius, or 0 */
} lk_column;

/* A table of values, a row for each query that has a relevant item. */
typedef struct lk_evaluation lk_evaluation;

/* The options' arrays are copied. LK_ERROR_ARGUMENT (a k of 0), LK_ERROR_LIMIT (2^32 items), LK_ERROR_MEMORY. */
lk_status lk_evaluation_open(const lk_evaluate_options *options, lk_evaluation **evaluation);
void lk_evaluation_close(lk_evaluation **evaluation);

/* Ranks and measures one query. One without any relevant item has no recall: it gets no row and is counted apart.
 * LK_ERROR_ARGUMENT (more items than opened for), LK_ERROR_MEMORY. */
lk_status lk_evaluation_add(lk_evaluation *evaluation, const lk_judged *judged);

/* The ranking of the query last added, with its running sums (cbir/profile.h): for curves, confusion and runs. */
const struct lk_profile *lk_evaluation_last(const lk_evaluation *evaluation);

size_t lk_evaluation_queries(const lk_evaluation *evaluation);            /* rows */
size_t lk_evaluation_without_relevant(const lk_evaluation *evaluation); /* counted apart */
size_t lk_evaluation_columns(const lk_evaluation *evaluation);
const lk_column *lk_evaluation_column(const lk_evaluation *evaluation, size_t column);
bool lk_evaluation_find(const lk_evaluation *evaluation, const char *name, size_t *column);

/* The values of one query, [columns]; NaN: it is left out of this metric's mean. */
const double *lk_evaluation_row(const lk_evaluation *evaluation, size_t query);

/* The means, [columns], over the rows that `rows` [count] names, or for NULL over the first `count`; NaN where none has
 * a value. */
void lk_evaluation_means(const lk_evaluation *evaluation, const uint32_t *rows, size_t count, double *means);

/* Fills in those of the means [columns] that are made from other means: F1@k-of-means. */
void lk_evaluation_derive(const lk_evaluation *evaluation, double *means);

typedef struct lk_interval {
    double low, high;
} lk_interval;

typedef struct lk_bootstrap_options {
    size_t draws; /* at least 1 */
    uint64_t seed;
    double confidence; /* 0.95 */
} lk_bootstrap_options;

/* Percentile intervals (Efron & Tibshirani 1993, ch. 13): queries are drawn with replacement, each draw's means are
 * sorted, and quantiles are interpolated as numpy.percentile does. The same seed gives the same intervals anywhere.
 * intervals [columns]. LK_ERROR_ARGUMENT, LK_ERROR_EMPTY (no query), LK_ERROR_MEMORY. */
lk_status lk_evaluation_bootstrap(const lk_evaluation *evaluation, const lk_bootstrap_options *options,
                                  lk_interval *intervals);

#endif
