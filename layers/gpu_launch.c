/* From a step to its launch: how many threads in what grid, and what the kernel is told. */
#include <math.h>

#include "layers/gpu_plan.h"

enum { THREADS = 256, TILE_PIXELS = 64, TILE_OUTPUTS = 64 }; /* as pointwise.h has them */

/* So many threads keep a multiprocessor busy. */
#define THREADS_OF_PROCESSOR ((size_t)1024)

static void *map_at(const lk_gpu_program *made, lk_value_id value)
{
    return value == LK_NO_VALUE ? NULL : made->arena + made->values[value].offset;
}

static uint32_t blocks_for(size_t threads, size_t of_block)
{
    return (uint32_t)((threads + of_block - 1) / of_block);
}

static lk_gpu_type type_in(const lk_gpu_program *made, lk_value_id value, bool half)
{
    if (made->values[value].pixels) return LK_GPU_PIXELS;
    return made->values[value].half == half ? LK_GPU_OWN : LK_GPU_FLOAT;
}

static lk_gpu_conv conv_of(const lk_gpu_program *made, size_t i, size_t pictures)
{
    const lk_conv2d *d = &made->program->steps[i].layer.conv2d;
    const lk_gpu_step *s = &made->steps[i];
    const lk_gpu_value *input = &made->values[s->input];
    return (lk_gpu_conv){.x = map_at(made, s->input),
                         .residual = map_at(made, s->residual),
                         .w = made->weights + s->weights,
                         .bias = (const float *)(const void *)(made->weights + s->bias),
                         .y = map_at(made, s->output),
                         .pictures = (uint32_t)pictures,
                         .in_h = (uint32_t)d->in_h,
                         .in_w = (uint32_t)d->in_w,
                         .in_c = (uint32_t)d->in_channels,
                         .out_h = (uint32_t)d->out_h,
                         .out_w = (uint32_t)d->out_w,
                         .out_c = (uint32_t)d->out_channels,
                         .kernel_h = (uint32_t)d->kernel_h,
                         .kernel_w = (uint32_t)d->kernel_w,
                         .stride_h = (uint32_t)d->stride_h,
                         .stride_w = (uint32_t)d->stride_w,
                         .dilation_h = (uint32_t)d->dilation_h,
                         .dilation_w = (uint32_t)d->dilation_w,
                         .pad_top = (uint32_t)d->pad_top,
                         .pad_left = (uint32_t)d->pad_left,
                         .groups = (uint32_t)d->groups,
                         .x_type = type_in(made, s->input, s->half),
                         .y_type = type_in(made, s->output, s->half),
                         .pixels = (const float *)(const void *)(made->weights + made->pixels),
                         .x_lo = input->lo,
                         .x_hi = input->hi,
                         .lo = d->lo,
                         .hi = d->hi,
                         .residual_last = d->residual == LK_RESIDUAL_AFTER_ACTIVATION,
                         .rows = 1};
}

/* The more rows a thread makes, the fewer it reads twice, if only there are threads enough. */
static uint32_t depthwise_rows(const lk_gpu_program *made, const lk_gpu_conv *d)
{
    const size_t columns = (size_t)d->out_w * d->out_c / 4 * d->pictures;
    uint32_t rows = 8;
    while (rows > 1 && (d->out_h + rows - 1) / rows * columns < made->info.processors * THREADS_OF_PROCESSOR)
        rows /= 2;
    return rows;
}

static void set_grid(const lk_gpu_conv *d, lk_gpu_launch *launch)
{
    const size_t pixels = (size_t)d->out_h * d->out_w;
    launch->block = THREADS;
    launch->grid[1] = 1;
    launch->grid[2] = d->pictures;
    switch (launch->kernel) {
    case LK_GPU_stem:
        launch->block = THREADS / 2;
        launch->grid[0] = blocks_for((size_t)d->out_h * ((d->out_w + 3) / 4) * (d->out_c / 4), launch->block);
        break;
    case LK_GPU_depthwise:
        launch->block = THREADS / 2;
        launch->grid[0] = blocks_for((size_t)((d->out_h + d->rows - 1) / d->rows) * d->out_w * (d->out_c / 4),
                                     launch->block);
        break;
    case LK_GPU_im2col:
        launch->grid[0] = blocks_for(pixels * d->kernel_h * d->kernel_w * d->in_c, launch->block);
        break;
    case LK_GPU_pointwise:
        launch->grid[0] = blocks_for(pixels, TILE_PIXELS);
        launch->grid[1] = blocks_for(d->out_c, TILE_OUTPUTS);
        break;
    case LK_GPU_depthwise_project:
        launch->grid[0] = blocks_for(pixels, TILE_PIXELS);
        break;
    default:
        launch->grid[0] = blocks_for(pixels * d->out_c, launch->block);
        break;
    }
}

