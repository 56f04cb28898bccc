#include "layers/int8.h"

#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"

#define MOST_BIAS 0x1p30

static const lk_conv2d_kernel kernels[] = {
#define LK_INT8(run, needs, panel, pack, scratch, fits) {#run, run, LK_I8, needs, panel, pack, scratch, fits},
#include "layers/kernels.inc"
};

static const lk_pool2d_kernel pool_kernels[] = {
#define LK_POOL2D_U8(run, needs, is_blocked) {#run, run, LK_U8, needs, is_blocked, NULL},
#include "layers/kernels.inc"
};

const lk_conv2d_kernel *lk_int8_choose(const lk_conv2d *d, unsigned can)
{
    return lk_conv2d_choose_among(kernels, LK_COUNT(kernels), d, can);
}

const lk_pool2d_kernel *lk_pool2d_u8_choose(const lk_pool2d *d, unsigned can)
{
    (void)d; /* all of them are global averages */
    size_t i = LK_COUNT(pool_kernels) - 1;
    while (pool_kernels[i].needs & ~can) i--;
    return &pool_kernels[i];
}

lk_int8_channel lk_int8_channel_of(const lk_conv2d *d, const lk_conv2d_weights *from, size_t output)
{
    const size_t terms = d->in_channels / d->groups * d->kernel_h * d->kernel_w;
    const double unit = d->x_real.scale * (double)from->scales[output];
    const bool to_float = d->y_type == LK_F32;
    int32_t sum = 0;
    for (size_t i = 0; i < terms; i++) sum += from->bytes[output * terms + i];
    lk_int8_channel channel = {.factor = (float)(to_float ? unit : unit / d->y_real.scale)};
    if (!to_float)
        channel.bias = (int32_t)fmin(fmax(rint((double)from->bias[output] / unit), -MOST_BIAS), MOST_BIAS);
    channel.at_zero = channel.bias - d->x_real.zero * sum;
    return channel;
}

/* Linear's weights are transposed: [out][in]. */
static void read_filter(const lk_filter *filter, size_t outputs, int8_t *bytes, float *scales, float *bias)
{
    const size_t inputs = filter->weight->count / outputs;
    lk_tensor_read(filter->scale, scales);
    lk_tensor_read(filter->bias, bias);
    for (size_t o = 0; o < outputs; o++)
        for (size_t i = 0; i < inputs; i++)
            bytes[o * inputs + i] =
                (int8_t)filter->weight->bytes[filter->is_linear ? i * outputs + o : o * inputs + i];
}

lk_status lk_int8_pack(const lk_conv2d *d, const lk_filter *filter, lk_conv2d_pack_fn *pack, void *packed)
{
    float *scales = lk_allocate_array(2 * d->out_channels, sizeof *scales);
    int8_t *bytes = lk_allocate_array(filter->weight->count, sizeof *bytes);
    if (scales && bytes) {
        float *bias = scales + d->out_channels;
        read_filter(filter, d->out_channels, bytes, scales, bias);
        pack(d, &(lk_conv2d_weights){.bytes = bytes, .scales = scales, .bias = bias}, packed);
    }
    const bool done = scales && bytes;
    lk_free(scales);
    lk_free(bytes);
    return done ? LK_OK : lk_fail(LK_ERROR_MEMORY, "out of memory for the weights of a layer");
}

/* ------------------------------------------------------------------ the reference */

size_t lk_int8_pack_plain(const lk_conv2d *d, const lk_conv2d_weights *from, void *packed)
{
    const size_t outputs = d->out_channels, terms = d->in_channels / d->groups * d->kernel_h * d->kernel_w;
    if (packed) {
        float *factor = packed, *bias = factor + outputs;
        int32_t *start = (void *)(bias + outputs);
        for (size_t o = 0; o < outputs; o++) {
            const lk_int8_channel channel = lk_int8_channel_of(d, from, o);
            factor[o] = channel.factor;
            start[o] = channel.bias;
        }
        memcpy(bias, from->bias, outputs * sizeof *bias);
        memcpy(start + outputs, from->bytes, outputs * terms);
    }
    return outputs * (2 * sizeof(float) + sizeof(int32_t) + terms);
}

