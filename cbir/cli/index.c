/* likeness index: a gallery of pictures, or of features made elsewhere. */
#include <string.h>

#include "base/error.h"
#include "cbir/cli/gallery.h"
#include "cbir/gallery_import.h"
#include "cbir/info_file.h"

enum { JSON = 0x100, FEATURES, LABELS, BITS, INFO, SEGMENT, SEGMENT_ROWS = 1024 };

typedef struct {
    const char *model, *gallery, *features, *labels, *info;
    cli_texts sources;
    size_t bits, segment_rows;
    bool json;
    cli_feature_options feature;
    cli_input_options input;
    cli_run_options run;
    cli_reading_options reading;
} options;

static const struct argp_option argp_options[] = {
    {NULL, 0, NULL, 0, "Features made elsewhere:", 3},
    {"features", FEATURES, "F.npy", 0,
     "Take these instead of a model and pictures: a matrix, a row a picture", 0},
    {"labels", LABELS, "LIST", 0, "With --features: the rows' paths and labels, a line a row", 0},
    {"bits", BITS, "N", 0, "With --features: uint8 rows of N packed bits, as numpy.packbits packs", 0},
    {NULL, 0, NULL, 0, "Gallery:", 4},
    {"output", 'o', "GALLERY", 0, "The gallery's folder; made when it is missing", 0},
    {"labels-info", INFO, "dataset_info.json", 0, "The names of the labels (else the model's)", 0},
    {"segment-rows", SEGMENT, "N", 0,
     "Rows of a segment, which is the most that a killed run loses (1024; 65536 with --features)", 0},
    {"json", JSON, NULL, 0, "Print what was done as JSON", 0},
    {0}};

