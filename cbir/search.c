#include "cbir/search.h"

#include "cbir/scan.h"
#include "layers/pool.h"

typedef struct {
    const lk_scan *scan;
    lk_hit *hits;
    size_t *found;
} output;

/* Of one query: candidates become hits. */
static void write_hits(const void *context, size_t q, size_t worker)
{
    const output *out = context;
    const lk_index *index = out->scan->index;
    const float sign = lk_metric_rises(index->options.metric) ? 1 : -1;
    lk_hit *hits = out->hits + q * index->stride;
    lk_candidate *ranked;
    const lk_span *spans = lk_scan_spans(out->scan, q)->at;
    const size_t count = lk_scan_gather(out->scan, q, worker, &ranked);
    lk_scan_rank(out->scan, q, ranked, count);
    size_t n = 0;
    for (; n < count && n < index->options.k && ranked[n].key >= sign * index->options.threshold; n++)
        hits[n] = (lk_hit){spans[ranked[n].span].first + ranked[n].row, sign * ranked[n].key};
    out->found[q] = n;
}

/* The queries from `first` on, as many as the scan takes at a time. */
static lk_checked_queries part_of(const lk_scan *scan, const lk_checked_queries *queries, size_t first)
{
    const size_t left = queries->count - first;
    return (lk_checked_queries){(const uint8_t *)queries->values + first * scan->index->row_bytes,
                                left < scan->most ? left : scan->most,
                                queries->lengths ? queries->lengths + first : NULL};
}

lk_status lk_index_search(const lk_index *index, const void *queries, size_t count, lk_hit *hits,
                          size_t *found)
{
    lk_checked_queries all;
    lk_scan scan;
    lk_status status = lk_checked_queries_open(index, queries, count, &all);
    if (status) return status;
    status = lk_scan_open(index, count, &scan);
    if (status) goto done;
    for (size_t first = 0; first < count; first += scan.most) {
        const lk_checked_queries part = part_of(&scan, &all, first);
        lk_scan_run(&scan, &part);
        const output out = {&scan, hits + first * index->stride, found + first};
        lk_parallel_for(index->options.pool, part.count, write_hits, &out);
    }
    lk_scan_close(&scan);
done:
    lk_checked_queries_close(&all);
    return status;
}
