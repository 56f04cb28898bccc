/* Depthwise convolution of maps of bytes, 3 x 3 taps at stride 1 or 2, over a ring of input rows that lie as VNNI wants them: four
 * neighbouring pixels of a channel are one word, four[16 channels] are one group, groups of a row lie one after another. A dot
 * product of a word with the weights of a row of taps is one output. Where its taps begin in the second half of a word, the
 * word is mixed of that and the next one, and the weights are turned to match. */
#ifndef LK_LAYERS_KERNELS_DEPTHWISE_I8_RING_H
#define LK_LAYERS_KERNELS_DEPTHWISE_I8_RING_H

#include <string.h>

#include "base/sanitizer.h"
#include "layers/kernels/int8_vector.h"

enum { ROWS = LANES == 16 ? 2 : 1, COLUMNS = 4, TAPS = 3, INPUT_ROWS = (ROWS - 1) * 2 + TAPS };
#define GROUP_BYTES (LK_BLOCK * 4)

/* As lk_int8_pack_rows lays a block: w of a row of taps, and a 0. */
typedef struct {
    int32_t at_zero[LK_BLOCK];
    float factor[LK_BLOCK];
    int8_t w[TAPS][LK_BLOCK * 4];
} taps_block;

/* Input rows of some blocks. Row i of block b lies at bytes + (b * rows + i % rows) * row_bytes, its first pixel in group `lead`. */
typedef struct {
    const lk_conv2d *d;
    uint8_t *bytes;
    size_t rows, row_bytes, lead;
    size_t next; /* the first row that is not in the ring yet */
    const uint8_t *outside; /* a row */
} input_ring;

INLINE uint8_t *ring_row(const input_ring *r, size_t block, size_t row)
{
    return r->bytes + (block * r->rows + row % r->rows) * r->row_bytes;
}

/* With what is left and right of the map; scratch: a row that is outside, and then the rows of `blocks` blocks. */
INLINE input_ring ring_of(const lk_conv2d *d, void *scratch, size_t rows, size_t blocks)
{
    const size_t row_bytes = lk_depthwise_i8_row(d), lead = d->pad_left > 0, right = lead + (d->in_w + 3) / 4;
    input_ring r = {
        .d = d, .bytes = (uint8_t *)scratch + row_bytes, .rows = rows, .row_bytes = row_bytes, .lead = lead, .outside = scratch};
    memset(scratch, d->x_real.zero, row_bytes);
    for (size_t i = 0; i < blocks * rows; i++) {
        memset(r.bytes + i * row_bytes, d->x_real.zero, lead * GROUP_BYTES);
        memset(r.bytes + i * row_bytes + right * GROUP_BYTES, d->x_real.zero, row_bytes - right * GROUP_BYTES);
    }
    return r;
}

/* Output rows of a block of the ring. */
typedef struct {
    const input_ring *ring;
    const taps_block *block;
    size_t place;   /* the block's in the ring */
    uint8_t *y;     /* [out_h][out_w][LK_BLOCK] */
    ending ending;
} plane;

/* w[ky][i]: of a row of taps whose first is byte i of a word. */
typedef ints turned_weights[TAPS][4][VECTORS];

/* sum += four output pixels of `rows` rows; their first tap is byte `phase` of the words at `from` of the rows `in`. */
INLINE void tile(const uint8_t *const in[INPUT_ROWS], const turned_weights w, size_t from, size_t rows, size_t stride, size_t phase,
                 ints sum[ROWS][COLUMNS * VECTORS])
{
    const size_t words = (phase + 3 * stride + 2) / 4 + 1;
LK_UNROLL(5)
    for (size_t iy = 0; iy < (rows - 1) * stride + TAPS; iy++)
LK_UNROLL(4)
        for (size_t v = 0; v < VECTORS; v++) {
            ints word[3];
LK_UNROLL(3)
            for (size_t i = 0; i < words; i++) word[i] = ints_load(in[iy] + from + i * GROUP_BYTES + v * LANES * 4);
LK_UNROLL(4)
            for (size_t i = 0; i < COLUMNS; i++) {
                const size_t at = phase + i * stride;
                const ints x = at % 4 < 2 ? word[at / 4] : ints_mix(word[at / 4 + 1], word[at / 4]);
LK_UNROLL(2)
                for (size_t r = 0; r < rows; r++) {
                    const size_t ky = iy - r * stride;
                    if (ky < TAPS) sum[r][i * VECTORS + v] = ints_dot(sum[r][i * VECTORS + v], x, w[ky][at % 4][v]);
                }
            }
        }
}

/* `count` output pixels, at most COLUMNS. */
INLINE void finish_columns(const plane *p, const ints *sum, uint8_t *y, size_t count, bool clamps)
{
LK_UNROLL(4)
    for (size_t i = 0; i < count; i += GROUP)
        finish(&p->ending, sum + i * VECTORS, VECTORS, p->block->factor, NULL, y + i * LK_BLOCK,
               count - i < GROUP ? count - i : GROUP, clamps);
}

