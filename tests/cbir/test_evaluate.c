/* Means over queries, their intervals, curves, and classes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/memory.h"
#include "cbir/classes.h"
#include "cbir/curve.h"
#include "tests/cbir/judged.h"

enum { MOST_COLUMNS = 128 };

static void add_word(lk_evaluation *evaluation, const char *word)
{
    test_ranking r;
    rank_word(&r, word);
    assert_int_equal(lk_evaluation_add(evaluation, &r.judged), LK_OK);
}

static void queries_without_relevant_items_are_counted_apart(void **state)
{
    (void)state;
    double means[MOST_COLUMNS];
    lk_evaluation *e = open_evaluation(LK_TIES_INDEX, false);
    lk_evaluation_means(e, NULL, 0, means);
    assert_true(isnan(means[column_of(e, "mAP")]) && isnan(means[column_of(e, "F1@5-of-means")]));
    add_word(e, "r .");
    add_word(e, ". . .");
    add_word(e, ". r");
    assert_int_equal(lk_evaluation_queries(e), 2);
    assert_int_equal(lk_evaluation_without_relevant(e), 1);
    lk_evaluation_means(e, NULL, 2, means);
    assert_near("mAP", means[column_of(e, "mAP")], 0.75, 1e-15);
    assert_near("found, of those that find", means[column_of(e, "mAP@1/found")], 1, 0);
    const uint32_t second = 1;
    lk_evaluation_means(e, &second, 1, means);
    assert_near("mAP of the second", means[column_of(e, "mAP")], 0.5, 1e-15);
    assert_true(isnan(means[column_of(e, "mAP@1/found")]));
    lk_evaluation_close(&e);
}

/* P = 1/2 and 0, recall = 1/2 and 0 at k = 2 for one; P = 1/2, recall = 1 for the other. */
static void f1_of_means_is_not_the_mean_of_f1(void **state)
{
    (void)state;
    double means[MOST_COLUMNS];
    lk_evaluation *e = open_evaluation(LK_TIES_INDEX, false);
    add_word(e, "r . r");
    add_word(e, ". . r");
    lk_evaluation_means(e, NULL, 2, means);
    assert_near("P@2", means[column_of(e, "P@2")], 0.25, 1e-15);
    assert_near("F1@2", means[column_of(e, "F1@2")], 0.25, 1e-15);
    add_word(e, "r .");
    lk_evaluation_means(e, NULL, 3, means);
    assert_near("F1@2", means[column_of(e, "F1@2")], (0.5 + 0 + 2. / 3) / 3, 1e-15);
    assert_near("F1@2-of-means", means[column_of(e, "F1@2-of-means")], 2 * (1. / 3) * 0.5 / (1. / 3 + 0.5),
                1e-15);
    lk_evaluation_close(&e);
}

static void too_many_items_and_k_0_are_refused(void **state)
{
    (void)state;
    const size_t zero = 0;
    lk_evaluation *e = NULL;
    lk_evaluate_options options = {.ks = &zero, .k_count = 1, .items = 2};
    assert_int_equal(lk_evaluation_open(&options, &e), LK_ERROR_ARGUMENT);
    assert_null(e);
    options.items = (size_t)1 << 33;
    options.k_count = 0;
    assert_int_equal(lk_evaluation_open(&options, &e), LK_ERROR_LIMIT);
    options.items = 2;
    assert_int_equal(lk_evaluation_open(&options, &e), LK_OK);
    test_ranking r;
    rank_word(&r, "r . .");
    assert_int_equal(lk_evaluation_add(e, &r.judged), LK_ERROR_ARGUMENT);
    assert_string_equal(lk_error_message(), "3 items to rank, more than the 2 stated");
    lk_evaluation_close(&e);
}

/* Half of 200 queries are hits: the interval of the mean is near the normal one, 0.5 -+ 1.96 sqrt(0.25/200).
 */
