/* Search for ctypes: bench/search.py has it in one process with its peer. */
#include "cbir/search.h"

#define EXPORT __attribute__((visibility("default")))

/* Rows are floats, or bits when the metric is Hamming. */
typedef struct bench_set {
    int metric;
    const void *rows;
    size_t count, dim, k, threads;
} bench_set;

typedef struct bench_index {
    lk_block block;
    lk_rows_set set;
    lk_pool *pool;
    lk_index *index;
} bench_index;

EXPORT int bench_open(const bench_set *set, const char *isa, bench_index *opened);
EXPORT void bench_close(bench_index *index);
EXPORT int bench_search(const bench_index *index, const void *queries, size_t count, lk_hit *hits,
                        size_t *found);
EXPORT int bench_scores(const bench_index *index, const void *queries, size_t count, float *scores);
EXPORT const char *bench_error(void);

int bench_open(const bench_set *set, const char *isa, bench_index *opened)
{
    const bool bits = set->metric == LK_METRIC_HAMMING, rising = set->metric <= LK_METRIC_INNER;
    *opened = (bench_index){.block = {bits ? NULL : set->rows, bits ? set->rows : NULL, set->count, 0}};
    opened->set = (lk_rows_set){&opened->block, 1, set->dim, NULL};
    if (set->threads > 1 && lk_pool_open(set->threads, &opened->pool)) return 1;
    const lk_search_options options = {.metric = (lk_metric)set->metric,
                                       .k = set->k,
                                       .threshold = rising ? -__builtin_inff() : __builtin_inff(),
                                       .isa = isa,
                                       .pool = opened->pool};
    return lk_index_open(&opened->set, &options, &opened->index) != LK_OK;
}

void bench_close(bench_index *index)
{
    lk_index_close(&index->index);
    lk_pool_close(&index->pool);
}

int bench_search(const bench_index *index, const void *queries, size_t count, lk_hit *hits, size_t *found)
{
    return lk_index_search(index->index, queries, count, hits, found) != LK_OK;
}

int bench_scores(const bench_index *index, const void *queries, size_t count, float *scores)
{
    return lk_index_scores(index->index, queries, count, scores) != LK_OK;
}

const char *bench_error(void)
{
    return lk_error_message();
}
