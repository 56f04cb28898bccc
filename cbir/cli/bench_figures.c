/* The table of what was measured, and what its times say. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cbir/cli/bench.h"

bench_row *bench_table_add(bench_table *table)
{
    void *rows = table->rows;
    if (!lk_grow(&rows, &table->capacity, table->count + 1, sizeof *table->rows)) return NULL;
    table->rows = rows;
    uint64_t *ns = lk_allocate_array(table->repeat, sizeof *ns);
    if (!ns) return NULL;
    bench_row *row = &table->rows[table->count++];
    *row = (bench_row){.ns = ns, .cycles = BENCH_CYCLES_ABSENT};
    return row;
}

void bench_table_close(bench_table *table)
{
    for (size_t i = 0; i < table->count; i++) lk_free(table->rows[i].ns);
    lk_free(table->rows);
    *table = (bench_table){0};
}

const char *bench_row_name(const bench_row *row)
{
    return row->layers[row->layer_count - 1];
}

/* Whether row `at` is to stand with row `with`, as one of its layers: shapes stand as they were measured. */
static bool is_beside(const bench_table *table, size_t with, size_t at)
{
    const bench_row *row = &table->rows[with];
    bool same = with == at;
    for (size_t i = 0; !same && !row->variant && i < row->layer_count; i++)
        same = !strcmp(row->layers[i], bench_row_name(&table->rows[at]));
    return same;
}

static size_t order(bench_table *table, bool whole, size_t told)
{
    for (size_t i = 0; i < table->count; i++) {
        bool done = table->rows[i].is_whole != whole;
        for (size_t k = 0; k < i && !done; k++) done = is_beside(table, k, i);
        for (size_t k = i; !done && k < table->count; k++)
            if (is_beside(table, i, k)) table->rows[told++].told = k;
    }
    return told;
}

void bench_table_order(bench_table *table)
{
    order(table, true, order(table, false, 0));
}

static int by_size(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Of sorted times, between neighbours as numpy.percentile does. */
static double quantile(const uint64_t *ns, size_t count, double share)
{
    const double place = share * (double)(count - 1);
    const size_t below = (size_t)place, above = below + 1 < count ? below + 1 : below;
    const double part = place - (double)below;
    return (1 - part) * (double)ns[below] + part * (double)ns[above];
}

/* The roofline: operations take what the peak allows, bytes what the nearest level allows that holds them
 * all. */
typedef struct {
    double by_operations, by_bytes, bandwidth; /* ns, ns, bytes a ns */
    const char *level;
    bool is_known;
} roof;

static const char *level_of(double bytes, const bench_machine *machine, bool cold, double *bandwidth)
{
    const bool in_second = !cold && bytes <= (double)machine->second_cache;
    const bool in_last = !cold && bytes <= (double)machine->last_cache;
    *bandwidth = in_second ? machine->second_gbs : in_last ? machine->last_gbs : machine->memory_gbs;
    return in_second ? "L2" : in_last ? "L3" : "memory";
}

static roof roof_of(const bench_row *row, const bench_table *table, const bench_machine *machine, bool cold)
{
    const double cores = (double)table->threads, peak = machine->gflops * cores;
    const double bytes = (double)(row->map_bytes + row->weight_bytes);
    roof r = {0};
    r.level = level_of(bytes / cores, machine, cold, &r.bandwidth);
    r.bandwidth *= cores;
    r.is_known = peak > 0 && r.bandwidth > 0;
    if (!r.is_known) return r;
    r.by_operations = 2.0 * (double)row->multiply_adds / peak;
    r.by_bytes = bytes / r.bandwidth;
    return r;
}

static double least_ns(const roof *r)
{
    return fmax(r->by_operations, r->by_bytes);
}

static void set_limit(bench_figures *f, const bench_row *row, const roof *r)
{
    f->limit = "";
    if (r->bandwidth > 0) f->of_bandwidth = f->gbs / r->bandwidth;
    f->level = r->level;
    if (!r->is_known || row->is_whole) return;
    f->limit = r->by_operations >= r->by_bytes ? "FLOPs" : r->level;
    if (row->ns[0]) f->of_limit = least_ns(r) / (double)row->ns[0];
}

/* A whole run is limited by the sum of what limits its steps. */
static double whole_limit(const bench_row *whole, const bench_table *table, const bench_machine *machine,
                          bool cold)
{
    double ns = 0;
    for (const bench_row *row = table->rows; row < whole; row++) {
        if (row->backend != whole->backend) continue;
        const roof r = roof_of(row, table, machine, cold);
        ns += least_ns(&r);
    }
    return whole->ns[0] ? ns / (double)whole->ns[0] : 0;
}

static double quantile_ms(const bench_row *row, size_t count, double share)
{
    qsort(row->ns, count, sizeof *row->ns, by_size); /* sorted times are sorted again in no time */
    return quantile(row->ns, count, share) * 1e-6;
}

/* Of the whole run of the row's backend, by the median; 0 where there is none. */
static double share_of(const bench_row *row, const bench_table *table)
{
    const bench_row *whole = row, *end = table->rows + table->count;
    while (whole < end && !whole->is_whole) whole++;
    const double whole_ms = whole < end ? quantile_ms(whole, table->repeat, 0.5) : 0;
    return whole_ms > 0 ? quantile_ms(row, table->repeat, 0.5) / whole_ms : 0;
}

bench_figures bench_figures_of(const bench_row *row, const bench_table *table, const bench_machine *machine,
                               bool cold)
{
    const double bytes = (double)(row->map_bytes + row->weight_bytes),
                 operations = 2.0 * (double)row->multiply_adds;
    bench_figures f = {.first_ms = (double)row->first_ns * 1e-6,
                       .min_ms = quantile_ms(row, table->repeat, 0),
                       .median_ms = quantile_ms(row, table->repeat, 0.5),
                       .p95_ms = quantile_ms(row, table->repeat, 0.95),
                       .share = share_of(row, table),
                       .intensity = bytes > 0 ? operations / bytes : 0,
                       .cycles = row->cycles == BENCH_CYCLES_ABSENT ? NAN : (double)row->cycles};
    const roof r = roof_of(row, table, machine, cold);
    if (row->ns[0]) {
        f.gflops = operations / (double)row->ns[0];
        f.gbs = bytes / (double)row->ns[0];
    }
    if (machine->gflops > 0) f.of_peak = f.gflops / (machine->gflops * (double)table->threads);
    set_limit(&f, row, &r);
    if (row->is_whole) f.of_limit = whole_limit(row, table, machine, cold);
    return f;
}
