#include "cbir/scan.h"

#include <math.h>
#include <string.h>

#include "layers/pool.h"

static size_t even(size_t dim)
{
    return dim + dim % 2;
}

/* Bytes of a row as the panel kernel reads it. */
static size_t panel_bytes(const lk_index *index)
{
    return index->panel->round ? even(index->set.dim) * sizeof(uint16_t) : index->row_bytes;
}

static const void *query_at(const lk_scan *scan, size_t q)
{
    return (const uint8_t *)scan->queries.values + q * scan->index->row_bytes;
}

static void pack_queries(lk_scan *scan)
{
    const lk_index *index = scan->index;
    const size_t bytes = panel_bytes(index), width = index->panel->width, dim = index->set.dim;
    for (size_t p = 0; p < scan->panels; p++) {
        const size_t first = p * width, left = scan->queries.count - first,
                     count = left < width ? left : width;
        const void *queries = query_at(scan, first);
        for (size_t i = 0; index->panel->round && i < count; i++)
            scan->moved[first + i] = (double)index->panel->round(query_at(scan, first + i), 1, dim,
                                                                 scan->rounded_queries + i * even(dim));
        if (index->panel->round) queries = scan->rounded_queries;
        lk_panel_pack(queries, count, bytes, width, scan->packed + p * lk_panel_units(bytes) * width);
    }
}

/* How far the value of a row may be from what ranks it, and the value of a row at the threshold. Values are
 * Σxy / |x| under cosine and Σxy − Σx² / 2 under L2, which rank as the scores do. */
typedef struct {
    double margin, threshold;
} bounds;

static bounds bounds_of(const lk_scan *scan, size_t q, bool single)
{
    const lk_index *index = scan->index;
    const double t = (double)index->options.threshold;
    if (index->options.metric == LK_METRIC_HAMMING) return (bounds){0, -t};
    const double yy = scan->queries.lengths[q], y = sqrt(yy), x = index->longest;
    const lk_moved moved = {index->moved, single ? 0 : scan->moved[q]};
    const double error = lk_panel_error(single ? NULL : index->panel, index->set.dim, moved);
    bounds b = {error * x * y, t}; /* LK_METRIC_INNER */
    if (index->options.metric == LK_METRIC_COSINE) b = (bounds){error * y, t * y};
    /* The scores' own rounding goes by (x + y)², which may be far above xy. */
    if (index->options.metric == LK_METRIC_L2) b = (bounds){b.margin + 0x1p-21 * (x * x + yy), (yy - t) / 2};
    if (y > 0 && index->shortest * y <= 1e-8)
        b.margin = INFINITY; /* no bound on the error: all rows are ranked */
    return b;
}

static void reset_tops(lk_scan *scan)
{
    const size_t k = scan->index->options.k, paneled = scan->queries.count - scan->singles;
    for (size_t worker = 0; worker < scan->workers; worker++)
        for (size_t q = 0; q < scan->most; q++) {
            const size_t at = worker * scan->most + q;
            scan->limits[at] = INFINITY;
            if (q >= scan->queries.count) continue;
            const bounds b = bounds_of(scan, q, q >= paneled);
            const double least = b.margin < INFINITY ? b.threshold - b.margin : -INFINITY;
            scan->tops[at] = (lk_top){.heap = scan->heaps + at * k,
                                      .candidates = scan->candidates + at * lk_top_capacity(k),
                                      .k = k,
                                      .margin = nextafterf((float)b.margin, INFINITY),
                                      .least = nextafterf((float)least, -INFINITY)};
            if (b.margin == 0) scan->tops[at].margin = 0;
            scan->limits[at] = lk_top_limit(&scan->tops[at]);
        }
}

const lk_spans *lk_scan_spans(const lk_scan *scan, size_t q)
{
    return q < scan->queries.count - scan->singles ? &scan->index->spans : &scan->index->runs;
}

void lk_scan_rank(const lk_scan *scan, size_t q, lk_candidate *candidates, size_t count)
{
    const lk_index *index = scan->index;
    const float sign = lk_metric_rises(index->options.metric) ? 1 : -1;
    for (size_t i = 0; i < count; i++) {
        const lk_span *span = &lk_scan_spans(scan, q)->at[candidates[i].span];
        const void *row = lk_index_row(index, span, candidates[i].row), *query = query_at(scan, q);
        double sum;
        if (index->options.metric == LK_METRIC_HAMMING) {
            index->hamming->run(&(lk_hamming){1, index->row_bytes}, row, query, &candidates[i].key);
            continue;
        }
        index->exact->run(&(lk_dot){1, 1, index->set.dim}, row, query, &sum);
        candidates[i].key = sign * lk_index_score(index, sum, index->lengths[span->place + candidates[i].row],
                                                  scan->queries.lengths[q]);
    }
    lk_candidates_sort(candidates, count);
}

/* When the limit does not leave room, because more rows are nearly equal than it can tell apart, exact scores
 * do. */
static void make_room(const lk_scan *scan, lk_top *top, size_t q)
{
    lk_top_thin(top, lk_top_limit(top));
    if (top->count <= lk_top_capacity(top->k) / 2) return;
    lk_scan_rank(scan, q, top->candidates, top->count);
    top->count = top->k;
}

/* Where a worker is. */
typedef struct {
    const lk_scan *scan;
    const lk_span *span;
    uint32_t number; /* of the span */
    size_t worker;
    float *limits; /* [queries] */
} place;

