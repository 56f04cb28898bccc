/* A program to launches and products: which of them does each step, in what type, and where all lies. */
#include "layers/gpu_plan.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "layers/arena.h"
#include "layers/gpu_module.h"

/* The most outputs of a pointwise layer that are made together with the depthwise layer before it:
 * LK_TILE_NARROW. More would need several blocks a tile, each of which would do the depthwise layer again. */
#define MOST_PROJECTED ((size_t)32)

/* Places in memory, for whole vectors and for what cuBLASLt likes. */
#define ALIGNMENT ((size_t)256)

static bool is_whole_map(const lk_conv2d *d)
{
    return d->groups == 1 && d->out_h == 1 && d->out_w == 1 && d->kernel_h == d->in_h &&
           d->kernel_w == d->in_w && !d->pad_top && !d->pad_left && d->dilation_h == 1 && d->dilation_w == 1;
}

size_t lk_gpu_product_inputs(const lk_conv2d *d)
{
    return d->kernel_h * d->kernel_w * d->in_channels;
}

static bool has_activation(const lk_conv2d *d)
{
    return d->lo > -INFINITY || d->hi < INFINITY;
}

/* Whether a product's epilogue can add this layer's residual. */
static bool product_fits(const lk_conv2d *d)
{
    return d->residual != LK_RESIDUAL_AFTER_ACTIVATION || !has_activation(d);
}

static bool depthwise_fits(const lk_conv2d *d)
{
    return lk_conv2d_is_depthwise(d) && d->kernel_h == 3 && d->kernel_w == 3 && d->stride_h == d->stride_w &&
           (d->stride_h == 1 || d->stride_h == 2) && d->dilation_h == 1 && d->dilation_w == 1 &&
           d->out_channels % 4 == 0 && d->residual == LK_RESIDUAL_NONE;
}

static bool stem_fits(const lk_conv2d *d)
{
    return d->in_channels == 3 && d->groups == 1 && d->out_channels % 4 == 0 &&
           d->residual == LK_RESIDUAL_NONE;
}

static void choose_conv2d(const lk_conv2d *d, bool plain, const lk_gpu_program *made, lk_gpu_step *chosen)
{
    const bool x_half = made->values[chosen->input].half, y_half = made->values[chosen->output].half;
    const bool alike = x_half == y_half;
    chosen->half = x_half || y_half;
    chosen->way = LK_GPU_BY_KERNEL;
    chosen->kernel = LK_GPU_conv2d;
    if (lk_conv2d_is_pointwise(d) || is_whole_map(d)) {
        if (alike && product_fits(d) && !made->values[chosen->input].pixels) chosen->way = LK_GPU_BY_PRODUCT;
        else if (lk_conv2d_is_pointwise(d)) chosen->kernel = LK_GPU_pointwise;
    } else if (plain) {
        /* From a float map, too, im2col writes what the product takes. */
        if (d->groups == 1 && product_fits(d) && chosen->half == y_half) chosen->way = LK_GPU_BY_COLUMNS;
    } else if (depthwise_fits(d) && alike) {
        chosen->kernel = LK_GPU_depthwise;
    } else if (stem_fits(d) && chosen->half == y_half) {
        chosen->kernel = LK_GPU_stem;
    }
    chosen->relu = chosen->way != LK_GPU_BY_KERNEL && d->lo >= 0 && d->lo <= 0;
}

static bool is_type_of_conv2d(const lk_step *step, lk_dtype type)
{
    return step->op == LK_OP_CONV2D && step->layer.conv2d.y_type == type;
}

/* Pools and softmax give floats, convolutions what they say, all else what it takes. */
static bool writes_half(const lk_step *step, bool reads_half)
{
    if (step->op == LK_OP_CONV2D) return is_type_of_conv2d(step, LK_F16);
    return reads_half && step->op != LK_OP_POOL2D;
}

