/* Layers of the user's own, the kernels that fit each in turn. */
#include <math.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/memory.h"
#include "cbir/cli/bench.h"
#include "layers/openblas.h"

#define LEAST_NS 50000 /* a time is of so many runs that the clock's grain is nothing to it */
#define NAME_BYTES 96

struct bench_layers {
    lk_pool *pool;
    lk_single **singles; /* [count] */
    char (*names)[NAME_BYTES];
    size_t count;
};

void bench_layers_close(bench_layers **kept)
{
    bench_layers *b = *kept;
    if (!b) return;
    for (size_t i = 0; i < b->count; i++) lk_single_close(&b->singles[i]);
    lk_free(b->singles);
    lk_free(b->names);
    lk_pool_close(&b->pool);
    lk_free(b);
    *kept = NULL;
}

/* ------------------------------------------------------------------ What is measured */

/* The kernels of the backends that were named; else of all. */
static lk_status mask_of(const cli_run_options *run, unsigned *can)
{
    lk_status status = lk_cpu_mask(run->isa, can);
    if (status) return status;
    const bool all = !run->backend_count;
    for (size_t i = 0; !status && i < run->backend_count; i++) {
        if (run->backends[i] == LK_BACKEND_NATIVE) *can |= LK_NEEDS_PORTABLE | LK_NEEDS_NATIVE;
        if (run->backends[i] == LK_BACKEND_CUDA)
            return lk_fail(LK_ERROR_BACKEND, "the cuda backend's kernels are timed within a model");
        if (run->backends[i] != LK_BACKEND_OPENBLAS) continue;
        *can |= LK_NEEDS_PORTABLE | LK_NEEDS_OPENBLAS;
        status = lk_openblas_load();
    }
    if (all) *can |= LK_NEEDS_PORTABLE | LK_NEEDS_NATIVE;
    if (all && lk_openblas_load() == LK_OK) *can |= LK_NEEDS_OPENBLAS;
    return status;
}

static void name_shape(const bench_shape *s, const lk_single *single, char name[NAME_BYTES])
{
    const lk_value *in = &single->values[0], *out = &single->values[1];
    const lk_conv2d *c = &single->step.layer.conv2d;
    const lk_pool2d *p = &single->step.layer.pool2d;
    const bool is_pool = single->step.op == LK_OP_POOL2D;
    int length = snprintf(name, NAME_BYTES, "%s %zux%zux%zu > %zux%zux%zu", s->layer, in->height, in->width,
                          in->channels, out->height, out->width, out->channels);
    const size_t kernel = is_pool ? p->kernel_h : c->kernel_h, stride = is_pool ? p->stride_h : c->stride_h;
    const bool plain = !strcmp(s->layer, "pointwise") || !strcmp(s->layer, "linear") || !kernel;
    if (!plain) length += snprintf(name + length, NAME_BYTES - (size_t)length, " k%zu s%zu", kernel, stride);
    if (!is_pool && !strcmp(s->layer, "conv") && c->groups > 1)
        snprintf(name + length, NAME_BYTES - (size_t)length, " g%zu", c->groups);
}

static lk_status add_row(const bench_layers *b, size_t index, size_t variant, bench_table *table)
{
    const lk_single *single = b->singles[index];
    const lk_variant *v = &single->variants[variant];
    const size_t batch = single->program.batch;
    const lk_value *out = &single->values[1];
    bench_row *row = bench_table_add(table);
    if (!row) return lk_fail(LK_ERROR_MEMORY, "out of memory for the times");
    row->layers[row->layer_count++] = b->names[index];
    row->backend = "", row->kind = "", row->kernel = v->kernel, row->variant = v;
    row->output[0] = out->channels, row->output[1] = out->height, row->output[2] = out->width;
    row->multiply_adds = lk_single_multiply_adds(single) * batch;
    row->map_bytes = v->traffic.map_bytes * batch;
    row->weight_bytes = v->traffic.weight_bytes;
    return LK_OK;
}

