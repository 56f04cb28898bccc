/* Panels of 24 output channels: a vector and a half. Two pixels share the middle one of three vectors, for
 * which their input values are put side by side; so no lane is idle. The sums of a pair of pixels are
 *
 *     | even pixel, whole block | even pixel, half a block | odd pixel, half | odd pixel, whole | */
#ifndef LK_LAYERS_KERNELS_POINTWISE_24_H
#define LK_LAYERS_KERNELS_POINTWISE_24_H

#include <immintrin.h>

#include "base/sanitizer.h"
#include "layers/conv2d.h"
#include "layers/kernels/map.h"
#include "layers/layout.h"

#define INLINE static inline __attribute__((always_inline))
enum {
    ROWS = 8,
    PANEL = 24,
    HALF = PANEL - LK_BLOCK,
    PACKED = 32 /* units of a packed row of weights: those of a whole block of outputs, and of half a block twice */
};

#ifdef LK_MAP_BF16
INLINE lk_pixel halves_of(lk_pixel a, lk_pixel b)
{
    return _mm512_mask_blend_epi32(0xff00, a, b);
}
INLINE __m256 load_half(const lk_element *p)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p)), 16));
}
INLINE void store_half(lk_element *p, __m256 v)
{
    _mm_storeu_si128((__m128i *)p, (__m128i)_mm256_cvtneps_pbh(v));
}
#else
INLINE lk_pixel halves_of(lk_pixel a, lk_pixel b)
{
    return _mm512_mask_blend_ps(0xff00, a, b);
}
INLINE __m256 load_half(const lk_element *p)
{
    return _mm256_loadu_ps(p);
}
INLINE void store_half(lk_element *p, __m256 v)
{
    _mm256_storeu_ps(p, v);
}
#endif

typedef struct {
    const lk_conv2d *d;
    size_t pixels;
    const float *bias;
    const lk_unit *w;
    const lk_element *x;
    size_t whole, half; /* where the panel's whole block, and its half of one, begin in y */
} panel;

/* What ends a tile. */
typedef struct {
    lk_vec lo, hi;
    const lk_element *residual;
    lk_element *y;
    lk_residual added; /* a constant of each use */
} ending;

/* One pair of pixels. */
INLINE void multiply(lk_vec sum[3], const lk_element *even, const lk_element *odd, lk_units w0, lk_units w1)
{
    lk_pixel a = lk_units_set(even), b = lk_units_set(odd);
    LK_VEC_PIN(a); /* or each would be read again for the pair */
    LK_VEC_PIN(b);
    sum[0] = lk_units_fma(a, w0, sum[0]);
    sum[1] = lk_units_fma(halves_of(a, b), w1, sum[1]);
    sum[2] = lk_units_fma(b, w0, sum[2]);
}

INLINE void finish_whole(const ending *e, size_t place, lk_vec value)
{
    if (e->added == LK_RESIDUAL_BEFORE_ACTIVATION) value = lk_vec_add(value, lk_map_load(e->residual + place));
    value = lk_vec_clamp(value, e->lo, e->hi);
    if (e->added == LK_RESIDUAL_AFTER_ACTIVATION) value = lk_vec_add(value, lk_map_load(e->residual + place));
    lk_map_store(e->y + place, value);
}

INLINE void finish_half(const ending *e, size_t place, __m256 value)
{
    const __m256 lo = _mm512_castps512_ps256(e->lo), hi = _mm512_castps512_ps256(e->hi);
    if (e->added == LK_RESIDUAL_BEFORE_ACTIVATION) value = _mm256_add_ps(value, load_half(e->residual + place));
    value = _mm256_min_ps(hi, _mm256_max_ps(lo, value));
    if (e->added == LK_RESIDUAL_AFTER_ACTIVATION) value = _mm256_add_ps(value, load_half(e->residual + place));
    store_half(e->y + place, value);
}