static void choose_step(const lk_step *step, bool plain, lk_gpu_program *made, lk_gpu_step *chosen)
{
    lk_gpu_value *output = &made->values[step->output];
    *chosen = (lk_gpu_step){.input = step->input, .residual = step->residual, .output = step->output};
    chosen->half = made->values[step->input].half;
    output->half = writes_half(step, chosen->half);
    switch (step->op) {
    case LK_OP_CONV2D:
        choose_conv2d(&step->layer.conv2d, plain, made, chosen);
        break;
    case LK_OP_POOL2D:
        chosen->kernel = LK_GPU_pool2d;
        break;
    case LK_OP_BATCH_NORM:
        chosen->kernel = LK_GPU_batch_norm;
        break;
    case LK_OP_ACTIVATION:
        chosen->kernel = LK_GPU_clamp;
        break;
    case LK_OP_ADD:
        chosen->kernel = LK_GPU_add;
        break;
    case LK_OP_SOFTMAX:
        chosen->kernel = LK_GPU_softmax;
        break;
    }
}

static size_t readers(const lk_program *program, lk_value_id value)
{
    size_t count = program->values[value].kept ? 1 : 0;
    for (size_t i = 0; i < program->step_count; i++)
        count += (size_t)((program->steps[i].input == value) + (program->steps[i].residual == value));
    return count;
}

/* A depthwise layer whose map only a narrow pointwise layer reads: both at once, and no map between them. */
static void join(const lk_gpu_program *made, size_t second)
{
    const lk_step *steps = made->program->steps;
    lk_gpu_step *depthwise = &made->steps[second - 1], *project = &made->steps[second];
    if (depthwise->way != LK_GPU_BY_KERNEL || depthwise->kernel != LK_GPU_depthwise ||
        project->way != LK_GPU_BY_PRODUCT || project->input != depthwise->output ||
        !lk_conv2d_is_pointwise(&steps[second].layer.conv2d) ||
        steps[second].layer.conv2d.out_channels > MOST_PROJECTED ||
        readers(made->program, project->input) != 1)
        return;
    depthwise->in_next = true;
    project->way = LK_GPU_BY_KERNEL;
    project->kernel = LK_GPU_depthwise_project;
    project->relu = false;
    project->input = depthwise->input;
}

/* Whether every reader of `value` puts it through an activation as it reads: our kernels do, of their input,
 * and sums of both. */
static bool readers_clamp(const lk_gpu_program *made, lk_value_id value)
{
    for (size_t i = 0; i < made->program->step_count; i++) {
        const lk_gpu_step *reader = &made->steps[i];
        const bool sum = made->program->steps[i].op == LK_OP_ADD;
        if (reader->in_next) continue;
        if (reader->input == value && reader->way == LK_GPU_BY_PRODUCT) return false;
        if (reader->residual == value && !sum) return false;
    }
    return true;
}

/* A product has ReLU and no other activation. What it leaves is done by those who read its output, or by one
 * more kernel. */
static void settle_activation(const lk_gpu_program *made, size_t i)
{
    lk_gpu_step *chosen = &made->steps[i];
    lk_gpu_value *output = &made->values[chosen->output];
    output->lo = -INFINITY;
    output->hi = INFINITY;
    if (chosen->way == LK_GPU_BY_KERNEL) return;
    const lk_conv2d *d = &made->program->steps[i].layer.conv2d;
    const float lo = chosen->relu ? -INFINITY : d->lo;
    if (lo > -INFINITY || d->hi < INFINITY) {
        chosen->clamps = !readers_clamp(made, chosen->output);
        if (chosen->clamps) return;
        output->lo = lo;
        output->hi = d->hi;
    }
}

/* ------------------------------------------------------------------ Places */

