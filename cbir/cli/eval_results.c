/* What each judged query adds, and what is made of all of them. */
#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "cbir/cli/eval.h"
#include "cbir/trec.h"

enum { CURVE_POINTS = 256 };

void eval_results_close(eval_results *r)
{
    lk_evaluation_close(&r->evaluation);
    lk_free(r->means);
    lk_free(r->intervals);
    lk_classes_close(&r->classes);
    lk_free(r->rows);
    lk_free(r->row_class);
    lk_free(r->class_means);
    lk_free(r->confusion);
    lk_curve_close(&r->curve);
    lk_free(r->points);
    lk_output_discard(&r->run);
    lk_output_discard(&r->qrels);
    lk_info_file_close(&r->labels.info);
    *r = (eval_results){0};
}

lk_status eval_results_open(const eval_options *o, size_t items, eval_results *results)
{
    const bool balls = results->metric == LK_METRIC_HAMMING && !results->from_run;
    const lk_evaluate_options options = {.ks = o->ks.items,
                                         .k_count = o->ks.count,
                                         .radii = o->radii.items,
                                         .radius_count = balls ? o->radii.count : 0,
                                         .items = items,
                                         .ties = o->ties,
                                         .empty_is_zero = o->empty_is_zero};
    lk_status status = lk_evaluation_open(&options, &results->evaluation);
    if (!status && o->has_curve) status = lk_curve_open(o->curve, items, &results->curve);
    if (!status && o->write_run) status = lk_output_open(o->write_run, &results->run);
    if (!status && o->write_qrels) status = lk_output_open(o->write_qrels, &results->qrels);
    return status;
}

/* A stream that failed is found again when the file is committed. */
static void write_query(const eval_options *o, const eval_results *r, const char *query,
                        const lk_judged *judged)
{
    const size_t depth = o->depth ? o->depth : SIZE_MAX;
    if (o->write_run)
        lk_trec_write_run(r->run.stream, query, &lk_evaluation_last(r->evaluation)->ranking, judged, depth);
    if (o->write_qrels) lk_trec_write_qrels(r->qrels.stream, query, judged);
}

lk_status eval_results_add(const eval_options *o, eval_results *results, const char *query,
                           const lk_judged *judged, bool *added)
{
    const size_t before = lk_evaluation_queries(results->evaluation);
    lk_status status = lk_evaluation_add(results->evaluation, judged);
    if (status) return status;
    const lk_profile *last = lk_evaluation_last(results->evaluation);
    *added = lk_evaluation_queries(results->evaluation) > before;
    results->queries++;
    if (o->study) status = lk_study_add(&results->study, &last->ranking, judged->scores);
    if (!status && *added && results->curve) status = lk_curve_add(results->curve, last, judged);
    if (!status) write_query(o, results, query, judged);
    return status;
}

static lk_status make_means(const eval_options *o, eval_results *r)
{
    const size_t columns = lk_evaluation_columns(r->evaluation),
                 queries = lk_evaluation_queries(r->evaluation);
    r->means = lk_allocate_array(columns, sizeof *r->means);
    if (!r->means) return lk_fail(LK_ERROR_MEMORY, "out of memory for %zu metrics", columns);
    lk_evaluation_means(r->evaluation, NULL, queries, r->means);
    if (!o->bootstrap.draws || !queries) return LK_OK;
    r->intervals = lk_allocate_array(columns, sizeof *r->intervals);
    if (!r->intervals) return lk_fail(LK_ERROR_MEMORY, "out of memory for %zu metrics", columns);
    return lk_evaluation_bootstrap(r->evaluation, &o->bootstrap, r->intervals);
}

/* The evaluation's rows, class by class, and each class's means. */
static lk_status make_class_means(eval_results *r)
{
    const size_t columns = lk_evaluation_columns(r->evaluation),
                 queries = lk_evaluation_queries(r->evaluation);
    size_t cells;
    if (lk_multiply(r->classes.count, columns, &cells))
        r->class_means = lk_allocate_array(cells + 1, sizeof *r->class_means);
    r->rows = lk_allocate_array(queries + 1, sizeof *r->rows);
    if (!r->class_means || !r->rows)
        return lk_fail(LK_ERROR_MEMORY, "out of memory for %zu classes", r->classes.count);
    for (size_t c = 0; c < r->classes.count; c++) {
        size_t count = 0;
        for (size_t q = 0; q < queries; q++)
            if (r->row_class[q] == c) r->rows[count++] = (uint32_t)q;
        lk_evaluation_means(r->evaluation, r->rows, count, r->class_means + c * columns);
    }
    return LK_OK;
}

lk_status eval_results_finish(const eval_options *o, eval_results *results)
{
    lk_status status = o->study ? LK_OK : make_means(o, results);
    if (!status && o->per_class) status = make_class_means(results);
    if (!status && o->confusion) lk_confusion_finish(&results->classes, results->confusion);
    if (!status && results->curve && lk_evaluation_queries(results->evaluation))
        status = lk_curve_points(results->curve, CURVE_POINTS, &results->points, &results->point_count);
    if (!status && o->write_run) status = lk_output_commit(&results->run);
    if (!status && o->write_qrels) status = lk_output_commit(&results->qrels);
    return status;
}

static lk_status judge_run_query(void *context, const char *query, const lk_judged *judged)
{
    bool added;
    const struct {
        const eval_options *o;
        eval_results *results;
    } *both = context;
    return eval_results_add(both->o, both->results, query, judged, &added);
}

lk_status eval_trec(const eval_options *o, eval_results *results)
{
    lk_trec run = {0}, qrels = {0};
    struct {
        const eval_options *o;
        eval_results *results;
    } both = {o, results};
    results->from_run = true;
    lk_status status = lk_trec_open(o->run, LK_TREC_RUN, &run);
    if (!status) status = lk_trec_open(o->qrels, LK_TREC_QRELS, &qrels);
    if (status) goto done;
    const lk_trec_match match = lk_trec_compare(&run, &qrels);
    results->run_only = match.run_only;
    results->qrels_only = match.qrels_only;
    results->items = match.longest;
    if (!match.both)
        status = lk_fail(LK_ERROR_MISMATCH, "%s and %s have no query in common (%zu and %zu)", o->run,
                         o->qrels, match.run_only, match.qrels_only);
    if (!status) status = eval_results_open(o, match.longest, results);
    if (!status) status = lk_trec_join(&run, &qrels, judge_run_query, &both);
    if (!status) status = eval_results_finish(o, results);
done:
    lk_trec_close(&run);
    lk_trec_close(&qrels);
    return status;
}
