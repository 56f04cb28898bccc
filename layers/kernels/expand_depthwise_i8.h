/* Expansion and depthwise layer in one, as expand_depthwise.h has it for floats: the expanded rows go into the ring of
 * depthwise_i8_ring.h, laid as the depthwise kernel wants them. TILE_ROWS, as pointwise_i8.h wants it, is a multiple of four. */
#ifndef LK_LAYERS_KERNELS_EXPAND_DEPTHWISE_I8_H
#define LK_LAYERS_KERNELS_EXPAND_DEPTHWISE_I8_H

#include "layers/expand_depthwise.h"
#include "layers/kernels/depthwise_i8_ring.h"
#include "layers/kernels/pointwise_i8.h"

/* A panel on its way through a picture. */
typedef struct {
    panel panel;  /* its x is the picture's */
    size_t blocks, next_block; /* next_block: bytes from one block to the next in the ring */
    int32_t outside;
} expansion;

/* Four pixels, of which `count` are in the map, of a vector of channels; words: their place in the ring. */
INLINE void finish_words(const expansion *e, const ints *sums, const float *factor, uint8_t *words, size_t count, bool clamps)
{
    ints value[4];
    for (size_t i = 0; i < 4; i++)
        value[i] = ints_scaled(&e->panel.ending, sums[(i < count ? i : 0) * BLOCKS * VECTORS], factor, NULL, clamps);
    ints made = ints_to_words(ints_to_bytes(&e->panel.ending, value));
    if (count < 4) {
        const ints inside = ints_set((int32_t)((1u << 8 * count) - 1)), outside = ints_set((int32_t)((uint32_t)e->outside * 0x01010101));
        made = (made & inside) | (outside & ~inside);
    }
    ints_store(words, made);
}

/* `rows` pixels, a constant, at x; y: their place in the first block's row of the ring. */
INLINE void tile_of_row(const expansion *e, const uint8_t *x, uint8_t *y, const int8_t *ahead, size_t rows, size_t blocks)
{
    ints sum[TILE_ROWS][BLOCKS * VECTORS];
    sums_of_tile(&e->panel, x, ahead, rows, blocks, sum);
LK_UNROLL(4)
    for (size_t v = 0; v < blocks * VECTORS; v++) {
        uint8_t *words = y + v / VECTORS * e->next_block + v % VECTORS * LANES * 4;
        const float *factor = e->panel.factor + v * LANES;
LK_UNROLL(3)
        for (size_t r = 0; r < rows; r += 4) {
            const size_t count = rows - r < 4 ? rows - r : 4;
            if (e->panel.ending.bounded) finish_words(e, &sum[r][v], factor, words + r * LK_BLOCK, count, false);
            else finish_words(e, &sum[r][v], factor, words + r * LK_BLOCK, count, true);
        }
    }
}

/* Rows from ring->next up to `end`, in tiles that begin with a word. No copy of the panel here: what is read once a tile is not to
 * occupy a register. */
INLINE void tiles_of_rows(const expansion *e, input_ring *ring, size_t end, size_t blocks)
{
    const size_t width = ring->d->in_w, count = (width + TILE_ROWS - 1) / TILE_ROWS;
    const size_t bytes = e->panel.fours * BLOCKS * FOUR_BYTES;
    const uint8_t *x = e->panel.x + ring->next * width * LK_BLOCK;
    size_t tile = ring->next * count;
    for (; ring->next < end; ring->next++) {
        uint8_t *y = ring_row(ring, 0, ring->next) + ring->lead * GROUP_BYTES;
        size_t left = width;
        for (size_t t = count; t > 0; t--, tile++) {
            const size_t even = (left + 3) / 4 / t * 4, rows = t > 1 ? even : left;
            const int8_t *ahead = e->panel.w + (tile < FETCHING_TILES ? bytes + tile * (bytes / FETCHING_TILES) : 0);
            switch (rows) {
#define TILE(height)                                  \
    case height:                                      \
        tile_of_row(e, x, y, ahead, height, blocks);  \
        break;
                TILE(1)
                TILE(2)
                TILE(3)
                TILE(4)
#if TILE_ROWS > 4
                TILE(5)
                TILE(6)
                TILE(7)
                TILE(8)
#endif
#undef TILE
            default:
                break;
            }
            x += rows * LK_BLOCK;
            y += rows * LK_BLOCK;
            left -= rows;
        }
    }
}

static __attribute__((noinline)) void expand_whole(input_ring *ring, size_t end, const expansion *e)
{
    tiles_of_rows(e, ring, end, BLOCKS);
}

#if BLOCKS > 1
static __attribute__((noinline)) void expand_half(input_ring *ring, size_t end, const expansion *e)
{
    tiles_of_rows(e, ring, end, 1);
}
#endif

static void expand_rows(input_ring *ring, size_t end, const void *source)
{
    const expansion *e = source;
#if BLOCKS > 1
    if (e->blocks < BLOCKS) {
        expand_half(ring, end, e);
        return;
    }
#endif
    expand_whole(ring, end, e);
}

/* Rows [picture][panel][output row]; weights as lk_int8_pack_fours and lk_int8_pack_rows lay them. */
INLINE void expand_depthwise_i8(const lk_expand_depthwise *d, const lk_operands *io, lk_rows rows)
{
    const lk_conv2d *e = d->expand, *w = d->depthwise;
    const size_t blocks = lk_blocks(w->out_channels), panels = (blocks + BLOCKS - 1) / BLOCKS, fours = (e->in_channels + 3) / 4;
    const size_t pixels = w->in_h * w->in_w, of_block = w->out_h * w->out_w * LK_BLOCK;
    const int32_t *at_zero = io->weights;
    const float *factor = (const void *)(at_zero + blocks * LK_BLOCK);
    const int8_t *weights = (const int8_t *)(factor + 2 * blocks * LK_BLOCK);
    input_ring ring = ring_of(w, io->scratch, d->ring_rows, BLOCKS);
    for (size_t begin = rows.begin, end; begin < rows.end; begin = end) {
        const size_t of_panel = begin / w->out_h, picture = of_panel / panels, block = of_panel % panels * BLOCKS;
        const size_t together = blocks - block < BLOCKS ? blocks - block : BLOCKS;
        end = (of_panel + 1) * w->out_h < rows.end ? (of_panel + 1) * w->out_h : rows.end;
        expansion at = {.panel = {.d = e,
                                  .pixels = pixels,
                                  .fours = fours,
                                  .ending = ending_of(e),
                                  .at_zero = at_zero + block * LK_BLOCK,
                                  .factor = factor + block * LK_BLOCK,
                                  .w = weights + block * fours * FOUR_BYTES,
                                  .x = (const uint8_t *)io->x + picture * lk_blocked_floats(pixels, e->in_channels)},
                        .blocks = together,
                        .next_block = d->ring_rows * ring.row_bytes,
                        .outside = w->x_real.zero};
        at.panel.ending.bounded = is_bounded(&at.panel.ending, at.panel.factor, together);
        ring_depthwise(&ring, (const taps_block *)(const void *)io->second_weights + block,
                       (uint8_t *)io->y + (picture * blocks + block) * of_block,
                       (lk_rows){begin - of_panel * w->out_h, end - of_panel * w->out_h}, together, expand_rows, &at);
    }
}

#endif
