/* Expectations over the orders of tied items, for metrics that are not sums over ranks. One group of ties
 * decides each: where in it the first or the last relevant item falls, or how many of its relevant items lie
 * above a cut. */
#include <math.h>

#include "cbir/metrics.h"

double lk_expected_hit(const lk_profile *profile, size_t k)
{
    const lk_cut cut = lk_profile_cut(profile, k);
    double none = 1; /* the chance that all the ranks above the cut are drawn from the others */
    if (cut.hits) return 1;
    if (cut.slots > cut.items - cut.relevant) return 1;
    for (size_t i = 0; i < cut.slots; i++)
        none *= (double)(cut.items - cut.relevant - i) / (double)(cut.items - i);
    return 1 - none;
}

/* P(the first of n⁺ among n stands at place j) = C(n − j, n⁺ − 1) / C(n, n⁺): n⁺/n at j = 1, and from j to j
 * + 1 by (n − j − n⁺ + 1)/(n − j). */
double lk_expected_reciprocal_rank(const lk_profile *profile)
{
    const lk_ranking *r = &profile->ranking;
    size_t g = 0;
    while (g < r->group_count && !r->groups[g].relevant) g++;
    if (g == r->group_count) return 0;
    const size_t before = r->groups[g].start, n = r->groups[g].end - before, relevant = r->groups[g].relevant;
    double chance = (double)relevant / (double)n, sum = 0;
    for (size_t j = 1; j + relevant <= n + 1; j++) {
        sum += chance / (double)(before + j);
        if (j < n) chance *= (double)(n - j + 1 - relevant) / (double)(n - j);
    }
    return sum;
}

/* The sum over the places j, from the last of the group that holds the last relevant item up to `to`, of
 * P(the last of n⁺ among n stands at j) · R/(N + j). P is n⁺/n at j = n, and from j to j − 1 by (j − n⁺)/(j −
 * 1). */
static double inverse_last_rank(const lk_profile *profile, size_t to)
{
    const lk_ranking *r = &profile->ranking;
    size_t g = r->group_count;
    while (g && !r->groups[g - 1].relevant) g--;
    if (!g) return 0;
    const size_t before = r->groups[g - 1].start, n = r->groups[g - 1].end - before;
    const size_t relevant = r->groups[g - 1].relevant;
    double chance = (double)relevant / (double)n, sum = 0;
    for (size_t j = n; j >= relevant; j--) {
        if (before + j <= to) sum += chance * (double)r->total / (double)(before + j);
        if (j > 1) chance *= (double)(j - relevant) / (double)(j - 1);
    }
    return sum;
}

double lk_expected_inverse_penalty(const lk_profile *profile)
{
    return inverse_last_rank(profile, profile->ranking.count);
}

static double log_choose(size_t n, size_t k)
{
    int sign;
    return lgamma_r((double)n + 1, &sign) - lgamma_r((double)k + 1, &sign) -
           lgamma_r((double)(n - k) + 1, &sign);
}

/* The chance that x of the group's relevant items are among its ranks above the cut: hypergeometric. */
static double chance_of(const lk_cut *cut, size_t x)
{
    const size_t others = cut->items - cut->relevant;
    if (x > cut->relevant || x > cut->slots || cut->slots - x > others) return 0;
    return exp(log_choose(cut->relevant, x) + log_choose(others, cut->slots - x) -
               log_choose(cut->items, cut->slots));
}

/* Either all relevant items lie above the cut, and k' is the last one's rank, or k' is k. */
double lk_expected_revisited(const lk_profile *profile, size_t k)
{
    const lk_ranking *r = &profile->ranking;
    const lk_cut cut = lk_profile_cut(profile, k);
    if (r->found < r->total) return profile->hits[k < r->count ? k : r->count] / (double)k;
    double sum = inverse_last_rank(profile, k);
    for (size_t x = 0; x <= cut.slots; x++)
        if (cut.hits + x < r->total) sum += chance_of(&cut, x) * (double)(cut.hits + x) / (double)k;
    return sum;
}

/* Over a group's ranks above the cut, i of them before: the sums of 1/rank and of i/rank. */
typedef struct {
    double ones, insides;
} rank_sums;

static rank_sums sum_slots(const lk_cut *cut)
{
    rank_sums sums = {0};
    for (size_t i = 0; i < cut->slots; i++) {
        sums.ones += 1 / (double)(cut->before + i + 1);
        sums.insides += (double)i / (double)(cut->before + i + 1);
    }
    return sums;
}

/* Given that x relevant items are among the group's s ranks above the cut, all orders of those ranks are
 * equally likely: the formula of McSherry & Najork for a group of s with x relevant ones. */
static double sum_given(const lk_profile *profile, const lk_cut *cut, const rank_sums *sums, size_t x)
{
    const double s = (double)cut->slots, above = profile->precision_sum[cut->before];
    if (!x) return above;
    const double others = cut->slots > 1 ? ((double)x - 1) / (s - 1) : 0;
    return above + (double)x / s * (((double)cut->hits + 1) * sums->ones + others * sums->insides);
}

lk_expected_found lk_expected_average(const lk_profile *profile, size_t k)
{
    const lk_cut cut = lk_profile_cut(profile, k);
    const rank_sums sums = sum_slots(&cut);
    lk_expected_found found = {0};
    /* The groups above have their own orders, and their sum's expectation does not depend on x. */
    for (size_t x = 0; x <= cut.slots; x++) {
        const double chance = chance_of(&cut, x);
        if (!(chance > 0) || !(cut.hits + x)) continue;
        found.value += chance * sum_given(profile, &cut, &sums, x) / (double)(cut.hits + x);
        found.chance += chance;
    }
    if (found.chance > 0) found.value /= found.chance;
    return found;
}
