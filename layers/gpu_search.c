#include "layers/gpu_search.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "layers/gpu_module.h"

enum { THREADS = 256, MOST_QUERIES = 1024, STAGED_ROWS_BYTES = 8 << 20 };

/* Values of some queries for all rows take about this much at a time. */
#define VALUE_BYTES ((size_t)256 << 20)

/* Blocks of 64 rows in the y of a grid, where products are done by the pointwise kernel. */
#define MOST_POINTWISE_ROWS ((size_t)65535 * 64)

struct lk_gpu_rows {
    lk_gpu_rows_options options;
    const lk_gpu_module *module;
    lk_gpu_device *device;
    void *stream;
    size_t row_bytes, words; /* of a row on the device: whole words */
    size_t at_once;          /* queries of a pass */
    pthread_mutex_t lock;    /* over all below, which a pass uses */
    uint8_t *staged;         /* pinned: rows, or queries and margins */
    lk_gpu_candidate *taken; /* pinned: [at_once][capacity] */
    uint32_t *taken_counts;  /* pinned: [at_once] */
    uint8_t *rows, *queries; /* from here on the device's */
    float *values, *scales, *offsets, *margins;
    uint32_t *out, *counts;
    lk_gpu_candidate *candidates;
};

static lk_status failed(const lk_gpu_rows *r, lk_gpu_fault fault)
{
    char what[96];
    snprintf(what, sizeof what, "a search in %zu rows of %zu bytes", r->options.rows, r->row_bytes);
    return lk_gpu_fail(r->module, fault, what);
}

void lk_gpu_rows_close(lk_gpu_rows **rows)
{
    lk_gpu_rows *r = *rows;
    if (!r) return;
    if (r->device) {
        const lk_gpu_module *m = r->module;
        void *pinned[] = {r->staged, r->taken, r->taken_counts};
        void *device[] = {r->rows,    r->queries, r->values, r->scales,    r->offsets,
                          r->margins, r->out,     r->counts, r->candidates};
        if (r->stream) m->finish(r->device, r->stream);
        for (size_t i = 0; i < LK_COUNT(pinned); i++) m->release(r->device, LK_GPU_PINNED, pinned[i]);
        for (size_t i = 0; i < LK_COUNT(device); i++) m->release(r->device, LK_GPU_DEVICE, device[i]);
        m->close_stream(r->device, r->stream);
        m->close(r->device);
    }
    pthread_mutex_destroy(&r->lock);
    lk_free(r);
    *rows = NULL;
}

/* The first fault stays in *fault, and nothing is allocated after it. */
static void *allocate(const lk_gpu_rows *r, lk_gpu_memory place, size_t count, size_t bytes,
                      lk_gpu_fault *fault)
{
    void *memory = NULL;
    size_t all;
    if (*fault) return NULL;
    *fault =
        lk_multiply(count, bytes, &all) ? r->module->allocate(r->device, place, all, &memory) : LK_GPU_MEMORY;
    return memory;
}

/* A copy from memory that may go when this returns. */
static lk_gpu_fault upload(lk_gpu_rows *r, void *to, const void *from, size_t bytes)
{
    const lk_gpu_fault fault = r->module->copy(r->device, r->stream, to, from, bytes);
    return fault ? fault : r->module->finish(r->device, r->stream);
}

static lk_gpu_fault allocate_all(lk_gpu_rows *r)
{
    const lk_gpu_rows_options *o = &r->options;
    lk_gpu_fault fault = LK_GPU_OK;
    const size_t query_bytes = r->at_once * r->row_bytes;
    r->rows = allocate(r, LK_GPU_DEVICE, o->rows, r->row_bytes, &fault);
    r->queries = allocate(r, LK_GPU_DEVICE, r->at_once, r->row_bytes, &fault);
    r->values = allocate(r, LK_GPU_DEVICE, o->rows, r->at_once * sizeof(float), &fault);
    r->margins = allocate(r, LK_GPU_DEVICE, r->at_once, sizeof(float), &fault);
    r->counts = allocate(r, LK_GPU_DEVICE, r->at_once, sizeof(uint32_t), &fault);
    r->candidates = allocate(r, LK_GPU_DEVICE, r->at_once * o->capacity, sizeof(lk_gpu_candidate), &fault);
    if (o->scales) r->scales = allocate(r, LK_GPU_DEVICE, o->rows, sizeof(float), &fault);
    if (o->offsets) r->offsets = allocate(r, LK_GPU_DEVICE, o->rows, sizeof(float), &fault);
    if (o->out) r->out = allocate(r, LK_GPU_DEVICE, (o->rows + 31) / 32, sizeof(uint32_t), &fault);
    r->staged =
        allocate(r, LK_GPU_PINNED, 1,
                 query_bytes > STAGED_ROWS_BYTES ? query_bytes : STAGED_ROWS_BYTES + r->row_bytes, &fault);
    r->taken = allocate(r, LK_GPU_PINNED, r->at_once * o->capacity, sizeof(lk_gpu_candidate), &fault);
    r->taken_counts = allocate(r, LK_GPU_PINNED, r->at_once, sizeof(uint32_t), &fault);
    if (!fault && o->scales) fault = upload(r, r->scales, o->scales, o->rows * sizeof(float));
    if (!fault && o->offsets) fault = upload(r, r->offsets, o->offsets, o->rows * sizeof(float));
    if (!fault && o->out) fault = upload(r, r->out, o->out, (o->rows + 31) / 32 * sizeof(uint32_t));
    return fault;
}