static lk_gpu_launch conv_launch(const lk_gpu_program *made, size_t i, size_t pictures)
{
    const lk_gpu_step *s = &made->steps[i];
    lk_gpu_launch launch = {.kernel = s->kernel, .half = s->half};
    lk_gpu_conv d = conv_of(made, i, pictures);
    if (s->way == LK_GPU_BY_COLUMNS) {
        launch.kernel = LK_GPU_im2col;
        d.y = made->arena + made->columns;
    }
    if (launch.kernel == LK_GPU_depthwise) d.rows = depthwise_rows(made, &d);
    set_grid(&d, &launch);
    if (launch.kernel == LK_GPU_depthwise_project) {
        lk_gpu_conv first = conv_of(made, i - 1, pictures);
        launch.args.project = (lk_gpu_project){.depthwise = first, .project = d};
    } else {
        launch.args.conv = d;
    }
    return launch;
}

static lk_gpu_launch pool_launch(const lk_gpu_program *made, size_t i, size_t pictures)
{
    const lk_pool2d *d = &made->program->steps[i].layer.pool2d;
    const lk_gpu_step *s = &made->steps[i];
    const lk_gpu_value *input = &made->values[s->input];
    return (lk_gpu_launch){
        .kernel = LK_GPU_pool2d,
        .half = s->half,
        .block = THREADS,
        .grid = {blocks_for(d->out_h * d->out_w * d->channels, THREADS), 1, (uint32_t)pictures},
        .args.pool = {.x = map_at(made, s->input),
                      .y = map_at(made, s->output),
                      .pictures = (uint32_t)pictures,
                      .in_h = (uint32_t)d->in_h,
                      .in_w = (uint32_t)d->in_w,
                      .channels = (uint32_t)d->channels,
                      .out_h = (uint32_t)d->out_h,
                      .out_w = (uint32_t)d->out_w,
                      .is_max = d->kind == LK_POOL_MAX,
                      .kernel_h = (uint32_t)d->kernel_h,
                      .kernel_w = (uint32_t)d->kernel_w,
                      .stride_h = (uint32_t)d->stride_h,
                      .stride_w = (uint32_t)d->stride_w,
                      .pad_top = (uint32_t)d->pad_top,
                      .pad_left = (uint32_t)d->pad_left,
                      .x_type = LK_GPU_OWN,
                      .x_lo = input->lo,
                      .x_hi = input->hi}};
}

static lk_gpu_launch elementwise_launch(const lk_gpu_program *made, size_t i, size_t pictures)
{
    const lk_step *step = &made->program->steps[i];
    const lk_gpu_step *s = &made->steps[i];
    const lk_gpu_value *input = &made->values[s->input];
    const lk_gpu_value *residual = s->residual == LK_NO_VALUE ? input : &made->values[s->residual];
    const size_t values = lk_value_floats(&made->program->values[s->output]);
    const double *scale = (const double *)(const void *)(made->weights + s->weights);
    lk_gpu_launch launch = {.kernel = s->kernel,
                            .half = s->half,
                            .block = THREADS,
                            .grid = {blocks_for(values * pictures, THREADS), 1, 1},
                            .args.elementwise = {.x = map_at(made, s->input),
                                                 .residual = map_at(made, s->residual),
                                                 .y = map_at(made, s->output),
                                                 .count = values * pictures,
                                                 .channels = (uint32_t)values,
                                                 .x_lo = input->lo,
                                                 .x_hi = input->hi,
                                                 .residual_lo = residual->lo,
                                                 .residual_hi = residual->hi}};
    if (step->op == LK_OP_BATCH_NORM) {
        launch.args.elementwise.channels = (uint32_t)step->layer.batch_norm.channels;
        launch.args.elementwise.scale = scale;
        launch.args.elementwise.offset = scale + step->layer.batch_norm.channels;
    }
    if (step->op == LK_OP_ACTIVATION) {
        launch.args.elementwise.lo = step->layer.elementwise.lo;
        launch.args.elementwise.hi = step->layer.elementwise.hi;
    }
    if (step->op == LK_OP_SOFTMAX) {
        launch.grid[0] = (uint32_t)pictures;
        launch.args.elementwise.count = pictures;
    }
    return launch;
}

