/* Runs a compiled program: each step's rows are cut into pieces for the pool. A piece lies within one
 * picture. What a kernel of blocked maps computes does not depend on the rows that it is given; pieces of the
 * others (SGEMM) depend on the layer alone. So a picture's result is the same bit for bit in any batch and on
 * any number of threads. */
#include <string.h>
#include <time.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/sanitizer.h"
#include "layers/bf16.h"
#include "layers/cpu_plan.h"

typedef struct {
    const lk_cpu_program *compiled;
    lk_pool *pool;
    uint8_t *arena, *scratch; /* scratch [threads][compiled->scratch] */
    float *converted[2];      /* [batch][compiled->converted]: an input and a residual in the other layout */
} instance;

void lk_cpu_close(void *opened)
{
    instance *i = opened;
    if (!i) return;
    if (i->arena) ASAN_UNPOISON_MEMORY_REGION(i->arena, i->compiled->arena);
    lk_free(i->arena);
    lk_free(i->scratch);
    lk_free(i->converted[0]);
    lk_free(i->converted[1]);
    lk_free(i);
}

/* In double, which cannot wrap. */
static double session_bytes(const lk_cpu_program *c, size_t threads)
{
    return (double)c->arena + (double)c->scratch * (double)threads +
           2.0 * sizeof(float) * (double)c->converted * (double)c->program->batch;
}

/* `count` times `bytes`; NULL when there is no memory. */
static void *allocate_times(size_t bytes, size_t count)
{
    size_t all;
    return lk_multiply(bytes, count, &all) ? lk_allocate(all, LK_ALIGNMENT) : NULL;
}

lk_status lk_cpu_open(const void *compiled, lk_pool *pool, void **opened)
{
    const lk_cpu_program *c = compiled;
    const double bytes = session_bytes(c, lk_pool_threads(pool)), most = (double)lk_most_memory();
    if (bytes > most)
        return lk_fail(LK_ERROR_MEMORY,
                       "a run of %zu pictures needs %.0f MB, and at most %.0f MB are taken here: run fewer "
                       "at a time, or "
                       "smaller ones",
                       c->program->batch, bytes * 1e-6, most * 1e-6);
    instance *made = lk_allocate_array(1, sizeof *made);
    if (made) {
        *made = (instance){.compiled = c, .pool = pool};
        made->arena = allocate_times(c->arena, 1);
        made->scratch = allocate_times(c->scratch, lk_pool_threads(pool));
        for (size_t i = 0; i < LK_COUNT(made->converted); i++)
            made->converted[i] = allocate_times(c->converted * sizeof(float), c->program->batch);
    }
    if (!made || !made->arena || !made->scratch || !made->converted[0] || !made->converted[1]) {
        lk_cpu_close(made);
        return lk_fail(LK_ERROR_MEMORY, "out of memory: a run needs %zu bytes for its maps", c->arena);
    }
    *opened = made;
    return LK_OK;
}

static void *value(const instance *i, lk_value_id id)
{
    return i->arena + i->compiled->values[id].offset;
}

void *lk_cpu_input(const void *opened)
{
    const instance *i = opened;
    return value(i, i->compiled->program->input);
}

/* One picture's map as it lies in memory. */
typedef struct {
    const lk_value *shape;
    bool is_blocked;
    lk_dtype type;
    const lk_pixels *pixels; /* what its bytes stand for, if it is a picture */
    void *memory;
} map;

static map map_of(const instance *i, lk_value_id id, size_t picture)
{
    const lk_cpu_value *v = &i->compiled->values[id];
    const lk_program *program = i->compiled->program;
    uint8_t *first = value(i, id);
    return (map){&program->values[id], v->is_blocked, v->type, id == program->input ? program->pixels : NULL,
                 first + picture * v->bytes};
}

static size_t place_in(const map *m, size_t pixel, size_t channel)
{
    if (!m->is_blocked) return pixel * m->shape->channels + channel;
    return (channel / LK_BLOCK * m->shape->height * m->shape->width + pixel) * LK_BLOCK + channel % LK_BLOCK;
}

