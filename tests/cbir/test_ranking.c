/* Orders of ranking, and expectations over ties against every order that there is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/cbir/judged.h"

static void check_order(const lk_judged *judged, lk_ties ties, const uint32_t *order)
{
    lk_ranking ranking;
    assert_int_equal(lk_ranking_open(judged->count, &ranking), LK_OK);
    lk_ranking_make(&ranking, judged, ties);
    for (size_t i = 0; i < ranking.count; i++) assert_int_equal(ranking.order[i], order[i]);
    lk_ranking_close(&ranking);
}

static void each_rule_orders_ties_its_way(void **state)
{
    (void)state;
    const float scores[] = {0.5F, 0.5F, -0.F, 0.5F, 0.F, INFINITY};
    const uint8_t relevant[] = {0, 1, 1, 0, 0, 0};
    const char *const names[] = {"b", "a", "x", "c", "y", "z"};
    const lk_judged judged = {.scores = scores, .relevant = relevant, .names = names, .count = 6};
    check_order(&judged, LK_TIES_INDEX, (const uint32_t[]){5, 0, 1, 3, 2, 4});
    check_order(&judged, LK_TIES_EXPECTED, (const uint32_t[]){5, 0, 1, 3, 2, 4});
    check_order(&judged, LK_TIES_STUDY, (const uint32_t[]){5, 3, 1, 0, 4, 2});
    check_order(&judged, LK_TIES_BEST, (const uint32_t[]){5, 1, 0, 3, 2, 4});
    check_order(&judged, LK_TIES_WORST, (const uint32_t[]){5, 0, 3, 1, 4, 2});
    check_order(&judged, LK_TIES_TREC, (const uint32_t[]){5, 3, 0, 1, 4, 2});
}

static float any_float(unsigned *seed)
{
    const int kind = rand_r(seed) % 8;
    if (!kind) return 0.F;
    const float sign = rand_r(seed) % 2 ? 1.F : -1.F;
    return sign * ldexpf((float)(rand_r(seed) % 97), rand_r(seed) % 200 - 100);
}

static void scores_of_every_size_fall_down_the_ranking(void **state)
{
    (void)state;
    enum { COUNT = 5000 };
    static float scores[COUNT];
    static uint8_t relevant[COUNT], seen[COUNT];
    unsigned seed = 11;
    for (size_t i = 0; i < COUNT; i++) scores[i] = any_float(&seed);
    const lk_judged judged = {.scores = scores, .relevant = relevant, .count = COUNT};
    lk_ranking r;
    assert_int_equal(lk_ranking_open(COUNT, &r), LK_OK);
    lk_ranking_make(&r, &judged, LK_TIES_INDEX);
    assert_int_equal(r.count, COUNT);
    for (size_t i = 0; i < COUNT; i++) assert_int_equal(seen[r.order[i]]++, 0);
    for (size_t i = 1; i < COUNT; i++) {
        const float before = scores[r.order[i - 1]], here = scores[r.order[i]];
        assert_true(before > here || (before == here && r.order[i - 1] < r.order[i]));
    }
    size_t end = 0;
    for (size_t g = 0; g < r.group_count; end = r.groups[g++].end) assert_int_equal(r.groups[g].start, end);
    assert_int_equal(end, COUNT);
    lk_ranking_close(&r);
}

/* ---- every order of the tied items, one after another */

enum { MOST_COLUMNS = 128 };

typedef struct {
    double sums[MOST_COLUMNS];
    size_t counts[MOST_COLUMNS], orders;
    double least[MOST_COLUMNS], most[MOST_COLUMNS];
    lk_evaluation *evaluation;
} tally;

static void tally_order(tally *t, const test_ranking *r)
{
    test_ranking untied = *r;
    for (size_t i = 0; i < r->judged.count; i++) untied.scores[i] = -(float)i;
    point(&untied);
    assert_int_equal(lk_evaluation_add(t->evaluation, &untied.judged), LK_OK);
    const double *row = lk_evaluation_row(t->evaluation, t->orders++);
    for (size_t c = 0; c < lk_evaluation_columns(t->evaluation); c++) {
        if (isnan(row[c])) continue;
        t->sums[c] += row[c];
        t->least[c] = t->counts[c] && t->least[c] < row[c] ? t->least[c] : row[c];
        t->most[c] = t->counts[c] && t->most[c] > row[c] ? t->most[c] : row[c];
        t->counts[c]++;
    }
}

/* All ways to put the items of each group in order: those from `at` on, by exchanging each with one after it.
 */
static void each_order(tally *t, test_ranking *r, size_t at)
{
    if (at == r->judged.count) {
        tally_order(t, r);
        return;
    }
    for (size_t i = at; i < r->judged.count && r->scores[i] == r->scores[at]; i++) {
        const uint8_t here = r->relevant[at];
        r->relevant[at] = r->relevant[i], r->relevant[i] = here;
        each_order(t, r, at + 1);
        r->relevant[i] = r->relevant[at], r->relevant[at] = here;
    }
}