lk_status lk_gpu_rows_open(const lk_gpu_rows_options *options, lk_gpu_rows **rows)
{
    lk_gpu_info info;
    if (!options->rows || options->rows > UINT32_MAX)
        return lk_fail(LK_ERROR_LIMIT, "a search on a GPU takes 1 to %u rows, not %zu", UINT32_MAX,
                       options->rows);
    lk_gpu_rows *r = lk_allocate_array(1, sizeof *r);
    if (!r) return lk_fail(LK_ERROR_MEMORY, "out of memory for a search");
    r->options = *options;
    r->lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    r->words = options->bits ? (options->dim + 31) / 32 : options->dim;
    r->row_bytes = r->words * 4;
    r->at_once = VALUE_BYTES / sizeof(float) / options->rows;
    r->at_once = r->at_once < 1 ? 1 : r->at_once > MOST_QUERIES ? MOST_QUERIES : r->at_once;
    lk_status status = lk_gpu_module_load(&r->module);
    if (!status) status = failed(r, r->module->open(options->device, &r->device, &info));
    if (!status) status = failed(r, r->module->open_stream(r->device, &r->stream));
    if (!status) status = failed(r, allocate_all(r));
    r->options.scales = r->options.offsets = NULL; /* the caller's may go */
    r->options.out = NULL;
    if (status) lk_gpu_rows_close(&r);
    else *rows = r;
    return status;
}

/* Rows of the caller, one behind the other, as the device has them: bits filled up to whole words. */
static void stage(const lk_gpu_rows *r, const void *values, size_t count)
{
    const size_t bytes = r->options.bits ? (r->options.dim + 7) / 8 : r->row_bytes;
    if (bytes == r->row_bytes) {
        memcpy(r->staged, values, count * bytes);
        return;
    }
    memset(r->staged, 0, count * r->row_bytes);
    for (size_t i = 0; i < count; i++)
        memcpy(r->staged + i * r->row_bytes, (const uint8_t *)values + i * bytes, bytes);
}

lk_status lk_gpu_rows_put(lk_gpu_rows *r, size_t first, const void *values, size_t count)
{
    const size_t bytes = r->options.bits ? (r->options.dim + 7) / 8 : r->row_bytes;
    const size_t most = STAGED_ROWS_BYTES / r->row_bytes + 1;
    lk_gpu_fault fault = LK_GPU_OK;
    for (size_t i = 0; !fault && i < count; i += most) {
        const size_t part = count - i < most ? count - i : most;
        stage(r, (const uint8_t *)values + i * bytes, part);
        fault = upload(r, r->rows + (first + i) * r->row_bytes, r->staged, part * r->row_bytes);
    }
    return failed(r, fault);
}

/* ------------------------------------------------------------------ A pass */

static uint32_t blocks(size_t count, size_t of)
{
    return (uint32_t)((count + of - 1) / of);
}

/* Where cuBLASLt does not offer the product: rows are the kernel's outputs, queries its pixels. */
static lk_gpu_fault multiply_ourselves(const lk_gpu_rows *r, const lk_gpu_product *p)
{
    if (p->outputs > MOST_POINTWISE_ROWS) return LK_GPU_UNSUPPORTED;
    const lk_gpu_launch launch = {.kernel = LK_GPU_pointwise,
                                  .grid = {blocks(p->rows, 64), blocks(p->outputs, 64), 1},
                                  .block = THREADS,
                                  .args.conv = {.x = p->x,
                                                .w = p->w,
                                                .y = p->y,
                                                .pictures = 1,
                                                .out_h = (uint32_t)p->rows,
                                                .out_w = 1,
                                                .in_c = (uint32_t)p->inputs,
                                                .out_c = (uint32_t)p->outputs,
                                                .x_lo = -INFINITY,
                                                .x_hi = INFINITY,
                                                .lo = -INFINITY,
                                                .hi = INFINITY}};
    return r->module->launch(r->device, r->stream, &launch);
}

