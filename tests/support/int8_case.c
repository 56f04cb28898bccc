#include "support/int8_case.h"

#include <math.h>
#include <string.h>

#include "layers/layout.h"

/* Guard pages touch its first or its last byte. */
uint8_t *lk_test_bytes(size_t count, lk_test_side side)
{
    const size_t floats = (count + 3) / 4;
    uint8_t *bytes = (uint8_t *)lk_test_output(floats);
    return side == LK_TEST_GUARD_END ? bytes + floats * 4 - count : bytes;
}

static double between(double least, double most)
{
    return least + (most - least) * (double)(lk_test_random() >> 11) * 0x1p-53;
}

lk_affine lk_test_affine(lk_test_mode m)
{
    const int32_t zeros[] = {
        [LK_TEST_ALL_LARGEST] = 0, [LK_TEST_ALL_SMALLEST] = 255, [LK_TEST_ZERO_IN_THE_MIDDLE] = 128};
    const int32_t any = (int32_t)(lk_test_random() % 256);
    return (lk_affine){between(0.005, 0.05),
                       m == LK_TEST_ANYTHING || m == LK_TEST_HUGE_FACTORS ? any : zeros[m]};
}

void lk_test_draw(lk_test_int8 *c, lk_conv2d *d, lk_test_mode m, lk_test_side side)
{
    const size_t terms = d->in_channels / d->groups * d->kernel_h * d->kernel_w;
    const size_t inputs = c->batch * d->in_h * d->in_w * d->in_channels;
    const size_t outputs = c->batch * d->out_h * d->out_w * d->out_channels;
    d->x_real = lk_test_affine(m);
    d->residual_real = lk_test_affine(m);
    d->y_real = lk_test_affine(m);
    /* Typical sums fill some of the range, so that most bytes are neither end of it. */
    d->y_real.scale = d->x_real.scale * 0.01 * sqrt((double)terms) * 80;
    if (m == LK_TEST_HUGE_FACTORS) d->y_real.scale = 1e-9;
    c->scales = lk_test_output(d->out_channels);
    c->bias = lk_test_output(d->out_channels);
    for (size_t o = 0; o < d->out_channels; o++) {
        c->scales[o] = (float)between(0.0005, 0.02);
        c->bias[o] = (float)(between(-20, 20) * d->y_real.scale);
        if (m == LK_TEST_ALL_LARGEST && o % 3 == 0) c->bias[o] = 3e30F; /* more than 2^30 units */
    }
    c->w = (int8_t *)lk_test_bytes(d->out_channels * terms, side);
    for (size_t i = 0; i < d->out_channels * terms; i++)
        c->w[i] = (int8_t)(m == LK_TEST_ALL_LARGEST    ? 127
                           : m == LK_TEST_ALL_SMALLEST ? (i % 2 ? 127 : -127)
                                                       : (int)(lk_test_random() % 255) - 127);
    c->x = lk_test_bytes(inputs, side);
    for (size_t i = 0; i < inputs; i++)
        c->x[i] = (uint8_t)(m == LK_TEST_ALL_LARGEST    ? 255
                            : m == LK_TEST_ALL_SMALLEST ? 0
                                                        : lk_test_random() % 256);
    c->residual = lk_test_bytes(outputs, side);
    for (size_t i = 0; i < outputs; i++) c->residual[i] = (uint8_t)(lk_test_random() % 256);
    c->x_floats = lk_test_output(inputs);
    for (size_t i = 0; i < inputs; i++) {
        c->x_floats[i] =
            (float)((double)(c->x[i] - d->x_real.zero) * d->x_real.scale + between(-0.004, 0.004));
        if (m == LK_TEST_ZERO_IN_THE_MIDDLE && i % 7 == 0) c->x_floats[i] = i % 2 ? 1e30F : -1e30F;
    }
    c->d = d;
}

/* ------------------------------------------------------------------ the page, in whole numbers and doubles
 */

static long clip(double value)
{
    return (long)fmin(fmax(value, 0), 255);
}

static long byte_of_float(float value, lk_affine real)
{
    const float scaled = (float)((double)value * (double)(float)(1.0 / real.scale));
    return clip(rint((double)scaled) + real.zero);
}

