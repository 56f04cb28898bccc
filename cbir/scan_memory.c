/* A scan's memory: taken once a search, none while it runs. */
#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "cbir/scan.h"

/* Queries at a time, and the memory for their candidates that more of them would exceed. */
enum { MOST_QUERIES = 1024, MOST_BYTES = 64 << 20 };

/* At least a panel, and whole ones. */
static size_t queries_at_a_time(const lk_scan *scan, size_t count)
{
    const size_t k = scan->index->options.k, width = scan->index->panel->width;
    const size_t bytes = scan->workers * (k * sizeof(float) + lk_top_capacity(k) * sizeof(lk_candidate));
    size_t most = MOST_BYTES / bytes < MOST_QUERIES ? MOST_BYTES / bytes : MOST_QUERIES;
    if (most > count) most = count;
    return (most / width + (most % width || !most)) * width;
}

lk_status lk_scan_open(const lk_index *index, size_t count, lk_scan *scan)
{
    lk_scan s = {.index = index, .workers = lk_pool_threads(index->options.pool)};
    const size_t k = index->options.k, capacity = lk_top_capacity(k), width = index->panel->width;
    const size_t rows = index->spans.longest, dim = index->set.dim + index->set.dim % 2;
    const size_t units = lk_panel_units(index->panel->round ? dim * sizeof(uint16_t) : index->row_bytes);
    s.most = queries_at_a_time(&s, count);
    s.score_count = rows * width > index->runs.longest ? rows * width : index->runs.longest;
    const size_t parts = s.workers * s.most;
    size_t panel_units;
    lk_status status = LK_OK;
    if (!lk_multiply(s.most, units * sizeof *s.packed, &panel_units)) panel_units = SIZE_MAX / 2;
    s.packed = lk_allocate(panel_units, LK_ALIGNMENT);
    s.moved = lk_allocate_array(s.most, sizeof *s.moved);
    s.tops = lk_allocate_array(parts, sizeof *s.tops);
    s.heaps = lk_allocate_array(parts, k * sizeof *s.heaps);
    s.candidates = lk_allocate_array(parts, capacity * sizeof *s.candidates);
    s.gathered = lk_allocate_array(s.workers * s.workers, capacity * sizeof *s.gathered);
    s.limits = lk_allocate_array(parts, sizeof *s.limits);
    s.scores = lk_allocate(s.workers * s.score_count * sizeof *s.scores, LK_ALIGNMENT);
    bool all = s.packed && s.moved && s.tops && s.heaps && s.candidates && s.gathered && s.limits && s.scores;
    if (index->panel->round) {
        s.rounded = lk_allocate(s.workers * rows * dim * sizeof *s.rounded, LK_ALIGNMENT);
        s.rounded_queries = lk_allocate_array(width, dim * sizeof *s.rounded_queries);
        all = all && s.rounded && s.rounded_queries;
    }
    if (all) {
        *scan = s;
    } else {
        status =
            lk_fail(LK_ERROR_MEMORY, "no memory to search for %zu of %zu rows at a time", k, index->rows);
        lk_scan_close(&s);
    }
    return status;
}

void lk_scan_close(lk_scan *scan)
{
    void *const parts[] = {scan->packed, scan->rounded_queries, scan->moved,    scan->tops,
                           scan->heaps,  scan->candidates,      scan->gathered, scan->limits,
                           scan->scores, scan->rounded};
    for (size_t i = 0; i < LK_COUNT(parts); i++) lk_free(parts[i]);
    *scan = (lk_scan){0};
}
