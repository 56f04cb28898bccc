/* Confidence intervals of means over queries, by the percentile bootstrap. */
#include <math.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "cbir/evaluate.h"
#include "cbir/quantile.h"

/* SplitMix64 (Steele, Lea & Flood 2014): one multiply-and-shift chain a number, the same on every machine. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15U;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9U;
    z = (z ^ z >> 27) * 0x94D049BB133111EBU;
    return z ^ z >> 31;
}

/* 0 to count - 1: the upper half of a 32 x 32 bit product, whose bias at `count` queries is below count /
 * 2^32. */
static size_t draw_below(uint64_t *state, size_t count)
{
    return (size_t)((next_random(state) >> 32) * count >> 32);
}

/* The table as it is summed: 0 where a value is missing, and beside it how many there are to divide by. */
typedef struct {
    double *values, *counts; /* [queries][columns] */
    double *sums, *divisors; /* [columns] */
    double *means;           /* [columns][draws] */
    size_t queries, columns, draws;
    bool gaps; /* some value is missing; else every divisor is the number of queries */
} table;

static void close_table(table *t)
{
    lk_free(t->values);
    lk_free(t->counts);
    lk_free(t->sums);
    lk_free(t->divisors);
    lk_free(t->means);
}

static lk_status open_table(const lk_evaluation *evaluation, size_t draws, table *t)
{
    size_t cells, results;
    *t = (table){.queries = lk_evaluation_queries(evaluation),
                 .columns = lk_evaluation_columns(evaluation),
                 .draws = draws};
    if (lk_multiply(t->queries, t->columns, &cells) && lk_multiply(t->columns, draws, &results)) {
        t->values = lk_allocate_array(cells, sizeof *t->values);
        t->counts = lk_allocate_array(cells, sizeof *t->counts);
        t->sums = lk_allocate_array(t->columns, sizeof *t->sums);
        t->divisors = lk_allocate_array(t->columns, sizeof *t->divisors);
        t->means = lk_allocate_array(results, sizeof *t->means);
    }
    if (!t->values || !t->counts || !t->sums || !t->divisors || !t->means)
        return lk_fail(LK_ERROR_MEMORY, "out of memory for %zu bootstrap draws", draws);
    for (size_t q = 0; q < t->queries; q++) {
        const double *row = lk_evaluation_row(evaluation, q);
        for (size_t c = 0; c < t->columns; c++) {
            const bool have = !isnan(row[c]);
            t->values[q * t->columns + c] = have ? row[c] : 0;
            t->counts[q * t->columns + c] = have;
            t->gaps |= !have;
        }
    }
    return LK_OK;
}

static void add_row(double *restrict sums, const double *restrict row, size_t columns)
{
    for (size_t c = 0; c < columns; c++) sums[c] += row[c];
}

static void draw(table *t, uint64_t *state)
{
    for (size_t c = 0; c < t->columns; c++) {
        t->sums[c] = 0;
        t->divisors[c] = t->gaps ? 0 : (double)t->queries;
    }
    for (size_t i = 0; i < t->queries; i++) {
        const size_t row = draw_below(state, t->queries) * t->columns;
        add_row(t->sums, t->values + row, t->columns);
        if (t->gaps) add_row(t->divisors, t->counts + row, t->columns);
    }
    for (size_t c = 0; c < t->columns; c++)
        t->sums[c] = t->divisors[c] > 0 ? t->sums[c] / t->divisors[c] : NAN;
}

static lk_interval interval_of(double *means, size_t draws, double confidence)
{
    size_t have = 0;
    for (size_t d = 0; d < draws; d++)
        if (!isnan(means[d])) means[have++] = means[d];
    if (!have) return (lk_interval){NAN, NAN};
    lk_sort_values(means, have);
    const double tail = (1 - confidence) / 2;
    return (lk_interval){lk_quantile(means, have, tail), lk_quantile(means, have, 1 - tail)};
}

lk_status lk_evaluation_bootstrap(const lk_evaluation *evaluation, const lk_bootstrap_options *options,
                                  lk_interval *intervals)
{
    table t;
    uint64_t state = options->seed;
    if (!options->draws || !(options->confidence > 0 && options->confidence < 1))
        return lk_fail(LK_ERROR_ARGUMENT, "a bootstrap needs a draw and a confidence between 0 and 1");
    if (!lk_evaluation_queries(evaluation)) return lk_fail(LK_ERROR_EMPTY, "no query to draw from");
    const lk_status status = open_table(evaluation, options->draws, &t);
    if (status) goto done;
    for (size_t d = 0; d < t.draws; d++) {
        draw(&t, &state);
        lk_evaluation_derive(evaluation, t.sums);
        for (size_t c = 0; c < t.columns; c++) t.means[c * t.draws + d] = t.sums[c];
    }
    for (size_t c = 0; c < t.columns; c++)
        intervals[c] = interval_of(t.means + c * t.draws, t.draws, options->confidence);
done:
    close_table(&t);
    return status;
}
