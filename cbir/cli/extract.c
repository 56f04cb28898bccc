/* likeness extract: feature vectors of pictures, as a NumPy file. */
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "cbir/cli/cli.h"
#include "cbir/cli/journal.h"
#include "cbir/cli/outputs.h"
#include "cbir/cli/progress.h"
#include "cbir/embedder.h"

enum { JSON = 0x100, STUDY };

typedef struct {
    const char *model, *output;
    const char *study; /* "Query", "Gallery" or NULL */
    cli_texts sources;
    bool json;
    cli_feature_options feature;
    cli_input_options input;
    cli_run_options run;
    cli_reading_options reading;
} options;

static const struct argp_option argp_options[] = {
    {NULL, 0, NULL, 0, "Output:", 3},
    {"output", 'o', "OUT.npy", 0,
     "The matrix; OUT.tsv and OUT.recipe.json appear beside it. Several features that are not fused: "
     "OUT-FEATURE.npy each, and one OUT.tsv",
     0},
    {"study-names", STUDY, "SIDE", 0,
     "query or gallery: also write Features_{Query,Gallery}_{Classify,AdaptiveAvgPool2D-6}.npy beside "
     "OUT.npy, and the "
     "study's progress lines; `likeness-convert features' turns .npy into its .pkl",
     0},
    {"json", JSON, NULL, 0, "Print what was written as JSON", 0},
    {0}};

static const char *parse_side(struct argp_state *state, const char *text)
{
    if (!strcmp(text, "query")) return "Query";
    if (strcmp(text, "gallery") != 0)
        argp_error(state, "--study-names: '%s' is neither query nor gallery", text);
    return "Gallery";
}

