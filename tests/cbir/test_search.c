/* Search against brute force in long double, over random sets: all metrics, ties, thresholds, rows taken out,
 * gaps, any number of threads and queries at a time, every instruction set; and what an index refuses. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "cbir/scan.h"
#include "cbir/search.h"
#include "cbir/search_gpu.h"
#include "layers/cpu.h"
#include "support/guard.h"

enum { MOST_BLOCKS = 4 };

/* What the rows are like. */
typedef enum {
    NOISE,  /* all different */
    COARSE, /* values of few levels: many ties */
    NEAR,   /* all nearly the same: a rough score cannot tell them apart */
    SCALED, /* lengths from 1e-4 to 1e4 */
    TINY    /* so short that errors are not bounded by lengths */
} kind;

/* One random set and its queries. */
typedef struct {
    lk_metric metric;
    size_t rows, dim, queries, k;
    kind values;
    bool with_out; /* some rows taken out */
    float threshold;
} set_case;

typedef struct {
    lk_block blocks[MOST_BLOCKS];
    lk_rows_set set;
    float *values, *queries; /* bits lie in the same memory */
    uint8_t *out;
    size_t row_bytes;
} world;

static bool is_similarity(lk_metric metric)
{
    return metric == LK_METRIC_COSINE || metric == LK_METRIC_INNER;
}

static float noise(void)
{
    return (float)((double)(lk_test_random() >> 40) * 0x1p-23 - 1);
}

static void fill_floats(float *values, const set_case *c, size_t rows)
{
    for (size_t row = 0; row < rows; row++) {
        const float scale = c->values == SCALED ? powf(10, 4 * noise()) : c->values == TINY ? 1e-6f : 1;
        for (size_t i = 0; i < c->dim; i++, values++)
            if (c->values == COARSE) *values = (float)(lk_test_random() % 3) - 0.5f;
            else if (c->values == NEAR) *values = (float)(i % 5) - 1.7f + 1e-6f * noise();
            else *values = scale * noise();
    }
}

static void fill_bits(uint8_t *codes, size_t rows, size_t dim)
{
    const size_t bytes = (dim + 7) / 8;
    for (size_t i = 0; i < rows * bytes; i++) codes[i] = (uint8_t)lk_test_random();
    for (size_t row = 0; dim % 8 && row < rows; row++)
        codes[row * bytes + bytes - 1] &= (uint8_t)(0xff00u >> dim % 8);
}

/* Blocks of uneven lengths with gaps between their indices; queries are rows with a little noise. */
static void make_world(const set_case *c, world *w)
{
    static const size_t shares[MOST_BLOCKS] = {5, 0, 1, 3};
    const bool bits = c->metric == LK_METRIC_HAMMING;
    memset(w, 0, sizeof *w);
    w->row_bytes = bits ? (c->dim + 7) / 8 : c->dim * sizeof(float);
    w->values = malloc(c->rows * w->row_bytes);
    w->queries = malloc(c->queries * w->row_bytes);
    w->out = calloc(c->rows + 4096, 1);
    assert_true(w->values && w->queries && w->out);
    if (bits) {
        fill_bits((uint8_t *)w->values, c->rows, c->dim);
        fill_bits((uint8_t *)w->queries, c->queries, c->dim);
    } else {
        fill_floats(w->values, c, c->rows);
        fill_floats(w->queries, c, c->queries);
        for (size_t i = 0; i < c->queries * c->dim && (c->values == NOISE || c->values == SCALED); i++)
            w->queries[i] = 0.3f * w->queries[i] + w->values[i % (c->rows * c->dim)];
    }
    size_t row = 0;
    for (size_t b = 0; b < MOST_BLOCKS; b++) {
        const size_t count = b == MOST_BLOCKS - 1 ? c->rows - row : c->rows * shares[b] / 9;
        const uint8_t *at = (const uint8_t *)w->values + row * w->row_bytes;
        w->blocks[b] =
            (lk_block){bits ? NULL : (const float *)(const void *)at, bits ? at : NULL, count, row + 7 * b};
        row += count;
    }
    for (size_t i = 0; c->with_out && i < c->rows / 8 + 4; i++) w->out[i] = (uint8_t)lk_test_random();
    w->set = (lk_rows_set){w->blocks, MOST_BLOCKS, c->dim, c->with_out ? w->out : NULL};
}

