/* Scores of floats and bits, each made in one way only. */
#include <math.h>

#include "base/error.h"
#include "base/memory.h"
#include "cbir/index.h"
#include "layers/pool.h"

float lk_index_score(const lk_index *index, double sum, double row_length, double query_length)
{
    if (index->options.metric != LK_METRIC_COSINE) return (float)sum;
    return (float)(sum / sqrt(fmax(row_length * query_length, 1e-16)));
}

/* Queries at a time: their sums with a span's rows stay in the cache. */
enum { QUERIES = 16 };

typedef struct {
    const lk_index *index;
    const lk_checked_queries *queries;
    float *scores; /* [queries][rows] */
    double *sums;  /* [workers][QUERIES][largest span] */
    size_t longest;
} job;

static void score_floats(const job *j, const lk_span *span, double *sums)
{
    const lk_index *index = j->index;
    for (size_t q = 0; q < j->queries->count; q += QUERIES) {
        const size_t count = j->queries->count - q < QUERIES ? j->queries->count - q : QUERIES;
        index->exact->run(&(lk_dot){span->count, count, index->set.dim}, span->rows,
                          (const float *)j->queries->values + q * index->set.dim, sums);
        for (size_t i = 0; i < count; i++)
            for (size_t row = 0; row < span->count; row++)
                j->scores[(q + i) * index->rows + span->place + row] =
                    lk_index_score(index, sums[i * span->count + row], index->lengths[span->place + row],
                                   j->queries->lengths[q + i]);
    }
}

static void score_bits(const job *j, const lk_span *span)
{
    const lk_index *index = j->index;
    for (size_t q = 0; q < j->queries->count; q++) {
        float *scores = j->scores + q * index->rows + span->place;
        index->hamming->run(&(lk_hamming){span->count, index->row_bytes}, span->rows,
                            (const uint8_t *)j->queries->values + q * index->row_bytes, scores);
        for (size_t row = 0; row < span->count; row++) scores[row] = -scores[row];
    }
}

static void score_span(const void *context, size_t piece, size_t worker)
{
    const job *j = context;
    const lk_span *span = &j->index->spans.at[piece];
    if (j->index->options.metric == LK_METRIC_HAMMING) score_bits(j, span);
    else score_floats(j, span, j->sums + worker * QUERIES * j->longest);
    for (size_t row = 0; j->index->set.out && row < span->count; row++)
        if (lk_index_is_out(j->index, span->first + row))
            for (size_t q = 0; q < j->queries->count; q++)
                j->scores[q * j->index->rows + span->place + row] = NAN;
}

lk_status lk_index_scores(const lk_index *index, const void *queries, size_t count, float *scores)
{
    lk_checked_queries checked;
    lk_status status = lk_checked_queries_open(index, queries, count, &checked);
    if (status) return status;
    job j = {.index = index, .queries = &checked, .scores = scores, .longest = index->spans.longest};
    const size_t sums = lk_pool_threads(index->options.pool) * QUERIES * j.longest;
    j.sums = lk_allocate_array(sums, sizeof *j.sums);
    if (j.sums) lk_parallel_for(index->options.pool, index->spans.count, score_span, &j);
    else status = lk_fail(LK_ERROR_MEMORY, "no memory for the scores of %zu queries", count);
    lk_free(j.sums);
    lk_checked_queries_close(&checked);
    return status;
}
