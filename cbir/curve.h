/* Precision-recall curves. Four different ones go by that name; each here says which it is. */
#ifndef LK_CBIR_CURVE_H
#define LK_CBIR_CURVE_H

#include "cbir/profile.h"

typedef enum lk_curve_kind {
    LK_CURVE_RANK,    /* mean recall@k and mean P@k, for every k */
    LK_CURVE_RADIUS,  /* mean R@H≤r and mean P@H≤r, for every Hamming radius; 0 for an empty ball */
    LK_CURVE_11PT,    /* mean interpolated precision at recall 0, 0.1 … 1 */
    LK_CURVE_THRESHOLD /* all queries' pairs pooled: precision and recall of "score at least t", for every t */
} lk_curve_kind;

typedef struct lk_curve_point {
    double at; /* k, radius, recall level, or score threshold */
    double recall, precision;
} lk_curve_point;

typedef struct lk_curve lk_curve;

/* `items`: the most that a query ranks. LK_ERROR_MEMORY. */
lk_status lk_curve_open(lk_curve_kind kind, size_t items, lk_curve **curve);
void lk_curve_close(lk_curve **curve);

/* One query with a relevant item, as it was ranked. With expected ties, LK_CURVE_RANK is the expected curve, and
 * LK_CURVE_11PT is not defined (LK_ERROR_UNSUPPORTED). LK_ERROR_MEMORY. */
lk_status lk_curve_add(lk_curve *curve, const lk_profile *profile, const lk_judged *judged);

/* At most `limit` points, limit at least 2; of more, some evenly spaced ones, the first and last among them. The points
 * are the caller's, to lk_free. LK_ERROR_EMPTY: no query was added. LK_ERROR_MEMORY. */
lk_status lk_curve_points(lk_curve *curve, size_t limit, lk_curve_point **points, size_t *count);

#endif
