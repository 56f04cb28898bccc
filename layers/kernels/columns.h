/* A convolution of any shape as a product of matrices: the inputs of some output pixels are gathered into columns, blocked as a map
 * of [kernel_h][kernel_w][inputs] channels is, and the pointwise kernel multiplies them while they are in a cache. The files that
 * include this gather them from maps of one layout or another, and say what TILE_ROWS and BLOCKS are. */
#ifndef LK_LAYERS_KERNELS_COLUMNS_H
#define LK_LAYERS_KERNELS_COLUMNS_H

#include "layers/kernels/pointwise_blocked.h"

/* Columns of pixels [begin, begin + count) of one picture; block b of them at b * stride. Behind the last pixel of a block there is
 * room for one more: a vector that is written across the end of a pixel's block spills into the next pixel, which is written later. */
typedef struct {
    const lk_conv2d *d;
    lk_inputs inputs;
    const void *x;           /* the picture's map */
    const lk_pixels *pixels; /* as in lk_operands */
    size_t begin, count, stride;
    lk_element *to;
} columns;

typedef void gather_fn(const columns *g);

/* How a kernel makes columns. */
typedef struct {
    gather_fn *gather;
    size_t picture; /* bytes of a picture's map */
} source;

/* Pixels [begin, begin + count) of a picture, all output channels. Neighbouring blocks that read the same inputs make a panel. */
static void all_panels(const lk_conv2d *d, const lk_operands *io, const source *from, size_t picture, size_t begin, size_t count)
{
    const size_t pixels = d->out_h * d->out_w, blocks = lk_blocks(d->out_channels);
    const float *bias = io->weights;
    const void *behind = bias + blocks * LK_BLOCK;
    const lk_unit *w = behind;
    columns g = {.d = d,
                 .x = (const uint8_t *)io->x + picture * from->picture,
                 .pixels = io->pixels,
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
            from->gather(&g);
        }
        lk_conv2d product = *d; /* what the pointwise kernel is to see */
        product.in_channels = (inputs.count * d->kernel_h * d->kernel_w + UNIT - 1) / UNIT * UNIT;
        const size_t output = ((picture * blocks + block) * pixels + begin) * LK_BLOCK;
        const panel p = {.d = &product,
                         .x_pixels = count + 1,
                         .y_pixels = pixels,
                         .row = pixels,
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
INLINE void conv2d_of_columns(const lk_conv2d *d, const lk_operands *io, lk_rows rows, source from)
{
    const size_t at_once = lk_columns_pixels(d);
    for (size_t row = rows.begin, end; row < rows.end; row = end) {
        const size_t picture = row / d->out_h, next = (picture + 1) * d->out_h;
        end = next < rows.end ? next : rows.end;
        const size_t last = (end - picture * d->out_h) * d->out_w;
        for (size_t pixel = (row - picture * d->out_h) * d->out_w, count; pixel < last; pixel += count) {
            const size_t left = last - pixel, chunks = (left + at_once - 1) / at_once;
            count = (left + chunks - 1) / chunks;
            all_panels(d, io, &from, picture, pixel, count);
        }
    }
}

#endif
