/* A program to kernels of kernels.inc, their packed weights, and one arena.
 *
 * Phases: choose a kernel for each step under a mask, and with it the layout of its maps → place the values →
 * pack the weights. */
#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "layers/arena.h"
#include "layers/cpu_plan.h"
#include "layers/int8.h"

/* A piece reads and writes about this many floats: it stays in a core's own cache from the first pass over it
 * to the last (SGEMM writes what the epilogue then reads). */
#define PIECE_FLOATS ((size_t)32 * 1024)

/* But SGEMM copies the weights once a piece, which fewer pixels than this do not pay for. */
#define PIECE_PIXELS ((size_t)128)

/* A kernel of blocked maps makes one pass; its pieces are there for the threads alone (cpu_run.c). So many
 * multiply-adds are worth handing out. */
#define PIECE_MULTIPLY_ADDS ((size_t)128 * 1024)

static size_t divide_up(size_t a, size_t b)
{
    return a / b + (a % b != 0);
}

static void use_conv2d(const lk_conv2d_kernel *kernel, const lk_conv2d *d, lk_cpu_step *compiled)
{
    compiled->kernel = kernel->name;
    compiled->run.conv2d = kernel->run;
    compiled->pack = kernel->pack;
    compiled->weight_bytes = kernel->pack(d, NULL, NULL);
    compiled->scratch = kernel->scratch ? kernel->scratch(d) : 0;
    compiled->rows = lk_conv2d_rows(kernel, d);
    compiled->writes_blocked = kernel->panel != 0;
    compiled->reads_blocked = kernel->panel && kernel->panel != LK_STEM;
    compiled->panels =
        compiled->reads_blocked && kernel->panel != LK_ROWS ? divide_up(d->out_channels, kernel->panel) : 1;
    compiled->reads_type = compiled->reads_blocked || d->type == LK_I8 ? d->x_type : LK_F32;
    compiled->writes_type = compiled->writes_blocked || d->type == LK_I8 ? d->y_type : LK_F32;
}

static void use_pool2d(const lk_pool2d_kernel *kernel, const lk_pool2d *d, lk_cpu_step *compiled)
{
    compiled->kernel = kernel->name;
    compiled->run.pool2d = kernel->run;
    compiled->rows = lk_pool2d_rows(kernel, d);
    compiled->panels = kernel->is_blocked ? lk_blocks(d->channels) : 1;
    compiled->reads_blocked = compiled->writes_blocked = kernel->is_blocked;
    compiled->reads_type = kernel->type;
}

static void choose_elementwise(const lk_elementwise_kernel *kernel, lk_cpu_step *compiled)
{
    compiled->kernel = kernel->name;
    compiled->run.elementwise = kernel->run;
}