static void free_world(world *w)
{
    free(w->values);
    free(w->queries);
    free(w->out);
}

static float true_score(const set_case *c, const world *w, const void *row, const void *query)
{
    const float *x = row, *y = query;
    long double xy = 0, xx = 0, yy = 0, off = 0;
    long differ = 0;
    if (c->metric == LK_METRIC_HAMMING) {
        for (size_t i = 0; i < w->row_bytes; i++)
            differ += __builtin_popcount(((const uint8_t *)row)[i] ^ ((const uint8_t *)query)[i]);
        return (float)differ;
    }
    for (size_t k = 0; k < c->dim; k++) {
        xy += (long double)x[k] * y[k];
        xx += (long double)x[k] * x[k];
        yy += (long double)y[k] * y[k];
        off += ((long double)x[k] - y[k]) * ((long double)x[k] - y[k]);
    }
    return (float)(c->metric == LK_METRIC_COSINE ? xy / sqrtl(fmaxl(xx * yy, 1e-16L))
                   : c->metric == LK_METRIC_L2   ? off
                                                 : xy);
}

static bool is_out(const world *w, size_t index)
{
    return w->set.out && w->set.out[index / 8] >> (7 - index % 8) & 1;
}

/* The hits of one query by brute force, in `all`, sorted. */
typedef struct {
    lk_hit hit;
    float key; /* larger is nearer */
} ranked;

static int by_key(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->key != y->key) return x->key > y->key ? -1 : 1;
    return x->hit.index < y->hit.index ? -1 : 1;
}

static size_t brute_force(const set_case *c, const world *w, const void *query, ranked *all)
{
    const float sign = is_similarity(c->metric) ? 1 : -1;
    size_t n = 0;
    for (size_t b = 0; b < MOST_BLOCKS; b++)
        for (size_t i = 0; i < w->blocks[b].count; i++) {
            const lk_block *block = &w->blocks[b];
            const uint8_t *rows = block->codes ? block->codes : (const uint8_t *)block->rows;
            const float score = true_score(c, w, rows + i * w->row_bytes, query);
            if (is_out(w, block->first + i) || sign * score < sign * c->threshold) continue;
            all[n++] = (ranked){{block->first + i, score}, sign * score};
        }
    qsort(all, n, sizeof *all, by_key);
    return n < c->k ? n : c->k;
}

/* The expected hits of every query, [queries][k], made once. Long double and double round to the same float
 * all but once in 2^29 times; these seeds meet none. */
static void expect_hits(const set_case *c, const world *w, lk_hit *hits, size_t *found)
{
    ranked *all = malloc(c->rows * sizeof *all);
    assert_non_null(all);
    for (size_t q = 0; q < c->queries; q++) {
        found[q] = brute_force(c, w, (uint8_t *)w->queries + q * w->row_bytes, all);
        for (size_t i = 0; i < found[q]; i++) hits[q * c->k + i] = all[i].hit;
    }
    free(all);
}

typedef struct {
    lk_hit *hits;  /* [queries][k] */
    size_t *found; /* [queries] */
} result;

static result make_result(const set_case *c)
{
    const result r = {malloc(c->queries * c->k * sizeof *r.hits), malloc(c->queries * sizeof *r.found)};
    assert_true(r.hits && r.found);
    return r;
}

static void free_result(result *r)
{
    free(r->hits);
    free(r->found);
}

static void check_hits(const set_case *c, const result *got, const result *want)
{
    for (size_t q = 0; q < c->queries; q++) {
        assert_int_equal(got->found[q], want->found[q]);
        for (size_t i = 0; i < want->found[q]; i++) {
            const lk_hit a = got->hits[q * c->k + i], b = want->hits[q * c->k + i];
            if (a.index != b.index || a.score != b.score)
                fail_msg("metric %d, %zu x %zu, query %zu, hit %zu: row %zu %.9g, not row %zu %.9g",
                         (int)c->metric, c->rows, c->dim, q, i, a.index, (double)a.score, b.index,
                         (double)b.score);
        }
    }
}

