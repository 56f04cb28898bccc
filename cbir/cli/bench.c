/* likeness bench: the time of each step of a model, backends side by side; or of one layer, kernels side by
 * side. */
#include <math.h>
#include <string.h>

#include "cbir/cli/bench.h"

enum {
    REPEAT = 0x100,
    BATCH,
    PLAIN,
    COLD,
    CSV,
    JSON,
    SVG,
    LAYER,
    SWEEP,
    IN,
    OUT,
    KERNEL,
    STRIDE,
    GROUPS,
    PAD,
    ACTIVATION
};

#define LARGEST ((size_t)1 << 20) /* of any number of a shape */

static const struct argp_option argp_options[] = {
    {"repeat", REPEAT, "N", 0, "Timed runs of each, after one that is shown apart (20)", 1},
    {"plain", PLAIN, NULL, 0, "Without folding and fusing: each layer a step of its own", 1},
    {"cold", COLD, NULL, 0, "Flush the caches before each run", 1},
    {"csv", CSV, NULL, 0, "Print comma-separated values", 1},
    {"json", JSON, NULL, 0, "Print one JSON document", 1},
    {"svg", SVG, "PREFIX", 0, "Draw PREFIX-roofline.svg and PREFIX-layers.svg as well", 1},
    {NULL, 0, NULL, 0, "A layer of any shape instead of a model:", 5},
    {"layer", LAYER, "NAME", 0, "pointwise, depthwise, conv, linear or pool", 5},
    {"in", IN, "HxWxC", 0, "Its input: rows, columns, channels", 5},
    {"out", OUT, "N", 0, "Output channels", 5},
    {"kernel", KERNEL, "N", 0, "Taps a side (3); of pool: the largest of these, else the mean of the map", 5},
    {"stride", STRIDE, "N", 0, "Stride (1; of pool: the kernel)", 5},
    {"groups", GROUPS, "N", 0, "Groups of channels of a conv (1)", 5},
    {"pad", PAD, "N", 0, "Padding on each side ((kernel - 1) / 2; of pool: 0)", 5},
    {"activation", ACTIVATION, "NAME", 0, "none, relu or relu6 (none)", 5},
    {"sweep", SWEEP, "FILE.csv", 0, "A shape a line: layer,h,w,c,out,kernel,stride,groups", 5},
    {NULL, 0, NULL, 0, NULL, 20},
    {"batch", BATCH, "N", 0, "Pictures a run (1)", 20},
    {0}};

/* "57x57x24" */
static void parse_in(struct argp_state *state, const char *text, bench_shape *shape)
{
    unsigned long h = 0, w = 0, c = 0;
    int end = 0;
    const bool digits = text[strspn(text, "0123456789x")] == 0;
    if (!digits || sscanf(text, "%9lux%9lux%9lu%n", &h, &w, &c, &end) != 3 || text[end] || !h || !w || !c ||
        h > LARGEST || w > LARGEST || c > LARGEST)
        argp_error(state, "--in: '%s' is not HEIGHTxWIDTHxCHANNELS, each from 1 to %zu", text, LARGEST);
    shape->h = h, shape->w = w, shape->c = c;
}

static void parse_layer(struct argp_state *state, const char *text, bench_shape *shape)
{
    static const char *const layers[] = {"pointwise", "depthwise", "conv", "linear", "pool"};
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++)
        if (!strcmp(text, layers[i])) shape->layer = layers[i];
    if (!shape->layer)
        argp_error(state, "--layer: '%s' is none of pointwise, depthwise, conv, linear, pool", text);
}

static void parse_activation(struct argp_state *state, const char *text, bench_shape *shape)
{
    shape->lo = strcmp(text, "none") != 0 ? 0 : -INFINITY;
    shape->hi = strcmp(text, "relu6") != 0 ? INFINITY : 6;
    if (strcmp(text, "none") != 0 && strcmp(text, "relu") != 0 && strcmp(text, "relu6") != 0)
        argp_error(state, "--activation: '%s' is none of none, relu, relu6", text);
}

