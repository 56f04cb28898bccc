/* Scores of some queries at a time, and the judgement of each: an item is relevant when it has the query's
 * label. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "cbir/cli/eval.h"

/* Queries whose scores are made at a time: enough to use each gallery row often while it is in the cache. */
enum { QUERIES = 64 };

typedef struct {
    const eval_options *o;
    const eval_side *gallery, *queries;
    eval_results *results;
    lk_index *index;
    lk_pool *pool;
    eval_leaks leaks;
    float *scores;            /* [QUERIES][gallery rows] */
    uint8_t *relevant, *junk; /* [gallery rows] */
    size_t at;                /* the next query's place */
} judging;

static size_t row_bytes(const eval_side *side)
{
    return side->is_bits ? (side->rows.dim + 7) / 8 : side->rows.dim * sizeof(float);
}

static const void *block_row(const eval_side *side, const lk_block *block, size_t row)
{
    const unsigned char *rows = side->is_bits ? block->codes : (const unsigned char *)block->rows;
    return rows + row * row_bytes(side);
}

static lk_status open_judging(judging *j)
{
    const size_t rows = j->gallery->count;
    size_t cells = 0;
    const bool near_is_large =
        j->results->metric == LK_METRIC_COSINE || j->results->metric == LK_METRIC_INNER;
    lk_status status = j->o->running.threads == 1 ? LK_OK : lk_pool_open(j->o->running.threads, &j->pool);
    const lk_search_options search = {.metric = j->results->metric,
                                      .k = 1,
                                      .threshold = near_is_large ? -INFINITY : INFINITY,
                                      .isa = j->o->running.isa,
                                      .pool = j->pool};
    if (!status) status = lk_index_open(&j->gallery->rows, &search, &j->index);
    if (status == LK_ERROR_FORMAT) return eval_side_blame(j->gallery, j->results->metric, status);
    if (status) return status;
    if (lk_multiply(rows, QUERIES, &cells)) j->scores = lk_allocate_array(cells, sizeof *j->scores);
    j->relevant = lk_allocate_array(rows, 1);
    j->junk = lk_allocate_array(rows, 1);
    if (!j->scores || !j->relevant || !j->junk)
        return lk_fail(LK_ERROR_MEMORY, "out of memory for the scores of %zu rows", rows);
    /* Lists name a picture in one way mostly, galleries in their own: then only the file system can tell. */
    const bool resolve = j->o->leave_one_out || j->gallery->opened || j->queries->opened;
    return eval_leaks_open(j->gallery, resolve, &j->leaks);
}

static void close_judging(judging *j)
{
    eval_leaks_close(&j->leaks);
    lk_free(j->scores);
    lk_free(j->relevant);
    lk_free(j->junk);
    lk_index_close(&j->index);
    lk_pool_close(&j->pool);
}

static void uncount_gone(const lk_classes *classes, const eval_side *side, size_t *counts)
{
    for (size_t i = 0; side->gone && i < side->count; i++)
        if (side->gone[i]) counts[lk_classes_find(classes, side->labels[i])]--;
}

static lk_status open_classes(const eval_options *o, const eval_side *gallery, const eval_side *queries,
                              eval_results *r)
{
    size_t cells = 0;
    if (!o->per_class && !o->confusion) return LK_OK;
    lk_status status =
        lk_classes_open(queries->labels, queries->count, gallery->labels, gallery->count, &r->classes);
    if (status) return status;
    uncount_gone(&r->classes, queries, r->classes.queries);
    uncount_gone(&r->classes, gallery, r->classes.items);
    r->row_class = lk_allocate_array(queries->count + 1, sizeof *r->row_class);
    if (o->confusion && lk_multiply(r->classes.count, r->classes.count, &cells))
        r->confusion = lk_allocate_array(cells, sizeof *r->confusion);
    if (!r->row_class || (o->confusion && !r->confusion))
        status = lk_fail(LK_ERROR_MEMORY, "out of memory for %zu classes", r->classes.count);
    for (size_t i = 0; i < o->ks.count; i++)
        if (o->ks.items[i] > r->confusion_k) r->confusion_k = o->ks.items[i];
    return status;
}

