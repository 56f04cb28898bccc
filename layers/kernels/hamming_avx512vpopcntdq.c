#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#include "layers/hamming.h"

#define INLINE static inline __attribute__((always_inline))
enum { ROWS = 8, LANES = 16, CHUNK = 1 << 30 };
typedef __m512i words;

INLINE words zero(void)
{
    return _mm512_setzero_si512();
}
INLINE words load(const void *p)
{
    return _mm512_loadu_si512(p);
}
INLINE words set(uint32_t unit)
{
    return _mm512_set1_epi32((int)unit);
}
INLINE words count(words sum, words queries, words row)
{
    return _mm512_add_epi32(sum, _mm512_popcnt_epi32(_mm512_xor_si512(queries, row)));
}
INLINE words widen(words total, words sum)
{
    return _mm512_add_epi32(total, sum);
}
INLINE void store(float *p, words total)
{
    _mm512_storeu_ps(p, _mm512_cvtepi32_ps(_mm512_sub_epi32(_mm512_setzero_si512(), total)));
}

#include "layers/kernels/hamming_panel.h"

void lk_hamming_panel_u8_8x16__avx512vpopcntdq(const lk_panel *d, const void *rows, const uint32_t *panel,
                                               float *scores)
{
    all_rows(d, rows, panel, scores);
}

/* Bits of `v` in which a row differs, in 8 counters. */
INLINE __m512i differing(const uint8_t *row, const uint8_t *query, size_t bytes)
{
    __m512i sum = _mm512_setzero_si512();
    size_t i = 0;
    for (; i + 64 <= bytes; i += 64)
        sum = _mm512_add_epi64(sum, _mm512_popcnt_epi64(_mm512_xor_si512(_mm512_loadu_si512(row + i),
                                                                         _mm512_loadu_si512(query + i))));
    if (i < bytes) {
        const __mmask64 in = ~(uint64_t)0 >> (64 - (bytes - i));
        const __m512i x = _mm512_maskz_loadu_epi8(in, row + i), y = _mm512_maskz_loadu_epi8(in, query + i);
        sum = _mm512_add_epi64(sum, _mm512_popcnt_epi64(_mm512_xor_si512(x, y)));
    }
    return sum;
}

/* The sums over lanes of eight vectors, as the eight lanes of one: halves are added as pairs of vectors
 * merge. */
INLINE __m512i add_across(const __m512i v[8])
{
    __m512i two[4], four[2];
    for (size_t i = 0; i < 4; i++)
        two[i] = _mm512_add_epi64(_mm512_unpacklo_epi64(v[2 * i], v[2 * i + 1]),
                                  _mm512_unpackhi_epi64(v[2 * i], v[2 * i + 1]));
    for (size_t i = 0; i < 2; i++)
        four[i] = _mm512_add_epi64(_mm512_shuffle_i64x2(two[2 * i], two[2 * i + 1], 0x88),
                                   _mm512_shuffle_i64x2(two[2 * i], two[2 * i + 1], 0xdd));
    return _mm512_add_epi64(_mm512_shuffle_i64x2(four[0], four[1], 0x88),
                            _mm512_shuffle_i64x2(four[0], four[1], 0xdd));
}

/* The cache is asked for what a stream needs so many bytes later: by itself it looks no further than a page,
 * and a row that straddles its lines waits for two of them. */
enum { AHEAD = 4096 };

INLINE void fetch_ahead(const uint8_t *rows, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += 64)
        _mm_prefetch((const char *)((uintptr_t)rows + AHEAD + i),
                     _MM_HINT_T0); /* perhaps past the end: no fault */
}

/* Four rows from each half in turn: one core reads two streams faster than a single one. */
void lk_hamming_u8_8__avx512vpopcntdq(const lk_hamming *d, const uint8_t *rows, const uint8_t *query,
                                      float *scores)
{
    const size_t half = d->rows / 8 * 4, bytes = d->bytes;
    float eight[8];
    for (size_t r = 0; r < half; r += 4) {
        __m512i v[8];
        fetch_ahead(rows + r * bytes, 4 * bytes);
        fetch_ahead(rows + (half + r) * bytes, 4 * bytes);
#pragma GCC unroll 8
        for (size_t i = 0; i < 8; i++)
            v[i] = differing(rows + (i / 4 * half + r + i % 4) * bytes, query, bytes);
        const __m256 differ = _mm512_cvtepi64_ps(add_across(v));
        _mm256_storeu_ps(eight, _mm256_xor_ps(differ, _mm256_set1_ps(-0.0f)));
        memcpy(scores + r, eight, sizeof eight / 2);
        memcpy(scores + half + r, eight + 4, sizeof eight / 2);
    }
    for (size_t r = half * 2; r < d->rows; r++)
        scores[r] = -(float)_mm512_reduce_add_epi64(differing(rows + r * bytes, query, bytes));
}
