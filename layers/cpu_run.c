/* Runs a compiled program: each step's rows are cut into pieces for the pool. A piece lies within one picture
 * and its size depends on the layer alone, so a picture's result is the same bit for bit in any batch and on
 * any number of threads. */
#include <string.h>
#include <time.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/sanitizer.h"
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

/* `count` times `bytes`; NULL when there is no memory. */
static void *allocate_times(size_t bytes, size_t count)
{
    size_t all;
    return lk_multiply(bytes, count, &all) ? lk_allocate(all, LK_ALIGNMENT) : NULL;
}

lk_status lk_cpu_open(const void *compiled, lk_pool *pool, void **opened)
{
    const lk_cpu_program *c = compiled;
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

float *lk_cpu_input(const void *opened)
{
    const instance *i = opened;
    return value(i, i->compiled->program->input);
}

void lk_cpu_read(const void *opened, lk_value_id id, size_t picture, float *chw)
{
    const instance *i = opened;
    const lk_value *shape = &i->compiled->program->values[id];
    const lk_cpu_value *v = &i->compiled->values[id];
    const size_t pixels = shape->height * shape->width;
    const size_t block = v->is_blocked ? LK_BLOCK : shape->channels; /* channels that lie together */
    const float *map = (const float *)value(i, id) + picture * v->bytes / sizeof *map;
    for (size_t c = 0; c < shape->channels; c++)
        for (size_t p = 0; p < pixels; p++) *chw++ = map[(c / block * pixels + p) * block + c % block];
}

/* ------------------------------------------------------------------ steps */

/* What the pieces of one step have in common. */
typedef struct {
    const instance *instance;
    const lk_step *step;
    const lk_cpu_step *compiled;
    lk_operands io;
    size_t pieces; /* of one picture */
} step_run;

static void run_piece(const void *context, size_t piece, size_t worker)
{
    const step_run *r = context;
    const lk_cpu_step *c = r->compiled;
    const size_t picture = piece / r->pieces * c->rows, begin = piece % r->pieces * c->rows_at_once;
    const size_t end = begin + c->rows_at_once < c->rows ? begin + c->rows_at_once : c->rows;
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

/* The value's maps in the other layout, into `converted`. */
static const float *convert(const instance *i, lk_value_id id, size_t pictures, float *converted)
{
    const lk_value *shape = &i->compiled->program->values[id];
    const lk_cpu_value *v = &i->compiled->values[id];
    const size_t pixels = shape->height * shape->width;
    const size_t floats = v->is_blocked ? lk_value_floats(shape) : lk_blocked_floats(pixels, shape->channels);
    for (size_t p = 0; p < pictures; p++) {
        const float *from = (const float *)value(i, id) + p * v->bytes / sizeof *from;
        if (v->is_blocked) lk_layout_unblock(from, pixels, shape->channels, converted + p * floats);
        else lk_layout_block(from, pixels, shape->channels, converted + p * floats);
    }
    return converted;
}

static void run_step(const instance *i, size_t s, size_t pictures)
{
    const lk_cpu_step *c = &i->compiled->steps[s];
    step_run r = {.instance = i, .step = &i->compiled->program->steps[s], .compiled = c};
    if (c->in_next) return;
    r.io.x = c->converts_input ? convert(i, c->input, pictures, i->converted[0]) : value(i, c->input);
    r.io.y = value(i, c->output);
    r.io.weights = i->compiled->weights + c->weights;
    if (c->expand_depthwise.expand) {
        r.io.second_weights = r.io.weights;
        r.io.weights = i->compiled->weights + c[-1].weights;
    }
    if (c->residual != LK_NO_VALUE)
        r.io.residual =
            c->converts_residual ? convert(i, c->residual, pictures, i->converted[1]) : value(i, c->residual);
    r.pieces = (c->rows + c->rows_at_once - 1) / c->rows_at_once;
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