/* `type`: how the step's input lies in memory, or will once it is converted. */
static void choose_kernel(const lk_step *step, size_t pixels, lk_dtype type, const lk_cpu_choice *choice,
                          lk_cpu_step *compiled)
{
    const lk_conv2d *conv2d = &step->layer.conv2d;
    const lk_pool2d *pool2d = &step->layer.pool2d;
    const unsigned can = choice->can;
    compiled->rows = compiled->panels = 1;
    switch (step->op) {
    case LK_OP_CONV2D:
        use_conv2d(choice->conv2d ? choice->conv2d : lk_conv2d_choose(conv2d, can), conv2d, compiled);
        break;
    case LK_OP_POOL2D:
        use_pool2d(choice->pool2d ? choice->pool2d : lk_pool2d_choose(pool2d, type, can), pool2d, compiled);
        break;
    case LK_OP_BATCH_NORM:
        compiled->kernel = lk_batch_norm_choose(can)->name;
        compiled->run.batch_norm = lk_batch_norm_choose(can)->run;
        compiled->weight_bytes = compiled->scratch = 4 * step->layer.batch_norm.channels * sizeof(float);
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

static size_t rows_at_once(const lk_program *program, const lk_step *step, const lk_cpu_step *chosen)
{
    const size_t rows = chosen->rows;
    if (chosen->writes_blocked) return 0;
    const size_t floats =
        lk_value_floats(&program->values[step->input]) + lk_value_floats(&program->values[step->output]);
    size_t pieces = floats / PIECE_FLOATS + 1;
    if (step->op == LK_OP_CONV2D && lk_conv2d_is_pointwise(&step->layer.conv2d) &&
        rows / pieces < PIECE_PIXELS)
        pieces = rows / PIECE_PIXELS + 1;
    return divide_up(rows, pieces);
}

static bool is_as(const lk_cpu_value *value, bool blocked, lk_dtype type)
{
    return value->is_blocked == blocked && value->type == type;
}

/* The first convolution has kernels that read pixels as they are; whatever else reads them gets floats. */
static void take_pixels(const lk_program *program, const lk_step *step, lk_cpu_step *compiled)
{
    const bool is_stem = step->op == LK_OP_CONV2D && compiled->writes_blocked && !compiled->reads_blocked;
    if (!program->pixels || step->input != program->input || !is_stem) return;
    compiled->pixels = program->pixels;
    compiled->reads_type = LK_U8;
}

static void settle_layout(const lk_program *program, const lk_step *step, lk_cpu_program *compiled,
                          lk_cpu_step *chosen)
{
    lk_cpu_value *values = compiled->values, *input = &values[chosen->input],
                 *output = &values[chosen->output];
    const lk_value_id read[] = {chosen->input, chosen->residual};
    output->is_blocked = chosen->writes_blocked;
    output->type = chosen->writes_type;
    output->is_bf16 = step->op == LK_OP_CONV2D && step->layer.conv2d.y_type == LK_BF16;
    chosen->rounds_input =
        step->op == LK_OP_CONV2D && step->layer.conv2d.x_type == LK_BF16 && !input->is_bf16;
    chosen->converts_input = chosen->rounds_input || !is_as(input, chosen->reads_blocked, chosen->reads_type);
    chosen->converts_residual =
        chosen->residual != LK_NO_VALUE &&
        !is_as(&values[chosen->residual], chosen->writes_blocked, chosen->writes_type);
    for (size_t i = 0; i < LK_COUNT(read); i++) {
        if (!(i ? chosen->converts_residual : chosen->converts_input)) continue;
        const lk_value *value = &program->values[read[i]];
        const size_t floats = lk_blocked_floats(value->height * value->width, value->channels);
        if (floats > compiled->converted) compiled->converted = floats;
    }
}

/* Whether a map is made for one step alone. */
static bool is_read_once(const lk_program *program, lk_value_id value)
{
    size_t readers = program->values[value].kept ? 1 : 0;
    for (size_t i = 0; i < program->step_count; i++)
        readers += (size_t)((program->steps[i].input == value) + (program->steps[i].residual == value));
    return readers == 1;
}

/* Expansion and depthwise layer in one, where there is a kernel for that. */
static void join(const lk_step *expand, const lk_step *depthwise, unsigned can, lk_cpu_step *first,
                 lk_cpu_step *second)
{
    if (expand->op != LK_OP_CONV2D || depthwise->op != LK_OP_CONV2D || expand->output != depthwise->input)
        return;
    const lk_conv2d *e = &expand->layer.conv2d, *d = &depthwise->layer.conv2d;
    const lk_expand_depthwise_kernel *kernel = lk_expand_depthwise_choose(e, d, can);
    if (!kernel || first->pack != kernel->pack) return;
    first->in_next = true;
    first->kernel = "(in the next)";
    second->kernel = kernel->name;
    second->run.expand_depthwise = kernel->run;
    second->expand_depthwise = (lk_expand_depthwise){e, d, lk_expand_depthwise_ring(kernel, d)};
    second->scratch = lk_expand_depthwise_scratch(kernel, d);
    second->rows = lk_expand_depthwise_rows(kernel, d);
    second->panels = divide_up(d->out_channels, kernel->panel);
    second->input = first->input;
}

static void choose_kernels(const lk_program *program, const lk_cpu_choice *choice, lk_cpu_program *compiled)
{
    if (program->pixels) compiled->values[program->input].type = LK_U8;
    for (size_t i = 0; i < program->step_count; i++) {
        const lk_step *step = &program->steps[i];
        const lk_value *output = &program->values[step->output];
        lk_cpu_step *chosen = &compiled->steps[i];
        const lk_dtype type = step->input == program->input ? LK_F32 : compiled->values[step->input].type;
        choose_kernel(step, output->height * output->width, type, choice, chosen);
        take_pixels(program, step, chosen);
        chosen->input = step->input;
        chosen->residual = step->residual;
        chosen->output = step->output;
        if (i && is_read_once(program, step->input))
            join(&program->steps[i - 1], step, choice->can, &compiled->steps[i - 1], chosen);
        chosen->rows_at_once = rows_at_once(program, step, chosen);
        size_t multiply_adds = lk_step_multiply_adds(step);
        if (chosen->expand_depthwise.expand) multiply_adds += lk_step_multiply_adds(&program->steps[i - 1]);
        chosen->worth = multiply_adds / PIECE_MULTIPLY_ADDS + 1;
        if (choice->conv2d || choice->pool2d) {
            compiled->values[chosen->input].is_blocked = chosen->reads_blocked;
            compiled->values[chosen->input].type = chosen->reads_type;
        }
        settle_layout(program, step, compiled, chosen);
        chosen->weights = compiled->weight_bytes;
        /* Sizes come from tensors in memory, so nothing overflows. */
        compiled->weight_bytes += divide_up(chosen->weight_bytes, LK_ALIGNMENT) * LK_ALIGNMENT;
        if (chosen->scratch > compiled->scratch)
            compiled->scratch = divide_up(chosen->scratch, LK_ALIGNMENT) * LK_ALIGNMENT;
    }
    for (size_t i = 0; i < program->value_count; i++) {
        const lk_value *value = &program->values[i];
        const size_t floats = compiled->values[i].is_blocked
                                  ? lk_blocked_floats(value->height * value->width, value->channels)
                                  : lk_value_floats(value);
        compiled->values[i].bytes = floats * lk_dtype_bytes(compiled->values[i].type);
    }
}

/* Pictures of a batch run one after another, or one a thread, so that their maps stay in the caches: all but
 * what is given and what is asked for are those of a picture. */
static lk_status place_values(lk_cpu_program *compiled)
{
    const lk_program *program = compiled->program;
    for (size_t i = 0; i < program->value_count; i++)
        compiled->values[i].is_apart = program->batch > 1 && (program->values[i].kept || i == program->input);
    const lk_status status = lk_arena_place(compiled, &compiled->arena);
    for (size_t i = 0; !status && i < program->value_count; i++) {
        lk_cpu_value *value = &compiled->values[i];
        size_t bytes;
        if (!value->is_apart) continue;
        value->offset = compiled->apart;
        if (!lk_multiply(value->bytes, program->batch, &bytes) || !lk_round_up(bytes, LK_ALIGNMENT, &bytes) ||
            !lk_add(compiled->apart, bytes, &compiled->apart))
            return lk_fail(LK_ERROR_LIMIT, "a batch of %zu pictures needs more memory than there can be",
                           program->batch);
    }
    return status;
}

static void pack_batch_norm(const lk_filter *filter, size_t channels, void *weights)
{
    float *packed = weights;
    lk_tensor_read(filter->gamma, packed);
    lk_tensor_read(filter->beta, packed + channels);
    lk_tensor_read(filter->mean, packed + 2 * channels);
    lk_tensor_read(filter->variance, packed + 3 * channels);
}

/* Folds one layer at a time, so that the plain weights never exist all at once. */
static lk_status pack_weights(const lk_program *program, const lk_cpu_program *compiled)
{
    for (size_t i = 0; i < program->step_count; i++) {
        const lk_step *step = &program->steps[i];
        uint8_t *packed = compiled->weights + compiled->steps[i].weights;
        if (step->op == LK_OP_BATCH_NORM)
            pack_batch_norm(&step->filter, step->layer.batch_norm.channels, packed);
        if (step->op != LK_OP_CONV2D) continue;
        const lk_conv2d *d = &step->layer.conv2d;
        if (d->type == LK_I8) {
            const lk_status status = lk_int8_pack(d, &step->filter, compiled->steps[i].pack, packed);
            if (status) return status;
            continue;
        }
        float *plain = lk_allocate_array(step->filter.weight->count + d->out_channels, sizeof *plain);
        if (!plain) return lk_fail(LK_ERROR_MEMORY, "out of memory for the weights of %s", step->name);
        float *bias = plain + step->filter.weight->count;
        lk_filter_read(&step->filter, d->out_channels, plain, bias);
        compiled->steps[i].pack(d, &(lk_conv2d_weights){.weights = plain, .bias = bias}, packed);
        lk_free(plain);
    }
    return LK_OK;
}

void lk_cpu_release(void *compiled)
{
    lk_cpu_program *c = compiled;
    if (!c) return;
    lk_free(c->steps);
    lk_free(c->values);
    lk_free(c->weights);
    lk_free(c);
}

lk_status lk_cpu_compile(const lk_program *program, const lk_cpu_choice *choice, void **compiled)
{
    lk_status status = LK_ERROR_MEMORY;
    lk_cpu_program *made = lk_allocate_array(1, sizeof *made);
    if (!made) goto done;
    made->program = program;
    made->steps = lk_allocate_array(program->step_count, sizeof *made->steps);
    made->values = lk_allocate_array(program->value_count, sizeof *made->values);
    if (!made->steps || !made->values) goto done;
    choose_kernels(program, choice, made);
    status = place_values(made);
    if (status) goto done;
    made->weights = lk_allocate(made->weight_bytes, LK_ALIGNMENT);
    status = made->weights ? pack_weights(program, made) : LK_ERROR_MEMORY;
done:
    if (status == LK_OK) *compiled = made;
    else lk_cpu_release(made);
    return status == LK_ERROR_MEMORY ? lk_fail(status, "out of memory for a plan") : status;
}

const char *lk_cpu_kernel(const void *compiled, size_t step)
{
    return ((const lk_cpu_program *)compiled)->steps[step].kernel;
}

lk_step_traffic lk_cpu_traffic(const void *compiled, size_t step)
{
    const lk_cpu_program *c = compiled;
    const lk_cpu_step *s = &c->steps[step];
    lk_step_traffic traffic = {.in_next = s->in_next, .weight_bytes = s->weight_bytes};
    if (s->in_next) return traffic;
    traffic.map_bytes = c->values[s->input].bytes + c->values[s->output].bytes;
    if (s->residual != LK_NO_VALUE) traffic.map_bytes += c->values[s->residual].bytes;
    return traffic;
}

size_t lk_cpu_arena_bytes(const void *compiled)
{
    const lk_cpu_program *c = compiled;
    return c->arena + c->apart;
}

size_t lk_cpu_weight_bytes(const void *compiled)
{
    return ((const lk_cpu_program *)compiled)->weight_bytes;
}
