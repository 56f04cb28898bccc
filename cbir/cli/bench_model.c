/* A model's steps, backends in turn. */
#include "base/error.h"
#include "base/memory.h"
#include "cbir/cli/bench.h"

enum { BACKENDS = 4 };

/* One backend's plan, and where its rows begin in the table: those of its steps, then the whole run. */
typedef struct {
    lk_plan *plan;
    lk_session *session;
    lk_step_profile *profile; /* [steps], of the last run */
    size_t steps, input_values, first_row;
} contestant;

struct bench_model {
    lk_model *model;
    lk_pool *pool;
    contestant contestants[BACKENDS];
    size_t count;
};

void bench_model_close(bench_model **kept)
{
    bench_model *b = *kept;
    if (!b) return;
    for (size_t i = 0; i < b->count; i++) {
        lk_free(b->contestants[i].profile);
        lk_session_close(&b->contestants[i].session);
        lk_plan_close(&b->contestants[i].plan);
    }
    lk_pool_close(&b->pool);
    lk_model_close(&b->model);
    lk_free(b);
    *kept = NULL;
}

/* ------------------------------------------------------------------ Opening */

static lk_status open_contestant(const bench_options *o, bench_model *b, lk_backend_kind backend)
{
    contestant *c = &b->contestants[b->count];
    lk_preprocessing p;
    lk_status status = cli_preprocessing(lk_model_preprocessing(b->model), &o->input, &p);
    if (status) return status;
    const lk_plan_options how = {.backend = backend,
                                 .isa = o->run.isa,
                                 .device = o->run.device,
                                 .tf32 = o->run.tf32,
                                 .height = p.height,
                                 .width = p.width,
                                 .batch = o->batch,
                                 .plain = o->plain,
                                 .precision = o->run.precision};
    status = lk_plan_open(b->model, &how, &c->plan);
    if (status) return status;
    b->count++; /* from now on to be closed */
    cli_note(lk_plan_note(c->plan));
    status = lk_session_share(c->plan, b->pool, &c->session);
    if (status) return status;
    c->steps = lk_plan_step_count(c->plan);
    c->input_values = p.height * p.width * 3;
    c->profile = lk_allocate_array(c->steps, sizeof *c->profile);
    return c->profile ? LK_OK : lk_fail(LK_ERROR_MEMORY, "out of memory for %zu steps", c->steps);
}

/* The backends that were asked for; else native, and OpenBLAS's where the machine has it. */
static lk_status open_contestants(const bench_options *o, bench_model *b)
{
    lk_status status = LK_OK;
    for (size_t i = 0; !status && i < o->run.backend_count; i++)
        status = open_contestant(o, b, o->run.backends[i]);
    if (o->run.backend_count) return status;
    status = open_contestant(o, b, LK_BACKEND_NATIVE);
    if (status) return status;
    status = open_contestant(o, b, LK_BACKEND_OPENBLAS);
    /* What native took is no fault of the options: openblas may know less, such as a model file's precision.
     */
    return status == LK_ERROR_BACKEND || status == LK_ERROR_ARGUMENT ? LK_OK : status;
}

/* ------------------------------------------------------------------ Measuring */

/* A run may overwrite its input, and what another layer leaves there might hold denormal numbers, which are
 * slow. */
static void fill_input(contestant *c, size_t batch)
{
    for (size_t i = 0; i < batch; i++) {
        float *input = lk_session_input(c->session, i);
        for (size_t k = 0; k < c->input_values; k++) input[k] = (float)(k % 17) / 8 - 1;
    }
}

static lk_status run(contestant *c, const bench_options *o)
{
    fill_input(c, o->batch);
    return lk_session_profile(c->session, o->batch, c->profile);
}

/* A step's facts, gathered over the one that it does as well. */
static void describe(const contestant *c, size_t step, size_t batch, bench_row *row)
{
    const lk_step_profile *s = &c->profile[step];
    if (row->layer_count < BENCH_MOST_LAYERS) row->layers[row->layer_count++] = s->name;
    row->backend = lk_plan_backend(c->plan);
    row->kernel = s->kernel;
    row->kind = row->layer_count > 1 ? "fused" : s->kind;
    row->output[0] = s->channels, row->output[1] = s->height, row->output[2] = s->width;
    row->multiply_adds += s->multiply_adds * batch;
    row->map_bytes += s->map_bytes * batch;
    row->weight_bytes += s->weight_bytes;
}

