/* A convolution of any shape on blocked maps, as a product of matrices: the inputs of some output pixels are gathered into columns, blocked as
 * a map of [kernel_h][kernel_w][inputs] channels is, and the pointwise kernel multiplies them while they are in a cache. The file that
 * includes this says what TILE_ROWS and BLOCKS are. */
#ifndef LK_LAYERS_KERNELS_CONV2D_BLOCKED_H
#define LK_LAYERS_KERNELS_CONV2D_BLOCKED_H

#include "layers/kernels/pointwise_blocked.h"

/* Columns of pixels [begin, begin + count) of one picture; block b of them at b * stride. Behind the last pixel of a block there is room for one
 * more: a vector that is written across the end of a pixel's block spills into the next pixel, which is written later. */
typedef struct {
    const lk_conv2d *d;
    lk_inputs inputs;
    const lk_element *x;
    size_t begin, count, stride;
    lk_element *to;
} columns;

static const lk_element outside[LK_BLOCK];

/* Copies one tap's inputs into a column, from term `k` on; `from`: the block that the first lies in, the next one `next` behind it. */
INLINE void put_tap(const columns *g, lk_element *column, size_t k, const lk_element *from, size_t next)
{
    size_t lane = g->inputs.first % LK_BLOCK;
    for (size_t left = g->inputs.count; left > 0;) {
        const size_t in_source = LK_BLOCK - lane, in_block = LK_BLOCK - k % LK_BLOCK;
        const size_t whole = in_source < in_block ? in_source : in_block, lanes = left < whole ? left : whole;
        lk_element *to = column + k / LK_BLOCK * g->stride + k % LK_BLOCK;
        if (lane == 0) memcpy(to, from, LK_BLOCK * sizeof *to); /* what is too much is written over */
        else if (lanes == LK_BLOCK / 2) memcpy(to, from + lane, LK_BLOCK / 2 * sizeof *to);
        else
            for (size_t i = 0; i < lanes; i++) to[i] = from[lane + i];
        k += lanes;
        left -= lanes;
        lane = (lane + lanes) % LK_BLOCK;
        if (lane == 0) from += next;
    }
}

/* All inputs of a pixel; `aligned`, a constant: they are whole blocks. */
INLINE void put_pixel(const columns *g, lk_element *column, size_t oy, size_t ox, bool aligned)
{
    const lk_conv2d *d = g->d;
    const size_t plane = d->in_h * d->in_w * LK_BLOCK;
    const lk_element *x = g->x + g->inputs.first / LK_BLOCK * plane;
    size_t k = 0;
    for (size_t ky = 0; ky < d->kernel_h; ky++)
        for (size_t kx = 0; kx < d->kernel_w; kx++, k += g->inputs.count) {
            /* Above and left of the map wraps to a huge number, which is outside as well. */
            const size_t iy = oy * d->stride_h + ky * d->dilation_h - d->pad_top;
            const size_t ix = ox * d->stride_w + kx * d->dilation_w - d->pad_left;
            const bool inside = iy < d->in_h && ix < d->in_w;
            const lk_element *from = inside ? x + (iy * d->in_w + ix) * LK_BLOCK : outside;
            const size_t next = inside ? plane : 0;
            if (aligned)
                for (size_t i = 0; i < g->inputs.count / LK_BLOCK; i++)
                    memcpy(column + (k / LK_BLOCK + i) * g->stride, from + i * next, LK_BLOCK * sizeof *column);
            else put_tap(g, column, k, from, next);
        }
    if (k % UNIT) column[k / LK_BLOCK * g->stride + k % LK_BLOCK] = 0;
}

static void gather(const columns *g)
{
    const bool aligned = g->inputs.first % LK_BLOCK == 0 && g->inputs.count % LK_BLOCK == 0;
    for (size_t p = 0; p < g->count; p++) {
        const size_t oy = (g->begin + p) / g->d->out_w, ox = (g->begin + p) % g->d->out_w;
        if (aligned) put_pixel(g, g->to + p * LK_BLOCK, oy, ox, true);
        else put_pixel(g, g->to + p * LK_BLOCK, oy, ox, false);
    }
}

/* Pixels [begin, begin + count) of a picture, all output channels. Neighbouring blocks that read the same inputs make a panel. */
static void all_panels(const lk_conv2d *d, const lk_operands *io, size_t picture, size_t begin, size_t count)
{
    const size_t pixels = d->out_h * d->out_w, blocks = lk_blocks(d->out_channels);
    const float *bias = io->weights;
    const void *behind = bias + blocks * LK_BLOCK;
    const lk_unit *w = behind;
    columns g = {.d = d,
                 .x = (const lk_element *)io->x + picture * lk_blocked_floats(d->in_h * d->in_w, d->in_channels),
                 .begin = begin,
                 .count = count,
                 .stride = (count + 1) * LK_BLOCK,
                 .to = io->scratch};
    for (size_t block = 0, of_panel; block < blocks; block += of_panel) {
        const lk_inputs inputs = lk_conv2d_inputs_of(d, block);
        of_panel = 1;
        while (of_panel < BLOCKS && block + of_panel < blocks && lk_conv2d_inputs_of(d, block + of_panel).first == inputs.first &&
               lk_conv2d_inputs_of(d, block + of_panel).count == inputs.count)
            of_panel++;
        if (g.inputs.first != inputs.first || g.inputs.count != inputs.count) {
            g.inputs = inputs;
            gather(&g);
        }
        lk_conv2d product = *d; /* what the pointwise kernel is to see */
        product.in_channels = (inputs.count * d->kernel_h * d->kernel_w + UNIT - 1) / UNIT * UNIT;
        const size_t output = ((picture * blocks + block) * pixels + begin) * LK_BLOCK;
        const panel p = {.d = &product,
                         .x_pixels = count + 1,
                         .y_pixels = pixels,
                         .bias = bias + block * LK_BLOCK,
                         .w = w,
                         .x = io->scratch,
                         .residual = io->residual ? (const lk_element *)io->residual + output : NULL,
                         .y = (lk_element *)io->y + output};
        run_panel(&p, 0, count, of_panel);
        w += of_panel * units_of(&product) * LK_BLOCK;
    }
}

/* Rows [picture][row]; weights as lk_conv2d_pack_columns lays them, or lk_conv2d_pack_column_pairs. */
INLINE void conv2d_blocked(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    const size_t at_once = lk_columns_pixels(d);
    for (size_t row = rows.begin, end; row < rows.end; row = end) {
        const size_t picture = row / d->out_h, next = (picture + 1) * d->out_h;
        end = next < rows.end ? next : rows.end;
        const size_t last = (end - picture * d->out_h) * d->out_w;
        for (size_t pixel = (row - picture * d->out_h) * d->out_w, count; pixel < last; pixel += count) {
            const size_t left = last - pixel, chunks = (left + at_once - 1) / at_once;
            count = (left + chunks - 1) / chunks;
            all_panels(d, io, picture, pixel, count);
        }
    }
}

#endif