static void check(struct argp_state *state, const options *o)
{
    const size_t length = o->output ? strlen(o->output) : 0;
    if (!o->model) argp_error(state, "which model?");
    if (!o->sources.count)
        argp_error(state, "which pictures? a list, a folder, pictures, or - for paths from standard input");
    if (!o->output) argp_error(state, "where to? -o OUT.npy");
    if (length < 5 || strcmp(o->output + length - 4, ".npy") != 0 || o->output[length - 5] == '/')
        argp_error(state, "-o: '%s' does not end in .npy", o->output);
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
    case STUDY:
        o->study = parse_side(state, argument);
        return 0;
    case JSON:
        o->json = true;
        return 0;
    case 'o':
        o->output = argument;
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

/* ------------------------------------------------------------------ As pictures are done */

typedef struct {
    const options *o;
    const char *command;
    lk_list list;
    lk_model *model;
    lk_projection projection;
    lk_embedder *embedder;
    lk_recipe recipes[LK_MAX_PARTS];
    size_t values[LK_MAX_PARTS]; /* of each recipe's vector, before its hash */
    size_t recipe_count;
    outputs out;
    journal_task task;
    journal journal;
    size_t before; /* items that an earlier run has done */
    size_t kept;   /* items that a later run can go on behind, after a failure */
    cli_progress progress;
    size_t rows, skipped;
    lk_error skip_failure; /* the list of skipped pictures could not be written: reported at the end */
} extraction;

static lk_status take_row(void *context, size_t index, const float *values)
{
    extraction *e = context;
    e->rows++;
    return outputs_add(&e->out, &e->list.items[index], values);
}

static void keep_failure(extraction *e, lk_status status)
{
    if (status && !e->skip_failure.status) e->skip_failure = lk_error_take(status);
}

static void take_bad(void *context, size_t index, const lk_error *error)
{
    extraction *e = context;
    e->skipped++;
    cli_progress_clear(&e->progress);
    fprintf(stderr, "%s: %s; skipped\n", e->command, error->text);
    keep_failure(e, outputs_skip(&e->out, &e->list.items[index], error->text));
}

static lk_status on_row(void *context, size_t index, const float *values)
{
    extraction *e = context;
    const lk_status status = journal_add(&e->journal, values);
    return status ? status : take_row(e, e->before + index, values);
}

static void on_bad(void *context, size_t index, const lk_error *error)
{
    extraction *e = context;
    keep_failure(e, journal_skip(&e->journal, error->text));
    take_bad(e, e->before + index, error);
}

static void on_progress(void *context, size_t done)
{
    extraction *e = context;
    cli_progress_show(&e->progress, e->before + done);
}

/* ------------------------------------------------------------------ The run */

static lk_status open_embedder(extraction *e)
{
    const options *o = e->o;
    lk_preprocessing preprocessing;
    lk_status status = lk_model_open(o->model, &e->model);
    if (!status) status = cli_preprocessing(lk_model_preprocessing(e->model), &o->input, &preprocessing);
    if (!status && o->feature.projection) status = lk_projection_open(o->feature.projection, &e->projection);
    if (status) return status;
    cli_recipes(&o->feature, &preprocessing, o->run.precision, e->recipes, &e->recipe_count);
    const lk_embedder_options how = {.backend = o->run.backend,
                                     .isa = o->run.isa,
                                     .device = o->run.device,
                                     .tf32 = o->run.tf32,
                                     .batch = o->reading.batch,
                                     .projection = o->feature.projection ? &e->projection : NULL};
    status = lk_embedder_open(e->model, e->recipes, e->recipe_count, &how, &e->embedder);
    if (!status) cli_note(lk_embedder_note(e->embedder));
    for (size_t i = 0; !status && i < e->recipe_count; i++) e->values[i] = lk_embedder_values(e->embedder, i);
    return status;
}

static lk_status open_outputs(extraction *e)
{
    const outputs_options how = {.path = e->o->output,
                                 .recipes = e->recipes,
                                 .values = e->values,
                                 .count = e->recipe_count,
                                 .keep_raw = e->o->feature.keep_raw,
                                 .study_side = e->o->study};
    return outputs_open(&e->out, &how);
}

/* What an earlier run of the same command has done. */
static lk_status take_up(extraction *e)
{
    const options *o = e->o;
    const lk_extract_calls calls = {.context = e, .row = take_row, .bad = take_bad};
    const char *other = NULL;
    e->task = (journal_task){.recipes = e->recipes,
                             .recipe_count = e->recipe_count,
                             .list = &e->list,
                             .backend = o->run.backend,
                             .isa = o->run.isa,
                             .values = lk_embedder_row(e->embedder)};
    lk_status status = journal_open(e->out.stem, &e->task, &e->journal, &other);
    if (!status && other)
        fprintf(stderr, "%s: %s is of %s; all begins anew\n", e->command, e->journal.path, other);
    if (!status) status = journal_replay(&e->journal, o->reading.strict, &calls);
    e->before = e->journal.done;
    if (!status && e->before)
        fprintf(stderr, "%s: %zu of %zu pictures were done before\n", e->command, e->before, e->list.count);
    return status;
}

static lk_status extract(extraction *e)
{
    const options *o = e->o;
    const lk_list rest = {.items = e->list.items + e->before, .count = e->list.count - e->before};
    const lk_embed_options how = {
        .threads = o->run.threads, .strict = o->reading.strict, .interrupt = cli_interrupt()};
    const lk_extract_calls calls = {e, on_row, on_bad, on_progress};
    cli_progress_open(&e->progress, o->study ? CLI_PROGRESS_STUDY : CLI_PROGRESS_BAR, e->list.count);
    lk_status status = lk_embed(e->embedder, &rest, &how, &calls);
    cli_progress_clear(&e->progress);
    if (status != LK_ERROR_INTERRUPTED && e->skip_failure.status) status = lk_error_restore(&e->skip_failure);
    if (!status && !e->rows)
        status = lk_fail(LK_ERROR_EMPTY, "none of the %zu pictures could be read; nothing was written",
                         e->list.count);
    return status;
}

/* The file of a recipe's matrix: as outputs_open names it. */
static void print_matrix(const extraction *e, size_t index)
{
    const lk_recipe *r = &e->recipes[index];
    char title[160];
    lk_recipe_title(r, title, sizeof title);
    const int stem = (int)(strlen(e->o->output) - strlen(".npy"));
    printf("%.*s%s%s.npy: %zu rows of %zu %s (%s)", stem, e->o->output, e->recipe_count > 1 ? "-" : "",
           e->recipe_count > 1 ? title : "", e->rows, r->length,
           r->hash.kind == LK_HASH_NONE ? "values" : "bits", title);
    if (e->skipped) printf("; %zu skipped", e->skipped);
    putchar('\n');
}

static lk_status print_summary(const extraction *e)
{
    const options *o = e->o;
    if (!o->json) {
        for (size_t i = 0; i < e->recipe_count; i++) print_matrix(e, i);
        return LK_OK;
    }
    json_t *features = json_array();
    for (size_t i = 0; i < e->recipe_count; i++) {
        char title[160];
        lk_recipe_title(&e->recipes[i], title, sizeof title);
        json_array_append_new(
            features, json_pack("{s:s, s:I}", "feature", title, "columns", (json_int_t)e->recipes[i].length));
    }
    return cli_json_print(json_pack("{s:o, s:o, s:I, s:I}", "output", cli_json_text(o->output), "features",
                                    features, "rows", (json_int_t)e->rows, "skipped", (json_int_t)e->skipped),
                          false);
}

static void discard(extraction *e, lk_status status)
{
    e->kept = e->journal.done && status != LK_ERROR_EMPTY ? e->journal.done : 0;
    if (e->kept) journal_keep(&e->journal);
    else journal_remove(&e->journal);
    outputs_discard(&e->out);
}

static lk_status commit(extraction *e)
{
    const lk_status status = outputs_commit(&e->out);
    if (status) discard(e, status);
    else journal_remove(&e->journal);
    return status;
}

/* From the first temporary file to the last rename, a signal only asks for an orderly end. */
static lk_status write_features(extraction *e)
{
    cli_patience(true);
    lk_status status = open_outputs(e);
    if (!status) status = take_up(e);
    if (!status) status = extract(e);
    if (status) discard(e, status);
    else status = commit(e);
    cli_patience(false);
    if (status) return status;
    cli_progress_finish(&e->progress, e->rows, e->recipes[0].length);
    return print_summary(e);
}

static int report(const extraction *e, lk_status status)
{
    const int signal_number = atomic_load(cli_interrupt());
    if (!status || !e->kept) return cli_report(e->command, status);
    int code = CLI_SIGNAL + signal_number;
    if (status == LK_ERROR_INTERRUPTED && signal_number) fprintf(stderr, "%s: interrupted\n", e->command);
    else code = cli_report(e->command, status);
    const int stem = (int)(strlen(e->o->output) - strlen(".npy"));
    fprintf(
        stderr,
        "%s: %zu of %zu pictures are done and kept in %.*s.partial; the same command goes on behind them\n",
        e->command, e->kept, e->list.count, stem, e->o->output);
    return code;
}

static int run(const options *o, const char *command)
{
    extraction e = {.o = o, .command = command, .journal.file = -1};
    lk_status status = open_embedder(&e);
    if (!status) status = cli_read_sources(&o->sources, &o->reading.maps, &e.list);
    if (!status) status = write_features(&e);
    lk_embedder_close(&e.embedder);
    lk_projection_close(&e.projection);
    lk_model_close(&e.model);
    const int code = report(&e, status);
    lk_list_close(&e.list);
    return code || !e.skipped ? code : CLI_SKIPPED;
}

int cli_extract(int argc, char **argv)
{
    static const struct argp_child children[] = {{&cli_feature_argp, 0, NULL, 0},
                                                 {&cli_input_argp, 0, NULL, 0},
                                                 {&cli_run_argp, 0, NULL, 0},
                                                 {&cli_reading_argp, 0, NULL, 0},
                                                 {0}};
    static const struct argp argp = {
        .options = argp_options,
        .parser = parse,
        .args_doc = "MODEL SOURCE... -o OUT.npy",
        .doc = "Writes a feature vector for each picture: a float32 matrix, a row a picture, in the order "
               "given. A SOURCE "
               "is a list (path, TAB, label on each line), a folder, a picture, or - for paths from standard "
               "input. "
               "Pictures that cannot be read are reported, left out, and listed in OUT.skipped.tsv; then the "
               "exit code is "
               "3. All files appear whole, or none does; what an extraction that was ended has done is kept "
               "in OUT.partial, and the same command goes on from there.\v"
               "Examples:\n"
               "  likeness extract zodiac.safetensors test.txt -o query.npy\n"
               "  likeness extract zodiac.safetensors trainval.txt --feature logits \\\n"
               "      --map 'D:\\Workspace\\ExpDatasets=/data' -o gallery.npy\n"
               "  find photos -name '*.jpg' | likeness extract zodiac.safetensors - -o a.npy",
        .children = children};
    options o = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    const int code = run(&o, argv[0]);
    cli_texts_close(&o.sources);
    cli_texts_close(&o.reading.maps);
    return code;
}
