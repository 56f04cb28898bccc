/* The reference study's evaluation, mistakes included, so that an old result can be had again digit for digit.
 *
 * It prints as "mAP@k" the mean over queries of precision at k, and reads its "mAP@1" from column 1, the second hit.
 * A query without any relevant item counts as 0 there. Rankings are LK_TIES_STUDY's. */
#ifndef LK_CBIR_STUDY_H
#define LK_CBIR_STUDY_H

#include "cbir/ranking.h"

/* Cosines this close count as tied: another order of summation in float32 changes such ranks. */
#define LK_STUDY_TIE 1e-5

enum { LK_STUDY_CUTS = 3 };

typedef struct lk_study_bounds {
    double low, high; /* the least and the most that the order of tied items at the cut can give */
} lk_study_bounds;

/* Zero it, add every query, print. */
typedef struct lk_study {
    size_t queries;
    double sums[LK_STUDY_CUTS]; /* of "mAP@1", "mAP@5", "mAP@10", over queries */
    lk_study_bounds bounds[LK_STUDY_CUTS];
    size_t tied[LK_STUDY_CUTS]; /* queries whose value depends on the order of tied items */
    double first_sum;           /* of the precision at 1 that the line does not print */
} lk_study;

/* One query's ranking by LK_TIES_STUDY; `scores` are the judged items'. LK_ERROR_ARGUMENT: fewer than two items, so that
 * there is no second hit. */
lk_status lk_study_add(lk_study *study, const lk_ranking *ranking, const float *scores);

/* 评估完毕,模型的 mAP@1 = 89.39%, mAP@5 = 90.09%, mAP@10 = 89.70%。 */
void lk_study_line(const lk_study *study, char line[160]);

#endif
