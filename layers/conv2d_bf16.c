/* The reference of bfloat16: the float32 reference on values and weights that are bfloat16's, its outputs
 * rounded. Sums stay float32. */
#include "layers/bf16.h"
#include "layers/conv2d.h"

/* Rounds outputs [begin, end), which the float32 kernel made. */
static void round_outputs(const lk_conv2d *d, const lk_operands *io, size_t begin, size_t end)
{
    float *y = io->y;
    for (size_t i = begin; d->y_type == LK_BF16 && i < end; i++) y[i] = lk_round_bf16(y[i]);
}

void lk_conv2d_bf16__reference(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    const size_t row = d->out_w * d->out_channels;
    lk_conv2d_f32__reference(d, io, rows);
    round_outputs(d, io, rows.begin * row, rows.end * row);
}

void lk_pointwise_bf16__reference(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    lk_pointwise_f32__reference(d, io, rows);
    round_outputs(d, io, rows.begin * d->out_channels, rows.end * d->out_channels);
}

void lk_depthwise_bf16__reference(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    const size_t row = d->out_w * d->out_channels;
    lk_depthwise_f32__reference(d, io, rows);
    round_outputs(d, io, rows.begin * row, rows.end * row);
}