static error_t parse_shape(int key, char *argument, struct argp_state *state)
{
    bench_options *o = state->input;
    bench_shape *s = &o->shape;
    o->shape_given = true;
    switch (key) {
    case IN:
        parse_in(state, argument, s);
        return 0;
    case OUT:
        s->out = cli_number(state, "--out", argument, 1, LARGEST);
        return 0;
    case KERNEL:
        s->kernel = cli_number(state, "--kernel", argument, 1, LARGEST);
        return 0;
    case STRIDE:
        s->stride = cli_number(state, "--stride", argument, 1, LARGEST);
        return 0;
    case GROUPS:
        s->groups = cli_number(state, "--groups", argument, 1, LARGEST);
        return 0;
    case PAD:
        s->pad = cli_number(state, "--pad", argument, 0, LARGEST);
        return 0;
    case ACTIVATION:
        parse_activation(state, argument, s);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* What can only be said of all options together. */
static void check(struct argp_state *state, const bench_options *o)
{
    const cli_input_options *in = &o->input;
    const bool input = in->height || in->shorter || in->has_mean || in->has_std || in->fast_decode;
    if (!o->model && !o->shape.layer && !o->sweep) argp_error(state, "which model? Or --layer, or --sweep");
    if (!!o->model + !!o->shape.layer + !!o->sweep > 1)
        argp_error(state, "a model, --layer and --sweep exclude each other");
    if (o->shape_given && !o->shape.layer) argp_error(state, "a shape's options need --layer");
    if (o->shape.layer && !o->shape.h) argp_error(state, "--layer: --in: how large is its input?");
    if (!o->model && (o->plain || o->run.precision || input))
        argp_error(state, "--plain, --precision and the input's options need a model");
}

static void set_format(struct argp_state *state, bench_options *o, bench_format format)
{
    if (o->format && o->format != format) argp_error(state, "--csv and --json exclude each other");
    o->format = format;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    bench_options *o = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &o->input;
        state->child_inputs[1] = &o->run;
        return 0;
    case REPEAT:
        o->repeat = cli_number(state, "--repeat", argument, 1, 1000000);
        return 0;
    case BATCH:
        o->batch = cli_number(state, "--batch", argument, 1, 1024);
        return 0;
    case PLAIN:
        o->plain = true;
        return 0;
    case COLD:
        o->cold = true;
        return 0;
    case CSV:
    case JSON:
        set_format(state, o, key == CSV ? BENCH_CSV : BENCH_JSON);
        return 0;
    case SVG:
        o->svg = argument;
        return 0;
    case LAYER:
        parse_layer(state, argument, &o->shape);
        return 0;
    case SWEEP:
        o->sweep = argument;
        return 0;
    case ARGP_KEY_ARG:
        if (o->model) argp_error(state, "one model at a time; what is '%s'?", argument);
        o->model = argument;
        return 0;
    case ARGP_KEY_END:
        check(state, o);
        return 0;
    default:
        return key >= IN && key <= ACTIVATION ? parse_shape(key, argument, state) : ARGP_ERR_UNKNOWN;
    }
}

static lk_status tell(const bench_options *o, const bench_table *table, const bench_machine *machine)
{
    lk_status status = LK_OK;
    if (o->format == BENCH_JSON) status = bench_print_json(o, table, machine);
    else if (o->format == BENCH_CSV) bench_print_csv(o, table, machine);
    else bench_print_text(o, table, machine);
    return !status && o->svg ? bench_write_svg(o, table, machine) : status;
}

static lk_status bench(const bench_options *o)
{
    bench_table table = {.repeat = o->repeat};
    bench_machine machine = {.cycles = -1};
    bench_shapes shapes = {0};
    bench_model *model = NULL;
    bench_layers *layers = NULL;
    lk_status status = o->model ? LK_OK : bench_shapes_read(o, &shapes);
    if (!status) status = bench_machine_open(&machine);
    if (!status)
        status = o->model ? bench_model_run(o, &machine, &table, &model)
                          : bench_layers_run(o, &shapes, &machine, &table, &layers);
    bench_table_order(&table);
    if (!status) status = tell(o, &table, &machine);
    bench_table_close(&table);
    bench_layers_close(&layers);
    bench_model_close(&model);
    bench_machine_close(&machine);
    bench_shapes_close(&shapes);
    return status;
}

int cli_bench(int argc, char **argv)
{
    static const struct argp_child children[] = {
        {&cli_input_argp, 0, NULL, 0}, {&cli_run_argp, 0, NULL, 0}, {0}};
    static const struct argp argp = {
        .options = argp_options,
        .parser = parse,
        .args_doc = "MODEL\n--layer=NAME --in=HxWxC\n--sweep=FILE.csv",
        .doc = "Times each step of a model, or a layer of any shape: the first run apart, then minimum, "
               "median and 95th "
               "percentile. By the minimum: GFLOP/s (a multiply-add is two operations) and GB/s of maps and "
               "weights, each "
               "as a share of what this core can do, which is measured between the runs; which of the two is "
               "the limit, "
               "and how much of what it allows is reached. Backends of a model (native and openblas; "
               "--backend may be "
               "repeated) take turns, and so do all kernels that fit a layer, which are checked first.\v"
               "Examples:\n"
               "  likeness bench zodiac.safetensors --repeat 50 --svg zodiac\n"
               "  likeness bench --layer depthwise --in 57x57x144 --stride 2\n"
               "  likeness bench --sweep shapes.csv --csv",
        .children = children};
    bench_options o = {.repeat = 20, .batch = 1, .run = {.threads = 1}};
    o.shape = (bench_shape){.pad = SIZE_MAX, .lo = -INFINITY, .hi = INFINITY};
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    return cli_report(argv[0], bench(&o));
}
