#include "cbir/profile.h"

#include <math.h>

#include "base/error.h"
#include "base/memory.h"

lk_status lk_profile_open(size_t capacity, lk_profile *profile)
{
    lk_profile p = {0};
    const lk_status status = lk_ranking_open(capacity, &p.ranking);
    if (status) return status;
    p.hits = lk_allocate_array(capacity + 1, sizeof *p.hits);
    p.precision_sum = lk_allocate_array(capacity + 1, sizeof *p.precision_sum);
    p.gain = lk_allocate_array(capacity + 1, sizeof *p.gain);
    p.discount = lk_allocate_array(capacity + 1, sizeof *p.discount);
    if (!p.hits || !p.precision_sum || !p.gain || !p.discount) {
        lk_profile_close(&p);
        return lk_fail(LK_ERROR_MEMORY, "out of memory for a ranking of %zu items", capacity);
    }
    for (size_t i = 1; i <= capacity; i++) p.discount[i] = p.discount[i - 1] + 1 / log2((double)i + 1);
    *profile = p;
    return LK_OK;
}

void lk_profile_close(lk_profile *profile)
{
    lk_ranking_close(&profile->ranking);
    lk_free(profile->hits);
    lk_free(profile->precision_sum);
    lk_free(profile->gain);
    lk_free(profile->discount);
    *profile = (lk_profile){0};
}

/* Philbin et al. 2007, as revisitop computes it: the trapezium under each step of recall. `rank` and `found`
 * are what stands before the relevant item. */
static double oxford_term(double rank, double found)
{
    const double before = rank > 0 ? found / rank : 1;
    return (before + (found + 1) / (rank + 1)) / 2;
}

static void sum_ranks(lk_profile *p)
{
    double hits = 0, precision_sum = 0, gain = 0;
    p->oxford = 0;
    for (size_t i = 0; i < p->ranking.count; i++) {
        if (p->ranking.relevant[i]) {
            p->oxford += oxford_term((double)i, hits);
            hits += 1;
            precision_sum += hits / ((double)i + 1);
            gain += p->discount[i + 1] - p->discount[i];
        }
        p->hits[i + 1] = hits;
        p->precision_sum[i + 1] = precision_sum;
        p->gain[i + 1] = gain;
    }
}

/* One group, by McSherry & Najork, "Computing information retrieval performance measures efficiently in the
 * presence of tied scores", ECIR 2008: each of its ranks holds a relevant item with probability n⁺/n, and
 * then, of the ranks of the group before it, each does with (n⁺ − 1)/(n − 1). */
static void expect_group(lk_profile *p, const lk_tie_group *group, double hits)
{
    const double n = group->end - group->start, relevant = group->relevant;
    const double chance = relevant / n, others = n > 1 ? (relevant - 1) / (n - 1) : 0;
    for (size_t i = group->start; i < group->end; i++) {
        const double inside = (double)(i - group->start), found = hits + inside * others;
        p->hits[i + 1] = hits + (inside + 1) * chance;
        p->precision_sum[i + 1] = p->precision_sum[i];
        p->gain[i + 1] = p->gain[i];
        if (!group->relevant) continue;
        p->precision_sum[i + 1] += chance * (found + 1) / ((double)i + 1);
        p->gain[i + 1] += chance * (p->discount[i + 1] - p->discount[i]);
        p->oxford += chance * oxford_term((double)i, found);
    }
}

static void expect_ranks(lk_profile *p)
{
    size_t hits = 0;
    p->oxford = 0;
    for (size_t g = 0; g < p->ranking.group_count; g++) {
        expect_group(p, &p->ranking.groups[g], (double)hits);
        hits += p->ranking.groups[g].relevant;
    }
}

void lk_profile_make(lk_profile *profile, const lk_judged *judged, lk_ties ties)
{
    lk_ranking_make(&profile->ranking, judged, ties);
    profile->ties = ties;
    profile->hits[0] = profile->precision_sum[0] = profile->gain[0] = 0;
    if (ties == LK_TIES_EXPECTED) expect_ranks(profile);
    else sum_ranks(profile);
}

lk_cut lk_profile_cut(const lk_profile *profile, size_t k)
{
    const lk_ranking *r = &profile->ranking;
    lk_cut cut = {0};
    for (size_t g = 0; g < r->group_count && cut.before + cut.slots < k; g++) {
        const lk_tie_group *group = &r->groups[g];
        cut.hits += cut.relevant; /* of the group before */
        cut.before = group->start;
        cut.items = group->end - group->start;
        cut.relevant = group->relevant;
        cut.slots = (group->end < k ? group->end : k) - group->start;
    }
    return cut;
}
