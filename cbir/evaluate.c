/* The table of values: a row a query, a column a metric at one k or radius. */
#include "cbir/evaluate.h"

#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "cbir/metrics.h"

struct lk_evaluation {
    lk_ties ties;
    bool empty_is_zero;
    lk_column *columns;
    size_t column_count;
    double *values; /* [queries][column_count] */
    size_t queries, capacity, without_relevant;
    lk_profile profile;
};

static size_t ats_of(const lk_measure *measure, const lk_evaluate_options *o, const size_t **ats)
{
    static const size_t all[] = {0};
    *ats = measure->axis == LK_AT_K ? o->ks : measure->axis == LK_AT_RADIUS ? o->radii : all;
    return measure->axis == LK_AT_K ? o->k_count : measure->axis == LK_AT_RADIUS ? o->radius_count : 1;
}

static lk_status make_columns(const lk_evaluate_options *o, lk_evaluation *e)
{
    const size_t *ats;
    for (size_t m = 0; m < lk_measure_count; m++) e->column_count += ats_of(&lk_measures[m], o, &ats);
    e->columns = lk_allocate_array(e->column_count, sizeof *e->columns);
    if (!e->columns) return lk_fail(LK_ERROR_MEMORY, "out of memory for %zu metrics", e->column_count);
    lk_column *column = e->columns;
    for (size_t m = 0; m < lk_measure_count; m++) {
        const size_t count = ats_of(&lk_measures[m], o, &ats);
        for (size_t i = 0; i < count; i++, column++) {
            *column = (lk_column){.measure = m, .at = ats[i]};
            lk_measure_name(&lk_measures[m], ats[i], column->name);
        }
    }
    return LK_OK;
}

lk_status lk_evaluation_open(const lk_evaluate_options *options, lk_evaluation **evaluation)
{
    for (size_t i = 0; i < options->k_count; i++)
        if (!options->ks[i]) return lk_fail(LK_ERROR_ARGUMENT, "a metric at k = 0 has no meaning");
    lk_evaluation *e = lk_allocate_array(1, sizeof *e);
    if (!e) return lk_fail(LK_ERROR_MEMORY, "out of memory for an evaluation");
    e->ties = options->ties;
    e->empty_is_zero = options->empty_is_zero;
    lk_status status = lk_profile_open(options->items, &e->profile);
    if (!status) status = make_columns(options, e);
    if (status) lk_evaluation_close(&e);
    else *evaluation = e;
    return status;
}

void lk_evaluation_close(lk_evaluation **evaluation)
{
    lk_evaluation *e = *evaluation;
    if (!e) return;
    lk_profile_close(&e->profile);
    lk_free(e->columns);
    lk_free(e->values);
    lk_free(e);
    *evaluation = NULL;
}

static lk_status make_room(lk_evaluation *e)
{
    void *values = e->values;
    size_t row = 0;
    if (!lk_multiply(e->column_count, sizeof *e->values, &row) ||
        !lk_grow(&values, &e->capacity, e->queries + 1, row))
        return lk_fail(LK_ERROR_MEMORY, "out of memory for the values of %zu queries", e->queries + 1);
    e->values = values;
    return LK_OK;
}

lk_status lk_evaluation_add(lk_evaluation *evaluation, const lk_judged *judged)
{
    lk_evaluation *e = evaluation;
    if (judged->count > e->profile.ranking.capacity)
        return lk_fail(LK_ERROR_ARGUMENT, "%zu items to rank, more than the %zu stated", judged->count,
                       e->profile.ranking.capacity);
    const lk_status status = make_room(e);
    if (status) return status;
    lk_profile_make(&e->profile, judged, e->ties);
    if (!e->profile.ranking.total) {
        e->without_relevant++;
        return LK_OK;
    }
    const lk_measured measured = {&e->profile, judged, e->empty_is_zero};
    double *row = e->values + e->queries++ * e->column_count;
    for (size_t c = 0; c < e->column_count; c++) {
        const lk_measure *measure = &lk_measures[e->columns[c].measure];
        row[c] = measure->value ? measure->value(&measured, e->columns[c].at) : NAN;
    }
    return LK_OK;
}

const lk_profile *lk_evaluation_last(const lk_evaluation *evaluation)
{
    return &evaluation->profile;
}

size_t lk_evaluation_queries(const lk_evaluation *evaluation)
{
    return evaluation->queries;
}

size_t lk_evaluation_without_relevant(const lk_evaluation *evaluation)
{
    return evaluation->without_relevant;
}

size_t lk_evaluation_columns(const lk_evaluation *evaluation)
{
    return evaluation->column_count;
}

const lk_column *lk_evaluation_column(const lk_evaluation *evaluation, size_t column)
{
    return &evaluation->columns[column];
}

bool lk_evaluation_find(const lk_evaluation *evaluation, const char *name, size_t *column)
{
    for (size_t c = 0; c < evaluation->column_count; c++)
        if (!strcmp(evaluation->columns[c].name, name)) {
            *column = c;
            return true;
        }
    return false;
}

const double *lk_evaluation_row(const lk_evaluation *evaluation, size_t query)
{
    return evaluation->values + query * evaluation->column_count;
}

static double mean_of(const lk_evaluation *e, const uint32_t *rows, size_t count, size_t column)
{
    double sum = 0;
    size_t have = 0;
    for (size_t i = 0; i < count; i++) {
        const double value = lk_evaluation_row(e, rows ? rows[i] : i)[column];
        if (isnan(value)) continue;
        sum += value;
        have++;
    }
    return have ? sum / (double)have : NAN;
}

/* The mean of another measure at the same k. */
static double at_same_k(const lk_evaluation *e, const double *means, size_t column, size_t measure)
{
    for (size_t c = 0; c < e->column_count; c++)
        if (e->columns[c].measure == measure && e->columns[c].at == e->columns[column].at) return means[c];
    return NAN;
}

void lk_evaluation_derive(const lk_evaluation *evaluation, double *means)
{
    for (size_t c = 0; c < evaluation->column_count; c++) {
        if (lk_measures[evaluation->columns[c].measure].value) continue;
        const double precision = at_same_k(evaluation, means, c, LK_MEASURE_PRECISION);
        const double recall = at_same_k(evaluation, means, c, LK_MEASURE_RECALL);
        const double both = precision + recall;
        means[c] = isnan(both) ? NAN : both > 0 ? 2 * precision * recall / both : 0;
    }
}

void lk_evaluation_means(const lk_evaluation *evaluation, const uint32_t *rows, size_t count, double *means)
{
    for (size_t c = 0; c < evaluation->column_count; c++) means[c] = mean_of(evaluation, rows, count, c);
    lk_evaluation_derive(evaluation, means);
}
