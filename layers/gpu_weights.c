/* Weights as the GPU's kernels and products read them. Folded one layer at a time, as for the CPU. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/f16.h"
#include "base/memory.h"
#include "layers/gpu_plan.h"

/* Running statistics as a factor and a term of each channel: y = x * scale + offset. */
static void pack_batch_norm(const lk_step *step, double *scale)
{
    const lk_filter *f = &step->filter;
    const size_t channels = step->layer.batch_norm.channels;
    double *offset = scale + channels;
    for (size_t c = 0; c < channels; c++) {
        scale[c] = (double)lk_tensor_at(f->gamma, c) /
                   sqrt((double)lk_tensor_at(f->variance, c) + step->layer.batch_norm.epsilon);
        offset[c] = (double)lk_tensor_at(f->beta, c) - (double)lk_tensor_at(f->mean, c) * scale[c];
    }
}

static bool put(void *packed, size_t at, bool half, float value)
{
    if (!half) {
        ((float *)packed)[at] = value;
        return true;
    }
    ((uint16_t *)packed)[at] = lk_to_f16(value);
    return (((uint16_t *)packed)[at] & 0x7fff) != 0x7c00;
}

/* [out][ky][kx][in], of the product's type: rows that are multiplied with what im2col writes, or with a whole
 * map. */
static bool pack_matrix(const lk_conv2d *d, const float *plain, bool half, void *packed)
{
    const size_t taps = d->kernel_h * d->kernel_w, inputs = d->in_channels / d->groups;
    bool fits = true;
    for (size_t o = 0; o < d->out_channels; o++)
        for (size_t c = 0; c < inputs; c++)
            for (size_t t = 0; t < taps; t++)
                fits = put(packed, (o * taps + t) * inputs + c, half, *plain++) && fits;
    return fits;
}

/* [ky][kx][in][out], in float32. */
static void pack_taps(const lk_conv2d *d, const float *plain, float *packed)
{
    const size_t taps = d->kernel_h * d->kernel_w, inputs = d->in_channels / d->groups;
    for (size_t o = 0; o < d->out_channels; o++)
        for (size_t c = 0; c < inputs; c++)
            for (size_t t = 0; t < taps; t++) packed[(t * inputs + c) * d->out_channels + o] = *plain++;
}

static lk_status pack_conv2d(const lk_step *step, const lk_gpu_step *chosen, uint8_t *packed)
{
    const lk_conv2d *d = &step->layer.conv2d;
    const bool matrix = chosen->way != LK_GPU_BY_KERNEL || chosen->kernel == LK_GPU_pointwise ||
                        chosen->kernel == LK_GPU_depthwise_project;
    float *plain = lk_allocate_array(step->filter.weight->count, sizeof *plain);
    float *bias = (float *)(void *)(packed + chosen->bias);
    bool fits = true;
    if (!plain) return lk_fail(LK_ERROR_MEMORY, "out of memory for the weights of %s", step->name);
    lk_filter_read(&step->filter, d->out_channels, plain, bias);
    if (matrix) fits = pack_matrix(d, plain, chosen->half, packed + chosen->weights);
    else pack_taps(d, plain, (float *)(void *)(packed + chosen->weights));
    for (size_t o = 0; matrix && chosen->half && o < d->out_channels; o++)
        fits = put(packed + chosen->half_bias, o, true, bias[o]) && fits;
    lk_free(plain);
    return fits ? LK_OK
                : lk_fail(LK_ERROR_TENSOR, "%s: a weight is too large for float16: it must be run in f32",
                          step->name);
}

lk_status lk_gpu_pack(const lk_gpu_program *made, uint8_t *packed)
{
    lk_status status = LK_OK;
    if (made->program->pixels)
        memcpy(packed + made->pixels, made->program->pixels->value, sizeof made->program->pixels->value);
    for (size_t i = 0; !status && i < made->program->step_count; i++) {
        const lk_step *step = &made->program->steps[i];
        if (step->op == LK_OP_BATCH_NORM)
            pack_batch_norm(step, (double *)(void *)(packed + made->steps[i].weights));
        if (step->op == LK_OP_CONV2D) status = pack_conv2d(step, &made->steps[i], packed);
    }
    return status;
}
