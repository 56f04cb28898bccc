/* likeness trace: every stage from pixels to logits, written down or set against another trace. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "cbir/cli/cli.h"
#include "cbir/cli/compare.h"
#include "cbir/cli/stages.h"

enum { JSON = 0x100, COMPARE, TOLERANCE, FUSED, BN };

typedef struct {
    const char *first, *picture; /* a model and a picture, or a trace folder alone */
    const char *output, *other;
    double tolerance;
    bool fused, json;
    lk_batch_norm_mode batch_norm;
    cli_input_options input;
    cli_run_options run;
} options;

static const struct argp_option argp_options[] = {
    {"output", 'o', "FOLDER", 0, "Write the stages and trace.json here", 1},
    {"compare", COMPARE, "OTHER", 0, "Set the stages against a trace folder or a golden .npz (NCHW or NHWC)",
     1},
    {"tolerance", TOLERANCE, "X", 0,
     "A stage departs when it differs by more than X times its largest magnitude (1e-4)", 1},
    {"fused", FUSED, NULL, 0, "The folded and fused plan's blocks, as all other commands run it", 1},
    {"bn", BN, "MODE", 0, "Batch norm by running statistics (the default), or by batch: the picture's own",
     1},
    {"json", JSON, NULL, 0, "Print the comparison as one JSON document", 1},
    {0}};

static double parse_tolerance(struct argp_state *state, const char *text)
{
    char *end;
    const double value = strtod(text, &end);
    if (end == text || *end || !(value >= 0) || !isfinite(value))
        argp_error(state, "--tolerance: '%s' is not a number from 0 up", text);
    return value;
}

