/* Model → plan: shapes for an input size, folding and fusing, steps and values, and a backend that compiles
 * them. */
#include "engine/plan.h"

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "engine/draft.h"
#include "engine/model.h"

#define MAX_BATCH ((size_t)4096)

/* What exists only while a plan is made. */
typedef struct {
    const lk_graph *graph;
    lk_plan_options options; /* with defaults filled in */
    bool is_int8;
    size_t count; /* of layers */
    lk_shape *shapes;
    lk_draft_layer *layers;
    lk_node_id *features; /* [options.feature_count] */
    lk_value_id
        *values; /* of layers: the value that each one's output is in; LK_NO_VALUE where there is none */
} making;

static lk_status check_side(const char *what, size_t side)
{
    if (side >= LK_MIN_SIDE && side <= LK_MAX_SIDE) return LK_OK;
    return lk_fail(LK_ERROR_ARGUMENT, "input %s of %zu pixels: it must be %zu to %zu", what, side,
                   LK_MIN_SIDE, LK_MAX_SIDE);
}

/* Batch statistics belong to plain plans of the reference, one picture at a time. */
static lk_status check_batch_norm(lk_plan_options *o)
{
    if (o->batch_norm == LK_BATCH_NORM_RUNNING) return LK_OK;
    if (o->backend != LK_BACKEND_AUTO && o->backend != LK_BACKEND_REFERENCE)
        return lk_fail(LK_ERROR_ARGUMENT,
                       "batch norm by a picture's own statistics needs the reference backend");
    if (o->batch != 1)
        return lk_fail(LK_ERROR_ARGUMENT, "batch norm by a picture's own statistics needs batch 1, not %zu",
                       o->batch);
    o->backend = LK_BACKEND_REFERENCE;
    o->plain = true;
    return LK_OK;
}

/* An int8 network has its own weights and maps, and knows no layer but those that run. */
static lk_status check_precision(const lk_model *model, lk_plan_options *o)
{
    if (o->precision == LK_PRECISION_AUTO) o->precision = lk_model_precision(model);
    const bool is_int8 = lk_model_precision(model) == LK_PRECISION_INT8;
    if (o->precision == LK_PRECISION_INT8 && !is_int8)
        return lk_fail(
            LK_ERROR_ARGUMENT,
            "%s: a model of floats does not run in int8: likeness-convert quantize makes one that does",
            lk_safetensors_path(model->file));
    if (!is_int8) {
        if (o->precision != LK_PRECISION_F32 && o->precision != LK_PRECISION_BF16)
            return lk_fail(LK_ERROR_ARGUMENT, "no precision has number %d", (int)o->precision);
        if (o->precision != LK_PRECISION_F32 && o->backend == LK_BACKEND_OPENBLAS)
            return lk_fail(LK_ERROR_ARGUMENT, "the openblas backend computes in float32 alone");
        return LK_OK;
    }
    if (o->backend == LK_BACKEND_OPENBLAS)
        return lk_fail(LK_ERROR_BACKEND, "the openblas backend has no int8: native and reference have");
    const char *fault = o->precision == LK_PRECISION_F32         ? "runs in int8, not in f32"
                        : o->precision != LK_PRECISION_INT8      ? "runs in int8, not in bf16"
                        : o->batch_norm != LK_BATCH_NORM_RUNNING ? "has no batch norm left"
                        : o->plain                               ? "is folded already: it has no plain plan"
                                                                 : NULL;
    return fault ? lk_fail(LK_ERROR_ARGUMENT, "%s: an int8 model %s", lk_safetensors_path(model->file), fault)
                 : LK_OK;
}