static void offer(const place *at, size_t q, size_t row, float value)
{
    const lk_scan *scan = at->scan;
    lk_top *top = &scan->tops[at->worker * scan->most + q];
    if (lk_index_is_out(scan->index, at->span->first + row)) return;
    if (top->count == lk_top_capacity(top->k)) make_room(scan, top, q);
    lk_top_add(top, (lk_candidate){value, 0, at->number, (uint32_t)row});
    at->limits[q] = lk_top_limit(top);
}

/* Makes values of products, of `count` queries with one row. */
static void to_values(const lk_index *index, size_t row, float *products, size_t count)
{
    if (index->scales) {
        const float scale = index->scales[row];
        for (size_t q = 0; q < count; q++) products[q] *= scale;
    } else if (index->offsets) {
        const float offset = index->offsets[row];
        for (size_t q = 0; q < count; q++) products[q] -= offset;
    }
}

static bool any_above(const float *values, const float *limits, size_t count)
{
    unsigned any = 0; /* no early end: this is a vector loop */
    for (size_t i = 0; i < count; i++) any |= values[i] > limits[i];
    return any;
}

static void scan_panel(const place *at, size_t panel, const void *rows, float *scores)
{
    const lk_index *index = at->scan->index;
    const size_t bytes = panel_bytes(index), width = index->panel->width, first = panel * width;
    index->panel->run(&(lk_panel){at->span->count, bytes}, rows,
                      at->scan->packed + panel * lk_panel_units(bytes) * width, scores);
    for (size_t row = 0; row < at->span->count; row++, scores += width) {
        to_values(index, at->span->place + row, scores, width);
        if (!any_above(scores, at->limits + first, width)) continue;
        for (size_t q = 0; q < width; q++)
            if (scores[q] > at->limits[first + q]) offer(at, first + q, row, scores[q]);
    }
}

/* Values of all rows of a run for one query. */
static void single_values(const place *at, size_t q, float *values)
{
    const lk_index *index = at->scan->index;
    const lk_span *run = at->span;
    if (index->options.metric == LK_METRIC_HAMMING) {
        index->hamming->run(&(lk_hamming){run->count, index->row_bytes}, run->rows, query_at(at->scan, q),
                            values);
        return;
    }
    index->rough->run(&(lk_dot){run->count, 1, index->set.dim}, run->rows, query_at(at->scan, q), values);
    for (size_t row = 0; row < run->count; row++) to_values(index, run->place + row, values + row, 1);
}

static void scan_single(const place *at, size_t q, float *values)
{
    enum { GROUP = 16 };
    const size_t rows = at->span->count;
    float limits[GROUP];
    single_values(at, q, values);
    for (size_t row = 0; row < rows; row += GROUP) {
        const size_t count = rows - row < GROUP ? rows - row : GROUP;
        for (size_t i = 0; i < GROUP; i++) limits[i] = at->limits[q];
        if (!any_above(values + row, limits, count)) continue;
        for (size_t i = row; i < row + count; i++)
            if (values[i] > at->limits[q]) offer(at, q, i, values[i]);
    }
}

static place place_of(const lk_scan *scan, const lk_spans *spans, size_t piece, size_t worker)
{
    return (place){scan, &spans->at[piece], (uint32_t)piece, worker, scan->limits + worker * scan->most};
}

static void scan_span(const void *context, size_t piece, size_t worker)
{
    const lk_scan *scan = context;
    const lk_index *index = scan->index;
    const place at = place_of(scan, &index->spans, piece, worker);
    const void *rows = at.span->rows;
    if (index->panel->round) {
        uint16_t *rounded = scan->rounded + worker * index->spans.longest * even(index->set.dim);
        index->panel->round(rows, at.span->count, index->set.dim, rounded);
        rows = rounded;
    }
    for (size_t p = 0; p < scan->panels; p++)
        scan_panel(&at, p, rows, scan->scores + worker * scan->score_count);
}

static void scan_run(const void *context, size_t piece, size_t worker)
{
    const lk_scan *scan = context;
    const place at = place_of(scan, &scan->index->runs, piece, worker);
    for (size_t q = scan->queries.count - scan->singles; q < scan->queries.count; q++)
        scan_single(&at, q, scan->scores + worker * scan->score_count);
}

/* Spans are taken in rising order, so a worker meets rows in rising order of index, as lk_top_limit wants. */
void lk_scan_run(lk_scan *scan, const lk_checked_queries *queries)
{
    const size_t width = scan->index->panel->width, rest = queries->count % width;
    scan->queries = *queries;
    scan->singles = rest * 8 <= width ? rest : 0;
    scan->panels = queries->count / width + (rest && !scan->singles);
    pack_queries(scan);
    reset_tops(scan);
    if (scan->panels) lk_parallel_for(scan->index->options.pool, scan->index->spans.count, scan_span, scan);
    if (scan->singles) lk_parallel_for(scan->index->options.pool, scan->index->runs.count, scan_run, scan);
}

size_t lk_scan_gather(const lk_scan *scan, size_t q, size_t worker, lk_candidate **candidates)
{
    const size_t capacity = lk_top_capacity(scan->index->options.k);
    lk_candidate *all = scan->gathered + worker * scan->workers * capacity;
    size_t count = 0;
    float limit = -INFINITY;
    for (size_t w = 0; w < scan->workers; w++)
        limit = fmaxf(limit, lk_top_limit(&scan->tops[w * scan->most + q]));
    for (size_t w = 0; w < scan->workers; w++) {
        lk_top *top = &scan->tops[w * scan->most + q];
        lk_top_thin(top, limit);
        memcpy(all + count, top->candidates, top->count * sizeof *all);
        count += top->count;
    }
    *candidates = all;
    return count;
}
