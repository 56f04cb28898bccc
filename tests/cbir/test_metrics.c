/* Every metric on rankings whose values are known from their definitions (worked by hand, or published). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/cbir/judged.h"

typedef struct {
    const char *name;
    double value;
} expectation;

static void check(const test_ranking *r, lk_ties ties, bool empty_is_zero, const expectation *wanted,
                  size_t count)
{
    lk_evaluation *evaluation = open_evaluation(ties, empty_is_zero);
    assert_int_equal(lk_evaluation_add(evaluation, &r->judged), LK_OK);
    for (size_t i = 0; i < count; i++)
        assert_near(wanted[i].name, last_value(evaluation, wanted[i].name), wanted[i].value, 5e-11);
    lk_evaluation_close(&evaluation);
}

#define CHECK(ranking, ties, zero, ...)                                        \
    do {                                                                       \
        const expectation wanted_[] = {__VA_ARGS__};                           \
        check(ranking, ties, zero, wanted_, sizeof wanted_ / sizeof *wanted_); \
    } while (0)

/* Relevant at ranks 1, 3, 6, 9, 13 of 20. */
static void twenty_items_with_five_relevant(void **state)
{
    (void)state;
    test_ranking r;
    rank_word(&r, "r . r . . r . . r . . . r . . . . . . .");
    CHECK(&r, LK_TIES_INDEX, false, {"mAP", 0.59914529915}, {"mAP-oxford", 0.56040598291},
          {"11-point", 0.63558663559}, {"R-precision", 0.4}, {"MAP@R", 0.33333333333}, {"P@5", 0.4},
          {"recall@5", 0.4}, {"F1@5", 0.4}, {"mAP@5/min", 0.33333333333}, {"mAP@5/found", 0.83333333333},
          {"mAP@5/R", 0.33333333333}, {"P@10", 0.4}, {"recall@10", 0.8}, {"F1@10", 0.53333333333},
          {"mAP@10/min", 0.52222222222}, {"mAP@10/R", 0.52222222222}, {"mAP@10/found", 0.65277777778},
          {"mP@10", 0.4}, {"MRR", 1}, {"hit@1", 1}, {"mINP", 5. / 13}, {"P@20-revisited", 5. / 13},
          {"P@10-revisited", 0.4}, {"P@20", 0.25}, {"P@100", 0.05}, {"recall@100", 1});
}

static void binary_gains_are_discounted_by_log2(void **state)
{
    (void)state;
    test_ranking r;
    rank_word(&r, ". r r . r");
    const double ideal3 = 1 + 1 / log2(3) + 0.5;
    CHECK(&r, LK_TIES_INDEX, false, {"nDCG@1", 0}, {"nDCG@2", 1 / log2(3) / (1 + 1 / log2(3))},
          {"nDCG@3", (1 / log2(3) + 0.5) / ideal3}, {"nDCG@5", (1 / log2(3) + 0.5 + 1 / log2(6)) / ideal3},
          {"MRR", 0.5}, {"hit@1", 0}, {"hit@2", 1});
}

static void a_query_that_finds_nothing_is_left_out_or_0(void **state)
{
    (void)state;
    test_ranking r;
    rank_word(&r, ". . . . . r");
    CHECK(&r, LK_TIES_INDEX, false, {"mAP@5/found", NAN}, {"mAP@5/min", 0}, {"mAP@7/found", 1. / 6},
          {"F1@5", 0});
    CHECK(&r, LK_TIES_INDEX, true, {"mAP@5/found", 0}, {"mAP@7/found", 1. / 6});
    CHECK(&r, LK_TIES_EXPECTED, false, {"mAP@5/found", NAN}, {"mAP@7/found", 1. / 6});
    CHECK(&r, LK_TIES_EXPECTED, true, {"mAP@5/found", 0}, {"mAP@7/found", 1. / 6});
}

static void k_may_be_more_than_there_are_items(void **state)
{
    (void)state;
    test_ranking r;
    rank_word(&r, ". r");
    CHECK(&r, LK_TIES_INDEX, false, {"P@10", 0.1}, {"P@10-revisited", 0.5}, {"recall@10", 1},
          {"mAP@10/min", 0.5}, {"nDCG@10", 1 / log2(3)}, {"F1@10", 2. / 11});
}