/* `rows` output rows at y; in: the rows of their taps, from the group of the first output's first tap on. */
INLINE void strip(const plane *p, const uint8_t *const in[INPUT_ROWS], const turned_weights w, uint8_t *y, size_t rows, size_t stride,
                  size_t phase, bool clamps)
{
    const size_t width = p->ring->d->out_w;
    for (size_t ox = 0; ox < width; ox += COLUMNS) {
        ints sum[ROWS][COLUMNS * VECTORS];
        const size_t left = width - ox;
        for (size_t r = 0; r < rows; r++)
            for (size_t i = 0; i < COLUMNS * VECTORS; i++) sum[r][i] = ints_load(p->block->at_zero + i % VECTORS * LANES);
        tile(in, w, ox / COLUMNS * stride * GROUP_BYTES, rows, stride, phase, sum);
LK_UNROLL(2)
        for (size_t r = 0; r < rows; r++) {
            uint8_t *at = y + (r * width + ox) * LK_BLOCK;
            if (left >= COLUMNS) finish_columns(p, sum[r], at, COLUMNS, clamps);
            else if (left == 3) finish_columns(p, sum[r], at, 3, clamps);
            else if (left == 2) finish_columns(p, sum[r], at, 2, clamps);
            else finish_columns(p, sum[r], at, 1, clamps);
        }
    }
}

INLINE void rows_of_plane(const plane *p, lk_rows range, size_t stride, size_t phase, bool clamps)
{
    const input_ring *ring = p->ring;
    const size_t pad = ring->d->pad_top, height = ring->d->in_h;
    turned_weights w;
LK_UNROLL(3)
    for (size_t ky = 0; ky < TAPS; ky++)
LK_UNROLL(4)
        for (size_t v = 0; v < VECTORS; v++) {
            const ints packed = ints_load(p->block->w[ky] + v * LANES * 4);
            w[ky][0][v] = packed;
            w[ky][1][v] = ints_turned(packed, 1);
            w[ky][2][v] = ints_turned(packed, 2);
            w[ky][3][v] = ints_turned(packed, 3);
        }
    const uint8_t *first = ring_row(ring, p->place, 0);
    for (size_t oy = range.begin, rows; oy < range.end; oy += rows) {
        const uint8_t *in[INPUT_ROWS];
        size_t slot = (oy * stride + pad * (ring->rows - 1)) % ring->rows; /* of the first row, which may be above the map */
        for (size_t i = 0; i < INPUT_ROWS; i++) {
            const size_t iy = oy * stride + i - pad; /* wraps above the map */
            in[i] = iy < height ? first + slot * ring->row_bytes : ring->outside;
            slot = slot + 1 < ring->rows ? slot + 1 : 0;
        }
        uint8_t *y = p->y + oy * ring->d->out_w * LK_BLOCK;
        rows = range.end - oy < ROWS ? 1 : ROWS;
        if (rows == ROWS) strip(p, in, w, y, ROWS, stride, phase, clamps);
        else strip(p, in, w, y, 1, stride, phase, clamps);
    }
}

/* Functions of their own, and a copy that what is stored does not change: so all stays in registers. */
#define ROWS_OF_PLANE(stride, phase)                                                                  \
    static __attribute__((noinline)) void rows_##stride##_##phase(const plane *p, lk_rows range)      \
    {                                                                                                 \
        const plane copy = *p;                                                                        \
        if (copy.ending.bounded) rows_of_plane(&copy, range, stride, phase, false);                   \
        else rows_of_plane(&copy, range, stride, phase, true);                                        \
    }
ROWS_OF_PLANE(1, 0)
ROWS_OF_PLANE(1, 3)
ROWS_OF_PLANE(2, 0)
ROWS_OF_PLANE(2, 3)

/* Output rows `range` of the ring's blocks; y: of the first of them. `fill` puts rows from ring->next up to `end` into the ring. */
INLINE void ring_depthwise(input_ring *ring, const taps_block *block, uint8_t *y, lk_rows range, size_t blocks,
                           void fill(input_ring *ring, size_t end, const void *source), const void *source)
{
    const lk_conv2d *d = ring->d;
    const size_t stride = d->stride_h, pad = d->pad_top, begin = range.begin * stride;
    plane p = {.ring = ring, .ending = ending_of(d)};
    ring->next = begin > pad ? begin - pad : 0;
    for (size_t oy = range.begin, end; oy < range.end; oy = end) {
        const size_t from = oy * stride > pad ? oy * stride - pad : 0, last = (range.end - 1) * stride + TAPS - pad;
        size_t ready = from + ring->rows < last ? from + ring->rows : last;
        if (ready > d->in_h) ready = d->in_h;
        fill(ring, ready, source);
        /* All of what the ring now has the taps for. */
        end = ready == d->in_h ? range.end : (ready + pad - TAPS) / stride + 1;
        if (end < range.end) end = oy + (end - oy) / ROWS * ROWS;
        for (size_t b = 0; b < blocks; b++) {
            p.block = block + b;
            p.place = b;
            p.y = y + b * d->out_h * d->out_w * LK_BLOCK;
            p.ending.bounded = is_bounded(&p.ending, p.block->factor, 1);
            if (stride == 1 && d->pad_left) rows_1_3(&p, (lk_rows){oy, end});
            else if (stride == 1) rows_1_0(&p, (lk_rows){oy, end});
            else if (d->pad_left) rows_2_3(&p, (lk_rows){oy, end});
            else rows_2_0(&p, (lk_rows){oy, end});
        }
    }
}

#endif
