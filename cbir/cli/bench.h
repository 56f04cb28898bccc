/* likeness bench: what is measured, and how it is told. */
#ifndef LK_CBIR_CLI_BENCH_H
#define LK_CBIR_CLI_BENCH_H

#include "cbir/cli/cli.h"
#include "layers/single.h"

/* ------------------------------------------------------------------ What was asked for */

/* A layer of the user's own, as --layer or a line of --sweep gives it; 0, but for `pad`: not given. */
typedef struct {
    const char *layer;                      /* pointwise, depthwise, conv, linear, pool */
    size_t h, w, c, out, kernel, stride, groups;
    size_t pad;                             /* SIZE_MAX: as much as keeps the size at stride 1 */
    float lo, hi;                           /* the activation */
} bench_shape;

typedef struct {
    bench_shape *items;
    size_t count, capacity;
} bench_shapes;

typedef enum { BENCH_TEXT, BENCH_CSV, BENCH_JSON } bench_format;

typedef struct {
    const char *model, *sweep, *svg;
    bench_shape shape; /* --layer; its `layer` is NULL without */
    bool shape_given;  /* an option that only --layer takes */
    size_t repeat, batch;
    bool plain, cold;
    bench_format format;
    cli_input_options input;
    cli_run_options run;
} bench_options;

/* ------------------------------------------------------------------ The machine */

#define BENCH_CYCLES_ABSENT UINT64_MAX

/* What one core can do at best, by probes between the rounds: the best that was seen, as least times are set beside it. */
typedef struct {
    uint8_t *memory; /* [bytes]: larger than all caches */
    size_t bytes, at;     /* `at`: where the next slice is read */
    size_t second_cache, last_cache;                  /* bytes; the last is the second where there are no more */
    double gflops, second_gbs, last_gbs, memory_gbs;  /* 0: unknown */
    int cycles; /* a counter's file, or -1 */
} bench_machine;

lk_status bench_machine_open(bench_machine *machine);
void bench_machine_close(bench_machine *machine);
void bench_machine_probe(bench_machine *machine);
void bench_machine_flush(const bench_machine *machine);           /* leaves nothing of the layers in the caches */
uint64_t bench_machine_cycles(const bench_machine *machine);      /* of this thread so far, or absent */
uint64_t bench_machine_cycles_since(const bench_machine *machine, uint64_t before);
size_t bench_machine_peak(const bench_machine *machine); /* most bytes of memory that this process has had, less `memory`; 0: unknown */

/* ------------------------------------------------------------------ What was measured */

#define BENCH_MOST_LAYERS 2 /* that one step does */

/* A step, a whole run, or one kernel on a shape: what it is, and all its times. */
typedef struct {
    const char *layers[BENCH_MOST_LAYERS]; /* in order, from 0; the last names the step */
    size_t layer_count;
    const char *backend, *kernel, *kind;
    size_t output[3];                                  /* channels, height, width */
    size_t multiply_adds, map_bytes, weight_bytes;     /* of the batch */
    bool is_whole;                                     /* a whole run: the sum of a backend's rows */
    size_t arena_bytes;                                /* of a whole run */
    const lk_variant *variant;                         /* of a shape; else NULL */
    size_t told;                                       /* rows[i].told is the row that is shown i-th: bench_table_order */
    uint64_t *ns;                                      /* [repeat], after one that is apart: first_ns */
    uint64_t first_ns, cycles;                         /* cycles: the least, or absent */
} bench_row;

/* All that a command measured. Rows of one backend, or one shape, lie together; a model's end with its whole run. */
typedef struct {
    bench_row *rows;
    size_t count, capacity;
    size_t repeat, threads;
} bench_table;

/* A zeroed row with room for its times; NULL: out of memory. What was returned before may have moved. */
bench_row *bench_table_add(bench_table *table);
void bench_table_close(bench_table *table);

/* The order to read in: each row with those of other backends that end with the same layer; whole runs last. */
void bench_table_order(bench_table *table);
const char *bench_row_name(const bench_row *row); /* of its last layer */

/* ------------------------------------------------------------------ What that says */

typedef struct {
    double first_ms, min_ms, median_ms, p95_ms;
    double share;             /* of the whole run's median */
    double gflops, of_peak;   /* by the least time; of_peak of all threads' cores, 0 where unknown */
    double gbs, of_bandwidth; /* of `level`: "L2", "L3" or "memory", the nearest that holds maps and weights */
    const char *level;
    double intensity;         /* operations a byte */
    double of_limit;          /* what the roofline allows, by the time taken; 0 where unknown */
    const char *limit;        /* "FLOPs" or the level: what the roofline says it cannot be faster for; "" unknown */
    double cycles;            /* NAN: absent */
} bench_figures;

bench_figures bench_figures_of(const bench_row *row, const bench_table *table, const bench_machine *machine, bool cold);

/* ------------------------------------------------------------------ The parts */

/* Measures a model's steps, backends in turn; or shapes, kernels in turn. */
typedef struct bench_model bench_model;
lk_status bench_model_run(const bench_options *o, bench_machine *machine, bench_table *table, bench_model **kept);
void bench_model_close(bench_model **kept); /* what the rows' texts belong to */

typedef struct bench_layers bench_layers;
lk_status bench_layers_run(const bench_options *o, const bench_shapes *shapes, bench_machine *machine, bench_table *table,
                           bench_layers **kept);
void bench_layers_close(bench_layers **kept);

/* --layer, or all lines of --sweep. LK_ERROR_ARGUMENT names what is wrong, and the line. */
lk_status bench_shapes_read(const bench_options *o, bench_shapes *shapes);

void bench_shapes_close(bench_shapes *shapes);

/* The layer that a shape means, complete; LK_ERROR_ARGUMENT says why there is none. */
lk_status bench_shape_layer(const bench_shape *shape, lk_step *step);

void bench_print_text(const bench_options *o, const bench_table *table, const bench_machine *machine);
void bench_print_csv(const bench_options *o, const bench_table *table, const bench_machine *machine);
lk_status bench_print_json(const bench_options *o, const bench_table *table, const bench_machine *machine);

/* PREFIX-roofline.svg and PREFIX-layers.svg. */
lk_status bench_write_svg(const bench_options *o, const bench_table *table, const bench_machine *machine);

#endif
