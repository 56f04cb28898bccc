/* What an evaluation says to programs. */
#include <math.h>

#include "base/error.h"
#include "cbir/cli/eval.h"

/* json_pack lets go of what it was given and returns NULL when any part of it is NULL, so only the end is
 * checked. */
static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *count(size_t value)
{
    return json_integer((json_int_t)value);
}

static json_t *metrics(const eval_results *r)
{
    json_t *list = json_array();
    for (size_t c = 0; list && c < lk_evaluation_columns(r->evaluation); c++) {
        const lk_column *column = lk_evaluation_column(r->evaluation, c);
        const lk_measure *measure = &lk_measures[column->measure];
        json_t *one = json_pack("{s:s, s:o}", "name", column->name, "value", number(r->means[c]));
        if (!one) break;
        if (r->intervals) {
            json_object_set_new(one, "low", number(r->intervals[c].low));
            json_object_set_new(one, "high", number(r->intervals[c].high));
        }
        json_object_set_new(one, "definition", json_string(measure->definition));
        json_object_set_new(one, "source", json_string(measure->source));
        json_array_append_new(list, one);
    }
    return list;
}

static json_t *class_metrics(const eval_results *r, size_t index)
{
    const size_t columns = lk_evaluation_columns(r->evaluation);
    json_t *values = json_object();
    for (size_t c = 0; values && c < columns; c++)
        json_object_set_new(values, lk_evaluation_column(r->evaluation, c)->name,
                            number(r->class_means[index * columns + c]));
    return values;
}

static json_t *classes(const eval_results *r)
{
    json_t *list = json_array();
    for (size_t c = 0; list && c < r->classes.count; c++) {
        const char *name = eval_label_name(&r->labels, r->classes.labels[c]);
        if (r->classes.queries[c])
            json_array_append_new(
                list,
                json_pack("{s:I, s:o*, s:o, s:o, s:o}", "label", (json_int_t)r->classes.labels[c], "name",
                          name ? cli_json_text(name) : NULL, "queries", count(r->classes.queries[c]), "items",
                          count(r->classes.items[c]), "metrics", class_metrics(r, c)));
    }
    return list;
}

static json_t *confusion(const eval_results *r)
{
    json_t *labels = json_array(), *shares = json_array();
    for (size_t row = 0; row < r->classes.count; row++) {
        json_t *one = json_array();
        for (size_t c = 0; c < r->classes.count; c++)
            json_array_append_new(one, number(r->confusion[row * r->classes.count + c]));
        json_array_append_new(shares, one);
        json_array_append_new(labels, json_integer(r->classes.labels[row]));
    }
    return json_pack("{s:o, s:o, s:o}", "k", count(r->confusion_k), "labels", labels, "shares", shares);
}

static json_t *curve(const eval_options *o, const eval_results *r)
{
    json_t *points = json_array();
    for (size_t i = 0; i < r->point_count; i++)
        json_array_append_new(points, json_pack("{s:o, s:o, s:o}", "at", number(r->points[i].at), "recall",
                                                number(r->points[i].recall), "precision",
                                                number(r->points[i].precision)));
    return json_pack("{s:s, s:o}", "kind", eval_curve_name(o->curve), "points", points);
}

static json_t *timing(const eval_results *r)
{
    json_t *stages = json_object();
    for (size_t s = 0; s < EVAL_STAGES; s++)
        if (r->has_stage[s])
            json_object_set_new(stages, eval_stage_name(s),
                                json_pack("{s:o, s:o, s:o}", "mean_ms", number(r->times[s].mean), "median_ms",
                                          number(r->times[s].median), "p95_ms", number(r->times[s].p95)));
    return stages;
}

static json_t *growth(const eval_results *r)
{
    json_t *points = json_array();
    for (size_t i = 0; i < r->growth.count; i++)
        json_array_append_new(
            points, json_pack("{s:o, s:o}", "rows", count(r->growth.rows[i]), "ms", number(r->growth.ms[i])));
    return json_pack("{s:o, s:o}", "exponent", number(r->growth.exponent), "points", points);
}

static json_t *head(const eval_options *o, const eval_results *r)
{
    json_t *document =
        json_pack("{s:o, s:o, s:s, s:s}", "queries", count(r->queries), "queries_without_relevant",
                  count(lk_evaluation_without_relevant(r->evaluation)), "ties", eval_ties_name(o->ties),
                  "empty", o->empty_is_zero ? "zero" : "skip");
    if (!document) return NULL;
    if (r->from_run) {
        json_object_set_new(document, "queries_only_in_run", count(r->run_only));
        json_object_set_new(document, "queries_only_in_qrels", count(r->qrels_only));
    } else {
        json_object_set_new(document, "queries_not_read", count(r->skipped));
        json_object_set_new(document, "items", count(r->items));
        json_object_set_new(document, "dim", count(r->dim));
        json_object_set_new(document, "metric", json_string(eval_metric_name(r->metric)));
        json_object_set_new(document, "leave_one_out", json_boolean(o->leave_one_out));
        json_object_set_new(document, "queries_in_gallery", count(r->own));
        json_object_set_new(document, "queries_with_double", count(r->doubles));
    }
    if (r->intervals)
        json_object_set_new(document, "bootstrap",
                            json_pack("{s:o, s:I, s:f}", "draws", count(o->bootstrap.draws), "seed",
                                      (json_int_t)o->bootstrap.seed, "confidence", o->bootstrap.confidence));
    return document;
}

lk_status eval_print_json(const eval_options *o, const eval_results *results)
{
    json_t *document = head(o, results);
    if (!document) return lk_fail(LK_ERROR_MEMORY, "out of memory for the JSON output");
    json_object_set_new(document, "metrics", metrics(results));
    if (o->per_class) json_object_set_new(document, "classes", classes(results));
    if (o->confusion) json_object_set_new(document, "confusion", confusion(results));
    if (o->has_curve) json_object_set_new(document, "curve", curve(o, results));
    if (o->timing) json_object_set_new(document, "timing", timing(results));
    if (o->growth) json_object_set_new(document, "growth", growth(results));
    return cli_json_print(document, true);
}
