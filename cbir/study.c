#include "cbir/study.h"

#include <stdio.h>

#include "base/error.h"

/* The ranks, from 0, that each number of the line is the mean of. The first is where the study errs: its
 * scores have the nearest item in column 0. */
static const struct {
    size_t first, end;
} cuts[LK_STUDY_CUTS] = {{1, 2}, {0, 5}, {0, 10}};

typedef struct {
    size_t above, tied, tied_relevant, above_relevant;
} around;

/* Who lies above the score at `rank` for sure, and who within LK_STUDY_TIE of it. */
static around look_around(const lk_ranking *r, const float *scores, size_t rank)
{
    const double here = scores[r->order[rank]];
    around a = {0};
    while (a.above < r->count && (double)scores[r->order[a.above]] - here > LK_STUDY_TIE)
        a.above_relevant += r->relevant[a.above++];
    for (size_t i = a.above; i < r->count && here - (double)scores[r->order[i]] <= LK_STUDY_TIE; i++) {
        a.tied++;
        a.tied_relevant += r->relevant[i];
    }
    return a;
}

/* The least and the most relevant items that `slots` of the tied ones can be. */
static lk_study_bounds slots_bounds(const around *a, size_t slots)
{
    const size_t others = a->tied - a->tied_relevant;
    return (lk_study_bounds){(double)(slots > others ? slots - others : 0),
                             (double)(slots < a->tied_relevant ? slots : a->tied_relevant)};
}

/* Precision over ranks 0 to end - 1: all above the tied ones are in; the tied ones fill what is left. The
 * second hit is any one of those tied with it. */
static lk_study_bounds bounds_at(const lk_ranking *r, const float *scores, size_t cut, size_t end)
{
    const around a = look_around(r, scores, end - 1);
    if (cuts[cut].first) return slots_bounds(&a, 1);
    lk_study_bounds bounds = slots_bounds(&a, end - a.above);
    bounds.low = (bounds.low + (double)a.above_relevant) / (double)end;
    bounds.high = (bounds.high + (double)a.above_relevant) / (double)end;
    return bounds;
}

lk_status lk_study_add(lk_study *study, const lk_ranking *ranking, const float *scores)
{
    if (ranking->count < 2)
        return lk_fail(LK_ERROR_ARGUMENT,
                       "the study's mAP@1 reads the second hit, and there are only %zu items",
                       ranking->count);
    for (size_t c = 0; c < LK_STUDY_CUTS; c++) {
        size_t hits = 0;
        const size_t end = cuts[c].end < ranking->count ? cuts[c].end : ranking->count;
        for (size_t i = cuts[c].first; i < end; i++) hits += ranking->relevant[i];
        const lk_study_bounds bounds = bounds_at(ranking, scores, c, end);
        study->sums[c] += (double)hits / (double)(end - cuts[c].first);
        study->bounds[c].low += bounds.low;
        study->bounds[c].high += bounds.high;
        study->tied[c] += bounds.low < bounds.high;
    }
    study->first_sum += ranking->relevant[0];
    study->queries++;
    return LK_OK;
}

void lk_study_line(const lk_study *study, char line[160])
{
    const double queries = (double)study->queries;
    snprintf(line, 160, "评估完毕,模型的 mAP@1 = %.2f%%, mAP@5 = %.2f%%, mAP@10 = %.2f%%。",
             study->sums[0] / queries * 100, study->sums[1] / queries * 100, study->sums[2] / queries * 100);
}