/* One way of searching: an instruction set, or "cuda" for a GPU, threads, and so many queries at a time. */
static void search(const set_case *c, const world *w, const char *isa, size_t threads, size_t at_a_time,
                   const result *r)
{
    lk_pool *pool = NULL;
    lk_index *index = NULL;
    if (threads > 1) assert_int_equal(lk_pool_open(threads, &pool), LK_OK);
    const bool cuda = isa && !strcmp(isa, "cuda");
    const lk_search_options options = {.metric = c->metric,
                                       .k = c->k,
                                       .threshold = c->threshold,
                                       .isa = cuda ? NULL : isa,
                                       .cuda = cuda,
                                       .pool = pool};
    if (lk_index_open(&w->set, &options, &index)) fail_msg("%s", lk_error_message());
    assert_int_equal(lk_index_rows(index), c->rows);
    for (size_t q = 0; q < c->queries; q += at_a_time) {
        const size_t count = c->queries - q < at_a_time ? c->queries - q : at_a_time;
        assert_int_equal(lk_index_search(index, (uint8_t *)w->queries + q * w->row_bytes, count,
                                         r->hits + q * c->k, r->found + q),
                         LK_OK);
    }
    lk_index_close(&index);
    lk_pool_close(&pool);
}

static const char *const isas[] = {NULL, "portable", "avx2", "avx512", "avx512vpopcntdq", "neon"};

static bool can_run(const char *isa)
{
    unsigned mask;
    return lk_cpu_mask(isa, &mask) == LK_OK;
}

/* Threads that are more than the machine has spin for one another: few cases have them. */
static void check_case(const set_case *c, size_t most_threads)
{
    world w;
    lk_test_seed(c->rows * 31 + c->dim);
    make_world(c, &w);
    result want = make_result(c), got = make_result(c);
    expect_hits(c, &w, want.hits, want.found);
    for (size_t i = 0; i < LK_COUNT(isas); i++) {
        if (!can_run(isas[i])) continue;
        for (size_t threads = 1; threads <= (isas[i] ? 1 : most_threads); threads++) {
            memset(got.hits, 0xff, c->queries * c->k * sizeof *got.hits);
            search(c, &w, isas[i], threads, threads == 1 ? c->queries : 17, &got);
            check_hits(c, &got, &want);
        }
    }
    memset(got.hits, 0xff, c->queries * c->k * sizeof *got.hits);
    search(c, &w, NULL, 1, 1, &got);
    check_hits(c, &got, &want);
    free_result(&got);
    free_result(&want);
    free_world(&w);
}

static void test_floats(void **state)
{
    (void)state;
    for (lk_metric metric = LK_METRIC_COSINE; metric <= LK_METRIC_L2; metric++) {
        const float all = metric == LK_METRIC_L2 ? INFINITY : -INFINITY;
        const set_case cases[] = {
            {metric, 700, 40, 45, 10, NOISE, false, all},  {metric, 333, 129, 13, 7, NOISE, true, all},
            {metric, 1500, 3, 33, 10, COARSE, false, all}, {metric, 1500, 4, 70, 25, COARSE, true, all},
            {metric, 20, 17, 3, 50, NOISE, false, all},    {metric, 9, 1, 2, 1, NOISE, false, all},
            {metric, 400, 24, 33, 400, NOISE, true, all},  {metric, 600, 33, 31, 600, NOISE, false, 1},
            {metric, 64, 1280, 32, 5, NOISE, false, all},  {metric, 900, 12, 37, 10, NEAR, false, all},
            {metric, 900, 70, 34, 8, SCALED, true, all},   {metric, 500, 33, 33, 6, TINY, false, all},
            {metric, 800, 5, 40, 30, NEAR, true, all},     {metric, 600, 9, 33, 10, SCALED, false, all},
        };
        for (size_t i = 0; i < LK_COUNT(cases); i++) check_case(&cases[i], i < 2 ? 5 : 1);
    }
}