static void check(struct argp_state *state, const options *o)
{
    if (!o->gallery) argp_error(state, "where to? -o GALLERY");
    if (o->features) {
        if (o->model)
            argp_error(state, "--features needs neither model nor pictures; what is '%s'?", o->model);
        if (o->feature.given) argp_error(state, "--features are as they are: no option can shape them");
        return;
    }
    if (o->labels || o->bits) argp_error(state, "--labels and --bits go with --features");
    if (!o->model) argp_error(state, "which model?");
    if (!o->sources.count)
        argp_error(state, "which pictures? a list, a folder, pictures, or - for paths from standard input");
    if (o->feature.part_count > 1 && !o->feature.fuse)
        argp_error(state,
                   "a gallery has one vector a picture: --fuse the features, or make a gallery of each");
    if (o->feature.hash.whole_matrix)
        argp_error(
            state,
            "--hash-scope matrix: a gallery grows, and its threshold would; extract the bits, and index them "
            "with --features");
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    options *o = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &o->feature;
        state->child_inputs[1] = &o->input;
        state->child_inputs[2] = &o->run;
        state->child_inputs[3] = &o->reading;
        return 0;
    case 'o':
        o->gallery = argument;
        return 0;
    case FEATURES:
        o->features = argument;
        return 0;
    case LABELS:
        o->labels = argument;
        return 0;
    case BITS:
        o->bits = cli_number(state, "--bits", argument, 1, LK_GALLERY_MAX_DIM);
        return 0;
    case INFO:
        o->info = argument;
        return 0;
    case SEGMENT:
        o->segment_rows = cli_number(state, "--segment-rows", argument, 1, 1u << 30);
        return 0;
    case JSON:
        o->json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (o->model) cli_texts_add(state, &o->sources, argument);
        else o->model = argument;
        return 0;
    case ARGP_KEY_END:
        check(state, o);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ------------------------------------------------------------------ Labels */

static lk_status read_labels(const options *o, const lk_model *model, json_t **labels)
{
    lk_info_file *info = NULL;
    if (!o->info) return model ? lk_labels_of_model(model, labels) : LK_OK;
    lk_status status = lk_info_file_open(o->info, &info);
    if (!status) status = lk_labels_of_info(info, labels);
    lk_info_file_close(&info);
    return status;
}

/* A label without a name is no error, but more likely a mistake than not. */
static void warn_of_labels(const char *command, const lk_list *list, const json_t *labels)
{
    const json_t *names = json_object_get(labels, "label_dict");
    size_t count = 0;
    long first = 0;
    for (size_t i = 0; names && i < list->count; i++) {
        char key[24];
        if (!list->items[i].has_label) continue;
        snprintf(key, sizeof key, "%ld", list->items[i].label);
        if (json_object_get(names, key)) continue;
        if (!count++) first = list->items[i].label;
    }
    if (count)
        fprintf(stderr, "%s: %zu pictures have a label without a name; label %ld is the first\n", command,
                count, first);
}

/* ------------------------------------------------------------------ Pictures */

typedef struct {
    const options *o;
    const char *command;
    lk_list list;
    lk_model *model;
    lk_projection projection;
    lk_embedder *embedder;
    lk_recipe recipe;
    json_t *labels, *recipe_json;
} indexing;

static lk_status open_embedder(indexing *x)
{
    const options *o = x->o;
    lk_preprocessing preprocessing;
    lk_recipe recipes[LK_MAX_PARTS];
    size_t count;
    lk_status status = lk_model_open(o->model, &x->model);
    if (!status) status = cli_preprocessing(lk_model_preprocessing(x->model), &o->input, &preprocessing);
    if (!status && o->feature.projection) status = lk_projection_open(o->feature.projection, &x->projection);
    if (status) return status;
    cli_recipes(&o->feature, &preprocessing, o->run.precision, recipes, &count);
    x->recipe = recipes[0];
    const lk_embedder_options how = {.backend = o->run.backend,
                                     .isa = o->run.isa,
                                     .device = o->run.device,
                                     .tf32 = o->run.tf32,
                                     .batch = o->reading.batch,
                                     .projection = o->feature.projection ? &x->projection : NULL};
    status = lk_embedder_open(x->model, &x->recipe, 1, &how, &x->embedder);
    if (!status) cli_note(lk_embedder_note(x->embedder));
    return status;
}

static lk_status index_pictures(indexing *x, lk_gallery_index_result *result)
{
    const options *o = x->o;
    gallery_watch watch = {.command = x->command};
    const bool bits = x->recipe.hash.kind != LK_HASH_NONE;
    const lk_gallery_about about = {.dim = x->recipe.length,
                                    .bits = bits,
                                    .raw_dim = o->feature.keep_raw ? lk_embedder_values(x->embedder, 0) : 0,
                                    .segment_rows = o->segment_rows ? o->segment_rows : SEGMENT_ROWS,
                                    .recipe = x->recipe_json,
                                    .model_path = o->model,
                                    .model_sha256 = x->recipe.model_sha256,
                                    .projection_path = o->feature.projection,
                                    .labels = x->labels};
    const lk_gallery_index_options how = {.embedder = x->embedder,
                                          .recipe = &x->recipe,
                                          .batch = o->reading.batch,
                                          .embed = {o->run.threads, o->reading.strict, cli_interrupt()},
                                          .keep_raw = o->feature.keep_raw};
    const lk_gallery_index_calls calls = gallery_calls(&watch);
    cli_patience(true);
    const lk_status status = lk_gallery_index(o->gallery, &x->list, &about, &how, &calls, result);
    cli_patience(false);
    if (watch.begun) cli_progress_clear(&watch.progress);
    return status;
}

static int run_pictures(const options *o, const char *command)
{
    indexing x = {.o = o, .command = command};
    gallery_outcome outcome = {.command = command, .gallery = o->gallery, .json = o->json};
    lk_status status = open_embedder(&x);
    if (!status) status = cli_read_sources(&o->sources, &o->reading.maps, &x.list);
    if (!status) status = read_labels(o, x.model, &x.labels);
    if (!status && !(x.recipe_json = lk_recipe_to_json(&x.recipe)))
        status = lk_fail(LK_ERROR_MEMORY, "out of memory");
    if (!status) {
        warn_of_labels(command, &x.list, x.labels);
        status = index_pictures(&x, &outcome.result);
    }
    outcome.status = status;
    lk_embedder_close(&x.embedder);
    lk_projection_close(&x.projection);
    lk_model_close(&x.model);
    lk_list_close(&x.list);
    json_decref(x.labels);
    json_decref(x.recipe_json);
    return gallery_finish(&outcome);
}

/* ------------------------------------------------------------------ Features made elsewhere */

static int run_features(const options *o, const char *command)
{
    lk_list list = {0};
    json_t *labels = NULL;
    gallery_outcome outcome = {.command = command, .gallery = o->gallery, .json = o->json};
    lk_gallery_import_options how = {
        .bits = o->bits, .segment_rows = o->segment_rows, .interrupt = cli_interrupt()};
    const char *labels_source = o->labels;
    const cli_texts source = {.items = &labels_source, .count = 1};
    lk_status status = o->labels ? cli_read_sources(&source, &o->reading.maps, &list) : LK_OK;
    if (!status) status = read_labels(o, NULL, &labels);
    if (!status) {
        warn_of_labels(command, &list, labels);
        how.labels = labels;
        cli_patience(true);
        status = lk_gallery_import(o->gallery, o->features, o->labels ? &list : NULL, &how, &outcome.result);
        cli_patience(false);
    }
    outcome.status = status;
    lk_list_close(&list);
    json_decref(labels);
    return gallery_finish(&outcome);
}

int cli_index(int argc, char **argv)
{
    static const struct argp_child children[] = {{&cli_feature_argp, 0, NULL, 0},
                                                 {&cli_input_argp, 0, NULL, 0},
                                                 {&cli_run_argp, 0, NULL, 0},
                                                 {&cli_reading_argp, 0, NULL, 0},
                                                 {0}};
    static const struct argp argp = {
        .options = argp_options,
        .parser = parse,
        .args_doc = "MODEL SOURCE... -o GALLERY\n--features F.npy [--labels LIST] -o GALLERY",
        .doc = "Makes a gallery: a folder of features, paths and labels that `likeness search' looks in. A "
               "SOURCE is a list "
               "(path, TAB, label on each line), a folder, a picture, or - for paths from standard input. "
               "Pictures that "
               "cannot be read are reported and listed in the gallery; then the exit code is 3, and "
               "`likeness add "
               "--retry-failed' tries them again. A run that was ended, by whatever, goes on when the same "
               "command is given "
               "again.\v"
               "Examples:\n"
               "  likeness index zodiac.safetensors trainval.txt -o gallery\n"
               "  likeness index zodiac.safetensors photos --feature logits --hash mean -o bits\n"
               "  likeness index --features F.npy --labels trainval.txt -o gallery",
        .children = children};
    options o = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    const int code = o.features ? run_features(&o, argv[0]) : run_pictures(&o, argv[0]);
    cli_texts_close(&o.sources);
    cli_texts_close(&o.reading.maps);
    return code;
}
