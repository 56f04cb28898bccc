/* Values of trec_eval and scikit-learn, made by tests/fixtures/make_evaluation_fixtures.py, against ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/memory.h"
#include "cbir/curve.h"
#include "cbir/trec.h"
#include "tests/cbir/judged.h"

#define FIXTURES "tests/fixtures/evaluation"
enum { MOST_QUERIES = 16 };

typedef struct {
    lk_evaluation *evaluation;
    lk_curve *curve;
    char queries[MOST_QUERIES][16];
} judged_run;

static lk_status judge(void *context, const char *query, const lk_judged *judged)
{
    judged_run *run = context;
    const lk_status status = lk_evaluation_add(run->evaluation, judged);
    if (status) return status;
    const size_t row = lk_evaluation_queries(run->evaluation) - 1;
    assert_true(row < MOST_QUERIES);
    snprintf(run->queries[row], sizeof run->queries[row], "%s", query);
    return run->curve ? lk_curve_add(run->curve, lk_evaluation_last(run->evaluation), judged) : LK_OK;
}

static void judge_run(const char *name, judged_run *judged)
{
    static const size_t ks[] = {5, 10, 100};
    char path[128];
    lk_trec run, qrels;
    snprintf(path, sizeof path, FIXTURES "_%s.run", name);
    assert_int_equal(lk_trec_open(path, LK_TREC_RUN, &run), LK_OK);
    snprintf(path, sizeof path, FIXTURES "_%s.qrels", name);
    assert_int_equal(lk_trec_open(path, LK_TREC_QRELS, &qrels), LK_OK);
    const lk_trec_match match = lk_trec_compare(&run, &qrels);
    const lk_evaluate_options options = {
        .ks = ks, .k_count = 3, .items = match.longest, .ties = LK_TIES_TREC};
    assert_int_equal(lk_evaluation_open(&options, &judged->evaluation), LK_OK);
    assert_int_equal(lk_trec_join(&run, &qrels, judge, judged), LK_OK);
    assert_int_equal(lk_evaluation_queries(judged->evaluation), match.both);
    lk_trec_close(&run);
    lk_trec_close(&qrels);
}

static size_t row_of(const judged_run *run, const char *query)
{
    size_t row = 0;
    while (row < MOST_QUERIES && strcmp(run->queries[row], query) != 0) row++;
    if (row == MOST_QUERIES) fail_msg("query %s was not judged", query);
    return row;
}

static void every_value_is_theirs(void **state)
{
    (void)state;
    char name[32], query[32], metric[32], tool[32], what[160];
    double value;
    size_t lines = 0;
    judged_run ties = {0}, features = {0};
    judge_run("ties", &ties);
    judge_run("features", &features);
    assert_int_equal(lk_evaluation_queries(ties.evaluation), 12); /* q3 has no judgements, q8 no run */
    FILE *table = fopen(FIXTURES ".tsv", "r");
    assert_non_null(table);
    while (fscanf(table, "%31s %31s %31s %lf %31s", name, query, metric, &value, tool) == 5) {
        const judged_run *run = strcmp(name, "ties") != 0 ? &features : &ties;
        const double got =
            lk_evaluation_row(run->evaluation, row_of(run, query))[column_of(run->evaluation, metric)];
        snprintf(what, sizeof what, "%s of %s %s by %s", metric, name, query, tool);
        assert_near(what, got, value, 1e-9);
        lines++;
    }
    assert_true(lines > 400);
    fclose(table);
    lk_evaluation_close(&ties.evaluation);
    lk_evaluation_close(&features.evaluation);
}

static void the_pooled_curve_is_scikit_learns(void **state)
{
    (void)state;
    lk_curve_point *points;
    size_t count, line = 0;
    double threshold, recall, precision;
    judged_run run = {0};
    assert_int_equal(lk_curve_open(LK_CURVE_THRESHOLD, 80, &run.curve), LK_OK);
    judge_run("features", &run);
    assert_int_equal(lk_curve_points(run.curve, 10000, &points, &count), LK_OK);
    FILE *table = fopen(FIXTURES "_pooled.tsv", "r");
    assert_non_null(table);
    for (; fscanf(table, "%lf %lf %lf", &threshold, &recall, &precision) == 3; line++) {
        assert_true(line < count);
        assert_near("score", points[line].at, threshold, 1e-8);
        assert_near("recall", points[line].recall, recall, 1e-9);
        assert_near("precision", points[line].precision, precision, 1e-9);
    }
    assert_int_equal(line, count);
    fclose(table);
    lk_free(points);
    lk_curve_close(&run.curve);
    lk_evaluation_close(&run.evaluation);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_is_theirs),
        cmocka_unit_test(the_pooled_curve_is_scikit_learns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
