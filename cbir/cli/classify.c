/* likeness classify: the likeliest classes of pictures. */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "cbir/cli/cli.h"
#include "cbir/info_file.h"
#include "cbir/json.h"

enum { JSON = 0x100, TOP, INFO, ENGLISH };

typedef struct {
    const char *model, *info_path;
    cli_texts pictures;
    size_t top;
    bool json, english;
    cli_input_options input;
    cli_run_options run;
} options;

static const struct argp_option argp_options[] = {
    {"top", TOP, "K", 0, "How many classes (5)", 1},
    {"info", INFO, "FILE", 0, "Names of the classes, from a dataset_info.json", 1},
    {"english", ENGLISH, NULL, 0, "English names, where the model or the info file has them", 1},
    {"json", JSON, NULL, 0, "Print one line of JSON a picture", 1},
    {0}};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    options *o = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &o->input;
        state->child_inputs[1] = &o->run;
        return 0;
    case JSON:
        o->json = true;
        return 0;
    case ENGLISH:
        o->english = true;
        return 0;
    case INFO:
        o->info_path = argument;
        return 0;
    case TOP:
        o->top = cli_number(state, "--top", argument, 1, 1000000);
        return 0;
    case ARGP_KEY_ARG:
        if (o->model) cli_texts_add(state, &o->pictures, argument);
        else o->model = argument;
        return 0;
    case ARGP_KEY_END:
        if (!o->model) argp_error(state, "which model?");
        if (!o->pictures.count) argp_error(state, "which pictures?");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* All that one picture after another goes through. */
typedef struct {
    const options *o;
    const char *command;
    lk_model *model;
    lk_info_file *info;
    lk_preprocessing preprocessing;
    lk_pool *pool;
    lk_plan *plan;
    lk_session *session;
    lk_picture_reader *reader;
    size_t classes;
    float *scores;
} classifier;

static void close_classifier(classifier *c)
{
    lk_free(c->scores);
    lk_picture_reader_close(&c->reader);
    lk_session_close(&c->session);
    lk_plan_close(&c->plan);
    lk_pool_close(&c->pool);
    lk_info_file_close(&c->info);
    lk_model_close(&c->model);
}

static lk_status open_session(classifier *c)
{
    static const char *const logits[] = {"logits"};
    const lk_plan_options plan = {.backend = c->o->run.backend,
                                  .isa = c->o->run.isa,
                                  .height = c->preprocessing.height,
                                  .width = c->preprocessing.width,
                                  .features = logits,
                                  .feature_count = 1,
                                  .precision = c->o->run.precision,
                                  .pixels = &c->preprocessing};
    lk_status status = lk_plan_open(c->model, &plan, &c->plan);
    if (!status && c->o->run.threads != 1) status = lk_pool_open(c->o->run.threads, &c->pool);
    if (!status) status = lk_session_share(c->plan, c->pool, &c->session);
    if (!status) status = lk_picture_reader_open(&c->preprocessing, &c->reader);
    if (status) return status;
    c->classes = lk_plan_feature_length(c->plan, 0);
    c->scores = lk_allocate_array(c->classes, sizeof *c->scores);
    return c->scores ? LK_OK : lk_fail(LK_ERROR_MEMORY, "out of memory for %zu classes", c->classes);
}

static lk_status open_classifier(classifier *c)
{
    lk_status status = lk_model_open(c->o->model, &c->model);
    if (!status && !lk_model_classes(c->model))
        status =
            lk_fail(LK_ERROR_NOT_FOUND, "%s: it has no classifier; extract gives its features", c->o->model);
    if (!status && c->o->info_path) status = lk_info_file_open(c->o->info_path, &c->info);
    if (!status)
        status = cli_preprocessing(lk_model_preprocessing(c->model), &c->o->input, &c->preprocessing);
    if (!status) status = open_session(c);
    return status;
}