static void test_bits(void **state)
{
    (void)state;
    static const set_case cases[] = {
        {LK_METRIC_HAMMING, 900, 1280, 40, 10, NOISE, false, INFINITY},
        {LK_METRIC_HAMMING, 3000, 12, 33, 20, NOISE, false, INFINITY}, /* nearly all tied */
        {LK_METRIC_HAMMING, 3000, 12, 50, 100, NOISE, true, INFINITY},
        {LK_METRIC_HAMMING, 5000, 64, 7, 3, NOISE, true, 20},
        {LK_METRIC_HAMMING, 77, 1, 5, 100, NOISE, false, INFINITY},
        {LK_METRIC_HAMMING, 500, 517, 35, 10, NOISE, false, 250},
    };
    for (size_t i = 0; i < LK_COUNT(cases); i++) check_case(&cases[i], i < 2 ? 5 : 1);
}

/* The kernels of a GPU, run by the CPU: a few queries of each case, where cuBLASLt has the product and where
 * it has not. */
static void test_on_a_gpu(void **state)
{
    (void)state;
    for (lk_metric metric = LK_METRIC_COSINE; metric <= LK_METRIC_HAMMING; metric++) {
        const float all = is_similarity(metric) ? -INFINITY : INFINITY;
        const set_case cases[] = {
            {metric, 700, 40, 6, 10, NOISE, false, all}, {metric, 333, 129, 5, 7, NOISE, true, all},
            {metric, 1500, 4, 5, 25, COARSE, true, all}, {metric, 20, 17, 3, 50, NOISE, false, all},
            {metric, 9, 1, 2, 1, NOISE, false, all},     {metric, 300, 24, 3, 300, NOISE, true, all},
            {metric, 600, 33, 3, 600, NOISE, false, 1},  {metric, 900, 12, 3, 10, NEAR, false, all},
            {metric, 500, 33, 3, 6, TINY, false, all},   {metric, 600, 70, 4, 8, SCALED, true, all},
        };
        for (size_t i = 0; i < LK_COUNT(cases); i++) {
            const set_case *c = &cases[i];
            world w;
            lk_test_seed(i + 1);
            make_world(c, &w);
            result want = make_result(c), got = make_result(c);
            expect_hits(c, &w, want.hits, want.found);
            for (int refused = 0; refused < 2; refused++) {
                setenv("LK_FAKE_GPU", refused ? "refuse" : "", 1);
                memset(got.hits, 0xff, c->queries * c->k * sizeof *got.hits);
                search(c, &w, "cuda", 1, c->queries, &got);
                check_hits(c, &got, &want);
            }
            free_result(&got);
            free_result(&want);
            free_world(&w);
        }
    }
    unsetenv("LK_FAKE_GPU");
}

/* The GPU itself narrows rows that are apart down to few, and says so where it cannot tell them apart. */
static void test_few_rows_come_from_a_gpu(void **state)
{
    enum { QUERIES = 5, K = 10 };
    static lk_candidate candidates[QUERIES * (2 * K + 64)];
    (void)state;
    for (lk_metric metric = LK_METRIC_COSINE; metric <= LK_METRIC_HAMMING; metric++)
        for (int near = 0; near < (metric == LK_METRIC_HAMMING ? 1 : 2); near++) {
            const float all = is_similarity(metric) ? -INFINITY : INFINITY;
            const set_case c = {metric, 900, 256, QUERIES, K, near ? NEAR : NOISE, true, all};
            const lk_search_options options = {.metric = metric, .k = K, .threshold = all, .cuda = true};
            size_t counts[QUERIES];
            world w;
            lk_index *index = NULL;
            lk_checked_queries queries;
            lk_test_seed(7);
            make_world(&c, &w);
            assert_int_equal(lk_index_open(&w.set, &options, &index), LK_OK);
            assert_int_equal(lk_checked_queries_open(index, w.queries, QUERIES, &queries), LK_OK);
            assert_int_equal(lk_index_search_gpu(index, &queries, candidates, counts), LK_OK);
            for (size_t q = 0; q < QUERIES; q++) {
                if (near) assert_int_equal(counts[q], SIZE_MAX);
                else assert_in_range(counts[q], K, 2 * K);
            }
            lk_checked_queries_close(&queries);
            lk_index_close(&index);
            free_world(&w);
        }
}

/* Queries enough for panels to take turns with 5 threads, whatever a panel's width, and 2 of them over. Sets
 * of one span and of many turns; more hits than rows; ties and rows taken out on both sides of all borders;
 * more queries than there is memory for at a time, the rest of them too few for turns; and one panel. */
