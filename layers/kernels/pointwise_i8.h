/* Pointwise convolution of blocked maps of bytes: a tile of up to TILE_ROWS pixels by one panel of BLOCKS blocks of output channels in
 * registers, four input channels at a time; a panel's tiles one after another, while the next panel's weights are fetched. The file
 * that includes this says what TILE_ROWS, the pixels of a tile, and BLOCKS are. The last panel may have fewer blocks. */
#ifndef LK_LAYERS_KERNELS_POINTWISE_I8_H
#define LK_LAYERS_KERNELS_POINTWISE_I8_H

#include "base/sanitizer.h"
#include "layers/kernels/int8_vector.h"

#define FOUR_BYTES (LK_BLOCK * 4) /* the weights of four input channels of a block */

/* How many tiles of a panel share the fetching of the next one: each fetches a line for each block of input channels. */
#define FETCHING_TILES ((size_t)4 * BLOCKS)
#define LINE_BYTES ((size_t)64)

/* One panel: a block of x, residual or y is [pixels][LK_BLOCK]. */
typedef struct {
    const lk_conv2d *d;
    size_t pixels, fours; /* fours: of input channels */
    ending ending;
    const int32_t *at_zero; /* [blocks][LK_BLOCK] */
    const float *factor;
    const int8_t *w;        /* [blocks][fours][LK_BLOCK][4]; behind them the next panel's */
    const uint8_t *x, *residual;
    uint8_t *y;
} panel;

/* sums += the four input channels at x times their weights, for `rows` pixels; w: of the first block, `next` before the second. */
INLINE void multiply(ints sum[][BLOCKS * VECTORS], const uint8_t *x, const int8_t *w, size_t next, size_t rows, size_t blocks)
{
    ints weights[BLOCKS * VECTORS];
LK_UNROLL(8)
    for (size_t v = 0; v < blocks * VECTORS; v++) {
        weights[v] = ints_load(w + v / VECTORS * next + v % VECTORS * LANES * 4);
        PIN(weights[v]);
    }
LK_UNROLL(16)
    for (size_t r = 0; r < rows; r++) {
        const ints pixel = ints_four(x + r * LK_BLOCK);
LK_UNROLL(8)
        for (size_t v = 0; v < blocks * VECTORS; v++) sum[r][v] = ints_dot(sum[r][v], pixel, weights[v]);
    }
}

/* `with_residual` is a constant of each use. */
INLINE void finish_tile(const panel *p, size_t pixel, ints sum[][BLOCKS * VECTORS], size_t rows, size_t blocks, bool with_residual)
{
LK_UNROLL(4)
    for (size_t b = 0; b < blocks; b++) {
        const size_t place = (b * p->pixels + pixel) * LK_BLOCK;
LK_UNROLL(8)
        for (size_t r = 0; r < rows; r += GROUP)
            finish_group(&p->ending, &sum[r][b * VECTORS], BLOCKS * VECTORS, p->factor + b * LK_BLOCK,
                         with_residual ? p->residual + place + r * LK_BLOCK : NULL, p->y + place + r * LK_BLOCK,
                         rows - r < GROUP ? rows - r : GROUP);
    }
}

/* The sums of `rows` pixels, a constant, at x, of `blocks` blocks. `ahead` is fetched: a line for each block of input channels. */
INLINE void sums_of_tile(const panel *p, const uint8_t *x, const int8_t *ahead, size_t rows, size_t blocks, ints sum[][BLOCKS * VECTORS])
{
    const int8_t *w = p->w;
    const size_t next = p->fours * FOUR_BYTES;
    for (size_t r = 0; r < rows; r++)
        for (size_t v = 0; v < blocks * VECTORS; v++) sum[r][v] = ints_load(p->at_zero + v * LANES);
    size_t left = p->fours;
    for (; left >= LK_BLOCK / 4; left -= LK_BLOCK / 4) {
        __builtin_prefetch(ahead);
        ahead += LINE_BYTES;
LK_UNROLL(4)
        for (size_t four = 0; four < LK_BLOCK / 4; four++) multiply(sum, x + four * 4, w + four * FOUR_BYTES, next, rows, blocks);
        x += p->pixels * LK_BLOCK;
        w += LK_BLOCK / 4 * FOUR_BYTES;
    }
    for (; left > 0; left--, x += 4, w += FOUR_BYTES) multiply(sum, x, w, next, rows, blocks);
}

