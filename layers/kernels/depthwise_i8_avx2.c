/* Depthwise convolution of blocked maps of bytes by AVX2, 3 x 3 taps: bytes become int16, and the products of
 * two taps at a time are added up in int32. */
#include <string.h>

#include "base/sanitizer.h"
#include "layers/kernels/int8_blocks.h"
#include "layers/kernels/int8_vector.h"

#define TAPS ((size_t)3)
enum { PAIRS = 5 }; /* of taps; the last has one */

/* One output row of a block. */
typedef struct {
    const lk_conv2d *d;
    ending ending;
    const int8_block *block;
    const uint8_t *in[TAPS];   /* input rows */
    const uint8_t *outside;    /* a pixel */
    ints lo[PAIRS], hi[PAIRS]; /* weights of two taps: of channels 0 … 3 and 8 … 11, and of the others */
} strip;

INLINE __m256i widened(const int8_t *w)
{
    return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)w));
}

static void pair_weights(strip *s)
{
    const int8_t *w = (const int8_t *)(s->block + 1);
    for (size_t pair = 0; pair < PAIRS; pair++) {
        const __m256i first = widened(w + 2 * pair * LK_BLOCK);
        const __m256i second =
            pair + 1 < PAIRS ? widened(w + (2 * pair + 1) * LK_BLOCK) : _mm256_setzero_si256();
        s->lo[pair] = _mm256_unpacklo_epi16(first, second);
        s->hi[pair] = _mm256_unpackhi_epi16(first, second);
    }
}

/* The sums of output pixel ox. `side`: some of its taps may be outside. */
INLINE void pixel_sums(const strip *s, size_t ox, bool side, ints sum[VECTORS])
{
    const size_t first = ox * s->d->stride_w - s->d->pad_left; /* wraps left of the map */
    __m256i tap[2 * PAIRS], lo = _mm256_setzero_si256(), hi = lo;
    LK_UNROLL(9)
    for (size_t t = 0; t < TAPS * TAPS; t++) {
        const size_t ix = first + t % TAPS;
        const uint8_t *x = !side || ix < s->d->in_w ? s->in[t / TAPS] + ix * LK_BLOCK : s->outside;
        tap[t] = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)x));
    }
    tap[2 * PAIRS - 1] = _mm256_setzero_si256();
    LK_UNROLL(5)
    for (size_t pair = 0; pair < PAIRS; pair++) {
        const __m256i even = tap[2 * pair], odd = tap[2 * pair + 1];
        lo = _mm256_add_epi32(lo, _mm256_madd_epi16(_mm256_unpacklo_epi16(even, odd), s->lo[pair]));
        hi = _mm256_add_epi32(hi, _mm256_madd_epi16(_mm256_unpackhi_epi16(even, odd), s->hi[pair]));
    }
    sum[0] = _mm256_add_epi32(_mm256_permute2x128_si256(lo, hi, 0x20), ints_load(s->block->at_zero));
    sum[1] = _mm256_add_epi32(_mm256_permute2x128_si256(lo, hi, 0x31), ints_load(s->block->at_zero + LANES));
}

static void row(const strip *s, uint8_t *y)
{
    const lk_conv2d *d = s->d;
    for (size_t ox = 0; ox < d->out_w; ox += GROUP) {
        ints sum[GROUP][VECTORS];
        const size_t count = d->out_w - ox < GROUP ? d->out_w - ox : GROUP;
        for (size_t i = 0; i < count; i++) {
            const size_t at = (ox + i) * d->stride_w;
            if (at >= d->pad_left && at - d->pad_left + TAPS <= d->in_w) pixel_sums(s, ox + i, false, sum[i]);
            else pixel_sums(s, ox + i, true, sum[i]);
        }
        if (count == GROUP)
            finish_group(&s->ending, sum[0], VECTORS, s->block->factor, NULL, y + ox * LK_BLOCK, GROUP);
        else finish_group(&s->ending, sum[0], VECTORS, s->block->factor, NULL, y + ox * LK_BLOCK, 1);
    }
}

/* Rows [picture][block][row]; scratch: a row of x_real.zero. */
void lk_depthwise_i8_1x2__avx2(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    const size_t blocks = lk_blocks(d->out_channels), packed = sizeof(int8_block) + TAPS * TAPS * LK_BLOCK;
    memset(io->scratch, d->x_real.zero, d->in_w * LK_BLOCK);
    strip s = {.d = d, .ending = ending_of(d), .outside = io->scratch};
    for (size_t at = rows.begin; at < rows.end; at++) {
        const size_t block = at / d->out_h, oy = at % d->out_h; /* block: counted through the pictures */
        const uint8_t *x = (const uint8_t *)io->x + block * d->in_h * d->in_w * LK_BLOCK;
        if (at == rows.begin || oy == 0) {
            s.block = (const int8_block *)((const uint8_t *)io->weights + block % blocks * packed);
            pair_weights(&s);
            s.ending.bounded = is_bounded(&s.ending, s.block->factor, 1);
        }
        for (size_t ky = 0; ky < TAPS; ky++) {
            const size_t iy = oy * d->stride_h + ky - d->pad_top; /* wraps above the map */
            s.in[ky] = iy < d->in_h ? x + iy * d->in_w * LK_BLOCK : io->scratch;
        }
        row(&s, (uint8_t *)io->y + at * d->out_w * LK_BLOCK);
    }
}