/* R counts relevant items that are nowhere in the ranking, as a run that is cut at some depth leaves them. */
static void relevant_items_may_not_be_ranked(void **state)
{
    (void)state;
    test_ranking r;
    rank_word(&r, "r . r");
    r.judged.relevant_unranked = 2;
    CHECK(&r, LK_TIES_INDEX, false, {"mAP", (1 + 2. / 3) / 4}, {"recall@10", 0.5}, {"R-precision", 0.5},
          {"mINP", 0}, {"P@5-revisited", 0.4}, {"mAP@2/min", 0.5}, {"11-point", (3 * 1. + 3 * 2. / 3) / 11});
    r.judged.relevant_unranked = 200; /* past the table of discounts too */
    double ideal = 0;
    for (int i = 1; i <= 100; i++) ideal += 1 / log2(i + 1);
    CHECK(&r, LK_TIES_INDEX, false, {"nDCG@100", 1.5 / ideal}, {"R-precision", 2. / 202});
    rank_word(&r, "");
    r.judged.relevant_unranked = 1;
    CHECK(&r, LK_TIES_EXPECTED, false, {"mAP", 0}, {"MRR", 0}, {"hit@5", 0}, {"mINP", 0},
          {"P@5-revisited", 0});
    CHECK(&r, LK_TIES_INDEX, false, {"mAP", 0}, {"11-point", 0}, {"mAP@5/found", NAN}, {"mAP-oxford", 0});
}

/* Groups (n, n+) = (2,1), (3,2), (2,0), (3,1), R = 4. */
static void tied_groups_have_a_best_a_worst_and_a_mean(void **state)
{
    (void)state;
    test_ranking r;
    rank_word(&r, ".r r.r .. ..r");
    CHECK(&r, LK_TIES_BEST, false, {"mAP", 0.72916666667});
    CHECK(&r, LK_TIES_WORST, false, {"mAP", 0.5});
    CHECK(&r, LK_TIES_EXPECTED, false, {"mAP", 0.61481481481}, {"11-point", NAN});
    rank_word(&r, "rr");
    CHECK(&r, LK_TIES_EXPECTED, false, {"mAP", 1}, {"mAP-oxford", 1}, {"nDCG@5", 1}, {"mINP", 1}, {"MRR", 1});
}

static void junk_is_taken_out_before_ranks_are_counted(void **state)
{
    (void)state;
    test_ranking r;
    const uint8_t junk[] = {1, 0, 0, 1, 0};
    rank_word(&r, "r . r r r");
    r.judged.junk = junk;
    CHECK(&r, LK_TIES_INDEX, false, {"MRR", 0.5}, {"recall@2", 0.5}, {"mAP", (1. / 2 + 2. / 3) / 2});
}

static void balls_hold_what_lies_within_the_radius(void **state)
{
    (void)state;
    const float scores[] = {-3, -1, -2, -0.F, -2};
    const uint8_t relevant[] = {1, 1, 0, 0, 1};
    const size_t radii[] = {0, 1, 2, 9};
    const lk_judged judged = {.scores = scores, .relevant = relevant, .count = 5};
    const lk_evaluate_options options = {.radii = radii, .radius_count = 4, .items = 5};
    lk_evaluation *evaluation = NULL;
    assert_int_equal(lk_evaluation_open(&options, &evaluation), LK_OK);
    assert_int_equal(lk_evaluation_add(evaluation, &judged), LK_OK);
    static const expectation wanted[] = {{"P@H≤0", 0},   {"R@H≤0", 0},      {"P@H≤1", 0.5}, {"R@H≤1", 1. / 3},
                                         {"P@H≤2", 0.5}, {"R@H≤2", 2. / 3}, {"P@H≤9", 0.6}, {"R@H≤9", 1}};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        assert_near(wanted[i].name, last_value(evaluation, wanted[i].name), wanted[i].value, 1e-15);
    const float far[] = {-3, -4, -5, -6, -7};
    const lk_judged empty = {.scores = far, .relevant = relevant, .count = 5};
    assert_int_equal(lk_evaluation_add(evaluation, &empty), LK_OK);
    assert_near("P of an empty ball", last_value(evaluation, "P@H≤2"), 0, 0);
    lk_evaluation_close(&evaluation);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(twenty_items_with_five_relevant),
        cmocka_unit_test(binary_gains_are_discounted_by_log2),
        cmocka_unit_test(a_query_that_finds_nothing_is_left_out_or_0),
        cmocka_unit_test(k_may_be_more_than_there_are_items),
        cmocka_unit_test(relevant_items_may_not_be_ranked),
        cmocka_unit_test(tied_groups_have_a_best_a_worst_and_a_mean),
        cmocka_unit_test(junk_is_taken_out_before_ranks_are_counted),
        cmocka_unit_test(balls_hold_what_lies_within_the_radius),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
