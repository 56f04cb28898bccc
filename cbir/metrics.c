#include "cbir/metrics.h"

#include <math.h>
#include <stdio.h>

#include "base/checked.h"

/* Running sums at rank k, or at the last rank when there are fewer. */
static double at_rank(const lk_measured *m, const double *sums, size_t k)
{
    return sums[lk_least(k, m->profile->ranking.count)];
}

static double total(const lk_measured *m)
{
    return (double)m->profile->ranking.total;
}

/* The rank, from 1, of the first relevant item or the last; 0: there is none. */
static size_t first_rank(const lk_ranking *r)
{
    for (size_t i = 0; i < r->count; i++)
        if (r->relevant[i]) return i + 1;
    return 0;
}

static size_t last_rank(const lk_ranking *r)
{
    size_t i = r->count;
    while (i && !r->relevant[i - 1]) i--;
    return i;
}

static double precision(const lk_measured *m, size_t k)
{
    return at_rank(m, m->profile->hits, k) / (double)k;
}

static double precision_revisited(const lk_measured *m, size_t k)
{
    const lk_ranking *r = &m->profile->ranking;
    if (m->profile->ties == LK_TIES_EXPECTED) return lk_expected_revisited(m->profile, k);
    if (r->found < r->total) return precision(m, k); /* the last relevant item is nowhere */
    return precision(m, lk_least(k, last_rank(r)));
}

static double recall(const lk_measured *m, size_t k)
{
    return at_rank(m, m->profile->hits, k) / total(m);
}

static double hit(const lk_measured *m, size_t k)
{
    if (m->profile->ties == LK_TIES_EXPECTED) return lk_expected_hit(m->profile, k);
    return at_rank(m, m->profile->hits, k) > 0;
}

/* 2PR / (P + R) with P = h/k and R = h/total is linear in h, so that expectations pass through it. */
static double f1(const lk_measured *m, size_t k)
{
    return 2 * at_rank(m, m->profile->hits, k) / ((double)k + total(m));
}

static double r_precision(const lk_measured *m, size_t at)
{
    (void)at;
    return recall(m, m->profile->ranking.total);
}

static double sum_by_total(const lk_measured *m, size_t k)
{
    return at_rank(m, m->profile->precision_sum, k) / total(m);
}

static double map_at_r(const lk_measured *m, size_t at)
{
    (void)at;
    return sum_by_total(m, m->profile->ranking.total);
}

static double average_precision(const lk_measured *m, size_t at)
{
    (void)at;
    return sum_by_total(m, m->profile->ranking.count);
}

static double oxford(const lk_measured *m, size_t at)
{
    (void)at;
    return m->profile->oxford / total(m);
}

static double sum_by_found(const lk_measured *m, size_t k)
{
    const double found = at_rank(m, m->profile->hits, k);
    if (m->profile->ties == LK_TIES_EXPECTED) {
        const lk_expected_found e = lk_expected_average(m->profile, k);
        return m->empty_is_zero ? e.value * e.chance : e.chance > 0 ? e.value : NAN;
    }
    if (found > 0) return at_rank(m, m->profile->precision_sum, k) / found;
    return m->empty_is_zero ? 0 : NAN;
}

static double sum_by_least(const lk_measured *m, size_t k)
{
    return at_rank(m, m->profile->precision_sum, k) / (double)lk_least(m->profile->ranking.total, k);
}

static double reciprocal_rank(const lk_measured *m, size_t at)
{
    (void)at;
    if (m->profile->ties == LK_TIES_EXPECTED) return lk_expected_reciprocal_rank(m->profile);
    const size_t rank = first_rank(&m->profile->ranking);
    return rank ? 1 / (double)rank : 0;
}

/* Järvelin & Kekäläinen 2002, with gains of 0 and 1; the ideal ranking has all R on top. */
static double ndcg(const lk_measured *m, size_t k)
{
    const lk_profile *p = m->profile;
    double ideal = 0;
    const size_t best = lk_least(k, p->ranking.total);
    if (best <= p->ranking.capacity) ideal = p->discount[best];
    else { /* relevant items that are not ranked reach past the table */
        ideal = p->discount[p->ranking.capacity];
        for (size_t i = p->ranking.capacity + 1; i <= best; i++) ideal += 1 / log2((double)i + 1);
    }
    return at_rank(m, p->gain, k) / ideal;
}

static double inverse_penalty(const lk_measured *m, size_t at)
{
    (void)at;
    const lk_ranking *r = &m->profile->ranking;
    if (r->found < r->total) return 0; /* the last one is infinitely far */
    if (m->profile->ties == LK_TIES_EXPECTED) return lk_expected_inverse_penalty(m->profile);
    return total(m) / (double)last_rank(r);
}

/* How many items lie within a Hamming radius. Scores are negated distances, and small ones are exact as
 * floats. */
static size_t ball(const lk_measured *m, size_t radius)
{
    const lk_ranking *r = &m->profile->ranking;
    size_t inside = 0, outside = r->count;
    while (inside < outside) {
        const size_t middle = inside + (outside - inside) / 2;
        if (m->judged->scores[r->order[middle]] >= -(float)radius) inside = middle + 1;
        else outside = middle;
    }
    return inside;
}

static double ball_precision(const lk_measured *m, size_t radius)
{
    const size_t inside = ball(m, radius);
    return inside ? m->profile->hits[inside] / (double)inside : 0;
}

