/* likeness bench: the time of each step, backends side by side. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "cbir/cli/cli.h"

enum { JSON = 0x100, REPEAT, BATCH, PLAIN, BACKENDS = 2 };

typedef struct {
    const char *model;
    size_t repeat, batch;
    bool json, plain;
    cli_input_options input;
    cli_run_options run;
} options;

static const struct argp_option argp_options[] = {
    {"repeat", REPEAT, "N", 0, "Timed runs of each backend, after one that is shown apart (20)", 1},
    {"plain", PLAIN, NULL, 0, "Without folding and fusing: each layer a step of its own", 1},
    {"json", JSON, NULL, 0, "Print one JSON document", 1},
    {NULL, 0, NULL, 0, NULL, 20},
    {"batch", BATCH, "N", 0, "Pictures a run (1)", 20},
    {0}};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    options *o = state->input;
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
    case JSON:
        o->json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (o->model) argp_error(state, "one model at a time; what is '%s'?", argument);
        o->model = argument;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "which model?");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ------------------------------------------------------------------ Measuring */

/* One backend's plan and all its times. Step `steps` of a run stands for the whole run. */
typedef struct {
    lk_plan *plan;
    lk_session *session;
    lk_step_profile *profile; /* [steps], of the last run */
    size_t steps, repeat, input_values;
    uint64_t *ns;    /* [steps + 1][repeat] */
    uint64_t *first; /* [steps + 1]: the run before those */
} contestant;

static void close_contestant(contestant *c)
{
    lk_free(c->first);
    lk_free(c->ns);
    lk_free(c->profile);
    lk_session_close(&c->session);
    lk_plan_close(&c->plan);
}

static lk_status open_contestant(const options *o, const lk_model *model, lk_backend_kind backend,
                                 lk_pool *pool, contestant *c)
{
    lk_preprocessing p;
    lk_status status = cli_preprocessing(lk_model_preprocessing(model), &o->input, &p);
    if (status) return status;
    const lk_plan_options how = {.backend = backend,
                                 .isa = o->run.isa,
                                 .height = p.height,
                                 .width = p.width,
                                 .batch = o->batch,
                                 .plain = o->plain,
                                 .precision = o->run.precision};
    status = lk_plan_open(model, &how, &c->plan);
    if (!status) status = lk_session_share(c->plan, pool, &c->session);
    if (status) return status;
    c->steps = lk_plan_step_count(c->plan);
    c->repeat = o->repeat;
    c->input_values = p.height * p.width * 3;
    c->profile = lk_allocate_array(c->steps, sizeof *c->profile);
    c->ns = lk_allocate_array((c->steps + 1) * c->repeat, sizeof *c->ns);
    c->first = lk_allocate_array(c->steps + 1, sizeof *c->first);
    if (!c->profile || !c->ns || !c->first)
        return lk_fail(LK_ERROR_MEMORY, "out of memory for %zu times", c->repeat);
    return LK_OK;
}

/* A run may overwrite its input, and what another layer leaves there might hold denormal numbers, which are
 * slow. */
static void fill_input(contestant *c, const options *o)
{
    for (size_t i = 0; i < o->batch; i++) {
        float *input = lk_session_input(c->session, i);
        for (size_t k = 0; k < c->input_values; k++) input[k] = (float)(k % 17) / 8 - 1;
    }
}

static lk_status measure(contestant *c, const options *o, uint64_t *times, size_t stride)
{
    uint64_t whole = 0;
    fill_input(c, o);
    const lk_status status = lk_session_profile(c->session, o->batch, c->profile);
    for (size_t i = 0; !status && i < c->steps; i++) {
        times[i * stride] = c->profile[i].ns;
        whole += c->profile[i].ns;
    }
    times[c->steps * stride] = whole;
    return status;
}

/* The backends take turns, so that a slow moment of the machine meets all of them. */
static lk_status measure_all(contestant *contestants, size_t count, const options *o)
{
    lk_status status = LK_OK;
    for (size_t i = 0; !status && i < count; i++)
        status = measure(&contestants[i], o, contestants[i].first, 1);
    for (size_t r = 0; !status && r < o->repeat; r++)
        for (size_t i = 0; !status && i < count; i++)
            status = measure(&contestants[i], o, contestants[i].ns + r, contestants[i].repeat);
    return status;
}