/* Rows for the steps of a run that is just done, which was the first. */
static lk_status add_rows(contestant *c, const bench_options *o, bench_table *table)
{
    bench_row whole = {.is_whole = true, .backend = lk_plan_backend(c->plan)}, *row = NULL;
    c->first_row = table->count;
    for (size_t i = 0; i < c->steps; i++) {
        if (!row) row = bench_table_add(table);
        if (!row) return lk_fail(LK_ERROR_MEMORY, "out of memory for the times");
        describe(c, i, o->batch, row);
        row->first_ns += c->profile[i].ns;
        if (c->profile[i].in_next) continue;
        whole.multiply_adds += row->multiply_adds;
        whole.map_bytes += row->map_bytes;
        whole.weight_bytes += row->weight_bytes;
        whole.first_ns += row->first_ns;
        row = NULL;
    }
    row = bench_table_add(table);
    if (!row) return lk_fail(LK_ERROR_MEMORY, "out of memory for the times");
    whole.ns = row->ns;
    whole.cycles = BENCH_CYCLES_ABSENT;
    whole.arena_bytes = lk_plan_arena_bytes(c->plan);
    whole.layers[0] = "all", whole.layer_count = 1, whole.kernel = "", whole.kind = "";
    *row = whole;
    return LK_OK;
}

static void note(const contestant *c, bench_table *table, size_t round, uint64_t cycles)
{
    bench_row *row = &table->rows[c->first_row];
    uint64_t whole = 0;
    for (size_t i = 0; i < c->steps; i++) {
        if (c->profile[i].in_next) continue;
        row->ns[round] = c->profile[i].ns;
        whole += c->profile[i].ns;
        row++;
    }
    row->ns[round] = whole;
    if (cycles < row->cycles) row->cycles = cycles;
}

/* One timed run. Warm: after one that is not timed, since the backend before has filled the caches with its
 * own. */
static lk_status measure(contestant *c, const bench_options *o, const bench_machine *machine,
                         bench_table *table, size_t round)
{
    lk_status status = LK_OK;
    if (!o->cold) status = run(c, o);
    if (status) return status;
    fill_input(c, o->batch);
    if (o->cold) bench_machine_flush(machine);
    const uint64_t before = bench_machine_cycles(machine);
    status = lk_session_profile(c->session, o->batch, c->profile);
    const uint64_t cycles = bench_machine_cycles_since(machine, before);
    if (!status) note(c, table, round, cycles);
    return status;
}

/* The backends take turns, so that a slow moment of the machine meets all of them, and the probes. */
static lk_status measure_all(bench_model *b, const bench_options *o, bench_machine *machine,
                             bench_table *table)
{
    lk_status status = LK_OK;
    for (size_t i = 0; !status && i < b->count; i++) {
        status = run(&b->contestants[i], o);
        if (!status) status = add_rows(&b->contestants[i], o, table);
    }
    for (size_t round = 0; !status && round < o->repeat; round++) {
        bench_machine_probe(machine);
        for (size_t i = 0; !status && i < b->count; i++)
            status = measure(&b->contestants[i], o, machine, table, round);
    }
    return status;
}

lk_status bench_model_run(const bench_options *o, bench_machine *machine, bench_table *table,
                          bench_model **kept)
{
    bench_model *b = lk_allocate_array(1, sizeof *b);
    if (!b) return lk_fail(LK_ERROR_MEMORY, "out of memory");
    lk_status status = lk_model_open(o->model, &b->model);
    if (!status && o->run.threads != 1) status = lk_pool_open(o->run.threads, &b->pool);
    table->threads = lk_pool_threads(b->pool);
    if (!status) status = open_contestants(o, b);
    if (!status) status = measure_all(b, o, machine, table);
    *kept = b;
    return status;
}
