/* Sessions of the cuda backend: pictures in, a graph of the forward pass, features out. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/f16.h"
#include "base/memory.h"
#include "layers/gpu_module.h"
#include "layers/gpu_plan.h"

typedef struct {
    lk_gpu_program *compiled; /* its graphs are made as runs ask for them */
    void *stream;
    void *arrived, *made;                /* events: the input is on the device; the outputs are made */
    uint8_t *input;                      /* pinned, [batch] pictures */
    uint8_t *kept;                       /* pinned: of each kept value [batch] pictures */
    uint8_t *device_input, *device_kept; /* the same on the device, for a chunk */
    void **marks;                        /* events: [step_count + 1], once a run has been timed */
} instance;

static size_t input_bytes(const lk_gpu_program *c)
{
    return c->values[c->program->input].bytes;
}

static void close_marks(instance *i)
{
    const lk_gpu_program *c = i->compiled;
    for (size_t e = 0; i->marks && e <= c->program->step_count; e++)
        c->module->close_event(c->device, i->marks[e]);
    lk_free(i->marks);
    i->marks = NULL;
}

void lk_gpu_close(void *opened)
{
    instance *i = opened;
    if (!i) return;
    const lk_gpu_module *m = i->compiled->module;
    lk_gpu_device *device = i->compiled->device;
    /* A run that failed may have left something to do, with memory that goes now. */
    if (i->stream) m->finish(device, i->stream);
    pthread_mutex_lock(&i->compiled->lock);
    m->finish(device, i->compiled->stream);
    pthread_mutex_unlock(&i->compiled->lock);
    close_marks(i);
    m->release(device, LK_GPU_DEVICE, i->device_kept);
    m->release(device, LK_GPU_DEVICE, i->device_input);
    m->release(device, LK_GPU_PINNED, i->kept);
    m->release(device, LK_GPU_PINNED, i->input);
    m->close_event(device, i->made);
    m->close_event(device, i->arrived);
    m->close_stream(device, i->stream);
    lk_free(i);
}

static lk_gpu_fault open_all(instance *i)
{
    const lk_gpu_program *c = i->compiled;
    const lk_gpu_module *m = c->module;
    const size_t batch = c->program->batch;
    void *memory[4] = {NULL};
    lk_gpu_fault fault = m->open_stream(c->device, &i->stream);
    if (!fault) fault = m->open_event(c->device, &i->arrived);
    if (!fault) fault = m->open_event(c->device, &i->made);
    if (!fault) fault = m->allocate(c->device, LK_GPU_PINNED, input_bytes(c) * batch, &memory[0]);
    if (!fault) fault = m->allocate(c->device, LK_GPU_PINNED, c->kept_bytes * batch, &memory[1]);
    if (!fault) fault = m->allocate(c->device, LK_GPU_DEVICE, input_bytes(c) * c->chunk, &memory[2]);
    if (!fault) fault = m->allocate(c->device, LK_GPU_DEVICE, c->kept_bytes * c->chunk, &memory[3]);
    i->input = memory[0];
    i->kept = memory[1];
    i->device_input = memory[2];
    i->device_kept = memory[3];
    return fault;
}

lk_status lk_gpu_open(const void *compiled, lk_pool *pool, void **opened)
{
    lk_gpu_program *c =
        (lk_gpu_program *)(size_t)compiled; /* what a session changes there is under its lock */
    const size_t batch = c->program->batch, pinned = (input_bytes(c) + c->kept_bytes) * batch;
    (void)pool;
    if (pinned > lk_most_memory())
        return lk_fail(LK_ERROR_MEMORY,
                       "a run of %zu pictures needs %zu bytes for its inputs and outputs: run fewer at a "
                       "time, or smaller ones",
                       batch, pinned);
    instance *made = lk_allocate_array(1, sizeof *made);
    if (!made) return lk_fail(LK_ERROR_MEMORY, "out of memory for a session");
    made->compiled = c;
    const lk_status status = lk_gpu_fail(c->module, open_all(made), "the inputs and outputs of a session");
    if (status) lk_gpu_close(made);
    else *opened = made;
    return status;
}

void *lk_gpu_input(const void *opened)
{
    return ((const instance *)opened)->input;
}

void lk_gpu_read(const void *opened, lk_value_id id, size_t picture, float *chw)
{
    const instance *i = opened;
    const lk_gpu_program *c = i->compiled;
    const lk_gpu_value *v = &c->values[id];
    const lk_value *shape = &c->program->values[id];
    const size_t pixels = shape->height * shape->width;
    const uint8_t *map = i->kept + v->kept * c->program->batch + picture * v->bytes;
    for (size_t channel = 0; channel < shape->channels; channel++)
        for (size_t p = 0; p < pixels; p++) {
            const size_t at = p * shape->channels + channel;
            if (v->pixels) {
                *chw++ = c->program->pixels->value[channel][map[at]];
                continue;
            }
            const float value = v->half ? lk_from_f16(((const uint16_t *)(const void *)map)[at])
                                        : ((const float *)(const void *)map)[at];
            *chw++ = lk_clamp(value, v->lo, v->hi);
        }
}

/* ------------------------------------------------------------------ A run */

static lk_gpu_fault put_steps(const lk_gpu_program *c, size_t pictures)
{
    lk_gpu_fault fault = LK_GPU_OK;
    for (size_t s = 0; !fault && s < c->program->step_count; s++) fault = lk_gpu_put_step(c, s, pictures);
    return fault;
}