static void intervals_are_repeatable_and_of_the_right_size(void **state)
{
    (void)state;
    lk_interval first[MOST_COLUMNS], again[MOST_COLUMNS], other[MOST_COLUMNS];
    lk_bootstrap_options options = {2000, 5, 0.95};
    lk_evaluation *e = open_evaluation(LK_TIES_INDEX, false);
    assert_int_equal(lk_evaluation_bootstrap(e, &options, first), LK_ERROR_EMPTY);
    for (size_t i = 0; i < 200; i++) add_word(e, i % 2 ? "r ." : ". r");
    assert_int_equal(lk_evaluation_bootstrap(e, &options, first), LK_OK);
    assert_int_equal(lk_evaluation_bootstrap(e, &options, again), LK_OK);
    options.seed = 6;
    assert_int_equal(lk_evaluation_bootstrap(e, &options, other), LK_OK);
    const size_t hit = column_of(e, "hit@1"), found = column_of(e, "mAP@1/found"),
                 all = column_of(e, "recall@2");
    assert_memory_equal(first, again, lk_evaluation_columns(e) * sizeof *first);
    assert_true(first[hit].low != other[hit].low || first[hit].high != other[hit].high);
    assert_near("low", first[hit].low, 0.5 - 1.96 * sqrt(0.25 / 200), 0.006);
    assert_near("high", first[hit].high, 0.5 + 1.96 * sqrt(0.25 / 200), 0.006);
    assert_near("only those that find", first[found].low, 1, 0);
    assert_near("no spread", first[all].high - first[all].low, 0, 0);
    const size_t p = column_of(e, "P@1"), derived = column_of(e, "F1@1-of-means");
    assert_near("P = recall here, so F1 is both", first[derived].low, first[p].low, 1e-12);
    options.draws = 0;
    assert_int_equal(lk_evaluation_bootstrap(e, &options, first), LK_ERROR_ARGUMENT);
    lk_evaluation_close(&e);
}

/* ---- curves */

static lk_curve *curve_of(lk_curve_kind kind, const test_ranking *rankings, size_t count, lk_ties ties)
{
    lk_curve *curve = NULL;
    lk_profile profile;
    assert_int_equal(lk_curve_open(kind, MOST_ITEMS, &curve), LK_OK);
    assert_int_equal(lk_profile_open(MOST_ITEMS, &profile), LK_OK);
    for (size_t i = 0; i < count; i++) {
        lk_judged judged = rankings[i].judged;
        judged.scores = rankings[i].scores;
        judged.relevant = rankings[i].relevant;
        lk_profile_make(&profile, &judged, ties);
        assert_int_equal(lk_curve_add(curve, &profile, &judged), LK_OK);
    }
    lk_profile_close(&profile);
    return curve;
}

static void check_points(lk_curve *curve, size_t limit, const lk_curve_point *wanted, size_t wanted_count)
{
    lk_curve_point *points;
    size_t count;
    assert_int_equal(lk_curve_points(curve, limit, &points, &count), LK_OK);
    assert_int_equal(count, wanted_count);
    for (size_t i = 0; i < wanted_count; i++) {
        assert_near("at", points[i].at, wanted[i].at, 1e-12);
        assert_near("recall", points[i].recall, wanted[i].recall, 1e-12);
        assert_near("precision", points[i].precision, wanted[i].precision, 1e-12);
    }
    lk_free(points);
    lk_curve_close(&curve);
}

#define CHECK_POINTS(curve, limit, ...)                                        \
    do {                                                                       \
        const lk_curve_point wanted_[] = {__VA_ARGS__};                        \
        check_points(curve, limit, wanted_, sizeof wanted_ / sizeof *wanted_); \
    } while (0)

static void curves_by_rank_reach_the_longest_ranking(void **state)
{
    (void)state;
    test_ranking r[2];
    rank_word(&r[0], "r . r");
    rank_word(&r[1], ". r");
    CHECK_POINTS(curve_of(LK_CURVE_RANK, r, 2, LK_TIES_INDEX), 100, {1, 0.25, 0.5}, {2, 0.75, 0.5},
                 {3, 1, (2. / 3 + 1. / 3) / 2});
    CHECK_POINTS(curve_of(LK_CURVE_RANK, r, 2, LK_TIES_INDEX), 2, {1, 0.25, 0.5}, {3, 1, 0.5});
    rank_word(&r[0], ".r");
    CHECK_POINTS(curve_of(LK_CURVE_RANK, r, 1, LK_TIES_EXPECTED), 100, {1, 0.5, 0.5}, {2, 1, 0.5});
}

static void distances(test_ranking *r, const char *relevant, const float *scores)
{
    rank_word(r, relevant);
    memcpy(r->scores, scores, r->judged.count * sizeof *scores);
}

static void curves_by_radius_mean_over_queries_of_any_reach(void **state)
{
    (void)state;
    test_ranking r[3];
    distances(&r[0], "r.r", (const float[]){-1, -1, -3});
    distances(&r[1], "r", (const float[]){0});
    distances(&r[2], ".r", (const float[]){-2, -15});
    /* the third: nothing, nothing, 0/1 from radius 2 on, then 1/2 */
    lk_curve_point wanted[16];
    for (size_t i = 0; i < 16; i++) {
        const double first_recall = i < 1 ? 0 : i < 3 ? 0.5 : 1, first = i < 1 ? 0 : i < 3 ? 0.5 : 2. / 3;
        const double third_recall = i < 15 ? 0 : 1, third = i < 15 ? 0 : 0.5;
        wanted[i] =
            (lk_curve_point){(double)i, (first_recall + 1 + third_recall) / 3, (first + 1 + third) / 3};
    }
    check_points(curve_of(LK_CURVE_RADIUS, r, 3, LK_TIES_INDEX), 100, wanted, 16);
}

