#include "layers/single.h"

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "layers/cpu_plan.h"

static const lk_conv2d_kernel conv2d_kernels[] = {
#define LK_CONV2D(run, type, needs, panel, pack, scratch, fits) \
    {#run, run, type, needs, panel, pack, scratch, fits},
#include "layers/kernels.inc"
};
static const lk_conv2d_kernel pointwise_kernels[] = {
#define LK_POINTWISE(run, type, needs, panel, pack, scratch, fits) \
    {#run, run, type, needs, panel, pack, scratch, fits},
#include "layers/kernels.inc"
};
static const lk_conv2d_kernel depthwise_kernels[] = {
#define LK_DEPTHWISE(run, type, needs, panel, pack, scratch, fits) \
    {#run, run, type, needs, panel, pack, scratch, fits},
#include "layers/kernels.inc"
};
static const lk_pool2d_kernel pool2d_kernels[] = {
#define LK_POOL2D(run, type, needs, is_blocked, fits) {#run, run, type, needs, is_blocked, fits},
#include "layers/kernels.inc"
};

#define MOST_MULTIPLY_ADDS 0x1p40

/* ------------------------------------------------------------------ Which kernels */

typedef struct {
    const lk_conv2d_kernel *rows;
    size_t count;
} family;

static family family_of(const lk_conv2d *d)
{
    if (lk_conv2d_is_pointwise(d)) return (family){pointwise_kernels, LK_COUNT(pointwise_kernels)};
    if (lk_conv2d_is_depthwise(d)) return (family){depthwise_kernels, LK_COUNT(depthwise_kernels)};
    return (family){conv2d_kernels, LK_COUNT(conv2d_kernels)};
}

static size_t choose_conv2d(const lk_conv2d *d, unsigned can, lk_cpu_choice *choices)
{
    const family f = family_of(d);
    size_t count = 0;
    for (size_t i = 0; i < f.count && count < LK_MAX_VARIANTS; i++) {
        const lk_conv2d_kernel *row = &f.rows[i];
        if (row->type != d->type || row->needs & ~can || (row->fits && !row->fits(d))) continue;
        choices[count++] = (lk_cpu_choice){.can = can, .conv2d = row};
    }
    return count;
}

static size_t choose_pool2d(const lk_pool2d *d, unsigned can, lk_cpu_choice *choices)
{
    size_t count = 0;
    for (size_t i = 0; i < LK_COUNT(pool2d_kernels) && count < LK_MAX_VARIANTS; i++) {
        const lk_pool2d_kernel *row = &pool2d_kernels[i];
        if (row->type != LK_F32 || row->needs & ~can || (row->fits && !row->fits(d))) continue;
        choices[count++] = (lk_cpu_choice){.can = can, .pool2d = row};
    }
    return count;
}

/* ------------------------------------------------------------------ How much memory */

static double product(const size_t *factors, size_t count)
{
    double all = 1;
    for (size_t i = 0; i < count; i++) all *= (double)factors[i];
    return all;
}

/* In double, which cannot wrap: whatever passes is far from where sizes do. */
static lk_status check_size(const lk_single *s, const lk_cpu_choice *choices, size_t count, size_t threads)
{
    const lk_conv2d *d = s->step.op == LK_OP_CONV2D ? &s->step.layer.conv2d : NULL;
    const lk_value *in = &s->values[0], *out = &s->values[1];
    const double batch = (double)s->program.batch;
    const double maps =
        batch * (product((const size_t[]){in->height, in->width, in->channels + LK_BLOCK}, 3) +
                 product((const size_t[]){out->height, out->width, out->channels + LK_BLOCK}, 3));
    const double terms =
        d ? product((const size_t[]){d->in_channels / d->groups, d->kernel_h, d->kernel_w}, 3) : 0;
    const double multiply_adds =
        batch * terms * product((const size_t[]){out->height, out->width, out->channels}, 3);
    double bytes = sizeof(float) * (maps + terms * (double)(out->channels + LK_BLOCK)) * (double)(count + 1);
    const double most = (double)lk_most_memory();
    if (multiply_adds > MOST_MULTIPLY_ADDS)
        return lk_fail(LK_ERROR_LIMIT, "%.3g multiply-adds a run are more than the %.3g that are taken",
                       multiply_adds, MOST_MULTIPLY_ADDS);
    for (size_t i = 0; bytes < most && i < count; i++)
        if (d && choices[i].conv2d->scratch) bytes += (double)choices[i].conv2d->scratch(d) * (double)threads;
    if (bytes > most)
        return lk_fail(LK_ERROR_LIMIT,
                       "needs %.0f MB with %zu kernels side by side; at most %.0f MB are taken here",
                       bytes * 1e-6, count, most * 1e-6);
    return LK_OK;
}

/* ------------------------------------------------------------------ Operands */

/* From -1 to 1, no denormal among them. */
static void fill(float *values, size_t count, uint32_t seed)
{
    for (size_t i = 0; i < count; i++) {
        seed = seed * 1664525u + 1013904223u;
        values[i] = (float)((int32_t)(seed >> 8) - (1 << 23)) * 0x1p-23f;
    }
}

static lk_status make_operands(lk_single *s)
{
    const lk_conv2d *d = s->step.op == LK_OP_CONV2D ? &s->step.layer.conv2d : NULL;
    const size_t inputs = s->program.batch * lk_value_floats(&s->values[0]),
                 outputs = d ? d->out_channels : 0;
    const size_t weights = d ? outputs * (d->in_channels / d->groups) * d->kernel_h * d->kernel_w : 0;
    s->weights = lk_allocate_array(weights + 1, sizeof(float));
    s->biases = lk_allocate_array(outputs + 1, sizeof(float));
    s->input = lk_allocate_array(inputs, sizeof(float));
    s->output = lk_allocate_array(lk_value_floats(&s->values[1]), sizeof(float));
    if (!s->weights || !s->biases || !s->input || !s->output)
        return lk_fail(LK_ERROR_MEMORY, "out of memory for a layer's operands");
    fill(s->weights, weights, 1);
    fill(s->biases, outputs, 2);
    fill(s->input, inputs, 3);
    s->weight = (lk_tensor){.name = "weight", .dtype = LK_F32, .count = weights, .bytes = (void *)s->weights};
    s->bias = (lk_tensor){.name = "bias", .dtype = LK_F32, .count = outputs, .bytes = (void *)s->biases};
    s->step.filter = (lk_filter){.weight = &s->weight, .bias = &s->bias};
    return LK_OK;
}

static lk_status open_variant(lk_single *s, const lk_cpu_choice *choice, lk_pool *pool)
{
    lk_variant *v = &s->variants[s->variant_count++];
    lk_status status = lk_cpu_compile(&s->program, choice, &v->compiled);
    if (!status) status = lk_cpu_open(v->compiled, pool, &v->instance);
    if (status) return status;
    v->kernel = lk_cpu_kernel(v->compiled, 0);
    v->traffic = lk_cpu_traffic(v->compiled, 0);
    const lk_value *shape = &s->values[0];
    const lk_cpu_value *laid = &((const lk_cpu_program *)v->compiled)->values[0];
    const size_t pixels = shape->height * shape->width, floats = lk_value_floats(shape);
    for (size_t p = 0; p < s->program.batch; p++) {
        float *to = (float *)lk_cpu_input(v->instance) + p * laid->bytes / sizeof(float);
        if (laid->is_blocked) lk_layout_block(s->input + p * floats, pixels, shape->channels, to);
        else __builtin_memcpy(to, s->input + p * floats, floats * sizeof(float));
    }
    return LK_OK;
}

/* ------------------------------------------------------------------ The calls */

static void set_layer(lk_single *s, const lk_step *layer, size_t batch)
{
    const bool is_conv2d = layer->op == LK_OP_CONV2D;
    s->step.op = layer->op;
    s->step.layer = layer->layer;
    s->step.name = "the layer";
    s->step.input = 0, s->step.output = 1, s->step.residual = LK_NO_VALUE;
    const lk_conv2d *c = &layer->layer.conv2d;
    const lk_pool2d *p = &layer->layer.pool2d;
    s->values[0] =
        is_conv2d ? (lk_value){.height = c->in_h, .width = c->in_w, .channels = c->in_channels, .kept = true}
                  : (lk_value){.height = p->in_h, .width = p->in_w, .channels = p->channels, .kept = true};
    s->values[1] =
        is_conv2d
            ? (lk_value){.height = c->out_h, .width = c->out_w, .channels = c->out_channels, .kept = true}
            : (lk_value){.height = p->out_h, .width = p->out_w, .channels = p->channels, .kept = true};
    s->program = (lk_program){.steps = &s->step,
                              .step_count = 1,
                              .values = s->values,
                              .value_count = 2,
                              .input = 0,
                              .batch = batch};
}

lk_status lk_single_open(const lk_step *layer, size_t batch, unsigned can, lk_pool *pool, lk_single **single)
{
    lk_cpu_choice choices[LK_MAX_VARIANTS];
    lk_single *made = lk_allocate_array(1, sizeof *made);
    if (!made) return lk_fail(LK_ERROR_MEMORY, "out of memory for a layer");
    set_layer(made, layer, batch);
    const size_t count = layer->op == LK_OP_CONV2D ? choose_conv2d(&layer->layer.conv2d, can, choices)
                                                   : choose_pool2d(&layer->layer.pool2d, can, choices);
    lk_status status = check_size(made, choices, count, lk_pool_threads(pool));
    if (!status) status = make_operands(made);
    for (size_t i = 0; !status && i < count; i++) status = open_variant(made, &choices[i], pool);
    if (status) lk_single_close(&made);
    else *single = made;
    return status;
}

void lk_single_release(lk_single *s)
{
    float **const arrays[] = {&s->weights, &s->biases, &s->input, &s->output};
    for (size_t i = 0; i < s->variant_count; i++) {
        lk_cpu_close(s->variants[i].instance);
        lk_cpu_release(s->variants[i].compiled);
        s->variants[i].instance = s->variants[i].compiled = NULL;
    }
    for (size_t i = 0; i < LK_COUNT(arrays); i++) {
        lk_free(*arrays[i]);
        *arrays[i] = NULL;
    }
}

void lk_single_close(lk_single **single)
{
    if (!*single) return;
    lk_single_release(*single);
    lk_free(*single);
    *single = NULL;
}

void lk_single_run(const lk_single *single, size_t variant)
{
    lk_cpu_run(single->variants[variant].instance, single->program.batch, NULL);
}

size_t lk_single_multiply_adds(const lk_single *single)
{
    return lk_step_multiply_adds(&single->step);
}
