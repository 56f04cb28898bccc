/* The metrics of one ranking. docs/metrics.md explains each; the table here has its name and definition. */
#ifndef LK_CBIR_METRICS_H
#define LK_CBIR_METRICS_H

#include "cbir/profile.h"

/* A query that was ranked, and how an empty result counts. It has a relevant item: R is at least 1. */
typedef struct lk_measured {
    const lk_profile *profile;
    const lk_judged *judged; /* what the profile was made from */
    bool empty_is_zero;
} lk_measured;

typedef enum lk_measure_axis { LK_AT_ALL, LK_AT_K, LK_AT_RADIUS } lk_measure_axis;

typedef struct lk_measure {
    const char *name; /* a star stands for k or the radius: "P@*" */
    lk_measure_axis axis;
    /* The value for one query; NaN: it has none. NULL: made from the means of P@k and recall@k (F1). */
    double (*value)(const lk_measured *measured, size_t at);
    const char *definition, *source;
} lk_measure;

extern const lk_measure lk_measures[];
extern const size_t lk_measure_count;

/* Places in lk_measures of the two that F1@k-of-means is made from. */
enum { LK_MEASURE_PRECISION = 0, LK_MEASURE_RECALL = 2 };

/* The metric's name with k or the radius in it. */
void lk_measure_name(const lk_measure *measure, size_t at, char name[32]);

/* Interpolated precision at recall t/10: the largest P(i) among the ranks i with h(i)/R >= t/10; 0 when there is none.
 * points [11]. For resolved ties only; by LK_TIES_TREC the levels are rounded as trec_eval rounds them. */
void lk_eleven_points(const lk_profile *profile, double points[11]);

/* Expectations over the orders of tied items, where the running sums do not give them (metrics_expected.c). */
double lk_expected_hit(const lk_profile *profile, size_t k);
double lk_expected_reciprocal_rank(const lk_profile *profile);
double lk_expected_inverse_penalty(const lk_profile *profile);
double lk_expected_revisited(const lk_profile *profile, size_t k);

/* Of mAP@k/found: the sum over found items by h(k), given that h(k) > 0, and how likely that is. */
typedef struct lk_expected_found {
    double value, chance;
} lk_expected_found;
lk_expected_found lk_expected_average(const lk_profile *profile, size_t k);

#endif
