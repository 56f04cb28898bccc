/* The first two layers of an inverted residual in one: a panel of channels is expanded, some rows of it at a time, into a ring of
 * rows that stays in the first cache, and its depthwise convolution reads them there; so the wide map between the two never
 * exists. The file that includes this says what the tiles of the two are, as pointwise_blocked.h and depthwise_blocked.h ask. */
#ifndef LK_LAYERS_KERNELS_EXPAND_DEPTHWISE_H
#define LK_LAYERS_KERNELS_EXPAND_DEPTHWISE_H

#include "layers/expand_depthwise.h"
#include "layers/kernels/depthwise_blocked.h"
#include "layers/kernels/pointwise_blocked.h"

/* A panel on its way through a picture. Input row i of the depthwise layer lies in ring row i % ring_rows, with the
 * zeros that its taps reach left and right of it, so that no tile has to ask what is outside. */
typedef struct {
    const lk_conv2d *depthwise;
    panel expand;     /* its x is the picture's, its y the ring: [blocks][ring_rows][ring_w][LK_BLOCK] */
    const lk_element *x; /* of the picture */
    size_t ring_rows, ring_w, next; /* next: the first row that is not in the ring yet */
} expansion;

/* Expands rows up to `end`, as many in one go as lie together in the ring. */
static void expand_rows(expansion *e, size_t end, size_t blocks)
{
    const size_t width = e->depthwise->in_w;
    while (e->next < end) {
        const size_t slot = e->next % e->ring_rows, left = end - e->next, together = e->ring_rows - slot;
        const size_t rows = left < together ? left : together;
        panel p = e->expand;
        p.x = e->x + e->next * width * LK_BLOCK;
        p.y += (slot * e->ring_w + e->depthwise->pad_left) * LK_BLOCK;
        run_panel(&p, 0, rows * width, blocks);
        e->next += rows;
    }
}

/* The rows of a strip's taps, from output row oy on, of block b. */
INLINE void find_rows(const expansion *e, const lk_element *zeros, size_t oy, size_t b, size_t count, strip *s)
{
    const lk_conv2d *d = e->depthwise;
    for (size_t i = 0; i < count; i++) {
        const size_t iy = oy * d->stride_h + i - d->pad_top; /* wraps above the map */
        const lk_element *row = e->expand.y + (b * e->ring_rows + iy % e->ring_rows) * e->ring_w * LK_BLOCK;
        s->in[i] = iy < d->in_h ? row : zeros;
    }
}

/* Output rows [begin, end) of the panel; y: of its first block; packed: the depthwise weights of that block. */
static void rows_of_panel(expansion *e, const float *packed, const lk_element *zeros, lk_element *y, lk_rows range,
                          size_t blocks)
{
    const lk_conv2d *d = e->depthwise;
    const size_t stride = d->stride_h, first = range.begin * stride, plane = d->out_h * d->out_w * LK_BLOCK, taps = 3;
    strip s = {e->ring_w, d->out_w, 0, .lo = lk_vec_set(d->lo), .hi = lk_vec_set(d->hi)};
    e->next = first > d->pad_top ? first - d->pad_top : 0;
    for (size_t oy = range.begin, rows = STRIP_ROWS; oy < range.end; oy += rows) {
        if (range.end - oy < STRIP_ROWS) rows = 1;
        const size_t count = (rows - 1) * stride + taps, needed = oy * stride + count - d->pad_top;
        if (e->next < needed && e->next < d->in_h) {
            /* The ring is filled as far as the rows still needed leave room for; no row is expanded that nobody reads. */
            const size_t from = oy * stride > d->pad_top ? oy * stride - d->pad_top : 0;
            const size_t last = (range.end - 1) * stride + taps - d->pad_top;
            size_t end = from + e->ring_rows < last ? from + e->ring_rows : last;
            if (end > d->in_h) end = d->in_h;
            expand_rows(e, end, blocks);
        }
        for (size_t b = 0; b < blocks; b++)
            for (size_t v = 0; v < LK_BLOCK; v += LK_LANES) {
                const float *weights = packed + b * (1 + taps * taps) * LK_BLOCK + v;
                find_rows(e, zeros, oy, b, count, &s);
                for (size_t i = 0; i < count; i++) s.in[i] += v;
                s.bias = weights;
                s.w = weights + LK_BLOCK;
                s.y = y + b * plane + oy * d->out_w * LK_BLOCK + v;
                if (stride == 1) strip_3_1(&s, rows);
                else strip_3_2(&s, rows);
            }
    }
}

/* The zeros of a ring row; what is between them is written when it is expanded. */
INLINE void zero_sides(const lk_conv2d *d, lk_element *row, size_t ring_w)
{
    const size_t behind = d->pad_left + d->in_w;
    memset(row, 0, d->pad_left * LK_BLOCK * sizeof *row);
    memset(row + behind * LK_BLOCK, 0, (ring_w - behind) * LK_BLOCK * sizeof *row);
}

/* Rows [picture][panel][output row]. */
INLINE void expand_depthwise(const lk_expand_depthwise *d, const lk_operands *io, lk_rows rows)
{
    const lk_conv2d *e = d->expand, *w = d->depthwise;
    const size_t blocks = lk_blocks(w->out_channels), panels = (blocks + BLOCKS - 1) / BLOCKS, ring_rows = d->ring_rows;
    const size_t pixels = w->in_h * w->in_w, plane = w->out_h * w->out_w * LK_BLOCK, ring_w = lk_expand_depthwise_ring_width(w);
    const float *weights = io->weights, *depthwise = (const float *)io->second_weights;
    const void *units = weights + blocks * LK_BLOCK;
    lk_element *zeros = io->scratch, *ring = zeros + ring_w * LK_BLOCK;
    memset(zeros, 0, ring_w * LK_BLOCK * sizeof *zeros);
    size_t row = BLOCKS * ring_rows; /* at least one */
    do {
        row--;
        zero_sides(w, ring + row * ring_w * LK_BLOCK, ring_w);
    } while (row > 0);
    for (size_t begin = rows.begin, end; begin < rows.end; begin = end) {
        const size_t of_panel = begin / w->out_h, picture = of_panel / panels, block = of_panel % panels * BLOCKS;
        end = (of_panel + 1) * w->out_h < rows.end ? (of_panel + 1) * w->out_h : rows.end;
        const lk_rows range = {begin - of_panel * w->out_h, end - of_panel * w->out_h};
        expansion at = {.depthwise = w,
                        .expand = {.d = e,
                                   .x_pixels = pixels,
                                   .y_pixels = ring_rows * ring_w,
                                   .row = w->in_w,
                                   .gap = (ring_w - w->in_w) * LK_BLOCK,
                                   .bias = weights + block * LK_BLOCK,
                                   .w = (const lk_unit *)units + block * units_of(e) * LK_BLOCK,
                                   .y = ring},
                        .x = (const lk_element *)io->x + picture * lk_blocked_floats(pixels, e->in_channels),
                        .ring_rows = ring_rows,
                        .ring_w = ring_w};
        const float *packed = depthwise + block * 10 * LK_BLOCK;
        lk_element *y = (lk_element *)io->y + (picture * blocks + block) * plane;
        rows_of_panel(&at, packed, zeros, y, range, blocks - block < BLOCKS ? blocks - block : BLOCKS);
    }
}

#endif