static void test_queries_on_threads(void **state)
{
    enum { MANY = 5 * 2 * LK_PANEL_MOST + 2, MORE = 1100 };
    static const size_t threads[] = {1, 2, 3, 5};
    const set_case cases[] = {
        {LK_METRIC_COSINE, 200, 2700, MANY, 10, NOISE, true, -INFINITY},
        {LK_METRIC_INNER, 1200, 300, MANY, 7, COARSE, true, -INFINITY},
        {LK_METRIC_L2, 1500, 3, MANY, 25, COARSE, true, INFINITY},
        {LK_METRIC_COSINE, 1, 9, MANY, 3, NOISE, false, -INFINITY},
        {LK_METRIC_INNER, 300, 4, MANY, 400, COARSE, false, -INFINITY},
        {LK_METRIC_COSINE, 900, 12, MANY, 10, NEAR, false, -INFINITY},
        {LK_METRIC_HAMMING, 2500, 1280, MANY / 2, 10, NOISE, false, INFINITY},
        {LK_METRIC_HAMMING, 3000, 12, MANY, 20, NOISE, true, INFINITY},
        {LK_METRIC_HAMMING, 300, 40, MORE, 5, NOISE, false, INFINITY},
        {LK_METRIC_COSINE, 4000, 3, LK_PANEL_MOST, 10, COARSE, true, -INFINITY},
    };
    (void)state;
    for (size_t i = 0; i < LK_COUNT(cases); i++) {
        const set_case *c = &cases[i];
        world w;
        lk_test_seed(i + 1);
        make_world(c, &w);
        result want = make_result(c), got = make_result(c);
        expect_hits(c, &w, want.hits, want.found);
        for (size_t t = 0; t < LK_COUNT(threads) * LK_COUNT(isas); t++) {
            const char *isa = isas[t / LK_COUNT(threads)];
            if (!can_run(isa) || (isa && t % LK_COUNT(threads) != 1)) continue; /* 2 threads for each */
            memset(got.hits, 0xff, c->queries * c->k * sizeof *got.hits);
            search(c, &w, isa, threads[t % LK_COUNT(threads)], c->queries, &got);
            check_hits(c, &got, &want);
        }
        free_result(&got);
        free_result(&want);
        free_world(&w);
    }
}

/* A panel for each of some queries, tops that they share or that each worker has. */
static void test_division(void **state)
{
    (void)state;
    const float row = 1;
    const lk_block block = {&row, NULL, 1, 0};
    const lk_rows_set set = {&block, 1, 1, NULL};
    const lk_search_options options = {.metric = LK_METRIC_INNER, .k = 1, .threshold = -INFINITY};
    lk_index *index = NULL;
    assert_int_equal(lk_index_open(&set, &options, &index), LK_OK);
    const size_t width = index->panel->width, few = width / 8;
    const struct {
        size_t workers, queries;
        lk_scan_parts parts;
    } cases[] = {
        {1, width, {1, 0, 1, width}},
        {1, few, {0, few, 1, few}},
        {2, width + few, {1, few, 2, 2 * (width + few)}},
        {2, 3 * width, {3, 0, 2, 6 * width}},
        {2, 3 * width + few + 1, {4, 0, 1, 4 * width}},
        {2, 4 * width + few, {4, few, 1, 4 * width + 2 * few}},
        {3, 5 * width, {5, 0, 3, 15 * width}},
        {3, 6 * width, {6, 0, 1, 6 * width}},
    };
    for (size_t i = 0; i < LK_COUNT(cases); i++) {
        const lk_scan_parts parts = lk_scan_divide(index, cases[i].workers, cases[i].queries),
                            want = cases[i].parts;
        if (parts.panels != want.panels || parts.singles != want.singles || parts.lanes != want.lanes ||
            parts.tops != want.tops)
            fail_msg("%zu queries on %zu workers: %zu panels, %zu singles, %zu lanes, %zu tops",
                     cases[i].queries, cases[i].workers, parts.panels, parts.singles, parts.lanes,
                     parts.tops);
    }
    lk_index_close(&index);
}