/* Larger is nearer from here on; rows that were removed from the gallery have no score at all. */
static void turn_scores(float *scores, const eval_side *gallery, lk_metric metric)
{
    if (metric == LK_METRIC_L2 || metric == LK_METRIC_HAMMING)
        for (size_t i = 0; i < gallery->count; i++) scores[i] = -scores[i];
    for (size_t i = 0; gallery->gone && i < gallery->count; i++)
        if (gallery->gone[i]) scores[i] = -INFINITY;
}

static lk_status judge_one(judging *j, float *scores, const void *vector)
{
    const eval_side *gallery = j->gallery;
    const size_t rows = gallery->count;
    const long label = j->queries->labels[j->at];
    const char *name = j->queries->names[j->at];
    bool added;
    turn_scores(scores, gallery, j->results->metric);
    for (size_t i = 0; i < rows; i++) j->relevant[i] = gallery->labels[i] == label;
    if (gallery->gone) memcpy(j->junk, gallery->gone, rows);
    else memset(j->junk, 0, rows);
    eval_leaks_look(&j->leaks, j->queries, j->at, vector, j->o->leave_one_out ? j->junk : NULL);
    const lk_judged judged = {
        .scores = scores, .relevant = j->relevant, .junk = j->junk, .names = gallery->names, .count = rows};
    const lk_status status = eval_results_add(j->o, j->results, name, &judged, &added);
    if (status || !j->results->classes.count) return status;
    const size_t class_index = lk_classes_find(&j->results->classes, label);
    if (added)
        j->results->row_class[lk_evaluation_queries(j->results->evaluation) - 1] = (uint32_t)class_index;
    if (j->results->confusion)
        lk_confusion_add(&j->results->classes, &lk_evaluation_last(j->results->evaluation)->ranking,
                         gallery->labels, class_index, j->results->confusion_k, j->results->confusion);
    return LK_OK;
}

static lk_status judge_block(judging *j, const lk_block *block)
{
    lk_status status = LK_OK;
    for (size_t first = 0; !status && first < block->count; first += QUERIES) {
        const size_t count = block->count - first < QUERIES ? block->count - first : QUERIES;
        status = lk_index_scores(j->index, block_row(j->queries, block, first), count, j->scores);
        if (status == LK_ERROR_FORMAT) status = eval_side_blame(j->queries, j->results->metric, status);
        for (size_t i = 0; !status && i < count; i++, j->at++)
            if (!(j->queries->gone && j->queries->gone[j->at]))
                status =
                    judge_one(j, j->scores + i * j->gallery->count, block_row(j->queries, block, first + i));
    }
    return status;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* TREC files tell items by name alone. */
static lk_status check_names(const eval_side *side)
{
    lk_status status = LK_OK;
    const char **sorted = lk_allocate_array(side->count, sizeof *sorted);
    if (!sorted) return lk_fail(LK_ERROR_MEMORY, "out of memory for %zu names", side->count);
    memcpy(sorted, side->names, side->count * sizeof *sorted);
    qsort(sorted, side->count, sizeof *sorted, by_name);
    for (size_t i = 1; !status && i < side->count; i++)
        if (!strcmp(sorted[i - 1], sorted[i]))
            status =
                lk_fail(LK_ERROR_FORMAT, "%s: two rows are called %s: a TREC file cannot tell them apart",
                        side->source, sorted[i]);
    lk_free(sorted);
    return status;
}

lk_status eval_judge(const eval_options *o, const eval_side *gallery, const eval_side *queries,
                     eval_results *results)
{
    judging j = {.o = o, .gallery = gallery, .queries = queries, .results = results};
    results->items = gallery->count;
    for (size_t i = 0; gallery->gone && i < gallery->count; i++) results->items -= gallery->gone[i];
    results->dim = gallery->rows.dim;
    results->skipped = queries->skipped;
    lk_status status = LK_OK;
    if (o->write_run || o->write_qrels) {
        status = check_names(gallery);
        if (!status) status = check_names(queries);
    }
    if (!status) status = open_judging(&j);
    if (!status) status = open_classes(o, gallery, queries, results);
    if (!status) status = eval_results_open(o, gallery->count, results);
    for (size_t b = 0; !status && b < queries->rows.block_count; b++)
        status = judge_block(&j, &queries->rows.blocks[b]);
    results->own = j.leaks.own;
    results->doubles = j.leaks.doubles;
    if (!status) status = eval_results_finish(o, results);
    close_judging(&j);
    return status;
}