static lk_status settle_options(const lk_model *model, const lk_plan_options *given, lk_plan_options *o)
{
    static const char *const logits[] = {"logits"}, *const pooled[] = {"pooled"};
    *o = given ? *given : (lk_plan_options){0};
    const lk_preprocessing *p = lk_model_preprocessing(model);
    if (!o->height) o->height = p->height;
    if (!o->width) o->width = p->width;
    if (!o->batch) o->batch = 1;
    if (!o->features) {
        o->features = lk_model_classes(model) ? logits : pooled;
        o->feature_count = 1;
    }
    if (!o->feature_count) return lk_fail(LK_ERROR_ARGUMENT, "a plan needs at least one feature");
    if (o->batch > MAX_BATCH)
        return lk_fail(LK_ERROR_LIMIT, "a batch of %zu pictures: at most %zu", o->batch, MAX_BATCH);
    unsigned mask;
    lk_status status = lk_cpu_mask(o->isa, &mask);
    if (!status) status = check_precision(model, o);
    if (!status) status = check_side("height", o->height);
    if (!status) status = check_side("width", o->width);
    if (!status) status = check_batch_norm(o);
    for (size_t c = 0; !status && o->pixels && c < 3; c++)
        if (!(o->pixels->std[c] > 0))
            status = lk_fail(LK_ERROR_ARGUMENT, "a standard deviation of %g", (double)o->pixels->std[c]);
    return status;
}

static lk_status choose_backend(lk_backend_kind kind, const lk_backend **backend)
{
    switch (kind) {
    case LK_BACKEND_AUTO:
    case LK_BACKEND_NATIVE:
        *backend = &lk_backend_native;
        return LK_OK;
    case LK_BACKEND_REFERENCE:
        *backend = &lk_backend_reference;
        return LK_OK;
    case LK_BACKEND_OPENBLAS:
        *backend = &lk_backend_openblas;
        return lk_backend_openblas.probe();
    }
    return lk_fail(LK_ERROR_ARGUMENT, "no backend has number %d", (int)kind);
}

static lk_status want_features(making *m)
{
    for (size_t f = 0; f < m->options.feature_count; f++) {
        const lk_status status = lk_graph_find(m->graph, m->options.features[f], &m->features[f]);
        if (status) return status;
        m->layers[m->features[f]].wanted = true;
    }
    return LK_OK;
}

/* Of an int8 network only what steps make: there is no scale for what lies between. */
static lk_status check_features(const making *m)
{
    for (size_t f = 0; f < m->options.feature_count; f++) {
        const lk_draft_layer *maker = &m->layers[m->layers[m->features[f]].maker];
        const lk_node *feature = m->layers[m->features[f]].node, *made = m->layers[maker->output].node;
        if (made != feature && feature->kind != LK_NODE_FLATTEN)
            return lk_fail(LK_ERROR_ARGUMENT, "an int8 model has no output of %s: it is made into %s at once",
                           feature->name, made->name);
    }
    return LK_OK;
}

/* Shapes, and which layers are steps. */
static lk_status draft(making *m)
{
    lk_status status = lk_infer_shapes(m->graph, m->options.height, m->options.width, m->shapes);
    if (status) return status;
    lk_draft_begin(m->graph, m->layers);
    if (!m->is_int8) status = want_features(m);
    if (status) return status;
    if (!m->options.plain) {
        lk_draft_fold(m->layers, m->count);
        lk_draft_fuse(m->layers, m->count);
    }
    if (m->is_int8) status = want_features(m);
    if (m->is_int8 && !status) status = check_features(m);
    if (status) return status;
    lk_draft_mark_needed(m->layers, m->count);
    return LK_OK;
}

static bool is_step(const making *m, lk_node_id i)
{
    return m->layers[i].needed && m->layers[i].maker == i && m->layers[i].node->kind != LK_NODE_INPUT;
}

static lk_value_id value_of(const making *m, lk_node_id layer)
{
    return layer == LK_NO_NODE ? LK_NO_VALUE : m->values[m->layers[layer].maker];
}

static lk_op op_of(const lk_node *node)
{
    switch (node->kind) {
    case LK_NODE_CONV2D:
    case LK_NODE_LINEAR:
        return LK_OP_CONV2D;
    case LK_NODE_POOL2D:
        return LK_OP_POOL2D;
    case LK_NODE_BATCH_NORM:
        return LK_OP_BATCH_NORM;
    case LK_NODE_ACTIVATION:
        return LK_OP_ACTIVATION;
    case LK_NODE_ADD:
        return LK_OP_ADD;
    default:
        return LK_OP_SOFTMAX; /* inputs and views are no steps */
    }
}

/* What the bytes of a layer's map stand for; of a map of floats, those that they become where it is read. */
static lk_affine real_of(const making *m, lk_node_id layer)
{
    if (layer == LK_NO_NODE) return (lk_affine){0};
    return m->layers[m->layers[m->layers[layer].maker].output].node->real;
}