/* ------------------------------------------------------------------ What the times say */

typedef struct {
    double first_ms, min_ms, median_ms, gflops,
        share; /* 2 floating-point operations a multiply-add, by the minimum */
} figures;

static int by_size(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static size_t all_multiply_adds(const contestant *c)
{
    size_t sum = 0;
    for (size_t i = 0; i < c->steps; i++) sum += c->profile[i].multiply_adds;
    return sum;
}

/* The times of a step are sorted the first time they are asked for; sorting again costs little. */
static figures figures_of(const contestant *c, size_t step, const options *o)
{
    uint64_t *times = c->ns + step * c->repeat;
    qsort(times, c->repeat, sizeof *times, by_size);
    const size_t macs = step < c->steps ? c->profile[step].multiply_adds : all_multiply_adds(c),
                 half = c->repeat / 2;
    const double least = (double)times[0];
    const double median =
        c->repeat % 2 ? (double)times[half] : ((double)times[half - 1] + (double)times[half]) / 2;
    return (figures){.first_ms = (double)c->first[step] * 1e-6,
                     .min_ms = least * 1e-6,
                     .median_ms = median * 1e-6,
                     .gflops = least > 0 ? 2.0 * (double)macs * (double)o->batch / least : 0};
}

static figures step_figures(const contestant *c, size_t step, const options *o)
{
    figures f = figures_of(c, step, o);
    const figures whole = figures_of(c, c->steps, o);
    f.share = whole.median_ms > 0 ? f.median_ms / whole.median_ms : 0;
    return f;
}

/* ------------------------------------------------------------------ Text */

static void print_figures(const char *label, const char *backend, const figures *f, const char *kernel)
{
    printf("%-24s %-10s %9.3f %9.3f %9.2f %7.1f %%  %s\n", label, backend, f->min_ms, f->median_ms, f->gflops,
           100 * f->share, kernel);
}

/* Whether step `step` of the first backend is one of this backend's too: fused plans may differ. */
static bool find_step(const contestant *c, const char *name, size_t *step)
{
    for (size_t i = 0; i < c->steps; i++) {
        if (strcmp(c->profile[i].name, name) != 0) continue;
        *step = i;
        return true;
    }
    return false;
}

/* A step's lines: one a backend that has it. Those that only the second has stand at the end. */
static void print_step(const contestant *contestants, size_t count, const char *name, const options *o)
{
    bool labelled = false;
    for (size_t i = 0; i < count; i++) {
        size_t step;
        if (!find_step(&contestants[i], name, &step)) continue;
        const figures f = step_figures(&contestants[i], step, o);
        print_figures(labelled ? "" : name, lk_plan_backend(contestants[i].plan), &f,
                      contestants[i].profile[step].kernel);
        labelled = true;
    }
}

static void print_text(const contestant *contestants, size_t count, const options *o)
{
    size_t step;
    printf("%-24s %-10s %9s %9s %9s %9s  %s\n", "step", "backend", "min ms", "median ms", "GFLOP/s", "share",
           "kernel");
    for (size_t i = 0; i < contestants[0].steps; i++)
        print_step(contestants, count, contestants[0].profile[i].name, o);
    for (size_t k = 1; k < count; k++)
        for (size_t i = 0; i < contestants[k].steps; i++)
            if (!find_step(&contestants[0], contestants[k].profile[i].name, &step))
                print_step(contestants + k, 1, contestants[k].profile[i].name, o);
    for (size_t i = 0; i < count; i++) {
        const figures f = step_figures(&contestants[i], contestants[i].steps, o);
        char first[64];
        snprintf(first, sizeof first, "first run: %.3f ms", f.first_ms);
        print_figures(i ? "" : "all", lk_plan_backend(contestants[i].plan), &f, first);
    }
}

/* ------------------------------------------------------------------ JSON */

static json_t *figures_json(const figures *f)
{
    return json_pack("{s:f, s:f, s:f, s:f, s:f}", "first_ms", f->first_ms, "min_ms", f->min_ms, "median_ms",
                     f->median_ms, "gflops", f->gflops, "share", f->share);
}

static json_t *step_json(const contestant *c, size_t i, const options *o)
{
    const lk_step_profile *s = &c->profile[i];
    const figures f = step_figures(c, i, o);
    json_t *json = json_pack("{s:s, s:s, s:s, s:[I, I, I], s:I}", "name", s->name, "kind", s->kind, "kernel",
                             s->kernel, "output", (json_int_t)s->channels, (json_int_t)s->height,
                             (json_int_t)s->width, "multiply_adds", (json_int_t)s->multiply_adds);
    json_t *times = figures_json(&f);
    if (json) json_object_update(json, times);
    json_decref(times);
    return json;
}

static json_t *backend_json(const contestant *c, const options *o)
{
    json_t *steps = json_array();
    const figures whole = step_figures(c, c->steps, o);
    for (size_t i = 0; i < c->steps; i++) json_array_append_new(steps, step_json(c, i, o));
    return json_pack("{s:s, s:o, s:o, s:I, s:I}", "backend", lk_plan_backend(c->plan), "all",
                     figures_json(&whole), "steps", steps, "arena_bytes",
                     (json_int_t)lk_plan_arena_bytes(c->plan), "weight_bytes",
                     (json_int_t)lk_plan_weight_bytes(c->plan));
}

static lk_status print_json(const contestant *contestants, size_t count, const options *o,
                            const lk_pool *pool)
{
    json_t *backends = json_array();
    for (size_t i = 0; i < count; i++) json_array_append_new(backends, backend_json(&contestants[i], o));
    return cli_json_print(json_pack("{s:o, s:I, s:I, s:I, s:o}", "model", cli_json_text(o->model), "batch",
                                    (json_int_t)o->batch, "threads", (json_int_t)lk_pool_threads(pool),
                                    "repeat", (json_int_t)o->repeat, "backends", backends),
                          true);
}

/* ------------------------------------------------------------------ The run */

/* The backend that was asked for, or all that this machine has. */
static lk_status open_contestants(const options *o, const lk_model *model, lk_pool *pool,
                                  contestant *contestants, size_t *count)
{
    static const lk_backend_kind all[BACKENDS] = {LK_BACKEND_REFERENCE, LK_BACKEND_OPENBLAS};
    if (o->run.has_backend) return open_contestant(o, model, o->run.backend, pool, &contestants[(*count)++]);
    for (size_t i = 0; i < BACKENDS; i++) {
        contestant *c = &contestants[*count];
        const lk_status status = open_contestant(o, model, all[i], pool, c);
        if (status && (status != LK_ERROR_BACKEND || i == 0)) {
            ++*count; /* to be closed */
            return status;
        }
        if (status) close_contestant(c);
        else ++*count;
    }
    return LK_OK;
}

static lk_status bench(const options *o, const lk_model *model)
{
    lk_pool *pool = NULL;
    contestant contestants[BACKENDS] = {{0}};
    size_t count = 0;
    lk_status status = o->run.threads == 1 ? LK_OK : lk_pool_open(o->run.threads, &pool);
    if (!status) status = open_contestants(o, model, pool, contestants, &count);
    if (!status) status = measure_all(contestants, count, o);
    if (!status && o->json) status = print_json(contestants, count, o, pool);
    else if (!status) print_text(contestants, count, o);
    for (size_t i = 0; i < count; i++) close_contestant(&contestants[i]);
    lk_pool_close(&pool);
    return status;
}

int cli_bench(int argc, char **argv)
{
    static const struct argp_child children[] = {
        {&cli_input_argp, 0, NULL, 0}, {&cli_run_argp, 0, NULL, 0}, {0}};
    static const struct argp argp = {
        .options = argp_options,
        .parser = parse,
        .args_doc = "MODEL",
        .doc =
            "Times each step of a model: minimum and median, GFLOP/s by the minimum (a multiply-add is two "
            "operations), share of the whole by the median. Without --backend, all backends of this machine "
            "take "
            "turns. The first run of each, which meets cold caches, is shown apart.\v"
            "Example:\n"
            "  likeness bench zodiac.safetensors --repeat 50 --threads 1",
        .children = children};
    options o = {.repeat = 20, .batch = 1, .run = {.threads = 1}};
    lk_model *model = NULL;
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    lk_status status = lk_model_open(o.model, &model);
    if (!status) status = bench(&o, model);
    lk_model_close(&model);
    return cli_report(argv[0], status);
}
