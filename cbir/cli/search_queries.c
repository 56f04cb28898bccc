/* The queries of a search: pictures by the gallery's recipe, or features from a file. */
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/memory.h"
#include "cbir/cli/search.h"

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
    const lk_status status = cli_read_sources(o->random ? &random : &o->sources, &o->maps, list);
    if (!status && o->random) pick_one(o, list);
    return status;
}

static void on_bad(void *context, const char *path, const lk_error *error)
{
    const search_options *o = context;
    (void)path; /* the message names it */
    fprintf(stderr, "%s: %s; skipped\n", o->command, error->text);
}

/* What the options ask for; the gallery's own recipe decides when they ask for nothing. */
static lk_status asked_recipe(const search *s, lk_recipe *recipe, bool *asked)
{
    const search_options *o = s->o;
    const cli_input_options *in = &o->input;
    *asked = o->feature.given || in->height || in->shorter || in->crop || in->has_mean || in->has_std ||
             !lk_gallery_recipe(s->gallery);
    if (!*asked) return LK_OK;
    lk_model *model = NULL;
    lk_preprocessing preprocessing;
    lk_recipe recipes[LK_MAX_PARTS];
    size_t count;
    lk_status status = lk_gallery_open_model(s->gallery, o->model, &model);
    if (!status) status = cli_preprocessing(model, in, &preprocessing);
    lk_model_close(&model);
    if (status) return status;
    cli_recipes(&o->feature, &preprocessing, recipes, &count);
    *recipe = recipes[0];
    return LK_OK;
}

static lk_status embed(search *s, const lk_list *list)
{
    const search_options *o = s->o;
    lk_projection projection = {0};
    lk_recipe recipe;
    bool asked;
    lk_status status = asked_recipe(s, &recipe, &asked);
    if (!status && o->feature.projection) status = lk_projection_open(o->feature.projection, &projection);
    const lk_queries_options how = {.model = o->model,
                                    .recipe = asked ? &recipe : NULL,
                                    .projection = o->feature.projection ? &projection : NULL,
                                    .backend = o->run.backend,
                                    .isa = o->run.isa,
                                    .batch = o->batch,
                                    .embed = {.threads = o->run.threads, .strict = o->strict},
                                    .bad = on_bad,
                                    .context = (void *)(size_t)o};
    if (!status) status = lk_queries_embed(s->gallery, list, &how, &s->queries);
    lk_projection_close(&projection);
    return status;
}

static bool ends_in_npy(const char *text)
{
    const size_t length = strlen(text);
    return length > 4 && !strcmp(text + length - 4, ".npy");
}

static lk_status join_all(search *s)
{
    const search_options *o = s->o;
    float *weights = lk_allocate_array(s->queries.count, sizeof *weights);
    if (!weights) return lk_fail(LK_ERROR_MEMORY, "out of memory for %zu weights", s->queries.count);
    lk_status status = LK_OK;
    if (o->weight_count && o->weight_count != s->queries.count)
        status = lk_fail(LK_ERROR_ARGUMENT, "--join: %zu weights for %zu pictures", o->weight_count,
                         s->queries.count);
    for (size_t i = 0; !status && i < s->queries.count; i++) weights[i] = o->weight_count ? o->weights[i] : 1;
    if (!status) status = lk_queries_join(&s->queries, weights);
    lk_free(weights);
    return status;
}

lk_status search_open_queries(search *s)
{
    const search_options *o = s->o;
    lk_list list = {0};
    lk_status status;
    if (o->sources.count == 1 && ends_in_npy(o->sources.items[0])) {
        status = lk_queries_read(s->gallery, o->sources.items[0], &s->queries);
    } else {
        status = read_list(o, &list);
        if (!status) status = embed(s, &list);
    }
    lk_list_close(&list);
    return !status && o->join ? join_all(s) : status;
}