/* The input as a layer reads it: bytes, or floats that become bytes. */
typedef struct {
    const void *x;
    lk_bytes bytes;
    float inverse;
} input;

/* Its value at that place, less its zero. */
static int32_t input_at(const lk_conv2d *d, const input *in, size_t place)
{
    if (d->x_type == LK_U8) return ((const uint8_t *)in->x)[place] - d->x_real.zero;
    return lk_byte_of(((const float *)in->x)[place] * in->inverse, in->bytes) - d->x_real.zero;
}

/* w: of output o. */
static int32_t sum_of(const lk_conv2d *d, const input *in, const int8_t *w, size_t pixel, size_t o)
{
    const size_t inputs = d->in_channels / d->groups, first = o / (d->out_channels / d->groups) * inputs;
    const size_t oy = pixel / d->out_w % d->out_h, ox = pixel % d->out_w,
                 picture = pixel / d->out_w / d->out_h;
    int32_t sum = 0;
    for (size_t ky = 0; ky < d->kernel_h; ky++)
        for (size_t kx = 0; kx < d->kernel_w; kx++) {
            /* Above and left of the map wraps to a huge number, which is outside as well. */
            const size_t iy = oy * d->stride_h + ky * d->dilation_h - d->pad_top;
            const size_t ix = ox * d->stride_w + kx * d->dilation_w - d->pad_left;
            if (iy >= d->in_h || ix >= d->in_w) continue;
            const size_t at = ((picture * d->in_h + iy) * d->in_w + ix) * d->in_channels + first;
            for (size_t c = 0; c < inputs; c++)
                sum += input_at(d, in, at + c) * w[(c * d->kernel_h + ky) * d->kernel_w + kx];
        }
    return sum;
}

void lk_conv2d_i8__reference(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    const size_t outputs = d->out_channels, terms = d->in_channels / d->groups * d->kernel_h * d->kernel_w;
    const size_t row = lk_conv2d_is_pointwise(d) ? 1 : d->out_w; /* pixels */
    const float *factor = io->weights, *bias = factor + outputs;
    const int32_t *start = (const void *)(bias + outputs);
    const int8_t *w = (const int8_t *)(start + outputs);
    const uint8_t *residual = io->residual;
    const input in = {io->x, lk_affine_bytes(d->x_real, -INFINITY, INFINITY), lk_affine_inverse(d->x_real)};
    const lk_bytes bytes = lk_int8_bytes(d);
    const float residual_factor = lk_int8_residual_factor(d);
    for (size_t pixel = rows.begin * row; pixel < rows.end * row; pixel++)
        for (size_t o = 0; o < outputs; o++) {
            const size_t place = pixel * outputs + o;
            float value = (float)(start[o] + sum_of(d, &in, w + o * terms, pixel, o)) * factor[o];
            if (residual) value += (float)(residual[place] - d->residual_real.zero) * residual_factor;
            if (d->y_type == LK_F32) ((float *)io->y)[place] = value + bias[o];
            else ((uint8_t *)io->y)[place] = lk_byte_of(value, bytes);
        }
}

void lk_pool2d_u8_global__reference(const lk_pool2d *d, const lk_operands *io, lk_rows rows)
{
    const size_t pixels = d->in_h * d->in_w;
    for (size_t picture = rows.begin; picture < rows.end; picture++)
        for (size_t c = 0; c < d->channels; c++) {
            const uint8_t *x = (const uint8_t *)io->x + picture * pixels * d->channels + c;
            int32_t sum = 0;
            for (size_t p = 0; p < pixels; p++) sum += x[p * d->channels] - d->x_real.zero;
            ((float *)io->y)[picture * d->channels + c] = (float)sum * lk_pool2d_u8_factor(d);
        }
}
