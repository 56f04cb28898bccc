#include "cbir/search.h"

#include "base/error.h"
#include "base/memory.h"
#include "cbir/search_gpu.h"
#include "layers/pool.h"

typedef struct {
    const lk_scan *scan;
    lk_hit *hits;
    size_t *found;
} output;

/* Of one query: candidates become hits, the nearest first. */
static size_t write_hits(const lk_scan *scan, size_t q, lk_candidate *ranked, size_t count, lk_hit *hits)
{
    const lk_index *index = scan->index;
    const float sign = lk_metric_rises(index->options.metric) ? 1 : -1;
    const lk_span *spans = lk_scan_spans(scan, q)->at;
    size_t n = 0;
    lk_scan_rank(scan, q, ranked, count);
    for (; n < count && n < index->options.k && ranked[n].key >= sign * index->options.threshold; n++)
        hits[n] = (lk_hit){spans[ranked[n].span].first + ranked[n].row, sign * ranked[n].key};
    return n;
}

static void gather_hits(const void *context, size_t q, size_t worker)
{
    const output *out = context;
    lk_candidate *candidates;
    const size_t count = lk_scan_gather(out->scan, q, worker, &candidates);
    out->found[q] = write_hits(out->scan, q, candidates, count, out->hits + q * out->scan->index->stride);
}

/* The queries from `first` on, as many as the scan takes at a time. */
static lk_checked_queries part_of(const lk_scan *scan, const lk_checked_queries *queries, size_t first)
{
    const size_t left = queries->count - first;
    return (lk_checked_queries){(const uint8_t *)queries->values + first * scan->index->row_bytes,
                                left < scan->most ? left : scan->most,
                                queries->lengths ? queries->lengths + first : NULL};
}

static lk_status search_here(const lk_index *index, const lk_checked_queries *all, lk_hit *hits,
                             size_t *found)
{
    lk_scan scan;
    const lk_status status = lk_scan_open(index, all->count, &scan);
    if (status) return status;
    for (size_t first = 0; first < all->count; first += scan.most) {
        const lk_checked_queries part = part_of(&scan, all, first);
        lk_scan_run(&scan, &part);
        const output out = {&scan, hits + first * index->stride, found + first};
        lk_parallel_for(index->options.pool, part.count, gather_hits, &out);
    }
    lk_scan_close(&scan);
    return LK_OK;
}

/* What a GPU found is ranked here; what it could not tell apart is searched here. */
static lk_status search_there(const lk_index *index, const lk_checked_queries *all, lk_hit *hits,
                              size_t *found)
{
    const size_t capacity = lk_top_capacity(index->options.k);
    const lk_scan ranking = {.index = index, .queries = *all}; /* as much of it as ranking needs */
    lk_candidate *candidates = lk_allocate_array(all->count, capacity * sizeof *candidates);
    lk_status status = candidates ? lk_index_search_gpu(index, all, candidates, found)
                                  : lk_fail(LK_ERROR_MEMORY, "no memory for %zu queries", all->count);
    for (size_t q = 0; !status && q < all->count; q++) {
        lk_hit *of_query = hits + q * index->stride;
        const lk_checked_queries one = {(const uint8_t *)all->values + q * index->row_bytes, 1,
                                        all->lengths ? all->lengths + q : NULL};
        if (found[q] == SIZE_MAX) status = search_here(index, &one, of_query, found + q);
        else found[q] = write_hits(&ranking, q, candidates + q * capacity, found[q], of_query);
    }
    lk_free(candidates);
    return status;
}

lk_status lk_index_search(const lk_index *index, const void *queries, size_t count, lk_hit *hits,
                          size_t *found)
{
    lk_checked_queries all;
    lk_status status = lk_checked_queries_open(index, queries, count, &all);
    if (status) return status;
    status =
        index->gpu && count ? search_there(index, &all, hits, found) : search_here(index, &all, hits, found);
    lk_checked_queries_close(&all);
    return status;
}
