/* What was measured, for programs. json_pack lets go of what it was given and returns NULL when any part of
 * it is NULL, so only the end is checked. */
#include <math.h>
#include <string.h>

#include "cbir/cli/bench.h"

typedef struct {
    const bench_options *o;
    const bench_table *table;
    const bench_machine *machine;
} measured;

/* What is not known is null. */
static json_t *known(double value)
{
    return value > 0 ? json_real(value) : json_null();
}

static json_t *count(size_t value)
{
    return json_integer((json_int_t)value);
}

static json_t *row_json(const measured *m, const bench_row *row)
{
    const bench_figures f = bench_figures_of(row, m->table, m->machine, m->o->cold);
    json_t *json =
        json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:o, s:o, s:o, s:o}", "first_ms", f.first_ms, "min_ms",
                  f.min_ms, "median_ms", f.median_ms, "p95_ms", f.p95_ms, "gflops", f.gflops, "gbs", f.gbs,
                  "intensity", f.intensity, "of_peak", known(f.of_peak), "of_bandwidth",
                  known(f.of_bandwidth), "of_limit", known(f.of_limit), "cycles", known(f.cycles));
    json_t *size = json_pack("{s:o, s:o, s:o}", "multiply_adds", count(row->multiply_adds), "map_bytes",
                             count(row->map_bytes), "weight_bytes", count(row->weight_bytes));
    if (!json || !size || json_object_update(json, size)) {
        json_decref(json);
        json = NULL;
    }
    json_decref(size);
    if (json) json_object_set_new(json, "level", json_string(f.level));
    if (json) json_object_set_new(json, "limit", *f.limit ? json_string(f.limit) : json_null());
    if (json && f.share > 0) json_object_set_new(json, "share", json_real(f.share));
    return json;
}

/* `front`'s members, then `json`'s. */
static json_t *behind(json_t *front, json_t *json)
{
    if (front && (!json || json_object_update(front, json))) {
        json_decref(front);
        front = NULL;
    }
    json_decref(json);
    return front;
}

static json_t *output_json(const bench_row *row)
{
    return json_pack("[o, o, o]", count(row->output[0]), count(row->output[1]), count(row->output[2]));
}

static json_t *step_json(const measured *m, const bench_row *row)
{
    json_t *layers = json_array();
    for (size_t i = 0; i < row->layer_count; i++) json_array_append_new(layers, json_string(row->layers[i]));
    json_t *front =
        json_pack("{s:s, s:o, s:s, s:s, s:o}", "name", row->layers[row->layer_count - 1], "layers", layers,
                  "kind", row->kind, "kernel", row->kernel, "output", output_json(row));
    return behind(front, row_json(m, row));
}

/* The rows of a backend end with its whole run. */
static json_t *backends_json(const measured *m)
{
    json_t *backends = json_array();
    const bench_row *row = m->table->rows, *end = row + m->table->count;
    while (row < end) {
        const bench_row *whole = row;
        while (!whole->is_whole) whole++;
        json_t *steps = json_array();
        for (; row < whole; row++) json_array_append_new(steps, step_json(m, row));
        json_array_append_new(backends, json_pack("{s:s, s:o, s:o, s:o, s:o}", "backend", whole->backend,
                                                  "all", row_json(m, whole), "steps", steps, "arena_bytes",
                                                  count(whole->arena_bytes), "weight_bytes",
                                                  count(whole->weight_bytes)));
        row++;
    }
    return backends;
}

static json_t *kernel_json(const measured *m, const bench_row *row)
{
    json_t *front = json_pack("{s:s, s:f, s:f}", "kernel", row->kernel, "difference",
                              row->variant->difference, "of_bound", row->variant->of_bound);
    return behind(front, row_json(m, row));
}

static json_t *shapes_json(const measured *m)
{
    json_t *shapes = json_array();
    const bench_row *row = m->table->rows, *end = row + m->table->count;
    while (row < end) {
        const bench_row *first = row;
        json_t *kernels = json_array();
        for (; row < end && row->layers[0] == first->layers[0]; row++)
            json_array_append_new(kernels, kernel_json(m, row));
        json_array_append_new(shapes, json_pack("{s:s, s:o, s:o}", "shape", first->layers[0], "output",
                                                output_json(first), "kernels", kernels));
    }
    return shapes;
}

lk_status bench_print_json(const bench_options *o, const bench_table *table, const bench_machine *machine)
{
    const measured m = {o, table, machine};
    json_t *core = json_pack("{s:o, s:o, s:o, s:o}", "gflops", known(machine->gflops), "l2_gbs",
                             known(machine->second_gbs), "l3_gbs", known(machine->last_gbs), "memory_gbs",
                             known(machine->memory_gbs));
    json_t *json =
        json_pack("{s:o, s:o, s:o, s:b, s:o}", "batch", count(o->batch), "threads", count(table->threads),
                  "repeat", count(o->repeat), "cold", o->cold, "core", core);
    if (json && o->model) json_object_set_new(json, "model", cli_json_text(o->model));
    const size_t peak = bench_machine_peak(machine);
    if (json && o->model) json_object_set_new(json, "peak_bytes", peak ? count(peak) : json_null());
    if (json)
        json_object_set_new(json, o->model ? "backends" : "shapes",
                            o->model ? backends_json(&m) : shapes_json(&m));
    return cli_json_print(json, true);
}
