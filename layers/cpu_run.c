/* Runs a compiled program, a picture after the other, or one a thread. Each step's rows are cut into pieces
 * for the pool. What a kernel of blocked maps computes does not depend on the rows that it is given; pieces
 * of the others (SGEMM) depend on the layer alone. So a picture's result is the same bit for bit in any batch
 * and on any number of threads. */
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
    size_t lanes; /* pictures that may run at a time: one a thread where there are as many */
    uint8_t *arena, *apart,
        *scratch;        /* arena [lanes][compiled->arena], scratch [threads][compiled->scratch] */
    float *converted[2]; /* [lanes][compiled->converted]: an input and a residual in the other layout */
} instance;

/* A picture on its way. */
typedef struct {
    const instance *instance;
    size_t index, lane; /* in the batch; whose part of the arena it has */
    lk_pool *pool;      /* NULL: in this thread, which has the scratch of `lane` */
} picture_run;

void lk_cpu_close(void *opened)
{
    instance *i = opened;
    if (!i) return;
    if (i->arena) ASAN_UNPOISON_MEMORY_REGION(i->arena, i->compiled->arena * i->lanes);
    lk_free(i->arena);
    lk_free(i->apart);
    lk_free(i->scratch);
    lk_free(i->converted[0]);
    lk_free(i->converted[1]);
    lk_free(i);
}

/* In double, which cannot wrap. */
static double session_bytes(const lk_cpu_program *c, size_t threads, size_t lanes)
{
    return (double)c->apart + (double)c->scratch * (double)threads +
           ((double)c->arena + 2.0 * sizeof(float) * (double)c->converted) * (double)lanes;
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
    const size_t threads = lk_pool_threads(pool), lanes = c->program->batch >= threads ? threads : 1;
    const double bytes = session_bytes(c, threads, lanes), most = (double)lk_most_memory();
    if (bytes > most)
        return lk_fail(LK_ERROR_MEMORY,
                       "a run of %zu pictures needs %.0f MB, and at most %.0f MB are taken here: run fewer "
                       "at a time, or smaller ones",
                       c->program->batch, bytes * 1e-6, most * 1e-6);
    instance *made = lk_allocate_array(1, sizeof *made);
    if (made) {
        *made = (instance){.compiled = c, .pool = pool, .lanes = lanes};
        made->arena = allocate_times(c->arena, lanes);
        made->apart = allocate_times(c->apart, 1);
        made->scratch = allocate_times(c->scratch, threads);
        for (size_t i = 0; i < LK_COUNT(made->converted); i++)
            made->converted[i] = allocate_times(c->converted * sizeof(float), lanes);
    }
    if (!made || !made->arena || !made->apart || !made->scratch || !made->converted[0] ||
        !made->converted[1]) {
        lk_cpu_close(made);
        return lk_fail(LK_ERROR_MEMORY, "out of memory: a run of %zu pictures needs %.0f MB",
                       c->program->batch, bytes * 1e-6);
    }
    *opened = made;
    return LK_OK;
}

/* Where a picture's value begins. */
static uint8_t *value(const picture_run *p, lk_value_id id)
{
    const instance *i = p->instance;
    const lk_cpu_value *v = &i->compiled->values[id];
    return v->is_apart ? i->apart + v->offset + p->index * v->bytes
                       : i->arena + p->lane * i->compiled->arena + v->offset;
}

void *lk_cpu_input(const void *opened)
{
    const instance *i = opened;
    return value(&(picture_run){.instance = i}, i->compiled->program->input);
}

/* One picture's map as it lies in memory. */
typedef struct {
    const lk_value *shape;
    bool is_blocked;
    lk_dtype type;
    const lk_pixels *pixels; /* what its bytes stand for, if it is a picture */
    void *memory;
} map;

static map map_of(const picture_run *p, lk_value_id id)
{
    const lk_cpu_value *v = &p->instance->compiled->values[id];
    const lk_program *program = p->instance->compiled->program;
    return (map){&program->values[id], v->is_blocked, v->type, id == program->input ? program->pixels : NULL,
                 value(p, id)};
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
    const map m = map_of(&(picture_run){.instance = opened, .index = picture}, id);
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
    const lk_step *step;
    const lk_cpu_step *compiled;
    lk_operands io;
    uint8_t *scratch; /* of the pool's first thread */
    size_t thread_scratch;
    size_t grain, grains; /* rows that stay together, and how many times so many there are */
    size_t pieces;        /* as equal a number of grains as can be */
} step_run;

/* Pieces for one thread: enough for another to take some over, but each that begins in the middle of a panel
 * makes rows of a map that is in between two layers again. */
enum { PANEL_PIECES = 4, ROW_PIECES = 4, RING_PIECES = 2 };

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
        r->pieces = lk_least(PANEL_PIECES * threads, c->worth);
    } else {
        r->pieces = lk_least((c->expand_depthwise.expand ? RING_PIECES : ROW_PIECES) * threads, c->worth);
        if (of_panel > 8 * r->pieces) r->grain = 8;
    }
    r->grains = (c->rows + r->grain - 1) / r->grain;
    r->pieces = lk_least(r->pieces, r->grains);
}

