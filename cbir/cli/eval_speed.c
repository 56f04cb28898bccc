/* How long a search takes: a query at a time, and over growing galleries. */
#include <math.h>
#include <time.h>

#include "base/error.h"
#include "base/memory.h"
#include "cbir/cli/eval.h"
#include "cbir/quantile.h"

enum { REPEATS = 15, TOP = 10 };

double eval_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

eval_times eval_times_of(double *ms, size_t count)
{
    double sum = 0;
    if (!count) return (eval_times){0};
    lk_sort_values(ms, count);
    for (size_t i = 0; i < count; i++) sum += ms[i];
    return (eval_times){sum / (double)count, lk_quantile(ms, count, 0.5), lk_quantile(ms, count, 0.95)};
}

/* A search for the top ten, one query at a time as a user asks them. */
typedef struct {
    const eval_options *o;
    const eval_side *queries;
    lk_search_options search;
    lk_hit hits[TOP];
} searcher;

/* The queries' vectors in their blocks, one after another. */
static const void *query_row(const eval_side *side, size_t at)
{
    size_t b = 0;
    for (; at >= side->rows.blocks[b].count; b++) at -= side->rows.blocks[b].count;
    const lk_block *block = &side->rows.blocks[b];
    if (side->is_bits) return block->codes + at * ((side->rows.dim + 7) / 8);
    return block->rows + at * side->rows.dim;
}

static lk_status search_once(searcher *s, const lk_index *index, size_t query, double *ms)
{
    size_t found;
    const double start = eval_now_ms();
    const lk_status status = lk_index_search(index, query_row(s->queries, query), 1, s->hits, &found);
    *ms = eval_now_ms() - start;
    return status;
}

static lk_status time_queries(searcher *s, const lk_rows_set *rows, eval_times *times)
{
    lk_index *index = NULL;
    const size_t count = s->queries->count;
    double *ms = lk_allocate_array(count + 1, sizeof *ms);
    if (!ms) return lk_fail(LK_ERROR_MEMORY, "out of memory for %zu times", count);
    lk_status status = lk_index_open(rows, &s->search, &index);
    if (!status)
        status = search_once(s, index, 0, &ms[0]); /* memory is touched for the first time: not counted */
    for (size_t i = 0; !status && i < count; i++) status = search_once(s, index, i, &ms[i]);
    if (!status) *times = eval_times_of(ms, count);
    lk_index_close(&index);
    lk_free(ms);
    return status;
}

/* Blocks cut to their first `rows` rows: cut [block_count]. */
static lk_rows_set cut_rows(const lk_rows_set *all, size_t rows, lk_block *cut)
{
    lk_rows_set set = *all;
    set.blocks = cut;
    set.block_count = 0;
    for (size_t b = 0; b < all->block_count && rows; b++) {
        cut[b] = all->blocks[b];
        if (cut[b].count > rows) cut[b].count = rows;
        rows -= cut[b].count;
        set.block_count++;
    }
    return set;
}

static lk_status time_size(searcher *s, const lk_rows_set *rows, double *median)
{
    lk_index *index = NULL;
    double ms[REPEATS];
    lk_status status = lk_index_open(rows, &s->search, &index);
    if (!status) status = search_once(s, index, 0, &ms[0]);
    for (size_t i = 0; !status && i < REPEATS; i++)
        status = search_once(s, index, i % s->queries->count, &ms[i]);
    if (!status) *median = eval_times_of(ms, REPEATS).median;
    lk_index_close(&index);
    return status;
}

/* The slope of log T over log n, by least squares. */
static double fit_exponent(const eval_growth *growth)
{
    double x = 0, y = 0, xx = 0, xy = 0;
    const double n = (double)growth->count;
    for (size_t i = 0; i < growth->count; i++) {
        const double size = log((double)growth->rows[i]), time = log(fmax(growth->ms[i], 1e-6));
        x += size;
        y += time;
        xx += size * size;
        xy += size * time;
    }
    const double spread = n * xx - x * x;
    return spread > 0 ? (n * xy - x * y) / spread : NAN;
}

/* Sizes that double up to the whole gallery. */
static lk_status time_growth(searcher *s, const eval_side *gallery, eval_growth *growth)
{
    lk_status status = LK_OK;
    size_t smallest = EVAL_SIZES - 1;
    lk_block *cut = lk_allocate_array(gallery->rows.block_count, sizeof *cut);
    if (!cut) return lk_fail(LK_ERROR_MEMORY, "out of memory for %zu blocks", gallery->rows.block_count);
    while (smallest && !(gallery->count >> smallest)) smallest--;
    for (size_t i = smallest + 1; !status && i-- > 0;) {
        const size_t rows = gallery->count >> i;
        const lk_rows_set set = cut_rows(&gallery->rows, rows, cut);
        growth->rows[growth->count] = rows;
        status = time_size(s, &set, &growth->ms[growth->count]);
        growth->count += !status;
    }
    growth->exponent = fit_exponent(growth);
    lk_free(cut);
    return status;
}

lk_status eval_measure_search(const eval_options *o, const eval_side *gallery, const eval_side *queries,
                              eval_results *results)
{
    lk_pool *pool = NULL;
    const bool near_is_large = results->metric == LK_METRIC_COSINE || results->metric == LK_METRIC_INNER;
    lk_status status = o->running.threads == 1 ? LK_OK : lk_pool_open(o->running.threads, &pool);
    searcher s = {.o = o,
                  .queries = queries,
                  .search = {.metric = results->metric,
                             .k = TOP,
                             .threshold = near_is_large ? -INFINITY : INFINITY,
                             .isa = o->running.isa,
                             .pool = pool}};
    if (!status && o->timing) {
        status = time_queries(&s, &gallery->rows, &results->times[EVAL_SEARCH]);
        results->has_stage[EVAL_SEARCH] = true;
    }
    if (!status && o->growth) status = time_growth(&s, gallery, &results->growth);
    lk_pool_close(&pool);
    return status;
}
