#include <stdint.h>
#include <string.h>

#include "layers/hamming.h"

#define INLINE static inline __attribute__((always_inline))
enum { ROWS = 2, LANES = 4, CHUNK = 31 }; /* 31 * 8 bits still fit a byte */
typedef uint32_t words __attribute__((vector_size(16)));

INLINE words zero(void)
{
    return (words){0, 0, 0, 0};
}
INLINE words load(const void *p)
{
    words v;
    memcpy(&v, p, sizeof v);
    return v;
}
INLINE words set(uint32_t unit)
{
    return (words){unit, unit, unit, unit};
}
/* Bits of each byte, by halves: pairs, fours, eights (Wegner's sideways addition). */
INLINE words count(words sum, words queries, words row)
{
    words bits = queries ^ row;
    bits -= bits >> 1 & 0x55555555u;
    bits = (bits & 0x33333333u) + (bits >> 2 & 0x33333333u);
    return sum + ((bits + (bits >> 4)) & 0x0f0f0f0fu);
}
INLINE words widen(words total, words sum)
{
    const words pairs = (sum & 0x00ff00ffu) + (sum >> 8 & 0x00ff00ffu);
    return total + (pairs & 0xffffu) + (pairs >> 16);
}
INLINE void store(float *p, words total)
{
    for (size_t i = 0; i < LANES; i++) p[i] = -(float)total[i];
}

#include "layers/kernels/hamming_panel.h"

void lk_hamming_panel_u8_2x4__portable(const lk_panel *d, const void *rows, const uint32_t *panel,
                                       float *scores)
{
    all_rows(d, rows, panel, scores);
}

INLINE unsigned bits_of(uint64_t v)
{
    v -= v >> 1 & 0x5555555555555555u;
    v = (v & 0x3333333333333333u) + (v >> 2 & 0x3333333333333333u);
    return (unsigned)(((v + (v >> 4)) & 0x0f0f0f0f0f0f0f0fu) * 0x0101010101010101u >> 56);
}

INLINE uint64_t word_at(const uint8_t *p, size_t bytes)
{
    uint64_t word = 0;
    memcpy(&word, p, bytes);
    return word;
}

void lk_hamming_u8__portable(const lk_hamming *d, const uint8_t *rows, const uint8_t *query, float *scores)
{
    for (size_t r = 0; r < d->rows; r++, rows += d->bytes) {
        size_t differ = 0, i = 0;
        for (; i + 8 <= d->bytes; i += 8) differ += bits_of(word_at(rows + i, 8) ^ word_at(query + i, 8));
        if (i < d->bytes)
            differ += bits_of(word_at(rows + i, d->bytes - i) ^ word_at(query + i, d->bytes - i));
        scores[r] = -(float)differ;
    }
}
