/* Rankings for tests: from a word, or from groups of ties, and their values in an evaluation. */
#ifndef LK_TESTS_CBIR_JUDGED_H
#define LK_TESTS_CBIR_JUDGED_H

#include <math.h>
#include <string.h>

#include <cmocka.h>

#include "cbir/metrics.h"

enum { MOST_ITEMS = 64 };

typedef struct {
    float scores[MOST_ITEMS];
    uint8_t relevant[MOST_ITEMS];
    lk_judged judged;
} test_ranking;

static inline void point(test_ranking *r)
{
    r->judged.scores = r->scores;
    r->judged.relevant = r->relevant;
}

/* A letter an item, nearest first: r for relevant. Items without a blank between them are tied. */
static inline void rank_word(test_ranking *r, const char *word)
{
    float score = 100;
    *r = (test_ranking){0};
    for (; *word; word++) {
        if (*word == ' ') {
            score--;
            continue;
        }
        assert_true(r->judged.count < MOST_ITEMS);
        r->relevant[r->judged.count] = *word == 'r';
        r->scores[r->judged.count++] = score;
    }
    point(r);
}

static inline lk_evaluation *open_evaluation(lk_ties ties, bool empty_is_zero)
{
    static const size_t ks[] = {1, 2, 3, 4, 5, 7, 10, 20, 100};
    const lk_evaluate_options options = {.ks = ks,
                                         .k_count = sizeof ks / sizeof *ks,
                                         .items = MOST_ITEMS,
                                         .ties = ties,
                                         .empty_is_zero = empty_is_zero};
    lk_evaluation *evaluation = NULL;
    assert_int_equal(lk_evaluation_open(&options, &evaluation), LK_OK);
    return evaluation;
}

static inline size_t column_of(const lk_evaluation *evaluation, const char *name)
{
    size_t column;
    if (!lk_evaluation_find(evaluation, name, &column)) fail_msg("no metric is called %s", name);
    return column;
}

/* The value of one metric for the query that was added last. */
static inline double last_value(const lk_evaluation *evaluation, const char *name)
{
    return lk_evaluation_row(evaluation, lk_evaluation_queries(evaluation) - 1)[column_of(evaluation, name)];
}

static inline void assert_near(const char *name, double got, double want, double bound)
{
    if (isnan(want) ? !isnan(got) : !(fabs(got - want) <= bound))
        fail_msg("%s is %.12g, not %.12g", name, got, want);
}

#endif
