#include "cbir/scan.h"

#include <math.h>
#include <sched.h>
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

/* Of the tops of query q, the one in a lane. */
static size_t top_of(const lk_scan *scan, size_t q, size_t lane)
{
    const lk_scan_parts *parts = &scan->parts;
    const size_t paneled = scan->queries.count - parts->singles,
                 places = parts->panels * scan->index->panel->width;
    return q < paneled ? lane * places + q : parts->lanes * places + lane * parts->singles + q - paneled;
}

static size_t lanes_of(const lk_scan *scan, size_t q)
{
    return q < scan->queries.count - scan->parts.singles ? scan->parts.lanes : scan->workers;
}

/* How far the value of a row may be from what ranks it, and the value of a row at the threshold. Values are
 * Σxy / |x| under cosine and Σxy − Σx² / 2 under L2, which rank as the scores do. */
typedef struct {
    double margin, threshold;
} bounds;

double lk_index_margin(const lk_index *index, double query_length, const lk_panel_kernel *kernel,
                       double query_moved)
{
    const double y = sqrt(query_length), x = index->longest;
    const double error = lk_panel_error(kernel, index->set.dim, (lk_moved){index->moved, query_moved});
    /* No bound on the error: all rows are ranked. */
    if (y > 0 && index->shortest * y <= 1e-8) return INFINITY;
    if (index->options.metric == LK_METRIC_COSINE) return error * y;
    /* The scores' own rounding goes by (x + y)², which may be far above xy. */
    if (index->options.metric == LK_METRIC_L2) return error * x * y + 0x1p-21 * (x * x + query_length);
    return error * x * y;
}

static bounds bounds_of(const lk_scan *scan, size_t q, bool single)
{
    const lk_index *index = scan->index;
    const double t = (double)index->options.threshold;
    /* Counts are exact. But where workers have lanes, one that takes over another's spans meets them out of
     * order: then a row that equals the k-th must be kept, too, as its index may be the lower one. */
    if (index->options.metric == LK_METRIC_HAMMING) return (bounds){lanes_of(scan, q) > 1 ? 0.25 : 0, -t};
    const double yy = scan->queries.lengths[q];
    const double margin =
        lk_index_margin(index, yy, single ? NULL : index->panel, single ? 0 : scan->moved[q]);
    if (index->options.metric == LK_METRIC_COSINE) return (bounds){margin, t * sqrt(yy)};
    if (index->options.metric == LK_METRIC_L2) return (bounds){margin, (yy - t) / 2};
    return (bounds){margin, t};
}

static void reset_tops(const lk_scan *scan, size_t q)
{
    const size_t k = scan->index->options.k;
    const bounds b = bounds_of(scan, q, q >= scan->queries.count - scan->parts.singles);
    const double least = b.margin < INFINITY ? b.threshold - b.margin : -INFINITY;
    for (size_t lane = 0; lane < lanes_of(scan, q); lane++) {
        const size_t at = top_of(scan, q, lane);
        scan->tops[at] = (lk_top){.heap = scan->heaps + at * k,
                                  .candidates = scan->candidates + at * lk_top_capacity(k),
                                  .k = k,
                                  .margin = b.margin > 0 ? nextafterf((float)b.margin, INFINITY) : 0,
                                  .least = nextafterf((float)least, -INFINITY)};
        scan->limits[at] = lk_top_limit(&scan->tops[at]);
    }
}

/* Packs the queries of a panel and makes their tops ready. */
static void prepare_panel(const void *context, size_t panel, size_t worker)
{
    const lk_scan *scan = context;
    const lk_index *index = scan->index;
    const size_t bytes = panel_bytes(index), width = index->panel->width, dim = index->set.dim;
    const size_t first = panel * width, left = scan->queries.count - first,
                 count = left < width ? left : width;
    const void *queries = query_at(scan, first);
    if (index->panel->round) {
        uint16_t *rounded = scan->rounded_queries + worker * width * even(dim);
        for (size_t i = 0; i < count; i++)
            scan->moved[first + i] =
                (double)index->panel->round(query_at(scan, first + i), 1, dim, rounded + i * even(dim));
        queries = rounded;
    }
    lk_panel_pack(queries, count, bytes, width, scan->packed + panel * lk_panel_units(bytes) * width);
    for (size_t i = 0; i < count; i++) reset_tops(scan, first + i);
    for (size_t i = count; i < width; i++)
        for (size_t lane = 0; lane < scan->parts.lanes; lane++)
            scan->limits[lane * scan->parts.panels * width + first + i] = INFINITY;
}

