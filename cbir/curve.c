#include "cbir/curve.h"

#include "base/error.h"
#include "base/memory.h"
#include "cbir/metrics.h"
#include "cbir/score_sort.h"

struct lk_curve {
    lk_curve_kind kind;
    size_t items, queries, last; /* the largest rank or radius that any query reaches */
    double *recall, *precision;  /* [items + 1] by rank, [radii] by radius, [11]: sums over queries */
    size_t capacity;             /* of the two */
    uint64_t *pairs;             /* pooled: a score's key above, 1 below where the item is relevant */
    size_t pair_count, pair_capacity, pooled_relevant;
};

enum { LEVELS = 11 };

lk_status lk_curve_open(lk_curve_kind kind, size_t items, lk_curve **curve)
{
    lk_curve *c = lk_allocate_array(1, sizeof *c);
    if (!c) return lk_fail(LK_ERROR_MEMORY, "out of memory for a curve");
    c->kind = kind;
    c->items = items;
    c->capacity = (kind == LK_CURVE_RANK && items + 1 > LEVELS ? items + 1 : LEVELS);
    c->recall = lk_allocate_array(c->capacity, sizeof *c->recall);
    c->precision = lk_allocate_array(c->capacity, sizeof *c->precision);
    if (!c->recall || !c->precision) {
        lk_curve_close(&c);
        return lk_fail(LK_ERROR_MEMORY, "out of memory for a curve");
    }
    *curve = c;
    return LK_OK;
}

void lk_curve_close(lk_curve **curve)
{
    if (!*curve) return;
    lk_free((*curve)->recall);
    lk_free((*curve)->precision);
    lk_free((*curve)->pairs);
    lk_free(*curve);
    *curve = NULL;
}

/* Ranks past a query's end keep its recall, and its precision falls on as P@k does. */
static void add_ranks(lk_curve *c, const lk_profile *p)
{
    const size_t count = p->ranking.count;
    const double total = (double)p->ranking.total;
    for (size_t k = 1; k <= c->items; k++) {
        const double hits = p->hits[k < count ? k : count];
        c->recall[k] += hits / total;
        c->precision[k] += hits / (double)k;
    }
    if (count > c->last) c->last = count;
}

static void add_levels(lk_curve *c, const lk_profile *p)
{
    double points[LEVELS];
    lk_eleven_points(p, points);
    for (size_t t = 0; t < LEVELS; t++) c->precision[t] += points[t];
}

static lk_status grow_radii(lk_curve *c, size_t needed)
{
    void *recall = c->recall, *precision = c->precision;
    size_t capacity = c->capacity, again = c->capacity;
    bool grown = lk_grow(&recall, &capacity, needed, sizeof *c->recall);
    c->recall = recall;
    grown = grown && lk_grow(&precision, &again, needed, sizeof *c->precision);
    c->precision = precision;
    if (!grown) return lk_fail(LK_ERROR_MEMORY, "out of memory for a curve");
    c->capacity = capacity;
    return LK_OK;
}

/* Adds one query's value at every radius from `from` to `to` - 1. */
static void add_radii(lk_curve *c, const lk_profile *p, size_t inside, size_t from, size_t to)
{
    const double hits = p->hits[inside];
    for (size_t r = from; r < to; r++) {
        c->recall[r] += hits / (double)p->ranking.total;
        c->precision[r] += inside ? hits / (double)inside : 0;
    }
}

/* Scores are negated distances, whole numbers. Sums at radius r hold all queries so far: a larger radius than
 * any before begins with what all of them end on, everything found. */
static lk_status add_balls(lk_curve *c, const lk_profile *p, const float *scores)
{
    const lk_ranking *r = &p->ranking;
    const size_t reach = r->count ? (size_t)-scores[r->order[r->count - 1]] : 0;
    const size_t end = reach > c->last ? reach : c->last;
    const lk_status status = grow_radii(c, end + 1);
    if (status) return status;
    if (c->queries)
        for (size_t i = c->last + 1; i <= end; i++) {
            c->recall[i] = c->recall[c->last];
            c->precision[i] = c->precision[c->last];
        }
    size_t from = 0;
    for (size_t g = 0; g < r->group_count; g++) {
        const size_t distance = (size_t)-scores[r->order[r->groups[g].start]];
        add_radii(c, p, r->groups[g].start, from, distance);
        from = distance;
    }
    add_radii(c, p, r->count, from, end + 1);
    c->last = end;
    return LK_OK;
}