lk_gpu_launch lk_gpu_launch_of(const lk_gpu_program *made, size_t step, size_t pictures)
{
    switch (made->program->steps[step].op) {
    case LK_OP_CONV2D:
        return conv_launch(made, step, pictures);
    case LK_OP_POOL2D:
        return pool_launch(made, step, pictures);
    default:
        return elementwise_launch(made, step, pictures);
    }
}

/* ------------------------------------------------------------------ Products */

static lk_gpu_product product_of(const lk_gpu_program *made, size_t i, size_t pictures)
{
    const lk_conv2d *d = &made->program->steps[i].layer.conv2d;
    const lk_gpu_step *s = &made->steps[i];
    return (lk_gpu_product){.rows = pictures * d->out_h * d->out_w,
                            .inputs = lk_gpu_product_inputs(d),
                            .outputs = d->out_channels,
                            .x = s->way == LK_GPU_BY_COLUMNS ? made->arena + made->columns
                                                             : map_at(made, s->input),
                            .w = made->weights + s->weights,
                            .bias = made->weights + (s->half ? s->half_bias : s->bias),
                            .residual = map_at(made, s->residual),
                            .y = map_at(made, s->output),
                            .half = s->half,
                            .tf32 = made->options.tf32,
                            .relu = s->relu};
}

/* The same by our own kernel, as one picture of so many pixels. It does the whole activation, so what readers
 * do is for nothing. */
static lk_gpu_launch instead_of(const lk_gpu_program *made, size_t i, const lk_gpu_product *p)
{
    const lk_conv2d *d = &made->program->steps[i].layer.conv2d;
    lk_gpu_launch launch = {.kernel = LK_GPU_pointwise, .half = p->half};
    launch.args.conv =
        (lk_gpu_conv){.x = p->x,
                      .residual = p->residual,
                      .w = p->w,
                      .bias = (const float *)(const void *)(made->weights + made->steps[i].bias),
                      .y = p->y,
                      .pictures = 1,
                      .in_h = (uint32_t)p->rows,
                      .in_w = 1,
                      .in_c = (uint32_t)p->inputs,
                      .out_h = (uint32_t)p->rows,
                      .out_w = 1,
                      .out_c = (uint32_t)p->outputs,
                      .groups = 1,
                      .x_lo = -INFINITY,
                      .x_hi = INFINITY,
                      .lo = d->lo,
                      .hi = d->hi,
                      .residual_last = d->residual == LK_RESIDUAL_AFTER_ACTIVATION};
    set_grid(&launch.args.conv, &launch);
    return launch;
}

/* What a product leaves of its activation, in place. */
static lk_gpu_fault put_clamp(const lk_gpu_program *made, size_t i, const lk_gpu_product *p)
{
    const lk_conv2d *d = &made->program->steps[i].layer.conv2d;
    const lk_gpu_launch launch = {.kernel = LK_GPU_clamp,
                                  .half = p->half,
                                  .block = THREADS,
                                  .grid = {blocks_for(p->rows * p->outputs, THREADS), 1, 1},
                                  .args.elementwise = {.x = p->y,
                                                       .y = p->y,
                                                       .count = p->rows * p->outputs,
                                                       .x_lo = -INFINITY,
                                                       .x_hi = INFINITY,
                                                       .lo = d->lo,
                                                       .hi = d->hi}};
    return made->module->launch(made->device, made->stream, &launch);
}

lk_gpu_fault lk_gpu_put_step(const lk_gpu_program *made, size_t step, size_t pictures)
{
    const lk_gpu_module *m = made->module;
    const lk_gpu_step *s = &made->steps[step];
    lk_gpu_fault fault = LK_GPU_OK;
    if (s->in_next) return LK_GPU_OK;
    if (s->way != LK_GPU_BY_PRODUCT) {
        const lk_gpu_launch launch = lk_gpu_launch_of(made, step, pictures);
        fault = m->launch(made->device, made->stream, &launch);
    }
    if (fault || s->way == LK_GPU_BY_KERNEL) return fault;
    const lk_gpu_product product = product_of(made, step, pictures);
    fault = m->multiply(made->device, made->stream, &product);
    if (fault == LK_GPU_UNSUPPORTED) {
        const lk_gpu_launch launch = instead_of(made, step, &product);
        return m->launch(made->device, made->stream, &launch);
    }
    return fault || !s->clamps ? fault : put_clamp(made, step, &product);
}