static size_t take(size_t *all, size_t bytes)
{
    const size_t place = *all;
    *all += (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT; /* of tensors in memory: nothing overflows */
    return place;
}

static void place_weights(lk_gpu_program *made)
{
    if (made->program->pixels) made->pixels = take(&made->weight_bytes, sizeof made->program->pixels->value);
    for (size_t i = 0; i < made->program->step_count; i++) {
        const lk_step *step = &made->program->steps[i];
        lk_gpu_step *chosen = &made->steps[i];
        const size_t before = made->weight_bytes;
        if (step->op == LK_OP_BATCH_NORM)
            chosen->weights = take(&made->weight_bytes, 2 * step->layer.batch_norm.channels * sizeof(double));
        if (step->op == LK_OP_CONV2D) {
            const bool matrix = chosen->way != LK_GPU_BY_KERNEL || chosen->kernel == LK_GPU_pointwise ||
                                chosen->kernel == LK_GPU_depthwise_project;
            const size_t outputs = step->layer.conv2d.out_channels;
            chosen->weights = take(&made->weight_bytes,
                                   step->filter.weight->count * (matrix && chosen->half ? 2 : sizeof(float)));
            chosen->bias = take(&made->weight_bytes, outputs * sizeof(float));
            if (matrix && chosen->half) chosen->half_bias = take(&made->weight_bytes, outputs * 2);
        }
        chosen->weight_bytes = made->weight_bytes - before;
    }
}

static void place_kept(lk_gpu_program *made)
{
    for (size_t v = 0; v < made->program->value_count; v++)
        if (made->program->values[v].kept)
            made->values[v].kept = take(&made->kept_bytes, made->values[v].bytes);
}

static size_t bytes_of(const lk_gpu_value *value)
{
    return value->pixels ? 1 : value->half ? 2 : sizeof(float);
}

lk_status lk_gpu_plan(const lk_program *program, const lk_backend_options *options, lk_gpu_program *made)
{
    const bool plain = options->isa;
    made->program = program;
    made->options = *options;
    made->chunk = program->batch;
    made->steps = lk_allocate_array(program->step_count, sizeof *made->steps);
    made->values = lk_allocate_array(program->value_count, sizeof *made->values);
    if (!made->steps || !made->values) return lk_fail(LK_ERROR_MEMORY, "out of memory for a plan");
    made->values[program->input].lo = -INFINITY;
    made->values[program->input].hi = INFINITY;
    made->values[program->input].pixels = program->pixels;
    for (size_t i = 0; i < program->step_count; i++)
        choose_step(&program->steps[i], plain, made, &made->steps[i]);
    for (size_t i = 1; !plain && i < program->step_count; i++) join(made, i);
    for (size_t i = 0; i < program->step_count; i++) settle_activation(made, i);
    for (size_t v = 0; v < program->value_count; v++)
        made->values[v].bytes = lk_value_floats(&program->values[v]) * bytes_of(&made->values[v]);
    for (size_t i = 0; i < program->step_count; i++)
        if (program->steps[i].op != LK_OP_CONV2D && made->values[program->steps[i].input].pixels)
            return lk_fail(LK_ERROR_BACKEND, "%s: the cuda backend has only convolutions read pixels",
                           program->steps[i].name);
    for (size_t i = 0; i < program->step_count; i++) {
        if (made->steps[i].way != LK_GPU_BY_COLUMNS) continue;
        const lk_conv2d *d = &program->steps[i].layer.conv2d;
        const size_t bytes =
            d->out_h * d->out_w * lk_gpu_product_inputs(d) * (made->steps[i].half ? 2 : sizeof(float));
        if (bytes > made->column_bytes) made->column_bytes = bytes;
    }
    place_weights(made);
    place_kept(made);
    return LK_OK;
}

static lk_status too_large(const lk_gpu_program *made)
{
    return lk_fail(LK_ERROR_LIMIT, "a batch of %zu pictures needs more memory than there can be",
                   made->chunk);
}

/* The arena's planner is the CPU's, which is told what it asks for: sizes, and who reads and writes what. */
lk_status lk_gpu_place(lk_gpu_program *made)
{
    const lk_program *program = made->program;
    lk_cpu_program view = {.program = program};
    lk_status status = LK_OK;
    size_t maps = 0, columns;
    view.steps = lk_allocate_array(program->step_count, sizeof *view.steps);
    view.values = lk_allocate_array(program->value_count, sizeof *view.values);
    if (!view.steps || !view.values) status = lk_fail(LK_ERROR_MEMORY, "out of memory for a plan");
    for (size_t i = 0; !status && i < program->step_count; i++) {
        const lk_gpu_step *step = &made->steps[i];
        view.steps[i] = (lk_cpu_step){.in_next = step->in_next,
                                      .input = step->input,
                                      .residual = step->residual,
                                      .output = step->output};
    }
    for (size_t v = 0; !status && v < program->value_count; v++)
        if (!lk_multiply(made->values[v].bytes, made->chunk, &view.values[v].bytes)) status = too_large(made);
    if (!status) status = lk_arena_place(&view, &maps);
    for (size_t v = 0; !status && v < program->value_count; v++)
        made->values[v].offset = view.values[v].offset;
    if (!status && (!lk_multiply(made->column_bytes, made->chunk, &columns) ||
                    !lk_round_up(maps, ALIGNMENT, &made->columns) ||
                    !lk_add(made->columns, columns, &made->arena_bytes)))
        status = too_large(made);
    lk_free(view.steps);
    lk_free(view.values);
    return status;
}

/* ------------------------------------------------------------------ The device */

static lk_status upload_weights(lk_gpu_program *made)
{
    const lk_gpu_module *m = made->module;
    char what[96];
    void *memory = NULL, *packed = lk_allocate(made->weight_bytes, LK_ALIGNMENT);
    lk_status status =
        packed ? lk_gpu_pack(made, packed) : lk_fail(LK_ERROR_MEMORY, "out of memory for a plan");
    snprintf(what, sizeof what, "a model's weights need %zu bytes, and %zu are free", made->weight_bytes,
             made->info.free_bytes);
    if (!status)
        status = lk_gpu_fail(m, m->allocate(made->device, LK_GPU_DEVICE, made->weight_bytes, &memory), what);
    made->weights = memory;
    if (!status)
        status = lk_gpu_fail(m, m->copy(made->device, made->stream, memory, packed, made->weight_bytes),
                             "copying weights");
    if (!status) status = lk_gpu_fail(m, m->finish(made->device, made->stream), "copying weights");
    lk_free(packed);
    return status;
}

/* The arena for made->chunk pictures, if a session's own inputs and outputs fit beside it. */
static lk_gpu_fault try_arena(lk_gpu_program *made)
{
    const lk_gpu_module *m = made->module;
    const size_t session = (made->values[made->program->input].bytes + made->kept_bytes) * made->chunk;
    void *arena = NULL, *room = NULL;
    lk_gpu_fault fault = m->allocate(made->device, LK_GPU_DEVICE, made->arena_bytes, &arena);
    if (!fault) fault = m->allocate(made->device, LK_GPU_DEVICE, session, &room);
    m->release(made->device, LK_GPU_DEVICE, room);
    if (fault) m->release(made->device, LK_GPU_DEVICE, arena);
    else made->arena = arena;
    return fault;
}

/* Half as many pictures at a time, and again, until there is memory. */
static lk_status allocate_arena(lk_gpu_program *made)
{
    for (;; made->chunk = (made->chunk + 1) / 2) {
        char what[96];
        const lk_status status = lk_gpu_place(made);
        if (status) return status;
        const lk_gpu_fault fault = try_arena(made);
        snprintf(what, sizeof what, "the maps of one picture need %zu bytes", made->arena_bytes);
        if (fault && (fault != LK_GPU_MEMORY || made->chunk == 1))
            return lk_gpu_fail(made->module, fault, what);
        if (!fault) break;
    }
    if (made->chunk < made->program->batch)
        snprintf(made->note, sizeof made->note,
                 "cuda: the device has memory for %zu pictures at a time, not for %zu", made->chunk,
                 made->program->batch);
    return LK_OK;
}

static lk_status open_device(lk_gpu_program *made)
{
    lk_status status = lk_gpu_module_load(&made->module);
    if (status) return status;
    const lk_gpu_module *m = made->module;
    char what[64];
    snprintf(what, sizeof what, "opening device %zu", made->options.device);
    status = lk_gpu_fail(m, m->open(made->options.device, &made->device, &made->info), what);
    if (!status) status = lk_gpu_fail(m, m->open_stream(made->device, &made->stream), "opening a stream");
    if (!status) status = upload_weights(made);
    if (!status) status = allocate_arena(made);
    if (status) return status;
    made->graphs = lk_allocate_array(made->chunk + 1, sizeof *made->graphs);
    return made->graphs ? LK_OK : lk_fail(LK_ERROR_MEMORY, "out of memory for a plan");
}

lk_status lk_gpu_compile(const lk_program *program, const lk_backend_options *options, void **compiled)
{
    lk_gpu_program *made = lk_allocate_array(1, sizeof *made);
    if (!made) return lk_fail(LK_ERROR_MEMORY, "out of memory for a plan");
    made->lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    lk_status status = options->isa && strcmp(options->isa, "portable") != 0
                           ? lk_fail(LK_ERROR_BACKEND,
                                     "the cuda backend has no instruction set '%s': only portable, which "
                                     "means im2col and products",
                                     options->isa)
                           : LK_OK;
    if (!status) status = lk_gpu_plan(program, options, made);
    if (!status) status = open_device(made);
    if (status) lk_gpu_release(made);
    else *compiled = made;
    return status;
}

void lk_gpu_release(void *compiled)
{
    lk_gpu_program *made = compiled;
    if (!made) return;
    const lk_gpu_module *m = made->module;
    if (made->device) {
        for (size_t i = 0; made->graphs && i <= made->chunk; i++)
            m->close_graph(made->device, made->graphs[i]);
        m->release(made->device, LK_GPU_DEVICE, made->arena);
        m->release(made->device, LK_GPU_DEVICE, made->weights);
        m->close_stream(made->device, made->stream);
        m->close(made->device);
    }
    pthread_mutex_destroy(&made->lock);
    lk_free(made->graphs);
    lk_free(made->steps);
    lk_free(made->values);
    lk_free(made);
}

/* ------------------------------------------------------------------ What is told of it */

const char *lk_gpu_kernel_name(const void *compiled, size_t step)
{
    static const char *const names[][2] = {
#define LK_GPU_NAMES(name, args, waits) {"lk_" #name "_f32__cuda", "lk_" #name "_f16__cuda"},
        LK_GPU_MAP_KERNELS(LK_GPU_NAMES)
#undef LK_GPU_NAMES
    };
    const lk_gpu_step *s = &((const lk_gpu_program *)compiled)->steps[step];
    if (s->in_next) return "(in the next)";
    if (s->way == LK_GPU_BY_PRODUCT) return s->half ? "product_f16__cublaslt" : "product_f32__cublaslt";
    if (s->way == LK_GPU_BY_COLUMNS) return s->half ? "im2col_f16__cublaslt" : "im2col_f32__cublaslt";
    return names[s->kernel][s->half];
}

lk_step_traffic lk_gpu_traffic(const void *compiled, size_t step)
{
    const lk_gpu_program *c = compiled;
    const lk_gpu_step *s = &c->steps[step];
    lk_step_traffic traffic = {.in_next = s->in_next, .weight_bytes = s->weight_bytes};
    if (s->in_next) return traffic;
    traffic.map_bytes = c->values[s->input].bytes + c->values[s->output].bytes;
    if (s->residual != LK_NO_VALUE) traffic.map_bytes += c->values[s->residual].bytes;
    return traffic;
}

size_t lk_gpu_arena_bytes(const void *compiled)
{
    return ((const lk_gpu_program *)compiled)->arena_bytes;
}

size_t lk_gpu_weight_bytes(const void *compiled)
{
    return ((const lk_gpu_program *)compiled)->weight_bytes;
}

const char *lk_gpu_note(const void *compiled)
{
    const lk_gpu_program *c = compiled;
    return *c->note ? c->note : NULL;
}
