/* Filters, the index, and the hits without the query itself. */
#include <math.h>
#include <sha256.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "cbir/cli/search.h"
#include "cbir/gallery_parts.h"

typedef struct {
    long label;
    bool found;
} wanted_label;

static lk_status look_for_label(void *context, size_t index, const lk_gallery_row *row)
{
    wanted_label *wanted = context;
    (void)index;
    wanted->found |= row->has_label && row->label == wanted->label;
    return LK_OK;
}

/* A number that is a label, or the number of a name, in the first language or in English. */
static lk_status find_label(const lk_gallery *gallery, const char *text, long *label)
{
    static const char *const dictionaries[] = {"label_dict", "label_dict_en"};
    const json_t *labels = lk_gallery_manifest(gallery)->labels;
    wanted_label wanted = {0};
    char *end;
    wanted.label = *label = strtol(text, &end, 10);
    if (end != text && !*end) {
        if (lk_gallery_label_name(gallery, *label) || lk_gallery_label_english(gallery, *label)) return LK_OK;
        const lk_status status = lk_gallery_each_row(gallery, 0, look_for_label, &wanted);
        if (status || wanted.found) return status;
    }
    for (size_t i = 0; i < 2; i++) {
        const char *number;
        json_t *name;
        json_object_foreach(json_object_get(labels, dictionaries[i]), number, name)
        {
            if (!json_is_string(name) || strcmp(json_string_value(name), text) != 0) continue;
            *label = strtol(number, NULL, 10);
            return LK_OK;
        }
    }
    return lk_fail(LK_ERROR_NOT_FOUND, "%s: it has no label '%.64s'", lk_gallery_folder(gallery), text);
}

static lk_status filter(search *s)
{
    const cli_texts *texts = &s->o->filters;
    s->rows = *(s->raw ? lk_gallery_raw(s->gallery) : lk_gallery_rows(s->gallery));
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

/* The index knows rows and queries by their numbers alone. */
static lk_status named(lk_status status, const char *name)
{
    if (status != LK_ERROR_FORMAT) return status;
    const lk_error error = lk_error_take(status);
    return lk_fail(status, "%s: %s", name, error.text);
}

static lk_status open_index(search *s)
{
    const search_options *o = s->o;
    const bool distance = s->metric == LK_METRIC_HAMMING || s->metric == LK_METRIC_L2;
    const lk_search_options how = {.metric = s->metric,
                                   .cuda = o->run.backend == LK_BACKEND_CUDA,
                                   .device = o->run.device,
                                   .k = s->k,
                                   .threshold = o->has_threshold ? o->threshold
                                                : distance       ? INFINITY
                                                                 : -INFINITY,
                                   .isa = o->run.isa,
                                   .pool = s->pool};
    return named(lk_index_open(&s->rows, &how, &s->index), lk_gallery_folder(s->gallery));
}

/* The rows that are this picture of the queries' list. */
static size_t twins_of(const search *s, size_t picture, const struct lk_twin **first)
{
    char digest[65];
    if (!SHA256File(s->queries.list.items[picture].path, digest)) return 0;
    return lk_twins_find(&s->twins, digest, first);
}

/* One picture past a query's last in the list; its first is the query's own number, or 0 where all are
 * joined. */
static size_t pictures_end(const search *s, size_t query)
{
    return s->o->join ? s->queries.list.count : query + 1;
}

static lk_status open_twins(search *s)
{
    const struct lk_twin *first;
    lk_status status = lk_twins_open(s->gallery, &s->twins);
    size_t most = 0;
    for (size_t q = 0; !status && q < s->queries.count; q++) {
        size_t twins = 0;
        for (size_t p = q; p < pictures_end(s, q); p++) twins += twins_of(s, p, &first);
        most = twins > most ? twins : most;
    }
    s->k += most;
    return status;
}

static void drop_rows(const struct lk_twin *rows, size_t count, lk_hit *hits, size_t *found)
{
    size_t kept = 0;
    for (size_t i = 0; i < *found; i++) {
        bool own = false;
        for (size_t t = 0; t < count; t++) own |= rows[t].index == hits[i].index;
        if (!own) hits[kept++] = hits[i];
    }
    *found = kept;
}

/* Closes the gaps that the query's own rows leave, and cuts to what was asked for. */
static void drop_twins(search *s, size_t query)
{
    const struct lk_twin *first = NULL;
    for (size_t p = query; p < pictures_end(s, query); p++) {
        const size_t twins = twins_of(s, p, &first);
        drop_rows(first, twins, s->hits + query * s->k, &s->found[query]);
    }
    if (s->found[query] > s->o->k) s->found[query] = s->o->k;
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
    status =
        named(lk_index_search(s->index, lk_queries_row(&s->queries, 0), s->queries.count, s->hits, s->found),
              s->queries.list.count ? "the pictures" : s->o->sources.items[0]);
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