/* Every row the same: only the index decides. */
static void test_equal_rows(void **state)
{
    (void)state;
    enum { ROWS = 2000, DIM = 20, QUERIES = 40, K = 9 };
    static float rows[ROWS * DIM], queries[QUERIES * DIM];
    for (size_t i = 0; i < ROWS * DIM; i++) rows[i] = (float)(i % DIM) + 0.1f;
    for (size_t i = 0; i < QUERIES * DIM; i++) queries[i] = (float)(i % 7) + 0.3f;
    const lk_block block = {rows, NULL, ROWS, 100};
    const lk_rows_set set = {&block, 1, DIM, NULL};
    for (lk_metric metric = LK_METRIC_COSINE; metric <= LK_METRIC_L2; metric++) {
        lk_index *index = NULL;
        lk_hit hits[QUERIES * K];
        size_t found[QUERIES];
        const lk_search_options options = {
            .metric = metric, .k = K, .threshold = metric == LK_METRIC_L2 ? INFINITY : -INFINITY};
        assert_int_equal(lk_index_open(&set, &options, &index), LK_OK);
        assert_int_equal(lk_index_search(index, queries, QUERIES, hits, found), LK_OK);
        for (size_t i = 0; i < QUERIES * K; i++) assert_int_equal(hits[i].index, 100 + i % K);
        lk_index_close(&index);
    }
}

/* Exact by construction, and fast because few rows are ranked: on rows that are apart, what is left to exact
 * scores is little more than k, and the fastest kernel that there is does the rest. */
static void test_few_rows_are_ranked(void **state)
{
    (void)state;
    for (lk_metric metric = LK_METRIC_COSINE; metric <= LK_METRIC_HAMMING; metric++) {
        const bool rising = is_similarity(metric);
        const set_case c = {metric, 4000, 256, 70, 10, NOISE, false, rising ? -INFINITY : INFINITY};
        const lk_search_options options = {.metric = metric, .k = c.k, .threshold = c.threshold};
        world w;
        lk_index *index = NULL;
        lk_scan scan;
        lk_checked_queries queries;
        lk_test_seed(3);
        make_world(&c, &w);
        assert_int_equal(lk_index_open(&w.set, &options, &index), LK_OK);
        assert_ptr_equal(index->panel->run,
                         (metric == LK_METRIC_HAMMING ? lk_hamming_panel_choose
                                                      : lk_panel_choose)(lk_cpu_isa() | LK_NEEDS_PORTABLE)
                             ->run);
        assert_int_equal(lk_checked_queries_open(index, w.queries, c.queries, &queries), LK_OK);
        assert_int_equal(lk_scan_open(index, c.queries, &scan), LK_OK);
        lk_scan_run(&scan, &queries);
        assert_true(scan.parts.panels >= 2);
        size_t kept = 0;
        for (size_t q = 0; q < c.queries; q++) {
            lk_candidate *candidates;
            const size_t count = lk_scan_gather(&scan, q, 0, &candidates);
            assert_true(count >= c.k);
            kept += count;
        }
        print_message("metric %d by %s: %zu of %zu rows ranked\n", (int)metric, index->panel->name, kept,
                      c.queries * c.rows);
        assert_true(kept <= c.queries * 4 * c.k);
        lk_scan_close(&scan);
        lk_checked_queries_close(&queries);
        lk_index_close(&index);
        free_world(&w);
    }
}