/* ------------------------------------------------------------------ Measuring */

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t time_runs(const lk_single *single, size_t variant, size_t runs)
{
    const uint64_t start = now_ns();
    for (size_t i = 0; i < runs; i++) lk_single_run(single, variant);
    return now_ns() - start;
}

static uint64_t per_run(uint64_t all, size_t runs)
{
    return (uint64_t)((double)all / (double)runs + 0.5);
}

/* Warm: as many runs as make up LEAST_NS, after one that is not timed; cold: one, after a flush. */
static void measure(const lk_single *single, size_t variant, const bench_machine *machine, bool cold,
                    bench_row *row, size_t round)
{
    size_t runs = 1;
    if (cold) {
        bench_machine_flush(machine);
    } else {
        const uint64_t once = time_runs(single, variant, 1);
        if (once < LEAST_NS) runs = LEAST_NS / (once + 1) + 1;
    }
    const uint64_t before = bench_machine_cycles(machine);
    const uint64_t ns = time_runs(single, variant, runs),
                   cycles = bench_machine_cycles_since(machine, before);
    row->ns[round] = per_run(ns, runs);
    if (cycles != BENCH_CYCLES_ABSENT && per_run(cycles, runs) < row->cycles)
        row->cycles = per_run(cycles, runs);
}

/* The first run is that before the check. */
static lk_status measure_shape(const bench_layers *b, size_t index, const bench_options *o,
                               bench_machine *machine, bench_table *table)
{
    lk_single *single = b->singles[index];
    const size_t first = table->count, count = single->variant_count;
    lk_status status = LK_OK;
    for (size_t v = 0; !status && v < count; v++) {
        status = add_row(b, index, v, table);
        if (!status) table->rows[first + v].first_ns = time_runs(single, v, 1);
    }
    if (!status) status = lk_single_check(single);
    if (status) return lk_fail_in(status, b->names[index]);
    for (size_t round = 0; round < o->repeat; round++) {
        bench_machine_probe(machine);
        for (size_t v = 0; v < count; v++)
            measure(single, v, machine, o->cold, &table->rows[first + v], round);
    }
    return LK_OK;
}

/* One shape at a time is in memory; its kernels' names and differences stay for the rows. */
static lk_status run_shape(bench_layers *b, const bench_shape *shape, unsigned can, const bench_options *o,
                           bench_machine *machine, bench_table *table)
{
    lk_step step;
    const size_t index = b->count;
    lk_status status = bench_shape_layer(shape, &step);
    if (!status) status = lk_single_open(&step, o->batch, can, b->pool, &b->singles[index]);
    if (status) {
        char name[NAME_BYTES];
        snprintf(name, sizeof name, "%s %zux%zux%zu", shape->layer, shape->h, shape->w, shape->c);
        return lk_fail_in(status, name);
    }
    b->count++;
    name_shape(shape, b->singles[index], b->names[index]);
    status = measure_shape(b, index, o, machine, table);
    lk_single_release(b->singles[index]);
    return status;
}

lk_status bench_layers_run(const bench_options *o, const bench_shapes *shapes, bench_machine *machine,
                           bench_table *table, bench_layers **kept)
{
    unsigned can;
    bench_layers *b = lk_allocate_array(1, sizeof *b);
    if (!b) return lk_fail(LK_ERROR_MEMORY, "out of memory");
    *kept = b;
    b->singles = lk_allocate_array(shapes->count, sizeof *b->singles);
    b->names = lk_allocate_array(shapes->count, sizeof *b->names);
    if (!b->singles || !b->names)
        return lk_fail(LK_ERROR_MEMORY, "out of memory for %zu shapes", shapes->count);
    lk_status status = mask_of(&o->run, &can);
    if (!status && o->run.threads != 1) status = lk_pool_open(o->run.threads, &b->pool);
    table->threads = lk_pool_threads(b->pool);
    for (size_t i = 0; !status && i < shapes->count; i++)
        status = run_shape(b, &shapes->items[i], can, o, machine, table);
    return status;
}