static void check(struct argp_state *state, const options *o)
{
    if (!o->first) argp_error(state, "which model and picture, or which trace folder?");
    if (!o->picture && !o->other)
        argp_error(state, "which picture? (a trace folder alone goes with --compare)");
    if (!o->picture && o->output) argp_error(state, "-o goes with a model and a picture");
    if (!o->output && !o->other) argp_error(state, "where to? -o FOLDER, or --compare OTHER");
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    options *o = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &o->input;
        state->child_inputs[1] = &o->run;
        return 0;
    case 'o':
        o->output = argument;
        return 0;
    case COMPARE:
        o->other = argument;
        return 0;
    case TOLERANCE:
        o->tolerance = parse_tolerance(state, argument);
        return 0;
    case FUSED:
        o->fused = true;
        return 0;
    case BN:
        o->batch_norm = cli_batch_norm(state, argument);
        return 0;
    case JSON:
        o->json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (o->picture) argp_error(state, "one picture at a time; what is '%s'?", argument);
        *(o->first ? &o->picture : &o->first) = argument;
        return 0;
    case ARGP_KEY_END:
        check(state, o);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ------------------------------------------------------------------ The comparison, printed */

static void print_text(const comparison *c, double tolerance)
{
    printf("%-28s %12s %12s %10s\n", "stage", "difference", "magnitude", "relative");
    for (size_t i = 0; i < c->count; i++) {
        const stage_difference *d = &c->stages[i];
        const double relative = d->difference == 0 ? 0 : d->difference / d->magnitude;
        printf("%-28s %12.4g %12.4g %10.2g%s\n", d->name, d->difference, d->magnitude, relative,
               d->departs ? "  departs" : "");
    }
    if (c->first)
        printf("first to depart: %s, by %.4g at value %zu; its largest magnitude is %.4g\n", c->first->name,
               c->first->difference, c->first->at, c->first->magnitude);
    else printf("all %zu stages agree within %g of their largest magnitude\n", c->count, tolerance);
}

/* JSON has no NaN and no infinity. */
static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static lk_status print_json(const comparison *c, double tolerance)
{
    json_t *list = json_array();
    for (size_t i = 0; i < c->count; i++) {
        const stage_difference *d = &c->stages[i];
        json_array_append_new(list, json_pack("{s:s, s:o, s:o, s:I, s:b}", "name", d->name, "difference",
                                              number(d->difference), "magnitude", number(d->magnitude), "at",
                                              (json_int_t)d->at, "departs", d->departs));
    }
    return cli_json_print(json_pack("{s:f, s:o, s:o}", "tolerance", tolerance, "first_to_depart",
                                    c->first ? json_string(c->first->name) : json_null(), "stages", list),
                          true);
}

/* A golden of another picture would depart at the first pixel: said before, as the reason. */
static void warn_of_photo(const char *command, const stages *ours, const stages *theirs)
{
    char left[256], right[256];
    if (ours->photo(ours, left, sizeof left) && theirs->photo(theirs, right, sizeof right) &&
        strcmp(left, right) != 0)
        fprintf(stderr, "%s: warning: %s was made from %s, this trace from %s\n", command, theirs->source,
                right, left);
}

static lk_status compare(const options *o, const char *command, const stages *ours, bool *departs)
{
    stages *theirs = NULL;
    comparison c = {0};
    lk_status status = stages_open_path(o->other, &theirs);
    if (!status) {
        warn_of_photo(command, ours, theirs);
        status = compare_stages(ours, theirs, o->tolerance, &c);
    }
    if (!status) {
        *departs = c.first;
        if (o->json) status = print_json(&c, o->tolerance);
        else print_text(&c, o->tolerance);
    }
    comparison_close(&c);
    stages_close(&theirs);
    return status;
}

/* ------------------------------------------------------------------ The run */

static lk_status trace_picture(const options *o, const char *command, bool *departs)
{
    lk_model *model = NULL;
    stages *ours = NULL;
    stage_recipe recipe = {.model_path = o->first,
                           .picture_path = o->picture,
                           .plan = {.backend = o->run.backend,
                                    .isa = o->run.isa,
                                    .device = o->run.device,
                                    .tf32 = o->run.tf32,
                                    .batch_norm = o->batch_norm,
                                    .precision = o->run.precision},
                           .threads = o->run.threads,
                           .fused = o->fused};
    lk_status status = lk_model_open(o->first, &model);
    recipe.model = model;
    if (model && lk_model_precision(model) == LK_PRECISION_INT8) recipe.fused = true; /* it is nothing else */
    if (!status) status = cli_preprocessing(lk_model_preprocessing(model), &o->input, &recipe.preprocessing);
    if (!status) status = stages_open_fresh(&recipe, &ours);
    if (!status && o->output) {
        status = stages_write(ours, &recipe, o->output);
        if (!status && !o->json) printf("%s: %zu stages\n", o->output, ours->count);
    }
    if (!status && o->other) status = compare(o, command, ours, departs);
    stages_close(&ours);
    lk_model_close(&model);
    return status;
}

static lk_status trace_folder(const options *o, const char *command, bool *departs)
{
    stages *ours = NULL;
    struct stat about;
    if (!stat(o->first, &about) && !S_ISDIR(about.st_mode))
        return lk_fail(LK_ERROR_ARGUMENT, "%s: not a trace folder; with a model goes a picture", o->first);
    lk_status status = stages_open_folder(o->first, &ours);
    if (!status) status = compare(o, command, ours, departs);
    stages_close(&ours);
    return status;
}

int cli_trace(int argc, char **argv)
{
    static const struct argp_child children[] = {
        {&cli_input_argp, 0, NULL, 0}, {&cli_run_argp, 0, NULL, 0}, {0}};
    static const struct argp argp = {
        .options = argp_options,
        .parser = parse,
        .args_doc = "MODEL IMAGE\nTRACE_FOLDER",
        .doc = "Takes one picture through a model and writes every stage as a .npy file: the decoded and the "
               "resized "
               "pixels, the network's input, each layer's output (maps as [height][width][channels]); "
               "trace.json lists "
               "them with layouts and CRC-32s. Or compares stages, and names the first that departs: then "
               "the exit code "
               "is 1.\v"
               "Examples:\n"
               "  likeness trace zodiac.safetensors photo.jpg -o stages\n"
               "  likeness trace zodiac.safetensors photo.jpg --compare golden.npz\n"
               "  likeness trace stages --compare stages_of_another_machine",
        .children = children};
    options o = {.tolerance = 1e-4, .run = {.threads = 1}};
    bool departs = false;
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    const lk_status status = (o.picture ? trace_picture : trace_folder)(&o, argv[0], &departs);
    const int code = cli_report(argv[0], status);
    return code || !departs ? code : CLI_DEPARTS;
}
