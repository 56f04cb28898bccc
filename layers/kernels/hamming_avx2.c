#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#include "layers/hamming.h"

#define INLINE static inline __attribute__((always_inline))
enum { ROWS = 4, LANES = 8, CHUNK = 31 }; /* 31 * 8 bits still fit a byte */
typedef __m256i words;

INLINE words zero(void)
{
    return _mm256_setzero_si256();
}
INLINE words load(const void *p)
{
    return _mm256_loadu_si256(p);
}
INLINE words set(uint32_t unit)
{
    return _mm256_set1_epi32((int)unit);
}
/* Bits of each byte by a table of its halves (Muła). */
INLINE words count(words sum, words queries, words row)
{
    const __m256i table =
        _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
    const __m256i low = _mm256_set1_epi8(15), bits = _mm256_xor_si256(queries, row);
    const __m256i halves[2] = {_mm256_and_si256(bits, low),
                               _mm256_and_si256(_mm256_srli_epi16(bits, 4), low)};
    return _mm256_add_epi8(
        sum, _mm256_add_epi8(_mm256_shuffle_epi8(table, halves[0]), _mm256_shuffle_epi8(table, halves[1])));
}
INLINE words widen(words total, words sum)
{
    const __m256i pairs = _mm256_maddubs_epi16(sum, _mm256_set1_epi8(1));
    return _mm256_add_epi32(total, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}
INLINE void store(float *p, words total)
{
    _mm256_storeu_ps(p, _mm256_cvtepi32_ps(_mm256_sub_epi32(_mm256_setzero_si256(), total)));
}

#include "layers/kernels/hamming_panel.h"

void lk_hamming_panel_u8_4x8__avx2(const lk_panel *d, const void *rows, const uint32_t *panel, float *scores)
{
    all_rows(d, rows, panel, scores);
}

INLINE uint64_t word_at(const uint8_t *p, size_t bytes)
{
    uint64_t word = 0;
    memcpy(&word, p, bytes);
    return word;
}

/* POPCNT is older than AVX2. */
void lk_hamming_u8__avx2(const lk_hamming *d, const uint8_t *rows, const uint8_t *query, float *scores)
{
    for (size_t r = 0; r < d->rows; r++, rows += d->bytes) {
        int64_t differ = 0;
        size_t i = 0;
        for (; i + 8 <= d->bytes; i += 8)
            differ += _mm_popcnt_u64(word_at(rows + i, 8) ^ word_at(query + i, 8));
        if (i < d->bytes)
            differ += _mm_popcnt_u64(word_at(rows + i, d->bytes - i) ^ word_at(query + i, d->bytes - i));
        scores[r] = -(float)differ;
    }
}
