/* Pointwise convolution of blocked maps: a tile of up to TILE_ROWS pixels by one panel of BLOCKS blocks of output channels in
 * registers, a panel's tiles one after another, while the next panel's weights are fetched. The file that includes this says
 * what TILE_ROWS, the pixels of a tile, and BLOCKS are. The last panel may have one block of two; LAST_ROWS are then the pixels of
 * its tiles. */
#ifndef LK_LAYERS_KERNELS_POINTWISE_BLOCKED_H
#define LK_LAYERS_KERNELS_POINTWISE_BLOCKED_H

#include "base/sanitizer.h"
#include "layers/conv2d.h"
#include "layers/kernels/map.h"
#include "layers/layout.h"

#define INLINE static inline __attribute__((always_inline))
#define VECTORS (LK_BLOCK / LK_LANES) /* of a block */
#if BLOCKS > 1
#define MOST_ROWS (TILE_ROWS > LAST_ROWS ? TILE_ROWS : LAST_ROWS)
#else
#define MOST_ROWS TILE_ROWS
#endif

/* How many tiles of a panel share the fetching of the next one: half of those that the smallest maps of MobileNetV2 have. */
#define FETCHING_TILES ((size_t)4)
#define LINE_UNITS ((size_t)16)

/* One panel: a block of x is [x_pixels][LK_BLOCK], one of residual or y [y_pixels][LK_BLOCK]. */
typedef struct {
    const lk_conv2d *d;
    size_t x_pixels, y_pixels;
    size_t row, gap; /* y: behind every `row` pixels are `gap` elements that stay as they are */
    size_t tiles;    /* of the panel that were made before */
    const float *bias; /* [blocks][LK_BLOCK] */
    const lk_unit *w;  /* [blocks][units][LK_BLOCK]; behind it the next panel's */
    const lk_element *x, *residual; /* residual: of the panel's first block, as y */
    lk_element *y;
} panel;

/* Where the next pixel of y goes: so many elements from the panel's first, and so many pixels before the next gap. */
typedef struct {
    size_t elements, left;
} place_of_pixel;

/* Units of an output's weights. */
INLINE size_t units_of(const lk_conv2d *d)
{
    return (d->in_channels + UNIT - 1) / UNIT;
}

/* sum += the unit of input channels at x times its weights, for `rows` pixels; w: of the first block, `next` units before the second. */
INLINE void multiply(lk_vec sum[][BLOCKS * VECTORS], const lk_term *x, const lk_unit *w, size_t next, size_t rows,
                     size_t blocks)
{
    lk_units weights[BLOCKS * VECTORS];
LK_UNROLL(8)
    for (size_t v = 0; v < blocks * VECTORS; v++) {
        weights[v] = lk_units_load(w + v / VECTORS * next + v % VECTORS * LK_LANES);
        LK_VEC_PIN(weights[v]);
    }
LK_UNROLL(16)
    for (size_t r = 0; r < rows; r++) {
        const lk_pixel pixel = lk_units_set(x + r * LK_BLOCK);
LK_UNROLL(8)
        for (size_t v = 0; v < blocks * VECTORS; v++) sum[r][v] = lk_units_fma(pixel, weights[v], sum[r][v]);
    }
}

/* What ends a tile: a copy, as each store to y might change the panel and what it points to. */
typedef struct {
    lk_vec lo, hi;
    size_t block; /* elements between a pixel's blocks of y */
    const lk_element *residual;
    lk_element *y;
} ending;

/* A pixel's vectors, to `here`. Bias is in the sums; `added` is a constant of each use. */
INLINE void finish_pixel(const ending *e, size_t here, const lk_vec *sum, size_t blocks, lk_residual added)
{
LK_UNROLL(8)
    for (size_t v = 0; v < blocks * VECTORS; v++) {
        const size_t at = here + v / VECTORS * e->block + v % VECTORS * LK_LANES;
        lk_vec value = sum[v];
        if (added == LK_RESIDUAL_BEFORE_ACTIVATION) value = lk_vec_add(value, lk_map_load(e->residual + at));
        value = lk_vec_clamp(value, e->lo, e->hi);
        if (added == LK_RESIDUAL_AFTER_ACTIVATION) value = lk_vec_add(value, lk_map_load(e->residual + at));
        lk_map_store(e->y + at, value);
    }
}

INLINE void finish_together(const ending *e, size_t here, lk_vec sum[][BLOCKS * VECTORS], size_t rows, size_t blocks,
                            lk_residual added)
{
LK_UNROLL(16)
    for (size_t r = 0; r < rows; r++) finish_pixel(e, here + r * LK_BLOCK, sum[r], blocks, added);
}

INLINE void finish(const panel *p, place_of_pixel *at, lk_vec sum[][BLOCKS * VECTORS], size_t rows, size_t blocks)
{
    const ending e = {lk_vec_set(p->d->lo), lk_vec_set(p->d->hi), p->y_pixels * LK_BLOCK, p->residual, p->y};
    if (at->left < rows) { /* some of the pixels are behind a gap; no map with gaps has a residual */
LK_UNROLL(16)
        for (size_t r = 0; r < rows; r++, at->elements += LK_BLOCK, at->left--) {
            if (at->left == 0) *at = (place_of_pixel){at->elements + p->gap, p->row};
            finish_pixel(&e, at->elements, sum[r], blocks, LK_RESIDUAL_NONE);
        }
        return;
    }
    switch (p->d->residual) {
    case LK_RESIDUAL_NONE:
        finish_together(&e, at->elements, sum, rows, blocks, LK_RESIDUAL_NONE);
        break;
    case LK_RESIDUAL_BEFORE_ACTIVATION:
        finish_together(&e, at->elements, sum, rows, blocks, LK_RESIDUAL_BEFORE_ACTIVATION);
        break;
    case LK_RESIDUAL_AFTER_ACTIVATION:
        finish_together(&e, at->elements, sum, rows, blocks, LK_RESIDUAL_AFTER_ACTIVATION);
        break;
    }
    at->elements += rows * LK_BLOCK;
    at->left -= rows;
}

