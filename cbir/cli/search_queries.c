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

static bool input_given(const cli_input_options *in)
{
    return in->height || in->shorter || in->crop || in->has_mean || in->has_std;
}

/* What the options ask for; what they leave open is the gallery's. */
static lk_status asked_recipe(const search *s, lk_recipe *recipe, bool *asked)
{
    const search_options *o = s->o;
    const char *text = lk_gallery_recipe(s->gallery), *folder = lk_gallery_folder(s->gallery);
    lk_recipe own = {0}, recipes[LK_MAX_PARTS];
    lk_model *model = NULL;
    size_t count;
    *asked = !text || o->feature.given || input_given(&o->input);
    if (!*asked) return LK_OK;
    if (!text && !(o->model && o->feature.given))
        return lk_fail(LK_ERROR_NOT_FOUND,
                       "%s: its features were made elsewhere: say --model and --feature, or bring features",
                       folder);
    lk_status status = text ? lk_recipe_parse(text, strlen(text), folder, &own) : LK_OK;
    if (!status && (!text || input_given(&o->input))) {
        status = lk_queries_open_model(s->gallery, o->model, &model);
        if (!status) status = cli_preprocessing(model, &o->input, &own.preprocessing);
        lk_model_close(&model);
    }
    if (status) return status;
    own.length = 0; /* it may follow from the preprocessing */
    cli_recipes(&o->feature, &own.preprocessing, recipes, &count);
    *recipe = o->feature.given ? recipes[0] : own;
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
                                    .embed = {.threads = o->run.threads, .strict = o->strict || o->join},
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
    if (o->feature.given || input_given(&o->input))
        return lk_fail(LK_ERROR_ARGUMENT, "%s: features are as they are: no option can shape them", path);
    if (o->exclude_self)
        return lk_fail(LK_ERROR_ARGUMENT,
                       "--exclude-self compares pictures, and %s does not say which its rows are", path);
    return LK_OK;
}

lk_status search_open_queries(search *s)
{
    const search_options *o = s->o;
    const char *features = NULL;
    lk_list list = {0};
    lk_status status = LK_OK;
    for (size_t i = 0; !features && i < o->sources.count; i++)
        if (ends_in_npy(o->sources.items[i])) features = o->sources.items[i];
    if (features) {
        status = check_features(o, features);
        if (!status) status = lk_queries_read(s->gallery, features, &s->queries);
    } else {
        status = read_list(o, &list);
        if (!status) status = embed(s, &list);
    }
    lk_list_close(&list);
    return !status && o->join ? join_all(s) : status;
}
