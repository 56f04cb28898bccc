/* Panels of 24 output channels: a vector and a half. Two pixels share the middle one of three vectors, for
 * which their input values are put side by side; so no lane is idle. The file's panels are pairs of rows of
 *
 *     | even pixel, 0 … 15 | even pixel, 16 … 23 | odd pixel, 16 … 23 | odd pixel, 0 … 15 | */
#include <immintrin.h>

#include "base/sanitizer.h"
#include "layers/conv2d.h"
#include "layers/layout.h"

#define INLINE static inline __attribute__((always_inline))
enum {
    ROWS = 8,
    PANEL = 24,
    PACKED = 32
}; /* PACKED: floats of a packed row of weights, the last 8 of the panel twice */

typedef struct {
    const lk_conv2d *d;
    size_t pixels, first; /* first: the panel's first output channel */
    const float *bias, *w;
    const float *x, *residual;
    float *y;
} panel;

/* One pair of pixels; `odd` may be the same as `even`. */
INLINE void multiply(__m512 sum[3], const float *even, const float *odd, __m512 w0, __m512 w1)
{
    const __m512 a = _mm512_set1_ps(*even), b = _mm512_set1_ps(*odd);
    sum[0] = _mm512_fmadd_ps(a, w0, sum[0]);
    sum[1] = _mm512_fmadd_ps(_mm512_mask_blend_ps(0xff00, a, b), w1, sum[1]);
    sum[2] = _mm512_fmadd_ps(b, w0, sum[2]);
}

/* Eight channels of one pixel, from channel o of the layer on. */
INLINE void finish_eight(const panel *p, size_t pixel, size_t o, __m256 value)
{
    const size_t place = (o / LK_BLOCK * p->pixels + pixel) * LK_BLOCK + o % LK_BLOCK;
    if (p->d->residual == LK_RESIDUAL_BEFORE_ACTIVATION)
        value = _mm256_add_ps(value, _mm256_loadu_ps(p->residual + place));
    value = _mm256_min_ps(_mm256_set1_ps(p->d->hi), _mm256_max_ps(_mm256_set1_ps(p->d->lo), value));
    if (p->d->residual == LK_RESIDUAL_AFTER_ACTIVATION)
        value = _mm256_add_ps(value, _mm256_loadu_ps(p->residual + place));
    _mm256_storeu_ps(p->y + place, value);
}

INLINE void finish_pixel(const panel *p, size_t pixel, __m512 sum, __m256 rest)
{
    finish_eight(p, pixel, p->first, _mm512_castps512_ps256(sum));
    finish_eight(p, pixel, p->first + 8, _mm512_extractf32x8_ps(sum, 1));
    finish_eight(p, pixel, p->first + 16, rest);
}

/* `rows` pixels, a constant, from `pixel` on. Of an odd number the last pixel is its own neighbour. */
INLINE void tile(const panel *p, size_t pixel, size_t rows)
{
    __m512 sum[(ROWS + 1) / 2][3];
    const float *x = p->x + pixel * LK_BLOCK, *w = p->w;
    for (size_t r = 0; r < rows; r += 2) {
        sum[r / 2][0] = sum[r / 2][2] = _mm512_loadu_ps(p->bias);
        sum[r / 2][1] = _mm512_loadu_ps(p->bias + LK_BLOCK);
    }
    for (size_t c = 0; c < p->d->in_channels; c += LK_BLOCK) {
        const size_t count = p->d->in_channels - c < LK_BLOCK ? p->d->in_channels - c : LK_BLOCK;
        for (size_t k = 0; k < count; k++, w += PACKED) {
            __m512 w0 = _mm512_loadu_ps(w), w1 = _mm512_loadu_ps(w + LK_BLOCK);
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

/* Rows [picture][panel][pixel]; weights as lk_pointwise_pack_24 lays them. */
void lk_pointwise_f32_8x24__avx512(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    const size_t pixels = d->out_h * d->out_w, panels = d->out_channels / PANEL;
    for (size_t begin = rows.begin, end; begin < rows.end; begin = end) {
        const size_t of_panel = begin / pixels, picture = of_panel / panels, at = of_panel % panels;
        end = (of_panel + 1) * pixels < rows.end ? (of_panel + 1) * pixels : rows.end;
        const size_t output = picture * lk_blocked_floats(pixels, d->out_channels);
        const panel p = {.d = d,
                         .pixels = pixels,
                         .first = at * PANEL,
                         .bias = (const float *)io->weights + at * PACKED,
                         .w = (const float *)io->weights + (panels + at * d->in_channels) * PACKED,
                         .x = (const float *)io->x + picture * lk_blocked_floats(pixels, d->in_channels),
                         .residual = io->residual ? (const float *)io->residual + output : NULL,
                         .y = (float *)io->y + output};
        tiles_of_panel(&p, begin - of_panel * pixels, end - of_panel * pixels);
    }
}