static double ball_recall(const lk_measured *m, size_t radius)
{
    return m->profile->hits[ball(m, radius)] / total(m);
}

/* The fewest relevant items whose recall is at least t/10. trec_eval (m_iprec_at_recall.c) reckons it in
 * double, and so comes to one fewer now and then: at recall 0.7 of R = 3 it takes 2. */
static size_t needed_for(const lk_profile *profile, size_t tenth)
{
    const size_t total = profile->ranking.total;
    if (profile->ties == LK_TIES_TREC) return (size_t)((double)tenth / 10 * (double)total + 0.9);
    return tenth * (total / 10) + (tenth * (total % 10) + 9) / 10;
}

void lk_eleven_points(const lk_profile *profile, double points[11])
{
    const lk_ranking *r = &profile->ranking;
    double best = 0;
    size_t hits = r->found, levels = 11;
    for (size_t t = 0; t < 11; t++) points[t] = 0;
    /* From the end on: `best` is the largest precision at any rank from here. Between two relevant items
     * precision only falls, so those alone are looked at. */
    while (levels && hits < needed_for(profile, levels - 1)) levels--;
    for (size_t i = r->count; i-- > 0;) {
        if (!r->relevant[i]) continue;
        best = fmax(best, (double)hits / ((double)i + 1));
        hits--;
        while (levels && hits < needed_for(profile, levels - 1)) points[--levels] = best;
    }
    while (levels) points[--levels] = best;
}

static double eleven_point(const lk_measured *m, size_t at)
{
    (void)at;
    double points[11], sum = 0;
    if (m->profile->ties == LK_TIES_EXPECTED) return NAN; /* the mean of a maximum has no simple form */
    lk_eleven_points(m->profile, points);
    for (size_t t = 0; t < 11; t++) sum += points[t];
    return sum / 11;
}

/* clang-format off: a table */
const lk_measure lk_measures[] = {
    {"P@*", LK_AT_K, precision, "h(k)/k, also when fewer than k items exist", "Manning et al. 2008, ch. 8"},
    {"P@*-revisited", LK_AT_K, precision_revisited, "h(k')/k', k' = min(k, rank of the last relevant item)",
     "Radenović et al. 2018"},
    {"recall@*", LK_AT_K, recall, "h(k)/R", "Manning et al. 2008, ch. 8"},
    {"hit@*", LK_AT_K, hit, "1 if h(k) ≥ 1; often called Recall@k, or CMC", "metric learning"},
    {"F1@*", LK_AT_K, f1, "2PR/(P+R) of P@k and recall@k, a query at a time, then the mean",
     "van Rijsbergen 1979"},
    {"F1@*-of-means", LK_AT_K, NULL, "2PR/(P+R) of the means of P@k and recall@k", "van Rijsbergen 1979"},
    {"R-precision", LK_AT_ALL, r_precision, "h(R)/R", "Manning et al. 2008, ch. 8"},
    {"MAP@R", LK_AT_ALL, map_at_r, "sum of rel(i) P(i) for i ≤ R, over R", "Musgrave et al. 2020"},
    {"mAP", LK_AT_ALL, average_precision,
     "sum of rel(i) P(i) over the whole ranking, over R; not interpolated", "trec_eval map, scikit-learn"},
    {"mAP-oxford", LK_AT_ALL, oxford, "area by trapeziums: (p0 + p1)/2 at each relevant item, over R",
     "Philbin et al. 2007"},
    {"mAP@*/found", LK_AT_K, sum_by_found, "sum of rel(i) P(i) for i ≤ k, over h(k)",
     "HashNet, DeepHash-pytorch"},
    {"mAP@*/min", LK_AT_K, sum_by_least, "sum of rel(i) P(i) for i ≤ k, over min(R, k)", "Google Landmarks"},
    {"mAP@*/R", LK_AT_K, sum_by_total, "sum of rel(i) P(i) for i ≤ k, over R", "trec_eval map_cut"},
    {"mP@*", LK_AT_K, precision, "h(k)/k: P@k under the name of its mean; the study prints it as mAP@k",
     "the reference study"},
    {"MRR", LK_AT_ALL, reciprocal_rank, "1 over the rank of the first relevant item", "Voorhees 1999"},
    {"nDCG@*", LK_AT_K, ndcg, "sum of rel(i)/log2(i + 1) for i ≤ k, over that of the ideal ranking",
     "Järvelin & Kekäläinen 2002"},
    {"mINP", LK_AT_ALL, inverse_penalty, "R over the rank of the last relevant item", "Ye et al. 2021"},
    {"P@H≤*", LK_AT_RADIUS, ball_precision,
     "relevant items within Hamming distance r, over all items within it; 0 if none",
     "Cao et al. 2018 (DCH)"},
    {"R@H≤*", LK_AT_RADIUS, ball_recall, "relevant items within Hamming distance r, over R",
     "Cao et al. 2018 (DCH)"},
    {"11-point", LK_AT_ALL, eleven_point, "mean over t = 0, 0.1 … 1 of the largest P(i) where recall ≥ t",
     "TREC"},
};
/* clang-format on */
const size_t lk_measure_count = LK_COUNT(lk_measures);

void lk_measure_name(const lk_measure *measure, size_t at, char name[32])
{
    size_t used = 0;
    for (const char *from = measure->name; *from && used < 31; from++) {
        if (*from != '*') name[used++] = *from;
        else used = lk_least(used + (size_t)snprintf(name + used, 32 - used, "%zu", at), 31);
    }
    name[used] = 0;
}
