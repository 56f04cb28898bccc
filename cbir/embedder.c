#include "cbir/embedder.h"

#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"

struct lk_embedder {
    const lk_recipe *recipes;
    size_t count, batch;
    lk_plan *plan;
    lk_vectorizer *vectors; /* [count] */
};

static lk_status settle_model(const lk_model *model, lk_recipe *recipe)
{
    char digits[65];
    lk_model_sha256(model, digits);
    if (!*recipe->model_sha256) strcpy(recipe->model_sha256, digits);
    if (!strcmp(recipe->model_sha256, digits)) return LK_OK;
    return lk_fail(LK_ERROR_MISMATCH,
                   "another model than the recipe's: its SHA-256 is %s, and the recipe's %s", digits,
                   recipe->model_sha256);
}

static lk_status settle_projection(const lk_projection *projection, lk_recipe *recipe)
{
    if (projection && !*recipe->projection_sha256) strcpy(recipe->projection_sha256, projection->sha256);
    if (!projection && *recipe->projection_sha256)
        return lk_fail(LK_ERROR_MISMATCH,
                       "the recipe has a projection, and its matrix was not given (SHA-256 %s)",
                       recipe->projection_sha256);
    if (projection && strcmp(recipe->projection_sha256, projection->sha256) != 0)
        return lk_fail(LK_ERROR_MISMATCH,
                       "another projection than the recipe's: its SHA-256 is %s, and the recipe's %s",
                       projection->sha256, recipe->projection_sha256);
    return LK_OK;
}

static lk_status settle_names(const lk_model *model, lk_recipe *recipe)
{
    lk_status status = LK_OK;
    for (size_t i = 0; !status && i < recipe->part_count; i++) {
        char name[sizeof recipe->parts[i].feature];
        status = lk_feature_name(model, recipe->parts[i].feature, name, sizeof name);
        if (!status) memcpy(recipe->parts[i].feature, name, sizeof name);
    }
    return status;
}

static bool run_alike(const lk_recipe *a, const lk_recipe *b)
{
    const lk_preprocessing *p = &a->preprocessing, *q = &b->preprocessing;
    return a->batch_norm == b->batch_norm && p->height == q->height && p->width == q->width &&
           p->resize == q->resize && p->shorter == q->shorter && p->fast_decode == q->fast_decode &&
           !memcmp(p->mean, q->mean, sizeof p->mean) && !memcmp(p->std, q->std, sizeof p->std);
}

static lk_status settle(const lk_model *model, const lk_embedder_options *options, lk_recipe *recipes,
                        size_t count)
{
    lk_status status = LK_OK;
    for (size_t r = 0; !status && r < count; r++) {
        if (!run_alike(&recipes[0], &recipes[r]))
            status = lk_fail(LK_ERROR_MISMATCH,
                             "recipes that prepare pictures differently cannot be run together");
        if (!status) status = settle_model(model, &recipes[r]);
        if (!status) status = settle_projection(options->projection, &recipes[r]);
        if (!status) status = settle_names(model, &recipes[r]);
    }
    return status;
}

static size_t all_parts(const lk_recipe *recipes, size_t count)
{
    size_t parts = 0;
    for (size_t r = 0; r < count; r++) parts += recipes[r].part_count;
    return parts;
}

/* The features of all parts, in order: part i of recipe r is the plan's feature that stands behind those of
 * the recipes before it. */
static lk_status open_plan(const lk_model *model, const lk_embedder_options *options, lk_embedder *e)
{
    const size_t parts = all_parts(e->recipes, e->count);
    const char **names = lk_allocate_array(parts, sizeof *names);
    if (!names) return lk_fail(LK_ERROR_MEMORY, "out of memory for %zu features", parts);
    for (size_t r = 0, at = 0; r < e->count; r++)
        for (size_t i = 0; i < e->recipes[r].part_count; i++) names[at++] = e->recipes[r].parts[i].feature;
    const lk_plan_options how = {.backend = options->backend,
                                 .isa = options->isa,
                                 .batch_norm = e->recipes[0].batch_norm,
                                 .height = e->recipes[0].preprocessing.height,
                                 .width = e->recipes[0].preprocessing.width,
                                 .batch = options->batch,
                                 .features = names,
                                 .feature_count = parts,
                                 .precision = e->recipes[0].precision,
                                 .pixels = &e->recipes[0].preprocessing};
    const lk_status status = lk_plan_open(model, &how, &e->plan);
    lk_free(names);
    return status;
}

static lk_status open_vectors(const lk_embedder_options *options, lk_recipe *recipes, lk_embedder *e)
{
    lk_status status = LK_OK;
    for (size_t r = 0, first = 0; !status && r < e->count; first += recipes[r++].part_count) {
        const lk_vector_rule rule = lk_recipe_rule(&recipes[r], options->projection);
        status = lk_vectorizer_init(&e->vectors[r], &rule, e->plan, first);
        if (status) break;
        recipes[r].precision = lk_plan_precision(e->plan);
        if (!recipes[r].length) recipes[r].length = e->vectors[r].length;
        if (recipes[r].length != e->vectors[r].length)
            status = lk_fail(LK_ERROR_MISMATCH, "the recipe says %zu values a picture, but this makes %zu",
                             recipes[r].length, e->vectors[r].length);
    }
    return status;
}

lk_status lk_embedder_open(const lk_model *model, lk_recipe *recipes, size_t count,
                           const lk_embedder_options *options, lk_embedder **embedder)
{
    lk_status status = settle(model, options, recipes, count);
    if (status) return status;
    lk_embedder *opened = lk_allocate_array(1, sizeof *opened);
    if (!opened) return lk_fail(LK_ERROR_MEMORY, "out of memory for %zu recipes", count);
    opened->recipes = recipes;
    opened->count = count;
    opened->batch = options->batch;
    opened->vectors = lk_allocate_array(count, sizeof *opened->vectors);
    status = opened->vectors ? open_plan(model, options, opened)
                             : lk_fail(LK_ERROR_MEMORY, "out of memory for %zu recipes", count);
    if (!status) status = open_vectors(options, recipes, opened);
    if (status) lk_embedder_close(&opened);
    else *embedder = opened;
    return status;
}

void lk_embedder_close(lk_embedder **embedder)
{
    if (!*embedder) return;
    lk_plan_close(&(*embedder)->plan);
    lk_free((*embedder)->vectors);
    lk_free(*embedder);
    *embedder = NULL;
}

size_t lk_embedder_values(const lk_embedder *embedder, size_t recipe)
{
    return embedder->vectors[recipe].length;
}

size_t lk_embedder_row(const lk_embedder *embedder)
{
    size_t values = 0;
    for (size_t r = 0; r < embedder->count; r++) values += embedder->vectors[r].length;
    return values;
}

lk_status lk_embed(const lk_embedder *embedder, const lk_list *list, const lk_embed_options *options,
                   const lk_extract_calls *calls)
{
    const lk_extract_options how = {.plan = embedder->plan,
                                    .vectors = embedder->vectors,
                                    .vector_count = embedder->count,
                                    .preprocessing = &embedder->recipes[0].preprocessing,
                                    .batch = embedder->batch,
                                    .threads = options->threads,
                                    .strict = options->strict,
                                    .interrupt = options->interrupt};
    return lk_extract(list, &how, calls);
}