static void run_piece(const void *context, size_t piece, size_t worker)
{
    const step_run *r = context;
    const lk_cpu_step *c = r->compiled;
    const lk_rows rows = {piece * r->grains / r->pieces * r->grain,
                          lk_least((piece + 1) * r->grains / r->pieces * r->grain, c->rows)};
    lk_operands io = r->io;
    io.scratch = r->scratch + worker * r->thread_scratch;
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

/* Under AddressSanitizer: a step sees its own operands and nothing else of its picture's arena; the caller
 * sees all. */
static void guard(const picture_run *p, const lk_cpu_step *step)
{
    const lk_cpu_program *compiled = p->instance->compiled;
    uint8_t *arena = p->instance->arena + p->lane * compiled->arena;
    if (!step) {
        ASAN_UNPOISON_MEMORY_REGION(arena, compiled->arena);
        return;
    }
    ASAN_POISON_MEMORY_REGION(arena, compiled->arena);
    if (step->in_next) return;
    const lk_value_id operands[] = {step->input, step->residual, step->output};
    for (size_t o = 0; o < LK_COUNT(operands); o++)
        if (operands[o] != LK_NO_VALUE)
            ASAN_UNPOISON_MEMORY_REGION(value(p, operands[o]), compiled->values[operands[o]].bytes);
}

/* The value in another layout or type, into the picture's part of one of the instance's `converted`. */
static const void *convert(const picture_run *p, const lk_cpu_step *step, lk_value_id id, bool is_input)
{
    const instance *i = p->instance;
    const map from = map_of(p, id);
    const map to = {
        .shape = from.shape,
        .is_blocked = is_input ? step->reads_blocked : step->writes_blocked,
        .type = is_input ? step->reads_type : step->writes_type,
        .memory = i->converted[is_input ? 0 : 1] + p->lane * i->compiled->converted,
    };
    const size_t pixels = from.shape->height * from.shape->width, channels = from.shape->channels;
    if (from.pixels && !to.is_blocked && !step->rounds_input) {
        lk_pixels_normalize(from.pixels, from.memory, pixels, to.memory);
        return to.memory;
    }
    for (size_t pixel = 0; pixel < pixels; pixel++)
        for (size_t c = 0; c < channels; c++) {
            const float v = get(&from, pixel, c);
            put(&to, pixel, c, is_input && step->rounds_input ? lk_round_bf16(v) : v);
        }
    return to.memory;
}

static void run_step(const picture_run *p, size_t s)
{
    const lk_cpu_program *compiled = p->instance->compiled;
    const lk_cpu_step *c = &compiled->steps[s];
    step_run r = {.step = &compiled->program->steps[s],
                  .compiled = c,
                  .scratch = p->instance->scratch + (p->pool ? 0 : p->lane * compiled->scratch),
                  .thread_scratch = compiled->scratch};
    if (c->in_next) return;
    r.io.x = c->converts_input ? convert(p, c, c->input, true) : value(p, c->input);
    r.io.pixels = c->pixels;
    r.io.y = value(p, c->output);
    r.io.weights = compiled->weights + c->weights;
    if (c->expand_depthwise.expand) {
        r.io.second_weights = r.io.weights;
        r.io.weights = compiled->weights + c[-1].weights;
    }
    if (c->residual != LK_NO_VALUE)
        r.io.residual = c->converts_residual ? convert(p, c, c->residual, false) : value(p, c->residual);
    cut(c, lk_pool_threads(p->pool), &r);
    lk_parallel_for(p->pool, r.pieces, run_piece, &r);
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void run_picture(const picture_run *p, uint64_t *step_ns)
{
    const lk_cpu_program *compiled = p->instance->compiled;
    for (size_t s = 0; s < compiled->program->step_count; s++) {
        guard(p, &compiled->steps[s]);
        const uint64_t start = step_ns ? now_ns() : 0;
        run_step(p, s);
        if (step_ns) step_ns[s] += now_ns() - start;
    }
    guard(p, NULL);
}

static void run_alone(const void *context, size_t picture, size_t worker)
{
    run_picture(&(picture_run){.instance = context, .index = picture, .lane = worker}, NULL);
}

/* A picture a thread as long as they go round, and the rest by all threads together; so are all where each
 * step is timed. */
lk_status lk_cpu_run(void *opened, size_t pictures, uint64_t *step_ns)
{
    const instance *i = opened;
    const size_t alone = step_ns || i->lanes == 1 ? 0 : pictures / i->lanes * i->lanes;
    if (step_ns) memset(step_ns, 0, i->compiled->program->step_count * sizeof *step_ns);
    lk_parallel_for(i->pool, alone, run_alone, i);
    for (size_t picture = alone; picture < pictures; picture++)
        run_picture(&(picture_run){.instance = i, .index = picture, .pool = i->pool}, step_ns);
    return LK_OK;
}
