/* likeness add: more pictures into a gallery, by its own model and recipe. */
#include <string.h>

#include "base/error.h"
#include "cbir/cli/gallery.h"

enum { JSON = 0x100, MODEL, RETRY, DUPLICATES };

typedef struct {
    const char *gallery, *model;
    cli_texts sources;
    bool retry, duplicates, json;
    cli_run_options run;
    cli_reading_options reading;
} options;

static const struct argp_option argp_options[] = {
    {"retry-failed", RETRY, NULL, 0, "Try the pictures again that have failed, instead of or beside others",
     1},
    {"duplicates", DUPLICATES, NULL, 0, "Add a picture too whose content is there under another path", 0},
    {"model", MODEL, "MODEL", 0,
     "The model file, where it is not where the gallery says; it must be the same", 0},
    {"json", JSON, NULL, 0, "Print what was done as JSON", 0},
    {0}};

static void take_argument(struct argp_state *state, options *o, const char *text)
{
    if (o->gallery) cli_texts_add(state, &o->sources, text);
    else o->gallery = text;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    options *o = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &o->run;
        state->child_inputs[1] = &o->reading;
        return 0;
    case RETRY:
        o->retry = true;
        return 0;
    case DUPLICATES:
        o->duplicates = true;
        return 0;
    case MODEL:
        o->model = argument;
        return 0;
    case JSON:
        o->json = true;
        return 0;
    case ARGP_KEY_ARG:
        take_argument(state, o, argument);
        return 0;
    case ARGP_KEY_END:
        if (!o->gallery) argp_error(state, "which gallery?");
        if (!o->sources.count && !o->retry)
            argp_error(state,
                       "which pictures? a list, a folder, pictures, - for paths from standard input, or "
                       "--retry-failed");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* The gallery's model, made ready by the gallery's recipe. */
typedef struct {
    lk_gallery *gallery;
    lk_model *model;
    lk_projection projection;
    lk_recipe recipe;
    lk_embedder *embedder;
    lk_list list;
} adding;

static lk_status open_embedder(const options *o, adding *a)
{
    lk_status status = lk_gallery_open(o->gallery, &a->gallery);
    if (!status) status = lk_gallery_open_model(a->gallery, o->model, &a->model);
    if (status) return status;
    const char *recipe = lk_gallery_recipe(a->gallery), *projection = lk_gallery_projection(a->gallery);
    status = recipe ? lk_recipe_parse(recipe, strlen(recipe), o->gallery, &a->recipe)
                    : lk_fail(LK_ERROR_NOT_FOUND, "%s: it has no recipe: its features were made elsewhere",
                              o->gallery);
    if (!status && o->run.precision && o->run.precision != a->recipe.precision)
        status = lk_fail(LK_ERROR_MISMATCH, "%s: its features are of precision %s, not %s", o->gallery,
                         lk_precision_name(a->recipe.precision), lk_precision_name(o->run.precision));
    if (!status && projection) status = lk_projection_open(projection, &a->projection);
    if (status) return status;
    const lk_embedder_options how = {.backend = o->run.backend,
                                     .isa = o->run.isa,
                                     .device = o->run.device,
                                     .tf32 = o->run.tf32,
                                     .batch = o->reading.batch,
                                     .projection = projection ? &a->projection : NULL};
    status = lk_embedder_open(a->model, &a->recipe, 1, &how, &a->embedder);
    if (!status) cli_note(lk_embedder_note(a->embedder));
    return status;
}

static lk_status add(const options *o, const char *command, adding *a, lk_gallery_index_result *result)
{
    gallery_watch watch = {.command = command};
    const lk_gallery_index_options how = {.embedder = a->embedder,
                                          .recipe = &a->recipe,
                                          .batch = o->reading.batch,
                                          .embed = {o->run.threads, o->reading.strict, cli_interrupt()},
                                          .keep_raw = lk_gallery_raw(a->gallery),
                                          .duplicates = o->duplicates};
    const lk_gallery_index_calls calls = gallery_calls(&watch);
    cli_patience(true);
    const lk_status status = lk_gallery_add(o->gallery, &a->list, &how, &calls, result);
    cli_patience(false);
    if (watch.begun) cli_progress_clear(&watch.progress);
    return status;
}

static int run(const options *o, const char *command)
{
    adding a = {0};
    gallery_outcome outcome = {.command = command, .gallery = o->gallery, .json = o->json};
    lk_status status = open_embedder(o, &a);
    if (!status && o->retry) status = lk_gallery_failed_list(o->gallery, &a.list);
    if (!status && o->sources.count) status = cli_read_sources(&o->sources, &o->reading.maps, &a.list);
    if (!status) status = add(o, command, &a, &outcome.result);
    outcome.status = status;
    lk_embedder_close(&a.embedder);
    lk_projection_close(&a.projection);
    lk_model_close(&a.model);
    lk_gallery_close(&a.gallery);
    lk_list_close(&a.list);
    return gallery_finish(&outcome);
}

int cli_add(int argc, char **argv)
{
    static const struct argp_child children[] = {
        {&cli_run_argp, 0, NULL, 0}, {&cli_reading_argp, 0, NULL, 0}, {0}};
    static const struct argp argp = {.options = argp_options,
                                     .parser = parse,
                                     .args_doc = "GALLERY SOURCE...\nGALLERY --retry-failed",
                                     .doc = "Adds pictures to a gallery by its own model and recipe. A "
                                            "picture that is there already, by its content, is "
                                            "left alone, so that adding a folder again adds what is new in "
                                            "it; one whose content has changed, or whose "
                                            "label has, takes the place of its old row. A run that was ended "
                                            "goes on when the same command is given "
                                            "again.\v"
                                            "Examples:\n"
                                            "  likeness add gallery photos\n"
                                            "  likeness add gallery --retry-failed",
                                     .children = children};
    options o = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    const int code = run(&o, argv[0]);
    cli_texts_close(&o.sources);
    cli_texts_close(&o.reading.maps);
    return code;
}
