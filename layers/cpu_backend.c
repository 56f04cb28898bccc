/* The CPU backend: a program compiled to kernels of kernels.inc, their packed weights, and one arena.
 *
 * Phases: choose a kernel for each step under a mask → place the values → pack the weights → per run, each
 * step's rows are cut into pieces for the pool. A piece lies within one picture and its size depends on the
 * layer alone, so a picture's result is the same bit for bit in any batch and on any number of threads. */
#include <time.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "layers/arena.h"
#include "layers/backend.h"
#include "layers/openblas.h"

#if defined(__SANITIZE_ADDRESS__)
#define LK_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LK_ASAN 1
#endif
#endif
#ifdef LK_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, bytes) ((void)(address), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(address, bytes) ((void)(address), (void)(bytes))
#endif

/* A piece reads and writes about this many floats: it stays in a core's own cache from the first pass over it
 * to the last (SGEMM writes what the epilogue then reads). */
#define PIECE_FLOATS ((size_t)32 * 1024)

/* But SGEMM copies the weights once a piece, which fewer pixels than this do not pay for. */
#define PIECE_PIXELS ((size_t)128)

/* A step with all that a run needs to know. */
typedef struct {
    const char *kernel;
    union {
        lk_conv2d_fn *conv2d;
        lk_pool2d_fn *pool2d;
        lk_batch_norm_fn *batch_norm;
        lk_elementwise_fn *elementwise;
    } run;
    lk_conv2d_pack_fn *pack;
    size_t weights, weight_floats; /* place in the packed block */
    size_t scratch;                /* floats a worker */
    size_t rows, rows_at_once;     /* of one picture; of one piece */
} compiled_step;

typedef struct {
    const lk_program *program;
    compiled_step *steps;
    size_t *offsets; /* of the values in the arena, floats */
    float *weights;
    size_t arena, scratch, weight_floats; /* floats; scratch of one worker */
} compiled_program;

typedef struct {
    const compiled_program *compiled;
    lk_pool *pool;
    float *arena, *scratch; /* scratch [threads][compiled->scratch] */
} instance;

/* ------------------------------------------------------------------ compile */

static void choose_conv2d(const lk_conv2d *d, unsigned can, compiled_step *compiled)
{
    const lk_conv2d_kernel *kernel = lk_conv2d_choose(d, can);
    compiled->kernel = kernel->name;
    compiled->run.conv2d = kernel->run;
    compiled->pack = kernel->pack;
    compiled->weight_floats = kernel->pack(d, NULL, NULL, NULL);
    compiled->scratch = kernel->scratch ? kernel->scratch(d) : 0;
    compiled->rows = lk_conv2d_is_pointwise(d) ? d->out_h * d->out_w : d->out_h;
}

static void choose_elementwise(const lk_elementwise_kernel *kernel, compiled_step *compiled)
{
    compiled->kernel = kernel->name;
    compiled->run.elementwise = kernel->run;
}

static void choose_kernel(const lk_step *step, size_t pixels, unsigned can, compiled_step *compiled)
{
    compiled->rows = 1;
    switch (step->op) {
    case LK_OP_CONV2D:
        choose_conv2d(&step->layer.conv2d, can, compiled);
        break;
    case LK_OP_POOL2D:
        compiled->kernel = lk_pool2d_choose(can)->name;
        compiled->run.pool2d = lk_pool2d_choose(can)->run;
        compiled->rows = step->layer.pool2d.out_h;
        break;
    case LK_OP_BATCH_NORM:
        compiled->kernel = lk_batch_norm_choose(can)->name;
        compiled->run.batch_norm = lk_batch_norm_choose(can)->run;
        compiled->weight_floats = compiled->scratch = 4 * step->layer.batch_norm.channels;
        break;
    case LK_OP_ACTIVATION:
        choose_elementwise(lk_activation_choose(can), compiled);
        compiled->rows = pixels;
        break;
    case LK_OP_ADD:
        choose_elementwise(lk_add_choose(can), compiled);
        compiled->rows = pixels;
        break;
    case LK_OP_SOFTMAX:
        choose_elementwise(lk_softmax_choose(can), compiled);
        break;
    }
}

static size_t rows_at_once(const lk_program *program, const lk_step *step, size_t rows)
{
    const size_t floats =
        lk_value_floats(&program->values[step->input]) + lk_value_floats(&program->values[step->output]);
    size_t pieces = floats / PIECE_FLOATS + 1;
    if (step->op == LK_OP_CONV2D && lk_conv2d_is_pointwise(&step->layer.conv2d) &&
        rows / pieces < PIECE_PIXELS)
        pieces = rows / PIECE_PIXELS + 1;
    return rows / pieces + (rows % pieces != 0);
}

