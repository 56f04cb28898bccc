/* The queries of a search: pictures by the gallery's recipe, or features from a file. */
#include <time.h>

#include "base/error.h"
#include "base/memory.h"
#include "cbir/cli/embed.h"
#include "cbir/cli/search.h"
#include "cbir/gallery_parts.h"

/* SplitMix64's first number for the seed (Steele, Lea, Flood 2014). */
static uint64_t mixed(uint64_t seed)
{
    uint64_t z = seed + 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* Leaves one item of the list. Without --seed the clock decides. */
static void pick_one(const search_options *o, lk_list *list)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    const uint64_t seed = o->has_seed ? o->seed : (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    const size_t picked = mixed(seed) % list->count;
    const lk_list_item item = list->items[picked];
    list->items[picked] = list->items[0];
    list->items[0] = item;
    while (list->count > 1) lk_free(list->items[--list->count].path);
}

static lk_status read_list(const search_options *o, lk_list *list)
{
    const cli_texts random = {.items = (const char **)(size_t)&o->random, .count = 1};
    const lk_status status = cli_read_sources(o->random ? &random : &o->sources, &o->reading.maps, list);
    if (!status && o->random) pick_one(o, list);
    return status;
}

static lk_status embed(search *s, const lk_list *list)
{
    const search_options *o = s->o;
    const cli_embed_options how = {.command = o->command,
                                   .model = o->model,
                                   .feature = &o->feature,
                                   .input = &o->input,
                                   .run = &o->run,
                                   .batch = o->reading.batch,
                                   .strict = o->reading.strict || o->join,
                                   .raw = s->raw};
    return cli_embed_queries(s->gallery, list, &how, &s->queries);
}

static lk_status join_all(search *s)
{
    const search_options *o = s->o;
    float *weights = lk_allocate_array(s->queries.count, sizeof *weights);
    if (!weights) return lk_fail(LK_ERROR_MEMORY, "out of memory for %zu weights", s->queries.count);
    lk_status status = LK_OK;
    if (o->weight_count && o->weight_count != s->queries.count)
        status = lk_fail(LK_ERROR_ARGUMENT, "--join: %zu weights for %zu queries", o->weight_count,
                         s->queries.count);
    for (size_t i = 0; !status && i < s->queries.count; i++) weights[i] = o->weight_count ? o->weights[i] : 1;
    if (!status) status = lk_queries_join(&s->queries, weights);
    lk_free(weights);
    return status;
}

/* What pictures allow and features from a file do not. */
static lk_status check_features(const search_options *o, const char *path)
{
    if (o->sources.count > 1)
        return lk_fail(LK_ERROR_ARGUMENT, "%s: features come alone: one file, and no pictures beside it",
                       path);
    if (o->feature.given || cli_input_given(&o->input))
        return lk_fail(LK_ERROR_ARGUMENT, "%s: features are as they are: no option can shape them", path);
    if (o->exclude_self)
        return lk_fail(LK_ERROR_ARGUMENT,
                       "--exclude-self compares pictures, and %s does not say which its rows are", path);
    return LK_OK;
}

/* Bits are compared by Hamming's distance, unless another metric is asked for and the floats are kept. */
static lk_status choose_metric(search *s)
{
    const search_options *o = s->o;
    const bool bits = lk_gallery_manifest(s->gallery)->bits;
    s->metric = o->has_metric ? o->metric : bits ? LK_METRIC_HAMMING : LK_METRIC_COSINE;
    if ((s->metric == LK_METRIC_HAMMING) == bits) return LK_OK;
    s->raw = bits && lk_gallery_raw(s->gallery);
    if (s->raw) return LK_OK;
    return lk_fail(LK_ERROR_ARGUMENT,
                   bits ? "--metric: %s has packed bits, which only hamming compares"
                        : "--metric: %s has values, and hamming compares bits",
                   lk_gallery_folder(s->gallery));
}

lk_status search_open_queries(search *s)
{
    const search_options *o = s->o;
    const char *features = NULL;
    lk_list list = {0};
    lk_status status = choose_metric(s);
    if (status) return status;
    for (size_t i = 0; !features && i < o->sources.count; i++)
        if (cli_is_features(o->sources.items[i])) features = o->sources.items[i];
    if (features) {
        status = check_features(o, features);
        if (!status) status = lk_queries_read(s->gallery, features, s->raw, &s->queries);
    } else {
        status = read_list(o, &list);
        if (!status) status = embed(s, &list);
    }
    lk_list_close(&list);
    return !status && o->join ? join_all(s) : status;
}