static long sum_of(const lk_test_int8 *c, size_t picture, size_t oy, size_t ox, size_t o)
{
    const lk_conv2d *d = c->d;
    const size_t per_group = d->in_channels / d->groups,
                 first = o / (d->out_channels / d->groups) * per_group;
    const int8_t *w = c->w + o * per_group * d->kernel_h * d->kernel_w;
    long sum = 0;
    for (size_t channel = 0; channel < per_group; channel++)
        for (size_t ky = 0; ky < d->kernel_h; ky++)
            for (size_t kx = 0; kx < d->kernel_w; kx++, w++) {
                const long iy = (long)(oy * d->stride_h + ky) - (long)d->pad_top;
                const long ix = (long)(ox * d->stride_w + kx) - (long)d->pad_left;
                if (iy < 0 || iy >= (long)d->in_h || ix < 0 || ix >= (long)d->in_w) continue;
                const size_t at = ((picture * d->in_h + (size_t)iy) * d->in_w + (size_t)ix) * d->in_channels +
                                  first + channel;
                const long x = d->x_type == LK_F32 ? byte_of_float(c->x_floats[at], d->x_real) : c->x[at];
                sum += (x - d->x_real.zero) * *w;
            }
    return sum;
}

/* Products and sums of floats are rounded once by way of double: it holds a product, and twice a float's
 * digits for a sum. */
double lk_test_want(const lk_test_int8 *c, size_t place)
{
    const lk_conv2d *d = c->d;
    const size_t o = place % d->out_channels, pixel = place / d->out_channels, ox = pixel % d->out_w;
    const size_t oy = pixel / d->out_w % d->out_h, picture = pixel / d->out_w / d->out_h;
    const double unit = d->x_real.scale * (double)c->scales[o];
    long sum = sum_of(c, picture, oy, ox, o);
    if (d->y_type == LK_F32) {
        const float value = (float)((double)(float)sum * (double)(float)unit);
        return (double)(float)((double)value + (double)c->bias[o]);
    }
    sum += (long)fmin(fmax(rint((double)c->bias[o] / unit), -0x1p30), 0x1p30);
    float value = (float)((double)(float)sum * (double)(float)(unit / d->y_real.scale));
    if (d->residual != LK_RESIDUAL_NONE) {
        const double added = (double)(c->residual[place] - d->residual_real.zero) *
                             (double)(float)(d->residual_real.scale / d->y_real.scale);
        value = (float)((double)value + (double)(float)added);
    }
    const long lo = clip(rint((double)d->lo / d->y_real.scale) + d->y_real.zero);
    const long hi = clip(rint((double)d->hi / d->y_real.scale) + d->y_real.zero);
    return fmin(fmax(rint((double)value) + d->y_real.zero, (double)lo), (double)hi);
}

/* In blocks, `size` bytes a value; what pads the last block is NaN or 0x5a. NULL: an output. */
void *lk_test_blocks(const void *nhwc, size_t batch, size_t pixels, size_t channels, size_t size,
                     lk_test_side side)
{
    const size_t bytes = batch * lk_blocked_floats(pixels, channels) * size;
    uint8_t *made = lk_test_bytes(bytes, side);
    if (size == 1) memset(made, 0x5a, bytes);
    for (size_t i = 0; nhwc && i < batch * pixels * channels; i++) {
        const size_t c = i % channels, pixel = i / channels % pixels, picture = i / channels / pixels;
        const size_t block = picture * lk_blocks(channels) + c / LK_BLOCK;
        memcpy(made + ((block * pixels + pixel) * LK_BLOCK + c % LK_BLOCK) * size,
               (const uint8_t *)nhwc + i * size, size);
    }
    return made;
}

void lk_test_unblocks(const uint8_t *maps, size_t batch, size_t pixels, size_t channels, size_t size,
                      uint8_t *nhwc)
{
    for (size_t i = 0; i < batch * pixels * channels; i++) {
        const size_t c = i % channels, pixel = i / channels % pixels, picture = i / channels / pixels;
        const size_t block = picture * lk_blocks(channels) + c / LK_BLOCK;
        memcpy(nhwc + i * size, maps + ((block * pixels + pixel) * LK_BLOCK + c % LK_BLOCK) * size, size);
    }
}

void *lk_test_pack(const lk_test_int8 *c, lk_conv2d_pack_fn *pack)
{
    void *packed = lk_test_output((pack(c->d, NULL, NULL) + 3) / 4);
    pack(c->d, &(lk_conv2d_weights){.bytes = c->w, .scales = c->scales, .bias = c->bias}, packed);
    return packed;
}