static void choose_kernels(const lk_program *program, unsigned can, compiled_program *compiled)
{
    for (size_t i = 0; i < program->step_count; i++) {
        const lk_step *step = &program->steps[i];
        const lk_value *output = &program->values[step->output];
        compiled_step *chosen = &compiled->steps[i];
        choose_kernel(step, output->height * output->width, can, chosen);
        chosen->rows_at_once = rows_at_once(program, step, chosen->rows);
        chosen->weights = compiled->weight_floats;
        /* A vector's alignment for each step's weights; sizes come from tensors in memory, so nothing
         * overflows. */
        compiled->weight_floats += (chosen->weight_floats + 15) & ~(size_t)15;
        if (chosen->scratch > compiled->scratch) compiled->scratch = (chosen->scratch + 15) & ~(size_t)15;
    }
}

static void pack_batch_norm(const lk_filter *filter, size_t channels, float *packed)
{
    lk_tensor_read(filter->gamma, packed);
    lk_tensor_read(filter->beta, packed + channels);
    lk_tensor_read(filter->mean, packed + 2 * channels);
    lk_tensor_read(filter->variance, packed + 3 * channels);
}

/* Folds one layer at a time, so that the plain weights never exist all at once. */
static lk_status pack_weights(const lk_program *program, const compiled_program *compiled)
{
    for (size_t i = 0; i < program->step_count; i++) {
        const lk_step *step = &program->steps[i];
        float *packed = compiled->weights + compiled->steps[i].weights;
        if (step->op == LK_OP_BATCH_NORM)
            pack_batch_norm(&step->filter, step->layer.batch_norm.channels, packed);
        if (step->op != LK_OP_CONV2D) continue;
        const lk_conv2d *d = &step->layer.conv2d;
        float *plain = lk_allocate_array(step->filter.weight->count + d->out_channels, sizeof *plain);
        if (!plain) return lk_fail(LK_ERROR_MEMORY, "out of memory for the weights of %s", step->name);
        float *bias = plain + step->filter.weight->count;
        lk_filter_read(&step->filter, d->out_channels, plain, bias);
        compiled->steps[i].pack(d, plain, bias, packed);
        lk_free(plain);
    }
    return LK_OK;
}

static void release(void *compiled)
{
    compiled_program *c = compiled;
    if (!c) return;
    lk_free(c->steps);
    lk_free(c->offsets);
    lk_free(c->weights);
    lk_free(c);
}

static lk_status compile(const lk_program *program, unsigned can, void **compiled)
{
    lk_status status = LK_ERROR_MEMORY;
    compiled_program *made = lk_allocate_array(1, sizeof *made);
    if (!made) goto done;
    made->program = program;
    made->steps = lk_allocate_array(program->step_count, sizeof *made->steps);
    made->offsets = lk_allocate_array(program->value_count, sizeof *made->offsets);
    if (!made->steps || !made->offsets) goto done;
    choose_kernels(program, can, made);
    status = lk_arena_place(program, made->offsets, &made->arena);
    if (status) goto done;
    made->weights = lk_allocate(made->weight_floats * sizeof(float), LK_ALIGNMENT);
    status = made->weights ? pack_weights(program, made) : LK_ERROR_MEMORY;
done:
    if (status == LK_OK) *compiled = made;
    else release(made);
    return status == LK_ERROR_MEMORY ? lk_fail(status, "out of memory for a plan") : status;
}

static lk_status compile_reference(const lk_program *program, const char *isa, void **compiled)
{
    (void)isa; /* the reference uses none; an unknown name has been refused by the plan */
    return compile(program, 0, compiled);
}

static lk_status compile_openblas(const lk_program *program, const char *isa, void **compiled)
{
    unsigned can;
    lk_status status = lk_cpu_mask(isa, &can);
    if (!status) status = lk_openblas_load();
    return status ? status : compile(program, can | LK_NEEDS_PORTABLE | LK_NEEDS_OPENBLAS, compiled);
}

static lk_status probe_reference(void)
{
    return LK_OK;
}

static const char *kernel(const void *compiled, size_t step)
{
    return ((const compiled_program *)compiled)->steps[step].kernel;
}

static size_t arena_bytes(const void *compiled)
{
    return ((const compiled_program *)compiled)->arena * sizeof(float);
}

static size_t weight_bytes(const void *compiled)
{
    return ((const compiled_program *)compiled)->weight_floats * sizeof(float);
}

/* ------------------------------------------------------------------ run */