static void check_expectation(const char *word)
{
    test_ranking r;
    tally t = {.evaluation = open_evaluation(LK_TIES_INDEX, false)};
    lk_evaluation *expected = open_evaluation(LK_TIES_EXPECTED, false);
    lk_evaluation *best = open_evaluation(LK_TIES_BEST, false),
                  *worst = open_evaluation(LK_TIES_WORST, false);
    rank_word(&r, word);
    assert_true(lk_evaluation_columns(expected) <= MOST_COLUMNS);
    assert_int_equal(lk_evaluation_add(expected, &r.judged), LK_OK);
    assert_int_equal(lk_evaluation_add(best, &r.judged), LK_OK);
    assert_int_equal(lk_evaluation_add(worst, &r.judged), LK_OK);
    each_order(&t, &r, 0);
    for (size_t c = 0; c < lk_evaluation_columns(expected); c++) {
        const lk_column *column = lk_evaluation_column(expected, c);
        if (!lk_measures[column->measure].value) continue;
        char what[96];
        snprintf(what, sizeof what, "%s of \"%s\"", column->name, word);
        const double mean = t.counts[c] ? t.sums[c] / (double)t.counts[c] : NAN;
        if (strcmp(column->name, "11-point") != 0)
            assert_near(what, lk_evaluation_row(expected, 0)[c], mean, 1e-12);
        if (strstr(column->name, "/found")) continue; /* finding one more late can lower it */
        assert_near(what, lk_evaluation_row(best, 0)[c], t.most[c], 1e-12);
        assert_near(what, lk_evaluation_row(worst, 0)[c], t.least[c], 1e-12);
    }
    lk_evaluation_close(&t.evaluation);
    lk_evaluation_close(&expected);
    lk_evaluation_close(&best);
    lk_evaluation_close(&worst);
}

static void expectations_are_means_over_all_orders(void **state)
{
    (void)state;
    static const char *const words[] = {"r",       "r.",       "..r",        "rr.",        ". r.",
                                        "r..r.",   "rrr...",   ".. rr. r",   "r. .r .r",   ".... rr",
                                        "r....r.", "rr rr. .", "..r .rr ..", "r r. .. .r."};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) check_expectation(words[i]);
}

static void expectations_hold_for_random_groups(void **state)
{
    (void)state;
    unsigned seed = 7;
    for (size_t round = 0; round < 60; round++) {
        char word[32];
        size_t used = 0, group = 0;
        for (size_t i = 0; i < 8; i++) {
            if (i && (group == 5 || rand_r(&seed) % 3 == 0)) word[used++] = ' ', group = 0;
            word[used++] = rand_r(&seed) % 5 < 2 ? 'r' : '.';
            group++;
        }
        word[used] = 0;
        if (strchr(word, 'r')) check_expectation(word);
    }
}

/* A large group, where factorials overflow: all tied, R of N relevant, so E[P@k] = R/N and so on. */
static void large_groups_keep_their_precision(void **state)
{
    (void)state;
    enum { COUNT = 7840, R = 653 };
    static float scores[COUNT];
    static uint8_t relevant[COUNT];
    const size_t ks[] = {1, 10, 1000, COUNT};
    for (size_t i = 0; i < R; i++) relevant[i * 12] = 1;
    const lk_judged judged = {.scores = scores, .relevant = relevant, .count = COUNT};
    const lk_evaluate_options options = {.ks = ks, .k_count = 4, .items = COUNT, .ties = LK_TIES_EXPECTED};
    lk_evaluation *evaluation = NULL;
    assert_int_equal(lk_evaluation_open(&options, &evaluation), LK_OK);
    assert_int_equal(lk_evaluation_add(evaluation, &judged), LK_OK);
    const double share = (double)R / COUNT;
    assert_near("P@10", last_value(evaluation, "P@10"), share, 1e-12);
    assert_near("P@1000-revisited", last_value(evaluation, "P@1000-revisited"), share, 1e-9);
    assert_near("hit@1", last_value(evaluation, "hit@1"), share, 1e-12);
    assert_near("mAP@1/found", last_value(evaluation, "mAP@1/found"), 1, 1e-9);
    assert_near("all found", last_value(evaluation, "mAP@7840/found"), last_value(evaluation, "mAP"), 1e-9);
    /* the last of R among N stands at (N + 1) R / (R + 1) on average; by Jensen mINP is a little above R over
     * that */
    assert_near("mINP", last_value(evaluation, "mINP"), (R + 1.) / (COUNT + 1), 1e-6);
    lk_evaluation_close(&evaluation);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rule_orders_ties_its_way),
        cmocka_unit_test(scores_of_every_size_fall_down_the_ranking),
        cmocka_unit_test(expectations_are_means_over_all_orders),
        cmocka_unit_test(expectations_hold_for_random_groups),
        cmocka_unit_test(large_groups_keep_their_precision),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