const lk_spans *lk_scan_spans(const lk_scan *scan, size_t q)
{
    return q < scan->queries.count - scan->parts.singles ? &scan->index->spans : &scan->index->runs;
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

/* Where a worker is: a span, and the tops of some queries in its lane. */
typedef struct {
    const lk_scan *scan;
    const lk_span *span;
    uint32_t number; /* of the span */
    size_t query;    /* the first of them */
    lk_top *tops;
    float *limits;
} place;

static place place_of(const lk_scan *scan, const lk_spans *spans, size_t number, size_t q, size_t lane)
{
    const size_t top = top_of(scan, q, lane);
    return (place){scan, &spans->at[number], (uint32_t)number, q, scan->tops + top, scan->limits + top};
}

static void offer(const place *at, size_t i, size_t row, float value)
{
    lk_top *top = &at->tops[i];
    if (lk_index_is_out(at->scan->index, at->span->first + row)) return;
    if (top->count == lk_top_capacity(top->k)) make_room(at->scan, top, at->query + i);
    lk_top_add(top, (lk_candidate){value, 0, at->number, (uint32_t)row});
    at->limits[i] = lk_top_limit(top);
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

/* One panel over a span, whose rows are as its kernel takes them. */
static void scan_panel(const place *at, const void *rows, float *scores)
{
    const lk_index *index = at->scan->index;
    const size_t bytes = panel_bytes(index), width = index->panel->width;
    const uint32_t *packed = at->scan->packed + at->query * lk_panel_units(bytes);
    index->panel->run(&(lk_panel){at->span->count, bytes}, rows, packed, scores);
    for (size_t row = 0; row < at->span->count; row++, scores += width) {
        to_values(index, at->span->place + row, scores, width);
        if (!any_above(scores, at->limits, width)) continue;
        for (size_t i = 0; i < width; i++)
            if (scores[i] > at->limits[i]) offer(at, i, row, scores[i]);
    }
}

/* Values of all rows of a run for one query. */
static void single_values(const place *at, float *values)
{
    const lk_index *index = at->scan->index;
    const lk_span *run = at->span;
    const void *query = query_at(at->scan, at->query);
    if (index->options.metric == LK_METRIC_HAMMING) {
        index->hamming->run(&(lk_hamming){run->count, index->row_bytes}, run->rows, query, values);
        return;
    }
    index->rough->run(&(lk_dot){run->count, 1, index->set.dim}, run->rows, query, values);
    for (size_t row = 0; row < run->count; row++) to_values(index, run->place + row, values + row, 1);
}

static void scan_single(const place *at, float *values)
{
    enum { GROUP = 16 };
    const size_t rows = at->span->count;
    float limits[GROUP];
    single_values(at, values);
    for (size_t row = 0; row < rows; row += GROUP) {
        const size_t count = rows - row < GROUP ? rows - row : GROUP;
        for (size_t i = 0; i < GROUP; i++) limits[i] = *at->limits;
        if (!any_above(values + row, limits, count)) continue;
        for (size_t i = row; i < row + count; i++)
            if (values[i] > *at->limits) offer(at, 0, i, values[i]);
    }
}

static void scan_run(const void *context, size_t run, size_t worker)
{
    const lk_scan *scan = context;
    for (size_t q = scan->queries.count - scan->parts.singles; q < scan->queries.count; q++) {
        const place at = place_of(scan, &scan->index->runs, run, q, worker);
        scan_single(&at, scan->scores + worker * scan->score_count);
    }
}

/* Where rows of a span are rounded to. */
static uint16_t *rounded_at(const lk_scan *scan, size_t slot)
{
    return scan->rounded + slot * scan->index->spans.longest * even(scan->index->set.dim);
}

/* All panels over a span, when each worker has a lane. */
static void scan_span(const void *context, size_t number, size_t worker)
{
    const lk_scan *scan = context;
    const lk_index *index = scan->index;
    const lk_span *span = &index->spans.at[number];
    const void *rows = span->rows;
    if (index->panel->round) {
        index->panel->round(span->rows, span->count, index->set.dim, rounded_at(scan, worker));
        rows = rounded_at(scan, worker);
    }
    for (size_t p = 0; p < scan->parts.panels; p++) {
        const place at = place_of(scan, &index->spans, number, p * index->panel->width, worker);
        scan_panel(&at, rows, scan->scores + worker * scan->score_count);
    }
}

/* For about as long as a piece takes; then the one that has it is not running, and this thread gives way. */
static void wait_for(const atomic_size_t *count, size_t least)
{
    enum { LOOKS = 1 << 14 };
    for (size_t looks = 0; atomic_load_explicit(count, memory_order_acquire) < least; looks++)
        if (looks >= LOOKS) sched_yield();
}

static void round_span(const lk_scan *scan, size_t number)
{
    const lk_index *index = scan->index;
    const lk_span *span = &index->spans.at[number];
    const size_t slot = number % scan->rounded_spans;
    if (number >= scan->rounded_spans) { /* the span that stands there has had its turns */
        const size_t turn = (number - scan->rounded_spans) / scan->turn_spans;
        for (size_t p = 0; p < scan->parts.panels; p++) wait_for(&scan->passed[p], turn + 1);
    }
    index->panel->round(span->rows, span->count, index->set.dim, rounded_at(scan, slot));
    atomic_store_explicit(&scan->ready[slot], number + 1, memory_order_release);
}

static void take_turn(const lk_scan *scan, size_t turn, size_t panel, size_t worker)
{
    const lk_index *index = scan->index;
    const size_t first = turn * scan->turn_spans;
    wait_for(&scan->passed[panel], turn);
    if (!turn) prepare_panel(scan, panel, worker);
    for (size_t number = first; number < first + scan->turn_spans && number < index->spans.count; number++) {
        const place at = place_of(scan, &index->spans, number, panel * index->panel->width, 0);
        const size_t slot = number % scan->rounded_spans;
        if (index->panel->round) wait_for(&scan->ready[slot], number + 1);
        scan_panel(&at, index->panel->round ? rounded_at(scan, slot) : at.span->rows,
                   scan->scores + worker * scan->score_count);
    }
    atomic_store_explicit(&scan->passed[panel], turn + 1, memory_order_release);
}

/* When there is one lane: a step rounds the spans of a turn, one a piece, and has each panel take the turn
 * before it. What a piece waits for are earlier pieces, which are done or in other workers' hands: no two
 * wait for each other, and with many panels none waits long. */
static void scan_piece(const void *context, size_t piece, size_t worker)
{
    const lk_scan *scan = context;
    const size_t spans = scan->turn_spans, step = piece / (spans + scan->parts.panels);
    const size_t part = piece % (spans + scan->parts.panels), number = step * spans + part;
    if (part >= spans && step) take_turn(scan, step - 1, part - spans, worker);
    if (part < spans && number < scan->index->spans.count && scan->index->panel->round)
        round_span(scan, number);
}

static void scan_in_turns(const lk_scan *scan)
{
    const size_t spans = scan->turn_spans,
                 turns = scan->index->spans.count / spans + 1; /* the last may be empty */
    for (size_t p = 0; p < scan->parts.panels; p++) atomic_init(&scan->passed[p], 0);
    for (size_t r = 0; r < scan->rounded_spans; r++) atomic_init(&scan->ready[r], 0);
    lk_parallel_for(scan->index->options.pool, (turns + 1) * (spans + scan->parts.panels), scan_piece, scan);
}

static void scan_in_lanes(const lk_scan *scan)
{
    lk_pool *pool = scan->index->options.pool;
    if (!scan->parts.panels) return;
    lk_parallel_for(pool, scan->parts.panels, prepare_panel, scan);
    lk_parallel_for(pool, scan->index->spans.count, scan_span, scan);
}

/* In one lane a top meets rows in rising order of index, as lk_top_limit wants where the margin is 0. */
void lk_scan_run(lk_scan *scan, const lk_checked_queries *queries)
{
    scan->queries = *queries;
    scan->parts = lk_scan_divide(scan->index, scan->workers, queries->count);
    if (scan->parts.lanes < scan->workers) scan_in_turns(scan);
    else scan_in_lanes(scan);
    if (!scan->parts.singles) return;
    for (size_t q = queries->count - scan->parts.singles; q < queries->count; q++) reset_tops(scan, q);
    lk_parallel_for(scan->index->options.pool, scan->index->runs.count, scan_run, scan);
}

size_t lk_scan_gather(const lk_scan *scan, size_t q, size_t worker, lk_candidate **candidates)
{
    const size_t capacity = lk_top_capacity(scan->index->options.k), lanes = lanes_of(scan, q);
    lk_candidate *all = scan->gathered + worker * scan->workers * capacity;
    size_t count = 0;
    float limit = -INFINITY;
    for (size_t lane = 0; lane < lanes; lane++)
        limit = fmaxf(limit, lk_top_limit(&scan->tops[top_of(scan, q, lane)]));
    for (size_t lane = 0; lane < lanes; lane++) {
        lk_top *top = &scan->tops[top_of(scan, q, lane)];
        lk_top_thin(top, limit);
        memcpy(all + count, top->candidates, top->count * sizeof *all);
        count += top->count;
    }
    *candidates = all;
    return count;
}
