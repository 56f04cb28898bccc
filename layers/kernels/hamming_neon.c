#include <arm_neon.h>
#include <string.h>

#include "layers/hamming.h"

#define INLINE static inline __attribute__((always_inline))
enum { ROWS = 4, LANES = 16, CHUNK = 31 }; /* 31 * 8 bits still fit a byte */
typedef struct {
    uint8x16_t a, b, c, d; /* so that a row's unit, spread over a vector, serves four */
} words;

INLINE words zero(void)
{
    const uint8x16_t zero = vdupq_n_u8(0);
    return (words){zero, zero, zero, zero};
}
INLINE words load(const uint32_t *p)
{
    return (words){vreinterpretq_u8_u32(vld1q_u32(p)), vreinterpretq_u8_u32(vld1q_u32(p + 4)),
                   vreinterpretq_u8_u32(vld1q_u32(p + 8)), vreinterpretq_u8_u32(vld1q_u32(p + 12))};
}
INLINE words set(uint32_t unit)
{
    const uint8x16_t v = vreinterpretq_u8_u32(vdupq_n_u32(unit));
    return (words){v, v, v, v};
}
INLINE uint8x16_t count_bytes(uint8x16_t sum, uint8x16_t x, uint8x16_t y)
{
    return vaddq_u8(sum, vcntq_u8(veorq_u8(x, y)));
}
INLINE words count(words sum, words queries, words row)
{
    return (words){count_bytes(sum.a, queries.a, row.a), count_bytes(sum.b, queries.b, row.b),
                   count_bytes(sum.c, queries.c, row.c), count_bytes(sum.d, queries.d, row.d)};
}
INLINE uint32x4_t widen_bytes(uint32x4_t total, uint8x16_t sum)
{
    return vpadalq_u16(total, vpaddlq_u8(sum));
}
INLINE uint8x16_t widen_one(uint8x16_t total, uint8x16_t sum)
{
    return vreinterpretq_u8_u32(widen_bytes(vreinterpretq_u32_u8(total), sum));
}
INLINE words widen(words total, words sum)
{
    return (words){widen_one(total.a, sum.a), widen_one(total.b, sum.b), widen_one(total.c, sum.c),
                   widen_one(total.d, sum.d)};
}
INLINE void store_one(float *p, uint8x16_t total)
{
    vst1q_f32(p, vcvtq_f32_s32(vnegq_s32(vreinterpretq_s32_u8(total))));
}
INLINE void store(float *p, words total)
{
    store_one(p, total.a), store_one(p + 4, total.b), store_one(p + 8, total.c), store_one(p + 12, total.d);
}

#include "layers/kernels/hamming_panel.h"

void lk_hamming_panel_u8_4x16__neon(const lk_panel *d, const void *rows, const uint32_t *panel, float *scores)
{
    all_rows(d, rows, panel, scores);
}

INLINE uint8x16_t bytes_at(const uint8_t *p, size_t bytes)
{
    uint8_t byte[16] = {0};
    memcpy(byte, p, bytes);
    return vld1q_u8(byte);
}

INLINE uint32x4_t differing(uint32x4_t total, uint8x16_t row, uint8x16_t query)
{
    return widen_bytes(total, vcntq_u8(veorq_u8(row, query)));
}

void lk_hamming_u8__neon(const lk_hamming *d, const uint8_t *rows, const uint8_t *query, float *scores)
{
    for (size_t r = 0; r < d->rows; r++, rows += d->bytes) {
        uint32x4_t total = vdupq_n_u32(0);
        size_t i = 0;
        for (; i + 16 <= d->bytes; i += 16) total = differing(total, vld1q_u8(rows + i), vld1q_u8(query + i));
        if (i < d->bytes)
            total = differing(total, bytes_at(rows + i, d->bytes - i), bytes_at(query + i, d->bytes - i));
        scores[r] = -(float)vaddvq_u32(total);
    }
}