/* The scores of all rows are those of the hits, and NaN for rows taken out. */
static void test_all_scores(void **state)
{
    (void)state;
    for (lk_metric metric = LK_METRIC_COSINE; metric <= LK_METRIC_HAMMING; metric++) {
        const set_case c = {metric, 300,   70,   21,
                            300,    false, true, is_similarity(metric) ? -INFINITY : INFINITY};
        world w;
        lk_index *index = NULL;
        lk_test_seed((uint64_t)metric);
        make_world(&c, &w);
        lk_hit *hits = malloc(c.queries * c.k * sizeof *hits);
        size_t *found = malloc(c.queries * sizeof *found);
        float *scores = malloc(c.queries * c.rows * sizeof *scores);
        assert_true(hits && found && scores);
        const lk_search_options options = {.metric = metric, .k = c.k, .threshold = c.threshold};
        assert_int_equal(lk_index_open(&w.set, &options, &index), LK_OK);
        assert_int_equal(lk_index_search(index, w.queries, c.queries, hits, found), LK_OK);
        assert_int_equal(lk_index_scores(index, w.queries, c.queries, scores), LK_OK);
        for (size_t q = 0; q < c.queries; q++) {
            size_t out = 0;
            for (size_t row = 0; row < c.rows; row++) out += isnan(scores[q * c.rows + row]) != 0;
            assert_int_equal(found[q], c.rows - out);
            for (size_t i = 0; i < found[q]; i++) {
                size_t b = MOST_BLOCKS - 1;
                while (w.blocks[b].first > hits[q * c.k + i].index || !w.blocks[b].count) b--;
                const size_t place = hits[q * c.k + i].index - 7 * b; /* make_world's gaps */
                assert_true(scores[q * c.rows + place] == hits[q * c.k + i].score);
            }
        }
        lk_index_close(&index);
        free(hits);
        free(found);
        free(scores);
        free_world(&w);
    }
}

enum { DIM = 5, ROWS = 6 };

static lk_status open_with(lk_metric metric, size_t row, float value, const uint8_t *out)
{
    float rows[ROWS * DIM];
    for (size_t i = 0; i < ROWS * DIM; i++) rows[i] = 1;
    for (size_t i = 0; i < DIM; i++) rows[row * DIM + i] = value;
    const lk_block block = {rows, NULL, ROWS, 40};
    const lk_rows_set set = {&block, 1, DIM, out};
    const lk_search_options options = {.metric = metric, .k = 2, .threshold = -INFINITY};
    lk_index *index = NULL;
    const lk_status status = lk_index_open(&set, &options, &index);
    assert_true((status == LK_OK) == (index != NULL));
    lk_index_close(&index);
    return status;
}

static void test_bad_rows_are_named(void **state)
{
    (void)state;
    const uint8_t out[6] = {0, 0, 0, 0, 0, 0x10}; /* row 43 */
    assert_int_equal(open_with(LK_METRIC_INNER, 3, NAN, NULL), LK_ERROR_FORMAT);
    assert_string_equal(lk_error_message(), "row 43 holds NaN or infinity");
    assert_int_equal(open_with(LK_METRIC_L2, 5, -INFINITY, NULL), LK_ERROR_FORMAT);
    assert_string_equal(lk_error_message(), "row 45 holds NaN or infinity");
    assert_int_equal(open_with(LK_METRIC_COSINE, 0, 3e18f, NULL), LK_ERROR_FORMAT);
    assert_string_equal(lk_error_message(), "row 40 is too long: its squared length is above 1e37");
    assert_int_equal(open_with(LK_METRIC_COSINE, 3, 0, NULL), LK_ERROR_FORMAT);
    assert_string_equal(lk_error_message(), "row 43 is all zeros: it has no cosine");
    assert_int_equal(open_with(LK_METRIC_L2, 3, 0, NULL), LK_OK);
    assert_int_equal(open_with(LK_METRIC_COSINE, 3, 1e-40f, NULL), LK_OK); /* tiny is not zero */
    assert_int_equal(open_with(LK_METRIC_COSINE, 3, NAN, out), LK_OK);     /* nobody looks at it */
    assert_int_equal(open_with(LK_METRIC_COSINE, 2, NAN, out), LK_ERROR_FORMAT);
}

static void test_bad_queries_are_named(void **state)
{
    (void)state;
    float rows[ROWS * DIM], queries[3 * DIM], scores[3 * ROWS];
    for (size_t i = 0; i < ROWS * DIM; i++) rows[i] = (float)i;
    for (size_t i = 0; i < 3 * DIM; i++) queries[i] = i / DIM == 1 ? 0 : 1;
    const lk_block block = {rows, NULL, ROWS, 0};
    const lk_rows_set set = {&block, 1, DIM, NULL};
    const lk_search_options options = {.metric = LK_METRIC_COSINE, .k = 1, .threshold = -INFINITY};
    lk_index *index = NULL;
    lk_hit hits[3];
    size_t found[3];
    assert_int_equal(lk_index_open(&set, &options, &index), LK_OK);
    assert_int_equal(lk_index_search(index, queries, 3, hits, found), LK_ERROR_FORMAT);
    assert_string_equal(lk_error_message(), "query 1 is all zeros: it has no cosine");
    queries[DIM] = 1, queries[3 * DIM - 1] = NAN;
    assert_int_equal(lk_index_scores(index, queries, 3, scores), LK_ERROR_FORMAT);
    assert_string_equal(lk_error_message(), "query 2 holds NaN or infinity");
    lk_index_close(&index);
}

