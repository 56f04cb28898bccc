/* A module of a GPU that is none: the kernels run on the CPU, products are plain loops. Streams do nothing
 * until somebody waits for them, and one runs ahead of another unless an event says otherwise, so that a wait
 * that was forgotten shows.
 *
 * LK_FAKE_GPU lists what goes wrong, by commas: no-driver, old-driver, no-device; memory=BYTES; lose=N (the
 * device is lost at the N-th launch or product); refuse (no product is offered). */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpu/emulate.h"
#include "layers/gpu.h"
#include "layers/kernels/cuda/maps.h"
#include "layers/kernels/cuda/search.h"

#ifndef LK_FAKE_ABI
#define LK_FAKE_ABI LK_GPU_ABI
#endif
#ifndef LK_FAKE_BUILD
#define LK_FAKE_BUILD LK_GPU_BUILD
#endif

enum { DEVICES = 2, MOST_STREAMS = 64 };

typedef struct stream stream;

/* What stands on a stream, or in a graph. */
typedef struct {
    enum { COPY, LAUNCH, MULTIPLY, WAIT } kind;
    void *to;
    const void *from;
    size_t bytes;
    lk_gpu_launch launch;
    lk_gpu_product product;
    stream *other; /* WAIT: until it has done so many */
    size_t until;
} operation;

struct stream {
    operation *operations;
    size_t count, done, capacity;
    bool capturing;
    stream *captured;
};

typedef struct {
    stream *stream;
    size_t place;
} event;

