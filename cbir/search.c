/* The plain search: all scores of a query, sorted. */
#include "cbir/search.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "cbir/index.h"

static int by_rank(const void *a, const void *b)
{
    const lk_hit *x = a, *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    return x->index < y->index ? -1 : 1;
}

lk_status lk_index_search(const lk_index *index, const void *queries, size_t count, lk_hit *hits,
                          size_t *found)
{
    const float sign = lk_metric_rises(index->options.metric) ? 1 : -1;
    float *scores = lk_allocate_array(index->rows, sizeof *scores);
    lk_hit *all = lk_allocate_array(index->rows, sizeof *all);
    lk_status status =
        scores && all ? LK_OK : lk_fail(LK_ERROR_MEMORY, "no memory to search %zu rows", index->rows);
    lk_checked_queries checked;
    if (!status) status = lk_checked_queries_open(index, queries, count, &checked);
    if (!status) lk_checked_queries_close(&checked);
    for (size_t q = 0; q < count && !status; q++) {
        size_t n = 0;
        status = lk_index_scores(index, (const uint8_t *)queries + q * index->row_bytes, 1, scores);
        if (status) break;
        for (size_t s = 0; s < index->span_count; s++)
            for (size_t row = 0; row < index->spans[s].count; row++) {
                const float score = scores[index->spans[s].place + row];
                if (sign * score >= sign * index->options.threshold)
                    all[n++] = (lk_hit){index->spans[s].first + row, sign * score};
            }
        qsort(all, n, sizeof *all, by_rank);
        found[q] = n < index->options.k ? n : index->options.k;
        for (size_t i = 0; i < found[q]; i++)
            hits[q * index->stride + i] = (lk_hit){all[i].index, sign * all[i].score};
    }
    lk_free(all);
    lk_free(scores);
    return status;
}
