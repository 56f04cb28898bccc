/* What was measured, as a table to read and as one to load. */
#include <math.h>
#include <string.h>

#include "cbir/cli/bench.h"

enum { STEP_WIDTH = 35, SHAPE_WIDTH = 38 };

/* ------------------------------------------------------------------ To read */

static void print_head(const char *first, int width, const char *last)
{
    printf("%-*s %9s %9s %9s %9s %8s %6s %8s %7s %6s %-6s %-6s %6s %s\n", width, first, "first ms", "min ms",
           "median ms", "p95 ms", "GFLOP/s", "peak", "MB", "GB/s", "bandw.", "of", "limit", "of it", last);
}

/* A share in percent; nothing where it is not known. */
static void print_share(double share)
{
    if (share > 0) printf(" %5.1f%%", 100 * share);
    else printf(" %6s", "-");
}

/* To the nanosecond where that is much of it. */
static void print_ms(double ms)
{
    printf(ms < 0.1 ? " %9.6f" : " %9.4f", ms);
}

static void print_figures(const bench_row *row, const bench_figures *f)
{
    print_ms(f->first_ms);
    print_ms(f->min_ms);
    print_ms(f->median_ms);
    print_ms(f->p95_ms);
    printf(" %8.2f", f->gflops);
    print_share(f->of_peak);
    printf(" %8.3f %7.2f", (double)(row->map_bytes + row->weight_bytes) * 1e-6, f->gbs);
    print_share(f->of_bandwidth);
    printf(" %-6s %-6s", f->level, *f->limit ? f->limit : "-");
    print_share(f->of_limit);
}

/* A step's line; of several layers in one, all but the last stand above it. */
static void print_row(const bench_options *o, const bench_table *table, const bench_machine *machine,
                      const bench_row *row, bool labelled)
{
    const bench_figures f = bench_figures_of(row, table, machine, o->cold);
    const size_t last = row->layer_count - 1;
    for (size_t i = 0; !labelled && i < last; i++) printf("%s +\n", row->layers[i]);
    printf("%-24s %-10s", labelled ? "" : row->layers[last], row->backend);
    print_figures(row, &f);
    print_share(f.share);
    printf("  %s", row->kernel);
    if (!isnan(f.cycles)) printf("%s%.0f cycles", *row->kernel ? ", " : "", f.cycles);
    printf("\n");
}

static void print_steps(const bench_options *o, const bench_table *table, const bench_machine *machine)
{
    const bench_row *before = NULL;
    for (size_t i = 0; i < table->count; i++) {
        const bench_row *row = &table->rows[table->rows[i].told];
        const bool same = before && !strcmp(bench_row_name(before), bench_row_name(row));
        print_row(o, table, machine, row, same && row->layer_count == 1);
        before = row;
    }
}

static void print_shapes(const bench_options *o, const bench_table *table, const bench_machine *machine)
{
    for (size_t i = 0; i < table->count; i++) {
        const bench_row *row = &table->rows[i];
        const bench_figures f = bench_figures_of(row, table, machine, o->cold);
        if (!i || row->layers[0] != row[-1].layers[0]) printf("%s\n", row->layers[0]);
        printf("  %-*s", SHAPE_WIDTH - 2, row->kernel + (strncmp(row->kernel, "lk_", 3) ? 0 : 3));
        print_figures(row, &f);
        printf("  %.2e, %.2f", row->variant->difference, row->variant->of_bound);
        if (!isnan(f.cycles)) printf(", %.0f cycles", f.cycles);
        printf("\n");
    }
}

/* Of a model: what each backend's session needs, and what it all came to. */
static void print_memory(const bench_table *table, const bench_machine *machine)
{
    const size_t peak = bench_machine_peak(machine);
    for (const bench_row *row = table->rows; row < table->rows + table->count; row++)
        if (row->is_whole)
            printf("Memory of %s: %.3f MB for the maps of a session, %.3f MB for packed weights.\n",
                   row->backend, (double)row->arena_bytes * 1e-6, (double)row->weight_bytes * 1e-6);
    if (peak)
        printf("This process has had %.1f MB at most, what the probes read not counted.\n",
               (double)peak * 1e-6);
}

static void print_machine(const bench_table *table, const bench_machine *machine)
{
    printf("One core at best, between the rounds: ");
    if (machine->gflops > 0) printf("%.1f GFLOP/s", machine->gflops);
    else printf("no probe of the peak here");
    printf("; reads %.1f GB/s from L2", machine->second_gbs);
    if (machine->last_gbs > 0) printf(", %.1f from L3", machine->last_gbs);
    printf(", %.1f from memory", machine->memory_gbs);
    if (table->threads > 1) printf("; shares are of %zu such", table->threads);
    printf("%s\n", machine->cycles < 0 ? ". The system gives no cycles." : ".");
}

void bench_print_text(const bench_options *o, const bench_table *table, const bench_machine *machine)
{
    if (o->model) print_head("step                     backend", STEP_WIDTH, " share  kernel");
    else print_head("kernel", SHAPE_WIDTH, " off by, of its bound");
    if (o->model) print_steps(o, table, machine);
    else print_shapes(o, table, machine);
    if (o->model) print_memory(table, machine);
    print_machine(table, machine);
}

/* ------------------------------------------------------------------ To load */

static void print_known(double value)
{
    if (value > 0) printf(",%.9g", value);
    else printf(",");
}

/* No name of a layer, shape or kernel holds a comma or a quote. */
void bench_print_csv(const bench_options *o, const bench_table *table, const bench_machine *machine)
{
    puts("layers,backend,kernel,channels,height,width,multiply_adds,map_bytes,weight_bytes,first_ms,min_ms,"
         "median_ms,p95_ms,gflops,gbs,intensity,share,of_peak,of_bandwidth,level,limit,of_limit,cycles,"
         "difference,of_bound,peak_gflops,l2_gbs,l3_gbs,memory_gbs");
    for (size_t i = 0; i < table->count; i++) {
        const bench_row *row = &table->rows[i];
        const bench_figures f = bench_figures_of(row, table, machine, o->cold);
        for (size_t k = 0; k < row->layer_count; k++) printf("%s%s", k ? "+" : "", row->layers[k]);
        printf(",%s,%s,%zu,%zu,%zu,%zu,%zu,%zu", row->backend, row->kernel, row->output[0], row->output[1],
               row->output[2], row->multiply_adds, row->map_bytes, row->weight_bytes);
        printf(",%.9g,%.9g,%.9g,%.9g,%.9g,%.9g,%.9g", f.first_ms, f.min_ms, f.median_ms, f.p95_ms, f.gflops,
               f.gbs, f.intensity);
        print_known(f.share);
        print_known(f.of_peak);
        print_known(f.of_bandwidth);
        printf(",%s,%s", f.level, f.limit);
        print_known(f.of_limit);
        print_known(f.cycles);
        if (row->variant) printf(",%.9g,%.9g", row->variant->difference, row->variant->of_bound);
        else printf(",,");
        print_known(machine->gflops);
        print_known(machine->second_gbs);
        print_known(machine->last_gbs);
        print_known(machine->memory_gbs);
        printf("\n");
    }
}