static lk_status add_pairs(lk_curve *c, const lk_profile *p, const float *scores)
{
    void *pairs = c->pairs;
    const lk_ranking *r = &p->ranking;
    if (r->count > UINT32_MAX - c->pair_count)
        return lk_fail(LK_ERROR_LIMIT, "more pairs to pool than %u", UINT32_MAX);
    if (!lk_grow(&pairs, &c->pair_capacity, c->pair_count + r->count, sizeof *c->pairs))
        return lk_fail(LK_ERROR_MEMORY, "out of memory for %zu pairs", c->pair_count + r->count);
    c->pairs = pairs;
    for (size_t i = 0; i < r->count; i++)
        c->pairs[c->pair_count++] = (uint64_t)lk_score_key(scores[r->order[i]]) << 32 | r->relevant[i];
    c->pooled_relevant += r->total;
    return LK_OK;
}

lk_status lk_curve_add(lk_curve *curve, const lk_profile *profile, const lk_judged *judged)
{
    lk_status status = LK_OK;
    switch (curve->kind) {
    case LK_CURVE_RANK:
        add_ranks(curve, profile);
        break;
    case LK_CURVE_RADIUS:
        status = add_balls(curve, profile, judged->scores);
        break;
    case LK_CURVE_11PT:
        if (profile->ties == LK_TIES_EXPECTED)
            status = lk_fail(LK_ERROR_UNSUPPORTED, "an 11-point curve has no expected value over ties");
        else add_levels(curve, profile);
        break;
    case LK_CURVE_THRESHOLD:
        status = add_pairs(curve, profile, judged->scores);
        break;
    }
    curve->queries += !status;
    return status;
}

static lk_status sort_pairs(lk_curve *c)
{
    uint64_t *spare = lk_allocate_array(c->pair_count + 1, sizeof *spare);
    if (!spare) return lk_fail(LK_ERROR_MEMORY, "out of memory to sort %zu pairs", c->pair_count);
    uint64_t *sorted = lk_sort_keys(c->pairs, spare, c->pair_count);
    if (sorted == spare) {
        spare = c->pairs;
        c->pairs = sorted;
        c->pair_capacity = c->pair_count + 1;
    }
    lk_free(spare);
    return LK_OK;
}

/* The pooled curve has a point a distinct score, at the last pair that has it. Returns how many there are;
 * fills `limit` of them, evenly spaced, where there are `all`. */
static size_t walk_thresholds(const lk_curve *c, lk_curve_point *points, size_t limit, size_t all)
{
    size_t found = 0, distinct = 0, taken = 0;
    for (size_t i = 0; i < c->pair_count; i++) {
        const uint32_t key = (uint32_t)(c->pairs[i] >> 32);
        found += c->pairs[i] & 1;
        if (i + 1 < c->pair_count && c->pairs[i + 1] >> 32 == key) continue;
        if (taken < limit && distinct == (limit > 1 ? taken * (all - 1) / (limit - 1) : 0))
            points[taken++] = (lk_curve_point){lk_key_score(key), (double)found / (double)c->pooled_relevant,
                                               (double)found / (double)(i + 1)};
        distinct++;
    }
    return distinct;
}

/* Point `index` of the curves that are sums over queries. */
static lk_curve_point summed_point(const lk_curve *c, size_t index)
{
    const double queries = (double)c->queries;
    if (c->kind == LK_CURVE_11PT)
        return (lk_curve_point){(double)index / 10, (double)index / 10, c->precision[index] / queries};
    const size_t at = c->kind == LK_CURVE_RANK ? index + 1 : index;
    return (lk_curve_point){(double)at, c->recall[at] / queries, c->precision[at] / queries};
}

static size_t count_points(const lk_curve *c)
{
    switch (c->kind) {
    case LK_CURVE_RANK:
        return c->last;
    case LK_CURVE_RADIUS:
        return c->last + 1;
    case LK_CURVE_11PT:
        return LEVELS;
    case LK_CURVE_THRESHOLD:
        break;
    }
    return walk_thresholds(c, NULL, 0, 0);
}

lk_status lk_curve_points(lk_curve *curve, size_t limit, lk_curve_point **points, size_t *count)
{
    const lk_status status = curve->kind == LK_CURVE_THRESHOLD ? sort_pairs(curve) : LK_OK;
    if (status) return status;
    const size_t all = curve->queries ? count_points(curve) : 0, some = all < limit ? all : limit;
    if (!all) return lk_fail(LK_ERROR_EMPTY, "a curve without queries");
    lk_curve_point *p = lk_allocate_array(some, sizeof *p);
    if (!p) return lk_fail(LK_ERROR_MEMORY, "out of memory for %zu points", some);
    if (curve->kind == LK_CURVE_THRESHOLD) walk_thresholds(curve, p, some, all);
    else
        for (size_t i = 0; i < some; i++)
            p[i] = summed_point(curve, some > 1 ? i * (all - 1) / (some - 1) : 0);
    *points = p;
    *count = some;
    return LK_OK;
}
