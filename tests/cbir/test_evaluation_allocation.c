/* Evaluation and TREC files when memory runs out, at the first allocation, the second, and so on until all
 * succeed. Linked with --wrap=lk_allocate. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "cbir/classes.h"
#include "cbir/curve.h"
#include "cbir/trec.h"
#include "tests/cbir/judged.h"

void *__real_lk_allocate(size_t bytes, size_t alignment);
void *__wrap_lk_allocate(size_t bytes, size_t alignment);

static size_t allocations, failing;

void *__wrap_lk_allocate(size_t bytes, size_t alignment)
{
    return ++allocations == failing ? NULL : __real_lk_allocate(bytes, alignment);
}

typedef lk_status attempt(int kind);

/* On failure the attempt leaves nothing behind: LeakSanitizer and valgrind watch. */
static void sweep(attempt *tried, int kind)
{
    lk_status status = LK_ERROR_MEMORY;
    for (failing = 1; status != LK_OK; failing++) {
        allocations = 0;
        status = tried(kind);
        assert_true(status == LK_OK || status == LK_ERROR_MEMORY);
        assert_true(failing < 1000);
    }
    assert_true(failing > 2);
    failing = 0;
}

static lk_status evaluate(int kind)
{
    static const size_t ks[] = {1, 5};
    const lk_evaluate_options options = {.ks = ks, .k_count = 2, .items = MOST_ITEMS};
    const lk_bootstrap_options bootstrap = {10, 1, 0.95};
    lk_interval intervals[64];
    lk_evaluation *evaluation = NULL;
    test_ranking r;
    (void)kind;
    rank_word(&r, "r . r");
    lk_status status = lk_evaluation_open(&options, &evaluation);
    for (size_t i = 0; !status && i < 20; i++) status = lk_evaluation_add(evaluation, &r.judged);
    if (!status) status = lk_evaluation_bootstrap(evaluation, &bootstrap, intervals);
    lk_evaluation_close(&evaluation);
    return status;
}

static lk_status draw(int kind)
{
    lk_profile profile = {0};
    lk_curve *curve = NULL;
    lk_curve_point *points = NULL;
    size_t count;
    test_ranking r;
    rank_word(&r, "r . r");
    for (size_t i = 0; i < 3; i++) r.scores[i] = -20.F * (float)i;
    lk_status status = lk_profile_open(MOST_ITEMS, &profile);
    if (!status) status = lk_curve_open((lk_curve_kind)kind, MOST_ITEMS, &curve);
    if (!status) lk_profile_make(&profile, &r.judged, LK_TIES_INDEX);
    for (size_t i = 0; !status && i < 20; i++) status = lk_curve_add(curve, &profile, &r.judged);
    if (!status) status = lk_curve_points(curve, 100, &points, &count);
    lk_free(points);
    lk_curve_close(&curve);
    lk_profile_close(&profile);
    return status;
}

static lk_status visit(void *context, const char *query, const lk_judged *judged)
{
    (void)context, (void)query, (void)judged;
    return LK_OK;
}

static lk_status join(int kind)
{
    static const char run_text[] = "q Q0 a 1 1 t\nq Q0 b 1 2 t\n", qrels_text[] = "q 0 a 1\n";
    lk_trec run = {0}, qrels = {0};
    (void)kind;
    lk_status status = lk_trec_parse(run_text, sizeof run_text - 1, "run", LK_TREC_RUN, &run);
    if (!status) status = lk_trec_parse(qrels_text, sizeof qrels_text - 1, "qrels", LK_TREC_QRELS, &qrels);
    if (!status) status = lk_trec_join(&run, &qrels, visit, NULL);
    lk_trec_close(&run);
    lk_trec_close(&qrels);
    return status;
}

static lk_status classify(int kind)
{
    const long labels[] = {1, 2, 1};
    lk_classes classes = {0};
    (void)kind;
    const lk_status status = lk_classes_open(labels, 3, labels, 3, &classes);
    lk_classes_close(&classes);
    return status;
}

static void everything_survives(void **state)
{
    (void)state;
    sweep(evaluate, 0);
    for (int kind = LK_CURVE_RANK; kind <= LK_CURVE_THRESHOLD; kind++) sweep(draw, kind);
    sweep(join, 0);
    sweep(classify, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(everything_survives)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