struct lk_gpu_device {
    size_t free_bytes;
    bool lost;
    stream *streams[MOST_STREAMS];
    size_t stream_count, finished;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Thread_local char reason_text[128];
static size_t done_count; /* launches and products, all in all */

static lk_gpu_fault fault(lk_gpu_fault number, const char *text)
{
    snprintf(reason_text, sizeof reason_text, "%s", text);
    return number;
}

static const char *reason(void)
{
    return reason_text;
}

/* What stands behind `name` in LK_FAKE_GPU: "" for a word without value; NULL where it is not. */
static const char *asked(const char *name)
{
    const char *at = getenv("LK_FAKE_GPU");
    const size_t length = strlen(name);
    for (; at && *at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
        if (strncmp(at, name, length) != 0) continue;
        if (at[length] == '=') return at + length + 1;
        if (!at[length] || at[length] == ',') return at + length;
    }
    return NULL;
}

static lk_gpu_fault count_devices(size_t *devices)
{
    if (asked("no-driver")) return fault(LK_GPU_NO_DRIVER, "as asked");
    if (asked("old-driver")) return fault(LK_GPU_OLD_DRIVER, "its CUDA is 11.2, and 13.0 is needed");
    if (asked("no-device")) return fault(LK_GPU_NO_DEVICE, "as asked");
    *devices = DEVICES;
    return LK_GPU_OK;
}

static lk_gpu_fault open_device(size_t number, lk_gpu_device **device, lk_gpu_info *info)
{
    size_t devices = 0;
    const lk_gpu_fault found = count_devices(&devices);
    if (found) return found;
    if (number >= DEVICES) return fault(LK_GPU_NO_DEVICE, "there are 2, numbered from 0");
    lk_gpu_device *opened = calloc(1, sizeof *opened);
    if (!opened) return fault(LK_GPU_MEMORY, "of the host");
    const char *memory = asked("memory");
    opened->free_bytes = memory ? strtoull(memory, NULL, 10) : SIZE_MAX / 2;
    *device = opened;
    *info = (lk_gpu_info){.name = "fake", .major = 9, .processors = 2, .free_bytes = opened->free_bytes};
    return LK_GPU_OK;
}

static void close_device(lk_gpu_device *device)
{
    free(device);
}

/* The size stands before the memory, for release. */
static lk_gpu_fault allocate(lk_gpu_device *device, lk_gpu_memory place, size_t bytes, void **memory)
{
    enum { HEAD = 256 };
    pthread_mutex_lock(&lock);
    const bool enough = place == LK_GPU_PINNED || bytes <= device->free_bytes;
    unsigned char *block = enough && bytes < SIZE_MAX - HEAD
                               ? aligned_alloc(HEAD, (HEAD + bytes + HEAD - 1) / HEAD * HEAD)
                               : NULL;
    if (block) {
        memcpy(block, &bytes, sizeof bytes);
        memset(block + HEAD, 0xff, bytes); /* NaN, as floats of either width */
        if (place == LK_GPU_DEVICE) device->free_bytes -= bytes;
        *memory = block + HEAD;
    }
    pthread_mutex_unlock(&lock);
    return block ? LK_GPU_OK : fault(LK_GPU_MEMORY, "as asked");
}

static void release(lk_gpu_device *device, lk_gpu_memory place, void *memory)
{
    size_t bytes;
    if (!memory) return;
    unsigned char *block = (unsigned char *)memory - 256;
    pthread_mutex_lock(&lock);
    memcpy(&bytes, block, sizeof bytes);
    if (place == LK_GPU_DEVICE) device->free_bytes += bytes;
    pthread_mutex_unlock(&lock);
    free(block);
}

/* ------------------------------------------------------------------ What is done */

#define RUN(name, args, waits)                            \
    static void run_##name##_f32(const void *a)           \
    {                                                     \
        lk_##name##_f32__cuda(*(const lk_gpu_##args *)a); \
    }                                                     \
    static void run_##name##_f16(const void *a)           \
    {                                                     \
        lk_##name##_f16__cuda(*(const lk_gpu_##args *)a); \
    }
LK_GPU_MAP_KERNELS(RUN)
#undef RUN
#define RUN(name, args, waits)                        \
    static void run_##name(const void *a)             \
    {                                                 \
        lk_##name##__cuda(*(const lk_gpu_##args *)a); \
    }
LK_GPU_SEARCH_KERNELS(RUN)
#undef RUN

static const struct {
    void (*run[2])(const void *args); /* float, half */
    bool waits;
} kernels[] = {
#define ROW(name, args, waits) {{run_##name##_f32, run_##name##_f16}, waits},
    LK_GPU_MAP_KERNELS(ROW)
#undef ROW
#define ROW(name, args, waits) {{run_##name, NULL}, waits},
        LK_GPU_SEARCH_KERNELS(ROW)
#undef ROW
};

static float at(const void *values, size_t i, bool half)
{
    return half ? lk_from_f16(((const uint16_t *)values)[i]) : ((const float *)values)[i];
}

static void multiply_now(const lk_gpu_product *p)
{
    for (size_t r = 0; r < p->rows; r++)
        for (size_t o = 0; o < p->outputs; o++) {
            const size_t place = r * p->outputs + o;
            float sum = 0;
            for (size_t i = 0; i < p->inputs; i++)
                sum += at(p->x, r * p->inputs + i, p->half) * at(p->w, o * p->inputs + i, p->half);
            if (p->residual) sum += at(p->residual, place, p->half);
            if (p->bias) sum += at(p->bias, o, p->half);
            if (p->relu && sum < 0) sum = 0;
            if (p->half) ((uint16_t *)p->y)[place] = lk_to_f16(sum);
            else ((float *)p->y)[place] = sum;
        }
}

static void run_until(lk_gpu_device *device, stream *s, size_t until);

static void run_operation(lk_gpu_device *device, const operation *o)
{
    const char *lose = asked("lose");
    if (o->kind == WAIT) {
        run_until(device, o->other, o->until);
        return;
    }
    if (o->kind != COPY && lose && ++done_count >= strtoull(lose, NULL, 10)) device->lost = true;
    if (device->lost) return;
    if (o->kind == COPY) memmove(o->to, o->from, o->bytes);
    else if (o->kind == MULTIPLY) multiply_now(&o->product);
    else
        lk_emulate(kernels[o->launch.kernel].run[o->launch.half], kernels[o->launch.kernel].waits,
                   &o->launch.args, o->launch.grid, o->launch.block);
}

static void run_until(lk_gpu_device *device, stream *s, size_t until)
{
    while (s->done < until) run_operation(device, &s->operations[s->done++]);
}

/* ------------------------------------------------------------------ Streams, events, graphs */

static lk_gpu_fault push(lk_gpu_device *device, stream *s, const operation *o)
{
    lk_gpu_fault result = device->lost ? fault(LK_GPU_LOST, "as asked") : LK_GPU_OK;
    pthread_mutex_lock(&lock);
    if (s->capturing) s = s->captured;
    if (s->count == s->capacity) {
        s->capacity = s->capacity ? 2 * s->capacity : 64;
        operation *grown = realloc(s->operations, s->capacity * sizeof *grown);
        if (!grown) abort();
        s->operations = grown;
    }
    s->operations[s->count++] = *o;
    pthread_mutex_unlock(&lock);
    return result;
}

static lk_gpu_fault open_stream(lk_gpu_device *device, void **made)
{
    stream *s = calloc(1, sizeof *s);
    if (!s) return fault(LK_GPU_MEMORY, "of the host");
    pthread_mutex_lock(&lock);
    if (device->stream_count == MOST_STREAMS) abort();
    device->streams[device->stream_count++] = s;
    pthread_mutex_unlock(&lock);
    *made = s;
    return LK_GPU_OK;
}

static void free_stream(stream *s)
{
    if (s) free(s->operations);
    free(s);
}

static void close_stream(lk_gpu_device *device, void *made)
{
    stream *s = made;
    if (!s) return;
    pthread_mutex_lock(&lock);
    size_t i = 0;
    while (device->streams[i] != s) i++;
    device->streams[i] = device->streams[--device->stream_count];
    pthread_mutex_unlock(&lock);
    free_stream(s);
}

/* Every other time all other streams come first. */
static lk_gpu_fault finish(lk_gpu_device *device, void *made)
{
    stream *s = made;
    pthread_mutex_lock(&lock);
    const bool others = device->finished++ % 2;
    for (size_t i = 0; others && i < device->stream_count; i++)
        if (device->streams[i] != s) run_until(device, device->streams[i], device->streams[i]->count);
    run_until(device, s, s->count);
    const bool lost = device->lost;
    pthread_mutex_unlock(&lock);
    return lost ? fault(LK_GPU_LOST, "as asked") : LK_GPU_OK;
}

static lk_gpu_fault open_event(lk_gpu_device *device, void **made)
{
    (void)device;
    *made = calloc(1, sizeof(event));
    return *made ? LK_GPU_OK : fault(LK_GPU_MEMORY, "of the host");
}

static void close_event(lk_gpu_device *device, void *made)
{
    (void)device;
    free(made);
}

static lk_gpu_fault record(lk_gpu_device *device, void *on, void *made)
{
    (void)device;
    pthread_mutex_lock(&lock);
    *(event *)made = (event){on, ((stream *)on)->count};
    pthread_mutex_unlock(&lock);
    return LK_GPU_OK;
}

static lk_gpu_fault wait_for(lk_gpu_device *device, void *on, void *made)
{
    const event *e = made;
    return push(device, on, &(operation){.kind = WAIT, .other = e->stream, .until = e->place});
}

static lk_gpu_fault elapsed(lk_gpu_device *device, void *from, void *to, uint64_t *ns)
{
    (void)device;
    *ns = 1000 * (((event *)to)->place - ((event *)from)->place);
    return LK_GPU_OK;
}

static lk_gpu_fault begin_graph(lk_gpu_device *device, void *on)
{
    stream *s = on;
    (void)device;
    s->captured = calloc(1, sizeof *s->captured);
    s->capturing = s->captured;
    return s->captured ? LK_GPU_OK : fault(LK_GPU_MEMORY, "of the host");
}

static lk_gpu_fault end_graph(lk_gpu_device *device, void *on, void **graph)
{
    stream *s = on;
    s->capturing = false;
    if (graph) *graph = s->captured;
    else free_stream(s->captured);
    return device->lost ? fault(LK_GPU_LOST, "as asked") : LK_GPU_OK;
}

static lk_gpu_fault run_graph(lk_gpu_device *device, void *on, void *graph)
{
    const stream *g = graph;
    lk_gpu_fault result = LK_GPU_OK;
    for (size_t i = 0; !result && i < g->count; i++) result = push(device, on, &g->operations[i]);
    return result;
}

static void close_graph(lk_gpu_device *device, void *graph)
{
    (void)device;
    free_stream(graph);
}

static lk_gpu_fault copy(lk_gpu_device *device, void *on, void *to, const void *from, size_t bytes)
{
    return push(device, on, &(operation){.kind = COPY, .to = to, .from = from, .bytes = bytes});
}

static lk_gpu_fault launch(lk_gpu_device *device, void *on, const lk_gpu_launch *l)
{
    return push(device, on, &(operation){.kind = LAUNCH, .launch = *l});
}

static lk_gpu_fault multiply(lk_gpu_device *device, void *on, const lk_gpu_product *p)
{
    if (asked("refuse")) return fault(LK_GPU_UNSUPPORTED, "as asked");
    return push(device, on, &(operation){.kind = MULTIPLY, .product = *p});
}

static const lk_gpu_module module = {.abi = LK_FAKE_ABI,
                                     .build = LK_FAKE_BUILD,
                                     .reason = reason,
                                     .count = count_devices,
                                     .open = open_device,
                                     .close = close_device,
                                     .allocate = allocate,
                                     .release = release,
                                     .open_stream = open_stream,
                                     .close_stream = close_stream,
                                     .finish = finish,
                                     .open_event = open_event,
                                     .close_event = close_event,
                                     .record = record,
                                     .wait = wait_for,
                                     .elapsed = elapsed,
                                     .begin_graph = begin_graph,
                                     .end_graph = end_graph,
                                     .run_graph = run_graph,
                                     .close_graph = close_graph,
                                     .copy = copy,
                                     .launch = launch,
                                     .multiply = multiply};

__attribute__((visibility("default"))) const lk_gpu_module *lk_gpu_module_entry(void);

const lk_gpu_module *lk_gpu_module_entry(void)
{
    return &module;
}