INLINE void tile_of_panel(const panel *p, size_t pixel, const int8_t *ahead, size_t rows, size_t blocks)
{
    ints sum[TILE_ROWS][BLOCKS * VECTORS];
    sums_of_tile(p, p->x + pixel * LK_BLOCK, ahead, rows, blocks, sum);
    if (p->residual) finish_tile(p, pixel, sum, rows, blocks, true);
    else finish_tile(p, pixel, sum, rows, blocks, false);
}

/* Pixels [begin, end) of the panel, in tiles of as equal a height as can be. */
INLINE void tiles_of_blocks(const panel *p, size_t begin, size_t end, size_t blocks)
{
    const size_t count = (end - begin + TILE_ROWS - 1) / TILE_ROWS, bytes = p->fours * BLOCKS * FOUR_BYTES;
    const int8_t *next = p->w + bytes;
    size_t pixel = begin;
    for (size_t t = 0; t < count; t++) {
        const size_t rows = (end - pixel) / (count - t);
        const int8_t *ahead = t < FETCHING_TILES ? next + t * (bytes / FETCHING_TILES) : p->w;
        switch (rows) {
#define TILE(height)                           \
    case height:                               \
        tile_of_panel(p, pixel, ahead, height, blocks); \
        break;
            TILE(1)
            TILE(2)
            TILE(3)
            TILE(4)
#if TILE_ROWS > 4
            TILE(5)
            TILE(6)
#endif
#if TILE_ROWS > 6
            TILE(7)
            TILE(8)
#endif
#if TILE_ROWS > 8
            TILE(9)
            TILE(10)
            TILE(11)
            TILE(12)
#endif
#undef TILE
        default:
            break;
        }
        pixel += rows;
    }
}

/* Functions of their own: within a larger one the compiler runs out of registers for their sums. */
static __attribute__((noinline)) void tiles_of_panel(const panel *p, size_t begin, size_t end)
{
    const panel copy = *p; /* tells the compiler that what is stored changes none of it */
    tiles_of_blocks(&copy, begin, end, BLOCKS);
}

#if BLOCKS > 1
static __attribute__((noinline)) void tiles_of_half_panel(const panel *p, size_t begin, size_t end)
{
    const panel copy = *p;
    tiles_of_blocks(&copy, begin, end, 1);
}
#endif

static void run_panel(const panel *p, size_t begin, size_t end, size_t blocks)
{
#if BLOCKS > 1
    if (blocks < BLOCKS) {
        tiles_of_half_panel(p, begin, end);
        return;
    }
#endif
    (void)blocks;
    tiles_of_panel(p, begin, end);
}

/* Rows [picture][panel][pixel]; weights as lk_int8_pack_fours lays them. */
INLINE void pointwise_i8(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    const size_t pixels = d->out_h * d->out_w, blocks = lk_blocks(d->out_channels), panels = (blocks + BLOCKS - 1) / BLOCKS,
                 fours = (d->in_channels + 3) / 4;
    const int32_t *at_zero = io->weights;
    const float *factor = (const void *)(at_zero + blocks * LK_BLOCK);
    const int8_t *w = (const int8_t *)(factor + 2 * blocks * LK_BLOCK);
    for (size_t begin = rows.begin, end; begin < rows.end; begin = end) {
        const size_t of_panel = begin / pixels, picture = of_panel / panels, block = of_panel % panels * BLOCKS;
        end = (of_panel + 1) * pixels < rows.end ? (of_panel + 1) * pixels : rows.end;
        const size_t output = (picture * blocks + block) * pixels * LK_BLOCK;
        panel p = {.d = d,
                         .pixels = pixels,
                         .fours = fours,
                         .ending = ending_of(d),
                         .at_zero = at_zero + block * LK_BLOCK,
                         .factor = factor + block * LK_BLOCK,
                         .w = w + block * fours * FOUR_BYTES,
                         .x = (const uint8_t *)io->x + picture * lk_blocked_floats(pixels, d->in_channels),
                         .residual = io->residual ? (const uint8_t *)io->residual + output : NULL,
                         .y = (uint8_t *)io->y + output};
        p.ending.bounded = is_bounded(&p.ending, p.factor, blocks - block < BLOCKS ? blocks - block : BLOCKS);
        run_panel(&p, begin - of_panel * pixels, end - of_panel * pixels, blocks - block);
    }
}

#endif