/* Pictures, pooled features and logits are floats, all between them bytes. */
static lk_dtype type_of(const making *m, lk_node_id layer)
{
    const lk_node_kind kind = m->layers[m->layers[layer].maker].node->kind;
    return m->is_int8 && kind == LK_NODE_CONV2D ? LK_U8 : LK_F32;
}

static void set_int8(const making *m, const lk_draft_layer *layer, lk_conv2d *d)
{
    d->type = LK_I8;
    d->x_type = type_of(m, layer->node->inputs[0]);
    d->y_type = type_of(m, layer->maker);
    d->x_real = real_of(m, layer->node->inputs[0]);
    d->y_real = real_of(m, layer->maker);
    d->residual_real = real_of(m, layer->residual);
}

/* Of a network in bfloat16: its first layer reads float32, its classifier reads and gives it. */
static void set_types(const making *m, const lk_node *node, lk_conv2d *d)
{
    if (m->options.precision != LK_PRECISION_BF16) return;
    const bool is_linear = node->kind == LK_NODE_LINEAR;
    const bool is_first = m->layers[m->layers[node->inputs[0]].maker].node->kind == LK_NODE_INPUT;
    d->type = LK_BF16;
    d->x_type = is_linear || is_first ? LK_F32 : LK_BF16;
    d->y_type = is_linear ? LK_F32 : LK_BF16;
}

static void fill_layer(const making *m, const lk_draft_layer *layer, const lk_shape *in, const lk_shape *out,
                       lk_step *step)
{
    const size_t pixels = out->height * out->width;
    switch (step->op) {
    case LK_OP_CONV2D:
        step->layer.conv2d = lk_conv2d_of_node(m->graph, layer->node, in, out);
        step->layer.conv2d.lo = layer->lo;
        step->layer.conv2d.hi = layer->hi;
        step->layer.conv2d.residual = layer->residual_kind;
        if (m->is_int8) set_int8(m, layer, &step->layer.conv2d);
        else set_types(m, layer->node, &step->layer.conv2d);
        break;
    case LK_OP_POOL2D:
        step->layer.pool2d = lk_pool2d_of_node(layer->node, in, out);
        step->layer.pool2d.x_real = real_of(m, layer->node->inputs[0]);
        break;
    case LK_OP_BATCH_NORM:
        step->layer.batch_norm =
            (lk_batch_norm){.pixels = pixels,
                            .channels = out->channels,
                            .epsilon = layer->node->filter.epsilon,
                            .own_statistics = m->options.batch_norm == LK_BATCH_NORM_BATCH};
        break;
    case LK_OP_ACTIVATION:
    case LK_OP_ADD:
        step->layer.elementwise = (lk_elementwise){.count = out->channels, .lo = layer->lo, .hi = layer->hi};
        break;
    case LK_OP_SOFTMAX:
        step->layer.elementwise = (lk_elementwise){.count = pixels * out->channels};
        break;
    }
}

static void add_step(making *m, lk_node_id i, lk_program *program)
{
    const lk_draft_layer *layer = &m->layers[i];
    const lk_shape *in = &m->shapes[layer->node->inputs[0]], *out = &m->shapes[i];
    const lk_value_id output = program->value_count++;
    lk_step *step = &program->steps[program->step_count++];
    *step = (lk_step){.op = op_of(layer->node),
                      .name = m->layers[layer->output].node->name,
                      .input = value_of(m, layer->node->inputs[0]),
                      .output = output,
                      .filter = layer->filter};
    step->residual = value_of(m, step->op == LK_OP_ADD ? layer->node->inputs[1] : layer->residual);
    fill_layer(m, layer, in, out, step);
    m->values[i] = output;
    program->values[output] = (lk_value){
        .height = out->height, .width = out->width, .channels = out->channels, .real = real_of(m, i)};
}

