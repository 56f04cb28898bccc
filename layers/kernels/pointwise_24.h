/* Panels of 24 output channels: a vector and a half. Two pixels share the middle one of three vectors, for
 * which their input values are put side by side; so no lane is idle. The file's panels are pairs of rows of
 *
 *     | even pixel, 0 … 15 | even pixel, 16 … 23 | odd pixel, 16 … 23 | odd pixel, 0 … 15 | */
#ifndef LK_LAYERS_KERNELS_POINTWISE_24_H
#define LK_LAYERS_KERNELS_POINTWISE_24_H

#include "base/sanitizer.h"
#include "layers/conv2d.h"
#include "layers/kernels/map.h"
#include "layers/layout.h"

#define INLINE static inline __attribute__((always_inline))
enum { ROWS = 8, PANEL = 24, PACKED = 32 }; /* PACKED: units of a packed row of weights, the last 8 of the panel twice */

#ifdef LK_MAP_BF16
INLINE lk_pixel halves_of(lk_pixel a, lk_pixel b)
{
    return _mm512_mask_blend_epi32(0xff00, a, b);
}
INLINE __m256 load_eight(const lk_element *p)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p)), 16));
}
INLINE void store_eight(lk_element *p, __m256 v)
{
    _mm_storeu_si128((__m128i *)p, (__m128i)_mm256_cvtneps_pbh(v));
}
#else
INLINE lk_pixel halves_of(lk_pixel a, lk_pixel b)
{
    return _mm512_mask_blend_ps(0xff00, a, b);
}
INLINE __m256 load_eight(const lk_element *p)
{
    return _mm256_loadu_ps(p);
}
INLINE void store_eight(lk_element *p, __m256 v)
{
    _mm256_storeu_ps(p, v);
}
#endif

typedef struct {
    const lk_conv2d *d;
    size_t pixels, first; /* first: the panel's first output channel */
    const float *bias;
    const lk_unit *w;
    const lk_element *x, *residual;
    lk_element *y;
} panel;

/* One pair of pixels; `odd` may be the same as `even`. */
INLINE void multiply(lk_vec sum[3], const lk_element *even, const lk_element *odd, lk_units w0, lk_units w1)
{
    const lk_pixel a = lk_units_set(even), b = lk_units_set(odd);
    sum[0] = lk_units_fma(a, w0, sum[0]);
    sum[1] = lk_units_fma(halves_of(a, b), w1, sum[1]);
    sum[2] = lk_units_fma(b, w0, sum[2]);
}

/* Eight channels of one pixel, from channel o of the layer on. */
INLINE void finish_eight(const panel *p, size_t pixel, size_t o, __m256 value)
{
    const size_t place = (o / LK_BLOCK * p->pixels + pixel) * LK_BLOCK + o % LK_BLOCK;
    if (p->d->residual == LK_RESIDUAL_BEFORE_ACTIVATION)
        value = _mm256_add_ps(value, load_eight(p->residual + place));
    value = _mm256_min_ps(_mm256_set1_ps(p->d->hi), _mm256_max_ps(_mm256_set1_ps(p->d->lo), value));
    if (p->d->residual == LK_RESIDUAL_AFTER_ACTIVATION)
        value = _mm256_add_ps(value, load_eight(p->residual + place));
    store_eight(p->y + place, value);
}

INLINE void finish_pixel(const panel *p, size_t pixel, lk_vec sum, __m256 rest)
{
    finish_eight(p, pixel, p->first, _mm512_castps512_ps256(sum));
    finish_eight(p, pixel, p->first + 8, _mm512_extractf32x8_ps(sum, 1));
    finish_eight(p, pixel, p->first + 16, rest);
}

/* `rows` pixels, a constant, from `pixel` on. Of an odd number the last pixel is its own neighbour. */
INLINE void tile(const panel *p, size_t pixel, size_t rows)
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
            __asm__("" : "+v"(w0), "+v"(w1)); /* to stay in registers */
            LK_UNROLL(4)
            for (size_t r = 0; r < rows; r += 2)
                multiply(sum[r / 2], x + r * LK_BLOCK + k, x + (r + 1 < rows ? r + 1 : r) * LK_BLOCK + k, w0,
                         w1);
        }
        x += p->pixels * LK_BLOCK;
    }
    for (size_t r = 0; r < rows; r += 2) {
        finish_pixel(p, pixel + r, sum[r / 2][0], _mm512_castps512_ps256(sum[r / 2][1]));
        if (r + 1 < rows)
            finish_pixel(p, pixel + r + 1, sum[r / 2][2], _mm512_extractf32x8_ps(sum[r / 2][1], 1));
    }
}

static void tiles_of_panel(const panel *p, size_t begin, size_t end)
{
    size_t pixel = begin;
    for (; pixel + ROWS <= end; pixel += ROWS) tile(p, pixel, ROWS);
    for (; pixel + 2 <= end; pixel += 2) tile(p, pixel, 2);
    if (pixel < end) tile(p, pixel, 1);
}

/* Rows [picture][panel][pixel]; weights as lk_pointwise_pack_24 lays them, or lk_pointwise_pack_24_pairs. */
INLINE void pointwise_24(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    const size_t pixels = d->out_h * d->out_w, panels = d->out_channels / PANEL;
    const size_t units = (d->in_channels + UNIT - 1) / UNIT;
    const float *bias = io->weights;
    const void *behind = bias + panels * PACKED;
    for (size_t begin = rows.begin, end; begin < rows.end; begin = end) {
        const size_t of_panel = begin / pixels, picture = of_panel / panels, at = of_panel % panels;
        end = (of_panel + 1) * pixels < rows.end ? (of_panel + 1) * pixels : rows.end;
        const size_t output = picture * lk_blocked_floats(pixels, d->out_channels);
        const panel p = {.d = d,
                         .pixels = pixels,
                         .first = at * PANEL,
                         .bias = bias + at * PACKED,
                         .w = (const lk_unit *)behind + at * units * PACKED,
                         .x = (const lk_element *)io->x + picture * lk_blocked_floats(pixels, d->in_channels),
                         .residual = io->residual ? (const lk_element *)io->residual + output : NULL,
                         .y = (lk_element *)io->y + output};
        tiles_of_panel(&p, begin - of_panel * pixels, end - of_panel * pixels);
    }
}

#endif