static lk_gpu_fault make_graph(const lk_gpu_program *c, size_t pictures, void **graph)
{
    lk_gpu_fault fault = c->module->begin_graph(c->device, c->stream);
    if (fault) return fault;
    fault = put_steps(c, pictures);
    const lk_gpu_fault ended = c->module->end_graph(c->device, c->stream, fault ? NULL : graph);
    return fault ? fault : ended;
}

/* The first run of so many pictures is done step by step, and captured behind that: a driver loads kernels
 * when they are first launched, which it might not while it captures. */
static lk_gpu_fault put_graph(const lk_gpu_program *c, size_t pictures)
{
    void **graph = &c->graphs[pictures];
    if (*graph) return c->module->run_graph(c->device, c->stream, *graph);
    const lk_gpu_fault fault = put_steps(c, pictures);
    return fault ? fault : make_graph(c, pictures, graph);
}

/* Each step by itself, with a mark before and behind it. */
static lk_gpu_fault put_marked(const instance *i, size_t pictures)
{
    const lk_gpu_program *c = i->compiled;
    lk_gpu_fault fault = c->module->record(c->device, c->stream, i->marks[0]);
    for (size_t s = 0; !fault && s < c->program->step_count; s++) {
        fault = lk_gpu_put_step(c, s, pictures);
        if (!fault) fault = c->module->record(c->device, c->stream, i->marks[s + 1]);
    }
    return fault;
}

/* Copies every kept value between the arena and the session's place for it on the device, or from there to
 * the host. */
static lk_gpu_fault copy_kept(const instance *i, size_t first, size_t pictures, bool to_host)
{
    const lk_gpu_program *c = i->compiled;
    lk_gpu_fault fault = LK_GPU_OK;
    for (size_t id = 0; !fault && id < c->program->value_count; id++) {
        const lk_gpu_value *v = &c->values[id];
        if (!c->program->values[id].kept) continue;
        uint8_t *device = i->device_kept + v->kept * c->chunk;
        uint8_t *host = i->kept + v->kept * c->program->batch + first * v->bytes;
        fault = to_host ? c->module->copy(c->device, i->stream, host, device, pictures * v->bytes)
                        : c->module->copy(c->device, c->stream, device, c->arena + v->offset,
                                          pictures * v->bytes);
    }
    return fault;
}

/* On the plan's stream, between what others put there. */
static lk_gpu_fault put_kernels(const instance *i, size_t pictures, bool timed)
{
    lk_gpu_program *c = i->compiled;
    const lk_gpu_module *m = c->module;
    uint8_t *input = c->arena + c->values[c->program->input].offset;
    pthread_mutex_lock(&c->lock);
    lk_gpu_fault fault = m->wait(c->device, c->stream, i->arrived);
    if (!fault) fault = m->copy(c->device, c->stream, input, i->device_input, pictures * input_bytes(c));
    if (!fault) fault = timed ? put_marked(i, pictures) : put_graph(c, pictures);
    if (!fault) fault = copy_kept(i, 0, pictures, false);
    if (!fault) fault = m->record(c->device, c->stream, i->made);
    pthread_mutex_unlock(&c->lock);
    return fault;
}

static lk_gpu_fault put_chunk(const instance *i, size_t first, size_t pictures, bool timed)
{
    const lk_gpu_program *c = i->compiled;
    const lk_gpu_module *m = c->module;
    const uint8_t *input = i->input + first * input_bytes(c);
    lk_gpu_fault fault = m->copy(c->device, i->stream, i->device_input, input, pictures * input_bytes(c));
    if (!fault) fault = m->record(c->device, i->stream, i->arrived);
    if (!fault) fault = put_kernels(i, pictures, timed);
    if (!fault) fault = m->wait(c->device, i->stream, i->made);
    return fault ? fault : copy_kept(i, first, pictures, true);
}

static lk_gpu_fault open_marks(instance *i)
{
    const lk_gpu_program *c = i->compiled;
    lk_gpu_fault fault = LK_GPU_OK;
    if (i->marks) return LK_GPU_OK;
    i->marks = lk_allocate_array(c->program->step_count + 1, sizeof *i->marks);
    if (!i->marks) return LK_GPU_MEMORY;
    for (size_t e = 0; !fault && e <= c->program->step_count; e++)
        fault = c->module->open_event(c->device, &i->marks[e]);
    if (fault) close_marks(i);
    return fault;
}

static lk_gpu_fault add_times(const instance *i, uint64_t *step_ns)
{
    const lk_gpu_program *c = i->compiled;
    lk_gpu_fault fault = LK_GPU_OK;
    for (size_t s = 0; !fault && s < c->program->step_count; s++) {
        uint64_t ns = 0;
        fault = c->module->elapsed(c->device, i->marks[s], i->marks[s + 1], &ns);
        step_ns[s] += c->steps[s].in_next ? 0 : ns;
    }
    return fault;
}

lk_status lk_gpu_run(void *opened, size_t pictures, uint64_t *step_ns)
{
    instance *i = opened;
    const lk_gpu_program *c = i->compiled;
    lk_gpu_fault fault = step_ns ? open_marks(i) : LK_GPU_OK;
    if (step_ns) memset(step_ns, 0, c->program->step_count * sizeof *step_ns);
    for (size_t first = 0; !fault && first < pictures; first += c->chunk) {
        const size_t count = pictures - first < c->chunk ? pictures - first : c->chunk;
        fault = put_chunk(i, first, count, step_ns);
        if (!fault && step_ns) fault = c->module->finish(c->device, i->stream);
        if (!fault && step_ns) fault = add_times(i, step_ns);
    }
    if (!fault) fault = c->module->finish(c->device, i->stream);
    return lk_gpu_fail(c->module, fault, "a run of the network");
}