static float get(const map *m, size_t pixel, size_t channel)
{
    const size_t place = place_in(m, pixel, channel);
    if (m->pixels) return m->pixels->value[channel][((const uint8_t *)m->memory)[place]];
    if (m->type == LK_U8) return ((const uint8_t *)m->memory)[place];
    if (m->type == LK_BF16) return lk_from_bf16(((const uint16_t *)m->memory)[place]);
    return ((const float *)m->memory)[place];
}

static void put(const map *m, size_t pixel, size_t channel, float value)
{
    const size_t place = place_in(m, pixel, channel);
    if (m->type == LK_U8) ((uint8_t *)m->memory)[place] = (uint8_t)value;
    else if (m->type == LK_BF16) ((uint16_t *)m->memory)[place] = lk_to_bf16(value);
    else ((float *)m->memory)[place] = value;
}

void lk_cpu_read(const void *opened, lk_value_id id, size_t picture, float *chw)
{
    const map m = map_of(opened, id, picture);
    for (size_t c = 0; c < m.shape->channels; c++)
        for (size_t p = 0; p < m.shape->height * m.shape->width; p++, chw++) {
            *chw = get(&m, p, c);
            if (m.type == LK_U8 && !m.pixels)
                *chw = (*chw - (float)m.shape->real.zero) * (float)m.shape->real.scale;
        }
}

/* ------------------------------------------------------------------ steps */

/* What the pieces of one step have in common. */
typedef struct {
    const instance *instance;
    const lk_step *step;
    const lk_cpu_step *compiled;
    lk_operands io;
    size_t grain, grains; /* rows that stay together, and how many times so many a picture has */
    size_t pieces;        /* of one picture: as equal a number of grains as can be */
} step_run;

/* Pieces for one thread: enough for another to take some over, but each that begins in the middle of a panel
 * makes rows of a map that is in between two layers again. */
enum { PANEL_PIECES = 4, ROW_PIECES = 4, RING_PIECES = 2 };

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Whole panels where they go round: then each panel's weights are fetched by one thread only. Else 8 pixels
 * are a kernel's tile. */
static void cut(const lk_cpu_step *c, size_t threads, step_run *r)
{
    const size_t of_panel = c->rows / c->panels;
    r->grain = 1;
    if (c->rows_at_once) {
        r->grain = c->rows_at_once;
        r->pieces = SIZE_MAX;
    } else if (threads == 1) {
        r->pieces = 1;
    } else if (c->panels > 1 && (c->panels % threads == 0 || c->panels >= PANEL_PIECES * threads)) {
        r->grain = of_panel;
        r->pieces = least(PANEL_PIECES * threads, c->worth);
    } else {
        r->pieces = least((c->expand_depthwise.expand ? RING_PIECES : ROW_PIECES) * threads, c->worth);
        if (of_panel > 8 * r->pieces) r->grain = 8;
    }
    r->grains = (c->rows + r->grain - 1) / r->grain;
    r->pieces = least(r->pieces, r->grains);
}

static void run_piece(const void *context, size_t piece, size_t worker)
{
    const step_run *r = context;
    const lk_cpu_step *c = r->compiled;
    const size_t picture = piece / r->pieces * c->rows, nth = piece % r->pieces;
    const size_t begin = nth * r->grains / r->pieces * r->grain,
                 end = least((nth + 1) * r->grains / r->pieces * r->grain, c->rows);
    const lk_rows rows = {picture + begin, picture + end};
    lk_operands io = r->io;
    io.scratch = r->instance->scratch + worker * r->instance->compiled->scratch;
    switch (r->step->op) {
    case LK_OP_CONV2D:
        if (c->expand_depthwise.expand) c->run.expand_depthwise(&c->expand_depthwise, &io, rows);
        else c->run.conv2d(&r->step->layer.conv2d, &io, rows);
        break;
    case LK_OP_POOL2D:
        c->run.pool2d(&r->step->layer.pool2d, &io, rows);
        break;
    case LK_OP_BATCH_NORM:
        c->run.batch_norm(&r->step->layer.batch_norm, &io, rows);
        break;
    case LK_OP_ACTIVATION:
    case LK_OP_ADD:
    case LK_OP_SOFTMAX:
        c->run.elementwise(&r->step->layer.elementwise, &io, rows);
        break;
    }
}

