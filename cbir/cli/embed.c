/* Query pictures, embedded for a gallery as the options ask; shared by search and eval. */
#include "cbir/cli/embed.h"

#include <string.h>

#include "base/error.h"

bool cli_input_given(const cli_input_options *in)
{
    return in->height || in->shorter || in->crop || in->has_mean || in->has_std || in->fast_decode;
}

bool cli_is_features(const char *path)
{
    const size_t length = strlen(path);
    return length > 4 && !strcmp(path + length - 4, ".npy");
}

static void on_bad(void *context, const char *path, const lk_error *error)
{
    const cli_embed_options *o = context;
    (void)path; /* the message names it */
    fprintf(stderr, "%s: %s; skipped\n", o->command, error->text);
}

/* The gallery's own preprocessing; the model's, where the gallery has no recipe. */
static lk_status own_recipe(const lk_gallery *gallery, const char *path, lk_recipe *own)
{
    const char *text = lk_gallery_recipe(gallery), *folder = lk_gallery_folder(gallery);
    lk_model *model = NULL;
    if (text) return lk_recipe_parse(text, strlen(text), folder, own);
    const lk_status status = lk_queries_open_model(gallery, path, &model);
    if (!status) own->preprocessing = *lk_model_preprocessing(model);
    lk_model_close(&model);
    return status;
}

/* What the options ask for; what they leave open is the gallery's. */
static lk_status asked_recipe(const lk_gallery *gallery, const cli_embed_options *o, lk_recipe *recipe)
{
    lk_recipe own = {0}, recipes[LK_MAX_PARTS];
    size_t count;
    if (!lk_gallery_recipe(gallery) && !(o->model && o->feature->given))
        return lk_fail(LK_ERROR_NOT_FOUND,
                       "%s: its features were made elsewhere: say --model and --feature, or bring features",
                       lk_gallery_folder(gallery));
    lk_status status = own_recipe(gallery, o->model, &own);
    if (!status) status = cli_preprocessing(&own.preprocessing, o->input, &own.preprocessing);
    if (status) return status;
    own.length = 0; /* it may follow from the preprocessing */
    if (o->run->precision) own.precision = o->run->precision;
    cli_recipes(o->feature, &own.preprocessing, own.precision, recipes, &count);
    if (count > 1) return lk_fail(LK_ERROR_ARGUMENT, "a query has one vector: --fuse the features");
    *recipe = o->feature->given ? recipes[0] : own;
    return LK_OK;
}

lk_status cli_embed_queries(const lk_gallery *gallery, const lk_list *list, const cli_embed_options *o,
                            lk_queries *queries)
{
    lk_projection projection = {0};
    lk_recipe recipe;
    lk_status status = LK_OK;
    const bool asked =
        !lk_gallery_recipe(gallery) || o->feature->given || o->run->precision || cli_input_given(o->input);
    if (asked) status = asked_recipe(gallery, o, &recipe);
    if (!status && o->feature->projection) status = lk_projection_open(o->feature->projection, &projection);
    const lk_queries_options how = {.model = o->model,
                                    .recipe = asked ? &recipe : NULL,
                                    .projection = o->feature->projection ? &projection : NULL,
                                    .raw = o->raw,
                                    .backend = o->run->backend,
                                    .isa = o->run->isa,
                                    .batch = o->batch,
                                    .embed = {.threads = o->run->threads, .strict = o->strict},
                                    .bad = on_bad,
                                    .context = (void *)(size_t)o};
    if (!status) status = lk_queries_embed(gallery, list, &how, queries);
    lk_projection_close(&projection);
    return status;
}