static void eleven_points_take_the_best_precision_from_there_on(void **state)
{
    (void)state;
    test_ranking r;
    rank_word(&r, ". r r . . . r");
    const double low = 2. / 3, high = 3. / 7;
    CHECK_POINTS(curve_of(LK_CURVE_11PT, &r, 1, LK_TIES_INDEX), 100, {0, 0, low}, {.1, .1, low},
                 {.2, .2, low}, {.3, .3, low}, {.4, .4, low}, {.5, .5, low}, {.6, .6, low}, {.7, .7, high},
                 {.8, .8, high}, {.9, .9, high}, {1, 1, high});
}

static void a_pooled_curve_has_a_point_a_score(void **state)
{
    (void)state;
    test_ranking r[2];
    distances(&r[0], "r.r", (const float[]){0.9F, 0.5F, 0.5F});
    distances(&r[1], ".r", (const float[]){0.9F, -0.25F});
    CHECK_POINTS(curve_of(LK_CURVE_THRESHOLD, r, 2, LK_TIES_INDEX), 100, {0.9F, 1. / 3, 0.5},
                 {0.5, 2. / 3, 0.5}, {-0.25, 1, 0.6});
}

static void curves_without_queries_are_refused(void **state)
{
    (void)state;
    for (int kind = LK_CURVE_RANK; kind <= LK_CURVE_THRESHOLD; kind++) {
        lk_curve_point *points = NULL;
        size_t count;
        lk_curve *curve = curve_of((lk_curve_kind)kind, NULL, 0, LK_TIES_INDEX);
        assert_int_equal(lk_curve_points(curve, 10, &points, &count), LK_ERROR_EMPTY);
        lk_curve_close(&curve);
    }
}

/* ---- classes */

static void classes_count_and_confuse(void **state)
{
    (void)state;
    const long query_labels[] = {7, -1, 7}, item_labels[] = {3, 7, 7, -1};
    lk_classes classes;
    lk_ranking ranking;
    double shares[9] = {0};
    const float scores[] = {4, 3, 2, 1};
    const uint8_t relevant[4] = {0};
    const lk_judged judged = {.scores = scores, .relevant = relevant, .count = 4};
    assert_int_equal(lk_classes_open(query_labels, 3, item_labels, 4, &classes), LK_OK);
    assert_int_equal(classes.count, 3);
    assert_int_equal(classes.labels[0], -1);
    assert_int_equal(classes.labels[2], 7);
    assert_int_equal(classes.queries[2], 2);
    assert_int_equal(classes.queries[1], 0);
    assert_int_equal(classes.items[2], 2);
    assert_int_equal(lk_ranking_open(4, &ranking), LK_OK);
    lk_ranking_make(&ranking, &judged, LK_TIES_INDEX);
    lk_confusion_add(&classes, &ranking, item_labels, lk_classes_find(&classes, 7), 2, shares);
    lk_confusion_add(&classes, &ranking, item_labels, lk_classes_find(&classes, 7), 100, shares);
    lk_confusion_finish(&classes, shares);
    const double wanted[9] = {0, 0, 0, 0, 0, 0, 1. / 6, 2. / 6, 3. / 6};
    for (size_t i = 0; i < 9; i++) assert_near("share", shares[i], wanted[i], 1e-15);
    lk_ranking_close(&ranking);
    lk_classes_close(&classes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queries_without_relevant_items_are_counted_apart),
        cmocka_unit_test(f1_of_means_is_not_the_mean_of_f1),
        cmocka_unit_test(too_many_items_and_k_0_are_refused),
        cmocka_unit_test(intervals_are_repeatable_and_of_the_right_size),
        cmocka_unit_test(curves_by_rank_reach_the_longest_ranking),
        cmocka_unit_test(curves_by_radius_mean_over_queries_of_any_reach),
        cmocka_unit_test(eleven_points_take_the_best_precision_from_there_on),
        cmocka_unit_test(a_pooled_curve_has_a_point_a_score),
        cmocka_unit_test(curves_without_queries_are_refused),
        cmocka_unit_test(classes_count_and_confuse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