static void close_instance(void *opened)
{
    instance *i = opened;
    if (!i) return;
    if (i->arena) ASAN_UNPOISON_MEMORY_REGION(i->arena, i->compiled->arena * sizeof(float));
    lk_free(i->arena);
    lk_free(i->scratch);
    lk_free(i);
}

static lk_status open_instance(const void *compiled, lk_pool *pool, void **opened)
{
    const compiled_program *c = compiled;
    size_t scratch;
    instance *made = lk_allocate_array(1, sizeof *made);
    if (made) {
        *made = (instance){
            .compiled = c, .pool = pool, .arena = lk_allocate(c->arena * sizeof(float), LK_ALIGNMENT)};
        if (lk_multiply(c->scratch * sizeof(float), lk_pool_threads(pool), &scratch))
            made->scratch = lk_allocate(scratch, LK_ALIGNMENT);
    }
    if (!made || !made->arena || !made->scratch) {
        close_instance(made);
        return lk_fail(LK_ERROR_MEMORY, "out of memory: a run needs %zu bytes for its maps",
                       c->arena * sizeof(float));
    }
    *opened = made;
    return LK_OK;
}

static float *value(const void *opened, lk_value_id id)
{
    const instance *i = opened;
    return i->arena + i->compiled->offsets[id];
}

/* What the pieces of one step have in common. */
typedef struct {
    const instance *instance;
    const lk_step *step;
    const compiled_step *compiled;
    lk_operands io;
    size_t pieces; /* of one picture */
} step_run;

static void run_piece(const void *context, size_t piece, size_t worker)
{
    const step_run *r = context;
    const compiled_step *c = r->compiled;
    const size_t picture = piece / r->pieces * c->rows, begin = piece % r->pieces * c->rows_at_once;
    const size_t end = begin + c->rows_at_once < c->rows ? begin + c->rows_at_once : c->rows;
    const lk_rows rows = {picture + begin, picture + end};
    lk_operands io = r->io;
    io.scratch = r->instance->scratch + worker * r->instance->compiled->scratch;
    switch (r->step->op) {
    case LK_OP_CONV2D:
        c->run.conv2d(&r->step->layer.conv2d, &io, rows);
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
static void guard(const instance *i, const lk_step *step)
{
    const lk_program *program = i->compiled->program;
    if (!step) {
        ASAN_UNPOISON_MEMORY_REGION(i->arena, i->compiled->arena * sizeof(float));
        return;
    }
    ASAN_POISON_MEMORY_REGION(i->arena, i->compiled->arena * sizeof(float));
    const lk_value_id operands[] = {step->input, step->residual, step->output};
    for (size_t o = 0; o < LK_COUNT(operands); o++)
        if (operands[o] != LK_NO_VALUE)
            ASAN_UNPOISON_MEMORY_REGION(value(i, operands[o]),
                                        lk_value_floats(&program->values[operands[o]]) * program->batch *
                                            sizeof(float));
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static lk_status run(void *opened, size_t pictures, uint64_t *step_ns)
{
    const instance *i = opened;
    const lk_program *program = i->compiled->program;
    for (size_t s = 0; s < program->step_count; s++) {
        const lk_step *step = &program->steps[s];
        const compiled_step *c = &i->compiled->steps[s];
        step_run r = {.instance = i, .step = step, .compiled = c};
        r.io.x = value(i, step->input);
        r.io.y = value(i, step->output);
        r.io.weights = i->compiled->weights + c->weights;
        if (step->residual != LK_NO_VALUE) r.io.residual = value(i, step->residual);
        r.pieces = (c->rows + c->rows_at_once - 1) / c->rows_at_once;
        guard(i, step);
        const uint64_t start = step_ns ? now_ns() : 0;
        lk_parallel_for(i->pool, pictures * r.pieces, run_piece, &r);
        if (step_ns) step_ns[s] = now_ns() - start;
    }
    guard(i, NULL);
    return LK_OK;
}

#define LK_CPU_BACKEND(label, probe_fn, compile_fn)                                                    \
    {                                                                                                  \
        .name = label, .probe = probe_fn, .compile = compile_fn, .release = release, .kernel = kernel, \
        .arena_bytes = arena_bytes, .weight_bytes = weight_bytes, .open = open_instance,               \
        .close = close_instance, .value = value, .run = run                                            \
    }

const lk_backend lk_backend_reference = LK_CPU_BACKEND("reference", probe_reference, compile_reference);
const lk_backend lk_backend_openblas = LK_CPU_BACKEND("openblas", lk_openblas_load, compile_openblas);
