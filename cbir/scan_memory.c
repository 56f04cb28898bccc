/* A scan's memory: taken once a search, none while it runs. */
#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "cbir/scan.h"

/* Queries at a time, and the memory for their candidates that more of them would exceed; panels for each
 * worker that make one lane enough; rows of a turn, which stay in the second cache. */
enum { MOST_QUERIES = 1024, MOST_BYTES = 64 << 20, LEAST_PANELS = 2, TURN_BYTES = 256 << 10 };

lk_scan_parts lk_scan_divide(const lk_index *index, size_t workers, size_t count)
{
    const size_t width = index->panel->width, rest = count % width;
    lk_scan_parts parts = {.singles = rest * 8 <= width ? rest : 0};
    parts.panels = count / width + (rest && !parts.singles);
    parts.lanes = parts.panels < LEAST_PANELS * workers ? workers : 1;
    parts.tops = parts.lanes * parts.panels * width + workers * parts.singles;
    return parts;
}

/* At least a panel, and whole ones. */
static size_t queries_at_a_time(const lk_scan *scan, size_t count)
{
    const size_t k = scan->index->options.k, width = scan->index->panel->width;
    const size_t bytes = k * sizeof(float) + lk_top_capacity(k) * sizeof(lk_candidate);
    size_t most = MOST_BYTES / bytes < MOST_QUERIES ? MOST_BYTES / bytes : MOST_QUERIES;
    most /= lk_scan_divide(scan->index, scan->workers, most).lanes;
    if (most > count) most = count;
    return (most / width + (most % width || !most)) * width;
}

/* Of any number of queries that the scan takes. */
static size_t most_tops(const lk_scan *scan)
{
    size_t tops = 0;
    for (size_t count = 1; count <= scan->most; count++) {
        const lk_scan_parts parts = lk_scan_divide(scan->index, scan->workers, count);
        if (parts.tops > tops) tops = parts.tops;
    }
    return tops;
}

static size_t spans_of_a_turn(const lk_index *index, size_t panel_bytes)
{
    const size_t bytes = index->spans.longest * panel_bytes;
    return bytes && bytes < TURN_BYTES ? TURN_BYTES / bytes : 1;
}

/* Those of a turn, those that are rounded meanwhile, and those of the turn before, which is not over in all
 * hands. */
static size_t rounded_spans(const lk_scan *scan)
{
    if (!scan->index->panel->round || scan->workers == 1) return 1;
    return scan->workers > 3 * scan->turn_spans ? scan->workers : 3 * scan->turn_spans;
}

lk_status lk_scan_open(const lk_index *index, size_t count, lk_scan *scan)
{
    lk_scan s = {.index = index, .workers = lk_pool_threads(index->options.pool)};
    const size_t k = index->options.k, capacity = lk_top_capacity(k), width = index->panel->width;
    const size_t rows = index->spans.longest, dim = index->set.dim + index->set.dim % 2;
    const size_t panel_bytes = index->panel->round ? dim * sizeof(uint16_t) : index->row_bytes;
    const size_t units = lk_panel_units(panel_bytes);
    s.most = queries_at_a_time(&s, count);
    s.score_count = rows * width > index->runs.longest ? rows * width : index->runs.longest;
    s.turn_spans = spans_of_a_turn(index, panel_bytes);
    s.rounded_spans = rounded_spans(&s);
    const size_t tops = most_tops(&s);
    size_t panel_units;
    lk_status status = LK_OK;
    if (!lk_multiply(s.most, units * sizeof *s.packed, &panel_units)) panel_units = SIZE_MAX / 2;
    s.packed = lk_allocate(panel_units, LK_ALIGNMENT);
    s.moved = lk_allocate_array(s.most, sizeof *s.moved);
    s.tops = lk_allocate_array(tops, sizeof *s.tops);
    s.heaps = lk_allocate_array(tops, k * sizeof *s.heaps);
    s.candidates = lk_allocate_array(tops, capacity * sizeof *s.candidates);
    s.limits = lk_allocate(tops * sizeof *s.limits, LK_ALIGNMENT);
    s.passed = lk_allocate_array(s.most / width, sizeof *s.passed);
    s.ready = lk_allocate_array(s.rounded_spans, sizeof *s.ready);
    s.gathered = lk_allocate_array(s.workers * s.workers, capacity * sizeof *s.gathered);
    s.scores = lk_allocate(s.workers * s.score_count * sizeof *s.scores, LK_ALIGNMENT);
    bool all = s.packed && s.moved && s.tops && s.heaps && s.candidates && s.limits && s.passed && s.ready &&
               s.gathered && s.scores;
    if (index->panel->round) {
        s.rounded = lk_allocate(s.rounded_spans * rows * dim * sizeof *s.rounded, LK_ALIGNMENT);
        s.rounded_queries = lk_allocate_array(s.workers * width, dim * sizeof *s.rounded_queries);
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
    void *const parts[] = {scan->packed,     scan->moved,   scan->tops,   scan->heaps,
                           scan->candidates, scan->limits,  scan->passed, scan->gathered,
                           scan->scores,     scan->rounded, scan->ready,  scan->rounded_queries};
    for (size_t i = 0; i < LK_COUNT(parts); i++) lk_free(parts[i]);
    *scan = (lk_scan){0};
}