/* ------------------------------------------------------------------ One picture */

static const char *label_of(const classifier *c, size_t i, bool english)
{
    if (c->info) return english ? lk_info_file_label_english(c->info, i) : lk_info_file_label(c->info, i);
    return english ? lk_model_label_english(c->model, i) : lk_model_label(c->model, i);
}

static void print_class(const classifier *c, size_t i)
{
    const char *label = c->o->english ? label_of(c, i, true) : NULL;
    if (!label) label = label_of(c, i, false);
    printf("  %6.2f %%  %zu%s%s\n", 100.0 * (double)c->scores[i], i, label ? "  " : "", label ? label : "");
}

static json_t *class_json(const classifier *c, size_t i)
{
    json_t *json =
        json_pack("{s:I, s:o}", "class", (json_int_t)i, "probability", lk_json_float(c->scores[i]));
    const char *label = label_of(c, i, false), *english = label_of(c, i, true);
    if (label) json_object_set_new(json, "label", cli_json_text(label));
    if (english) json_object_set_new(json, "label_en", cli_json_text(english));
    return json;
}

/* The scores are used up: each class that was printed is struck out. */
static lk_status print_picture(const classifier *c, const char *path)
{
    json_t *top = c->o->json ? json_array() : NULL;
    if (!c->o->json) printf("%s\n", path);
    for (size_t k = 0; k < c->o->top && k < c->classes; k++) {
        const size_t best = lk_largest(c->scores, c->classes);
        if (c->o->json) json_array_append_new(top, class_json(c, best));
        else print_class(c, best);
        c->scores[best] = -1;
    }
    if (!c->o->json) return LK_OK;
    return cli_json_print(json_pack("{s:o, s:o}", "path", cli_json_text(path), "top", top), false);
}

static lk_status read_picture(classifier *c, const char *path)
{
    return lk_picture_reader_read(c->reader, path, lk_session_pixels(c->session, 0));
}

static lk_status classify(classifier *c, const char *path)
{
    lk_status status = lk_session_run(c->session, 1);
    if (!status) status = lk_session_feature(c->session, 0, 0, c->scores);
    if (status) return status;
    lk_softmax(c->scores, c->classes);
    return print_picture(c, path);
}

/* Pictures that cannot be read are reported and passed over; the code says whether there were any. */
static int run(classifier *c)
{
    int code = 0;
    size_t bad = 0;
    for (size_t i = 0; i < c->o->pictures.count; i++) {
        const char *path = c->o->pictures.items[i];
        lk_status status = read_picture(c, path);
        if (status && status != LK_ERROR_MEMORY) {
            const int fault = cli_report(c->command, status);
            if (!bad++) code = fault;
            continue;
        }
        if (!status) status = classify(c, path);
        if (status) return cli_report(c->command, status);
    }
    return bad && bad < c->o->pictures.count ? CLI_SKIPPED : code;
}

int cli_classify(int argc, char **argv)
{
    static const struct argp_child children[] = {
        {&cli_input_argp, 0, NULL, 0}, {&cli_run_argp, 0, NULL, 0}, {0}};
    static const struct argp argp = {.options = argp_options,
                                     .parser = parse,
                                     .args_doc = "MODEL IMAGE...",
                                     .doc = "Prints the likeliest classes of each picture, with their "
                                            "probabilities. A picture that cannot be read is "
                                            "reported and passed over: then the exit code is 3, or that of "
                                            "the fault when none could be read.\v"
                                            "Example:\n"
                                            "  likeness classify --top 3 zodiac.safetensors photo.jpg",
                                     .children = children};
    options o = {.top = 5, .run = {.threads = 1}};
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    classifier c = {.o = &o, .command = argv[0]};
    const lk_status status = open_classifier(&c);
    const int code = status ? cli_report(argv[0], status) : run(&c);
    close_classifier(&c);
    cli_texts_close(&o.pictures);
    return code;
}