/* `rows` pixels, a constant, from `pixel` on. Of an odd number the last pixel is its own neighbour. */
INLINE void tile(const panel *p, const ending *e, size_t pixel, size_t rows)
{
    lk_vec sum[(ROWS + 1) / 2][3];
    const lk_element *x = p->x + pixel * LK_BLOCK;
    const lk_unit *w = p->w;
    for (size_t r = 0; r < rows; r += 2) {
        sum[r / 2][0] = sum[r / 2][2] = lk_vec_load(p->bias);
        sum[r / 2][1] = lk_vec_load(p->bias + LK_BLOCK);
    }
    for (size_t c = 0; c < p->d->in_channels; c += LK_BLOCK) {
        const size_t count = p->d->in_channels - c < LK_BLOCK ? p->d->in_channels - c : LK_BLOCK;
        for (size_t k = 0; k < count; k += UNIT, w += PACKED) {
            lk_units w0 = lk_units_load(w), w1 = lk_units_load(w + LK_BLOCK);
            LK_VEC_PIN(w0);
            LK_VEC_PIN(w1);
            LK_UNROLL(4)
            for (size_t r = 0; r < rows; r += 2)
                multiply(sum[r / 2], x + r * LK_BLOCK + k, x + (r + 1 < rows ? r + 1 : r) * LK_BLOCK + k, w0,
                         w1);
        }
        x += p->pixels * LK_BLOCK;
    }
    LK_UNROLL(4)
    for (size_t r = 0; r < rows; r += 2) {
        const size_t whole = p->whole + (pixel + r) * LK_BLOCK, half = p->half + (pixel + r) * LK_BLOCK;
        finish_whole(e, whole, sum[r / 2][0]);
        finish_half(e, half, _mm512_castps512_ps256(sum[r / 2][1]));
        if (r + 1 < rows) {
            finish_whole(e, whole + LK_BLOCK, sum[r / 2][2]);
            finish_half(e, half + LK_BLOCK, _mm512_extractf32x8_ps(sum[r / 2][1], 1));
        }
    }
}

INLINE void tiles_of_panel(const panel *p, const lk_operands *io, size_t begin, size_t end, lk_residual added)
{
    const ending e = {lk_vec_set(p->d->lo), lk_vec_set(p->d->hi), io->residual, io->y, added};
    size_t pixel = begin;
    for (; pixel + ROWS <= end; pixel += ROWS) tile(p, &e, pixel, ROWS);
    for (; pixel + 2 <= end; pixel += 2) tile(p, &e, pixel, 2);
    if (pixel < end) tile(p, &e, pixel, 1);
}

/* Functions of their own, with registers of their own. */
#define TILES(name, added)                                                                          \
    static __attribute__((noinline)) void name(const panel *p, const lk_operands *io, size_t begin, \
                                               size_t end)                                          \
    {                                                                                               \
        tiles_of_panel(p, io, begin, end, added);                                                   \
    }
TILES(tiles_alone, LK_RESIDUAL_NONE)
TILES(tiles_added_before, LK_RESIDUAL_BEFORE_ACTIVATION)
TILES(tiles_added_after, LK_RESIDUAL_AFTER_ACTIVATION)

/* Rows [picture][panel][pixel]; weights as lk_pointwise_pack_24 lays them, or lk_pointwise_pack_24_pairs. */
INLINE void pointwise_24(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    const size_t pixels = d->out_h * d->out_w, panels = d->out_channels / PANEL;
    const size_t units = (d->in_channels + UNIT - 1) / UNIT;
    const float *bias = io->weights;
    const void *behind = bias + panels * PACKED;
    void (*const tiles[])(const panel *, const lk_operands *, size_t,
                          size_t) = {[LK_RESIDUAL_NONE] = tiles_alone,
                                     [LK_RESIDUAL_BEFORE_ACTIVATION] = tiles_added_before,
                                     [LK_RESIDUAL_AFTER_ACTIVATION] = tiles_added_after};
    for (size_t begin = rows.begin, end; begin < rows.end; begin = end) {
        const size_t of_panel = begin / pixels, picture = of_panel / panels, at = of_panel % panels;
        end = (of_panel + 1) * pixels < rows.end ? (of_panel + 1) * pixels : rows.end;
        const size_t output = picture * lk_blocked_floats(pixels, d->out_channels), plane = pixels * LK_BLOCK;
        const size_t first = at / 2 * 3; /* two panels have three blocks, and halves of the middle one */
        const panel p = {.d = d,
                         .pixels = pixels,
                         .bias = bias + at * PACKED,
                         .w = (const lk_unit *)behind + at * units * PACKED,
                         .x = (const lk_element *)io->x + picture * lk_blocked_floats(pixels, d->in_channels),
                         .whole = output + (first + at % 2 * 2) * plane,
                         .half = output + (first + 1) * plane + at % 2 * HALF};
        tiles[d->residual](&p, io, begin - of_panel * pixels, end - of_panel * pixels);
    }
}

#endif
