/* Filters, the index, and the hits without the query itself. */
#include <math.h>
#include <sha256.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "cbir/cli/search.h"

/* A label's number, from the number itself or from either of its names. */
static lk_status find_label(const lk_gallery *gallery, const char *text, long *label)
{
    char *end;
    *label = strtol(text, &end, 10);
    if (end != text && !*end) return LK_OK;
    for (*label = 0; *label < 100000; ++*label) {
        const char *name = lk_gallery_label_name(gallery, *label),
                   *english = lk_gallery_label_english(gallery, *label);
        if ((name && !strcmp(name, text)) || (english && !strcmp(english, text))) return LK_OK;
        if (!name && !english) break;
    }
    return lk_fail(LK_ERROR_NOT_FOUND, "%s: no label is called %.64s", lk_gallery_folder(gallery), text);
}

static lk_status filter(search *s)
{
    const cli_texts *texts = &s->o->filters;
    s->rows = *lk_gallery_rows(s->gallery);
    if (!texts->count) return LK_OK;
    long *labels = lk_allocate_array(texts->count, sizeof *labels);
    lk_status status =
        labels ? LK_OK : lk_fail(LK_ERROR_MEMORY, "out of memory for %zu labels", texts->count);
    for (size_t i = 0; !status && i < texts->count; i++)
        status = find_label(s->gallery, texts->items[i], &labels[i]);
    if (!status) status = lk_exclude_other_labels(s->gallery, labels, texts->count, &s->rows, &s->bitmap);
    lk_free(labels);
    return status;
}

static lk_status open_index(search *s)
{
    const search_options *o = s->o;
    const bool bits = s->rows.block_count && s->rows.blocks[0].codes;
    s->metric = o->has_metric ? o->metric : bits ? LK_METRIC_HAMMING : LK_METRIC_COSINE;
    const bool distance = s->metric == LK_METRIC_HAMMING || s->metric == LK_METRIC_L2;
    const lk_search_options how = {.metric = s->metric,
                                   .k = s->k,
                                   .threshold = o->has_threshold ? o->threshold
                                                : distance       ? INFINITY
                                                                 : -INFINITY,
                                   .isa = o->run.isa,
                                   .pool = s->pool};
    return lk_index_open(&s->rows, &how, &s->index);
}

/* The rows that are a query's own picture; none for features from a file. */
static size_t twins_of(const search *s, size_t query, const struct lk_twin **first)
{
    char digest[65];
    if (query >= s->queries.list.count || !SHA256File(s->queries.list.items[query].path, digest)) return 0;
    return lk_twins_find(&s->twins, digest, first);
}

static lk_status open_twins(search *s)
{
    const struct lk_twin *first;
    lk_status status = lk_twins_open(s->gallery, &s->twins);
    size_t most = 0;
    for (size_t q = 0; !status && q < s->queries.list.count; q++) {
        const size_t twins = twins_of(s, q, &first);
        most = twins > most ? twins : most;
    }
    s->k += most;
    return status;
}

/* Closes the gap that the query's own rows leave, and cuts to what was asked for. */
static void drop_twins(search *s, size_t query)
{
    const struct lk_twin *first = NULL;
    const size_t twins = twins_of(s, query, &first);
    lk_hit *hits = s->hits + query * s->k;
    size_t kept = 0;
    for (size_t i = 0; i < s->found[query] && kept < s->o->k; i++) {
        bool own = false;
        for (size_t t = 0; t < twins; t++) own |= first[t].index == hits[i].index;
        if (!own) hits[kept++] = hits[i];
    }
    s->found[query] = kept;
}

lk_status search_find(search *s)
{
    s->k = s->o->k < lk_gallery_count(s->gallery) ? s->o->k : lk_gallery_count(s->gallery);
    if (!s->k) s->k = 1;
    lk_status status = lk_pool_open(s->o->run.threads, &s->pool);
    if (!status) status = filter(s);
    if (!status && s->o->exclude_self) status = open_twins(s);
    if (!status) status = open_index(s);
    if (status) return status;
    s->hits = lk_allocate_array(s->queries.count, s->k * sizeof *s->hits);
    s->found = lk_allocate_array(s->queries.count, sizeof *s->found);
    if (!s->hits || !s->found)
        return lk_fail(LK_ERROR_MEMORY, "out of memory for %zu hits", s->queries.count * s->k);
    status = lk_index_search(s->index, lk_queries_row(&s->queries, 0), s->queries.count, s->hits, s->found);
    for (size_t q = 0; !status && s->o->exclude_self && q < s->queries.count; q++) drop_twins(s, q);
    return status;
}

void search_close(search *s)
{
    lk_free(s->hits);
    lk_free(s->found);
    lk_index_close(&s->index);
    lk_pool_close(&s->pool);
    lk_twins_close(&s->twins);
    lk_queries_close(&s->queries);
    lk_gallery_close(&s->gallery);
    lk_free(s->bitmap);
}