static lk_gpu_fault put_values(const lk_gpu_rows *r, size_t count)
{
    const lk_gpu_rows_options *o = &r->options;
    const lk_gpu_product product = {
        .rows = count, .inputs = o->dim, .outputs = o->rows, .x = r->queries, .w = r->rows, .y = r->values};
    if (!o->bits) {
        const lk_gpu_fault fault = r->module->multiply(r->device, r->stream, &product);
        return fault == LK_GPU_UNSUPPORTED ? multiply_ourselves(r, &product) : fault;
    }
    const lk_gpu_launch launch = {.kernel = LK_GPU_hamming,
                                  .grid = {blocks(o->rows, THREADS), (uint32_t)count, 1},
                                  .block = THREADS,
                                  .args.hamming = {.rows = (const uint32_t *)(const void *)r->rows,
                                                   .queries = (const uint32_t *)(const void *)r->queries,
                                                   .values = r->values,
                                                   .row_count = o->rows,
                                                   .words = (uint32_t)r->words,
                                                   .query_count = (uint32_t)count}};
    return r->module->launch(r->device, r->stream, &launch);
}

static lk_gpu_fault put_selection(const lk_gpu_rows *r, size_t count)
{
    const lk_gpu_rows_options *o = &r->options;
    lk_gpu_launch launch = {.kernel = LK_GPU_values,
                            .grid = {blocks(o->rows, THREADS), (uint32_t)count, 1},
                            .block = THREADS,
                            .args.select = {.values = r->values,
                                            .scales = r->scales,
                                            .offsets = r->offsets,
                                            .out = r->out,
                                            .margins = r->margins,
                                            .candidates = r->candidates,
                                            .found = r->counts,
                                            .row_count = o->rows,
                                            .query_count = (uint32_t)count,
                                            .k = (uint32_t)o->k,
                                            .capacity = (uint32_t)o->capacity}};
    lk_gpu_fault fault = LK_GPU_OK;
    if (r->scales || r->offsets || r->out) fault = r->module->launch(r->device, r->stream, &launch);
    launch.kernel = LK_GPU_select;
    launch.grid[0] = (uint32_t)count;
    launch.grid[1] = 1;
    return fault ? fault : r->module->launch(r->device, r->stream, &launch);
}

static lk_gpu_fault pass(lk_gpu_rows *r, const void *queries, const float *margins, size_t count)
{
    const lk_gpu_module *m = r->module;
    stage(r, queries, count);
    lk_gpu_fault fault = upload(r, r->queries, r->staged, count * r->row_bytes);
    if (!fault) fault = upload(r, r->margins, margins, count * sizeof *margins);
    if (!fault) fault = put_values(r, count);
    if (!fault) fault = put_selection(r, count);
    if (!fault) fault = m->copy(r->device, r->stream, r->taken_counts, r->counts, count * sizeof *r->counts);
    if (!fault)
        fault = m->copy(r->device, r->stream, r->taken, r->candidates,
                        count * r->options.capacity * sizeof *r->candidates);
    return fault ? fault : m->finish(r->device, r->stream);
}

lk_status lk_gpu_rows_search(lk_gpu_rows *r, const void *queries, const float *margins, size_t count,
                             lk_gpu_candidate *candidates, uint32_t *found)
{
    const size_t bytes = r->options.bits ? (r->options.dim + 7) / 8 : r->row_bytes;
    const size_t capacity = r->options.capacity;
    lk_gpu_fault fault = LK_GPU_OK;
    pthread_mutex_lock(&r->lock);
    for (size_t q = 0; !fault && q < count; q += r->at_once) {
        const size_t part = count - q < r->at_once ? count - q : r->at_once;
        fault = pass(r, (const uint8_t *)queries + q * bytes, margins + q, part);
        if (fault) break;
        memcpy(found + q, r->taken_counts, part * sizeof *found);
        memcpy(candidates + q * capacity, r->taken, part * capacity * sizeof *candidates);
    }
    pthread_mutex_unlock(&r->lock);
    return failed(r, fault);
}