static lk_status write_program(making *m, lk_plan *plan)
{
    lk_program *program = &plan->program;
    program->steps = lk_allocate_array(m->count, sizeof *program->steps);
    program->values = lk_allocate_array(m->count, sizeof *program->values);
    plan->features = lk_allocate_array(m->options.feature_count, sizeof *plan->features);
    if (!program->steps || !program->values || !plan->features)
        return lk_fail(LK_ERROR_MEMORY, "out of memory for a plan");
    program->batch = m->options.batch;
    if (m->options.pixels) program->pixels = &plan->pixels;
    program->values[program->value_count++] = (lk_value){
        .height = m->shapes[0].height, .width = m->shapes[0].width, .channels = m->shapes[0].channels};
    for (lk_node_id i = 1; i < m->count; i++)
        if (is_step(m, i)) add_step(m, i, program);
    plan->feature_count = m->options.feature_count;
    for (size_t f = 0; f < plan->feature_count; f++) {
        plan->features[f] =
            (lk_feature){.value = value_of(m, m->features[f]), .shape = m->shapes[m->features[f]]};
        program->values[plan->features[f].value].kept = true;
    }
    return LK_OK;
}

static lk_status make_program(const lk_model *model, const lk_plan_options *options, lk_plan *plan)
{
    making m = {.graph = model->graph,
                .options = *options,
                .is_int8 = lk_model_precision(model) == LK_PRECISION_INT8,
                .count = lk_graph_count(model->graph)};
    lk_status status = LK_OK;
    m.shapes = lk_allocate_array(m.count, sizeof *m.shapes);
    m.layers = lk_allocate_array(m.count, sizeof *m.layers);
    m.values = lk_allocate_array(m.count, sizeof *m.values);
    m.features = lk_allocate_array(options->feature_count, sizeof *m.features);
    if (!m.shapes || !m.layers || !m.values || !m.features)
        status = lk_fail(LK_ERROR_MEMORY, "out of memory for a plan");
    if (!status) status = draft(&m);
    if (!status) status = write_program(&m, plan);
    lk_free(m.shapes);
    lk_free(m.layers);
    lk_free(m.values);
    lk_free(m.features);
    return status;
}

lk_status lk_plan_open(const lk_model *model, const lk_plan_options *options, lk_plan **plan)
{
    lk_plan_options settled;
    lk_status status = settle_options(model, options, &settled);
    if (status) return status;
    lk_plan *opened = lk_allocate_array(1, sizeof *opened);
    if (!opened) return lk_fail(LK_ERROR_MEMORY, "out of memory for a plan");
    opened->height = settled.height;
    opened->width = settled.width;
    opened->precision = settled.precision;
    if (settled.pixels) lk_pixels_fill(settled.pixels->mean, settled.pixels->std, &opened->pixels);
    status = choose_backend(settled.backend, &opened->backend);
    if (!status) status = make_program(model, &settled, opened);
    if (!status) status = opened->backend->compile(&opened->program, settled.isa, &opened->compiled);
    if (status) lk_plan_close(&opened);
    else *plan = opened;
    return status;
}

void lk_plan_close(lk_plan **plan)
{
    lk_plan *closed = *plan;
    if (!closed) return;
    if (closed->compiled) closed->backend->release(closed->compiled);
    lk_free(closed->program.steps);
    lk_free(closed->program.values);
    lk_free(closed->features);
    lk_free(closed);
    *plan = NULL;
}

size_t lk_plan_feature_count(const lk_plan *plan)
{
    return plan->feature_count;
}

size_t lk_plan_feature_length(const lk_plan *plan, size_t feature)
{
    if (feature >= plan->feature_count) return 0;
    const lk_shape *shape = &plan->features[feature].shape;
    return shape->channels * shape->height * shape->width;
}

void lk_plan_feature_shape(const lk_plan *plan, size_t feature, size_t chw[3])
{
    const lk_shape shape = feature < plan->feature_count ? plan->features[feature].shape : (lk_shape){0};
    chw[0] = shape.channels;
    chw[1] = shape.height;
    chw[2] = shape.width;
}

size_t lk_plan_arena_bytes(const lk_plan *plan)
{
    return plan->backend->arena_bytes(plan->compiled);
}

size_t lk_plan_weight_bytes(const lk_plan *plan)
{
    return plan->backend->weight_bytes(plan->compiled);
}

lk_precision lk_plan_precision(const lk_plan *plan)
{
    return plan->precision;
}

const char *lk_plan_backend(const lk_plan *plan)
{
    return plan->backend->name;
}

size_t lk_plan_step_count(const lk_plan *plan)
{
    return plan->program.step_count;
}