/* Under AddressSanitizer: a step sees its own operands and nothing else of the arena; the caller sees all. */
static void guard(const instance *i, const lk_cpu_step *step)
{
    if (!step) {
        ASAN_UNPOISON_MEMORY_REGION(i->arena, i->compiled->arena);
        return;
    }
    ASAN_POISON_MEMORY_REGION(i->arena, i->compiled->arena);
    if (step->in_next) return;
    const lk_value_id operands[] = {step->input, step->residual, step->output};
    for (size_t o = 0; o < LK_COUNT(operands); o++)
        if (operands[o] != LK_NO_VALUE)
            ASAN_UNPOISON_MEMORY_REGION(value(i, operands[o]),
                                        i->compiled->values[operands[o]].bytes * i->compiled->program->batch);
}

/* The value's maps in another layout or type, into `converted`, the instance's own. */
static const void *convert(const instance *i, const lk_cpu_step *step, lk_value_id id, size_t pictures,
                           float *converted)
{
    const bool is_input = converted == i->converted[0];
    map to = {
        .is_blocked = is_input ? step->reads_blocked : step->writes_blocked,
        .type = is_input ? step->reads_type : step->writes_type,
    };
    uint8_t *place = (uint8_t *)converted;
    for (size_t picture = 0; picture < pictures; picture++) {
        const map from = map_of(i, id, picture);
        const size_t pixels = from.shape->height * from.shape->width, channels = from.shape->channels;
        to.shape = from.shape;
        to.memory = place;
        if (from.pixels && !to.is_blocked && !step->rounds_input) {
            lk_pixels_normalize(from.pixels, from.memory, pixels, to.memory);
            place += pixels * channels * sizeof(float);
            continue;
        }
        for (size_t p = 0; p < pixels; p++)
            for (size_t c = 0; c < channels; c++) {
                const float v = get(&from, p, c);
                put(&to, p, c, is_input && step->rounds_input ? lk_round_bf16(v) : v);
            }
        place += (to.is_blocked ? lk_blocked_floats(pixels, channels) : pixels * channels) *
                 lk_dtype_bytes(to.type);
    }
    return converted;
}

static void run_step(const instance *i, size_t s, size_t pictures)
{
    const lk_cpu_step *c = &i->compiled->steps[s];
    step_run r = {.instance = i, .step = &i->compiled->program->steps[s], .compiled = c};
    if (c->in_next) return;
    r.io.x = c->converts_input ? convert(i, c, c->input, pictures, i->converted[0]) : value(i, c->input);
    r.io.pixels = c->pixels;
    r.io.y = value(i, c->output);
    r.io.weights = i->compiled->weights + c->weights;
    if (c->expand_depthwise.expand) {
        r.io.second_weights = r.io.weights;
        r.io.weights = i->compiled->weights + c[-1].weights;
    }
    if (c->residual != LK_NO_VALUE)
        r.io.residual = c->converts_residual ? convert(i, c, c->residual, pictures, i->converted[1])
                                             : value(i, c->residual);
    cut(c, lk_pool_threads(i->pool), &r);
    lk_parallel_for(i->pool, pictures * r.pieces, run_piece, &r);
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

lk_status lk_cpu_run(void *opened, size_t pictures, uint64_t *step_ns)
{
    const instance *i = opened;
    const lk_program *program = i->compiled->program;
    for (size_t s = 0; s < program->step_count; s++) {
        guard(i, &i->compiled->steps[s]);
        const uint64_t start = step_ns ? now_ns() : 0;
        run_step(i, s, pictures);
        if (step_ns) step_ns[s] = now_ns() - start;
    }
    guard(i, NULL);
    return LK_OK;
}