/* `rows` pixels, a constant, from `pixel` on, of `blocks` blocks, to `at`. `ahead` is fetched: lines for each block of input channels. */
INLINE void tile_of_panel(const panel *p, size_t pixel, place_of_pixel *at, const lk_unit *ahead, size_t rows,
                          size_t blocks)
{
    lk_vec sum[MOST_ROWS][BLOCKS * VECTORS];
    float floats[MOST_ROWS * LK_BLOCK];
    const lk_element *x = p->x + pixel * LK_BLOCK;
    const lk_unit *w = p->w;
    const size_t next = units_of(p->d) * LK_BLOCK, lines = BLOCKS * LK_BLOCK / UNIT / FETCHING_TILES;
    for (size_t r = 0; r < rows; r++)
        for (size_t v = 0; v < blocks * VECTORS; v++) sum[r][v] = lk_vec_load(p->bias + v * LK_LANES);
    size_t left = p->d->in_channels;
    for (; left >= LK_BLOCK; left -= LK_BLOCK) {
LK_UNROLL(8)
        for (size_t line = 0; line < lines; line++) __builtin_prefetch(ahead + line * LINE_UNITS);
        ahead += lines * LINE_UNITS;
        const lk_term *terms = lk_terms_of(x, rows, floats);
LK_UNROLL(16)
        for (size_t c = 0; c < LK_BLOCK; c += UNIT)
            multiply(sum, terms + c, w + c / UNIT * LK_BLOCK, next, rows, blocks);
        x += p->x_pixels * LK_BLOCK;
        w += LK_BLOCK / UNIT * LK_BLOCK;
    }
    const lk_term *terms = left ? lk_terms_of(x, rows, floats) : NULL;
    for (; left > 0; left -= UNIT, terms += UNIT, w += LK_BLOCK) multiply(sum, terms, w, next, rows, blocks);
    finish(p, at, sum, rows, blocks);
}

/* Pixels [begin, end) of the panel, in tiles of at most `most` and as equal a height as can be, so that none is left with a few rows. */
INLINE void tiles_of_blocks(const panel *p, size_t begin, size_t end, size_t blocks, size_t most)
{
    const size_t count = (end - begin + most - 1) / most, units = units_of(p->d) * BLOCKS * LK_BLOCK;
    const lk_unit *next = p->w + units;
    place_of_pixel at = {begin * LK_BLOCK + begin / p->row * p->gap, p->row - begin % p->row};
    size_t pixel = begin;
    for (size_t t = 0; t < count; t++) {
        const size_t rows = (end - pixel) / (count - t);
        const size_t nth = p->tiles + t;
        const lk_unit *ahead = nth < FETCHING_TILES ? next + nth * (units / FETCHING_TILES) : p->w;
        switch (rows) {
#define TILE(height)                                                         \
    case height:                                                             \
        if (height <= most) tile_of_panel(p, pixel, &at, ahead, height, blocks); \
        break;
            TILE(1)
            TILE(2)
#if MOST_ROWS > 2
            TILE(3)
            TILE(4)
#endif
#if MOST_ROWS > 4
            TILE(5)
            TILE(6)
#endif
#if MOST_ROWS > 6
            TILE(7)
            TILE(8)
#endif
#if MOST_ROWS > 8
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
    tiles_of_blocks(p, begin, end, BLOCKS, TILE_ROWS);
}

#if BLOCKS > 1
static __attribute__((noinline)) void tiles_of_half_panel(const panel *p, size_t begin, size_t end)
{
    tiles_of_blocks(p, begin, end, 1, LAST_ROWS);
}
#endif

/* Pixels [begin, end) of a panel that has `blocks` of its BLOCKS blocks. */
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

/* Rows [picture][panel][pixel]; weights as lk_pointwise_pack_blocks lays them. */
INLINE void pointwise_blocked(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    const size_t pixels = d->out_h * d->out_w, blocks = lk_blocks(d->out_channels),
                 panels = (blocks + BLOCKS - 1) / BLOCKS;
    for (size_t begin = rows.begin, end; begin < rows.end; begin = end) {
        const size_t of_panel = begin / pixels, picture = of_panel / panels, block = of_panel % panels * BLOCKS;
        end = (of_panel + 1) * pixels < rows.end ? (of_panel + 1) * pixels : rows.end;
        const size_t output = (picture * blocks + block) * pixels * LK_BLOCK;
        const float *bias = io->weights;
        const void *weights = bias + blocks * LK_BLOCK;
        const panel p = {.d = d,
                         .x_pixels = pixels,
                         .y_pixels = pixels,
                         .row = pixels,
                         .bias = bias + block * LK_BLOCK,
                         .w = (const lk_unit *)weights + block * units_of(d) * LK_BLOCK,
                         .x = (const lk_element *)io->x + picture * lk_blocked_floats(pixels, d->in_channels),
                         .residual = io->residual ? (const lk_element *)io->residual + output : NULL,
                         .y = (lk_element *)io->y + output};
        const size_t from = begin - of_panel * pixels, to = end - of_panel * pixels;
        run_panel(&p, from, to, blocks - block);
    }
}

#endif