static void test_bad_sets_are_refused(void **state)
{
    (void)state;
    float rows[8] = {1, 1, 1, 1, 1, 1, 1, 1};
    const lk_block blocks[] = {{rows, NULL, 2, 0}, {rows, NULL, 2, 1}};
    const lk_rows_set good = {blocks, 1, 2, NULL}, overlapping = {blocks, 2, 2, NULL},
                      wide = {blocks, 1, (size_t)1 << 40, NULL};
    const lk_search_options options = {.metric = LK_METRIC_INNER, .k = 1, .threshold = -INFINITY};
    lk_search_options bad = options;
    lk_index *index = NULL;
    assert_int_equal(lk_index_open(&overlapping, &options, &index), LK_ERROR_ARGUMENT);
    assert_int_equal(lk_index_open(&wide, &options, &index), LK_ERROR_LIMIT);
    bad.k = 0;
    assert_int_equal(lk_index_open(&good, &bad, &index), LK_ERROR_ARGUMENT);
    bad = options, bad.metric = LK_METRIC_HAMMING;
    assert_int_equal(lk_index_open(&good, &bad, &index), LK_ERROR_ARGUMENT);
    bad = options, bad.threshold = NAN;
    assert_int_equal(lk_index_open(&good, &bad, &index), LK_ERROR_ARGUMENT);
    bad = options, bad.isa = "quantum";
    assert_int_equal(lk_index_open(&good, &bad, &index), LK_ERROR_ARGUMENT);
    assert_null(index);
}

/* An index of nothing finds nothing, for few queries or many. */
static void test_empty_set(void **state)
{
    (void)state;
    enum { THREADS = 2, QUERIES = 2 * THREADS * LK_PANEL_MOST, K = 4 };
    static const lk_rows_set set = {NULL, 0, DIM, NULL};
    static float queries[QUERIES * DIM];
    static lk_hit hits[QUERIES * K];
    static const size_t counts[] = {1, 2, QUERIES};
    size_t found[QUERIES];
    lk_search_options options = {.metric = LK_METRIC_COSINE, .k = K, .threshold = -INFINITY};
    lk_index *index = NULL;
    for (size_t i = 0; i < QUERIES * DIM; i++) queries[i] = (float)(i + 1);
    assert_int_equal(lk_pool_open(THREADS, &options.pool), LK_OK);
    assert_int_equal(lk_index_open(&set, &options, &index), LK_OK);
    for (size_t i = 0; i < LK_COUNT(counts); i++) {
        memset(found, 0xff, sizeof found);
        assert_int_equal(lk_index_search(index, queries, counts[i], hits, found), LK_OK);
        for (size_t q = 0; q < counts[i]; q++) assert_int_equal(found[q], 0);
    }
    lk_index_close(&index);
    lk_pool_close(&options.pool);
}

/* With an argument only the tests of that name. */
int main(int count, char **arguments)
{
    setenv("LIKENESS_CUDA_MODULE", LK_TEST_MODULES "/libfake_gpu.so", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_floats),
        cmocka_unit_test(test_on_a_gpu),
        cmocka_unit_test(test_few_rows_come_from_a_gpu),
        cmocka_unit_test(test_bits),
        cmocka_unit_test(test_queries_on_threads),
        cmocka_unit_test(test_division),
        cmocka_unit_test(test_equal_rows),
        cmocka_unit_test(test_few_rows_are_ranked),
        cmocka_unit_test(test_all_scores),
        cmocka_unit_test(test_bad_rows_are_named),
        cmocka_unit_test(test_bad_queries_are_named),
        cmocka_unit_test(test_bad_sets_are_refused),
        cmocka_unit_test(test_empty_set),
    };
    if (count > 1) cmocka_set_test_filter(arguments[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
