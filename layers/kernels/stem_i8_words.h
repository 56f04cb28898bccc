/* The first convolution on bytes. Of the nine of a row of taps eight are two words; the ninths of all three rows are one more, which is put
 * together beforehand. */
#ifndef LK_LAYERS_KERNELS_STEM_I8_WORDS_H
#define LK_LAYERS_KERNELS_STEM_I8_WORDS_H

#include "base/sanitizer.h"
#include "layers/kernels/stem_i8.h"
#include "layers/kernels/int8_vector.h"

#define COLUMNS ((size_t)4)
#define WORDS ((size_t)7)
#define NEXT_PIXEL (STEM_STRIDE * STEM_CHANNELS)
#define TOGETHER ((size_t)(VECTORS < 2 ? 2 : 1)) /* blocks that share the reading of words */

/* As lk_int8_pack_stem lays a block. */
typedef struct {
    int32_t at_zero[LK_BLOCK];
    float factor[LK_BLOCK];
    int8_t w[WORDS][LK_BLOCK * 4];
} stem_block;

/* What a row of output pixels reads: rows of taps, and each pixel's ninths. */
typedef struct {
    const uint8_t *row[STEM_TAPS];
    const uint8_t *ninths;
} stem_taps;

/* A word for each of `count` pixels: its three ninths, and a zero. With a vector of indices, whole sixteens: they read on into the
 * next row, or into the ninths behind the last one. */
INLINE void collect_ninths(const stem_taps *taps, uint8_t *ninths, size_t count)
{
    const uint8_t *const first = taps->row[0] + 8, *const second = taps->row[1] + 8, *const third = taps->row[2] + 8;
    size_t ox = 0;
#if defined(__AVX512VBMI__)
    const __m512i pixels = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    const __m512i every = _mm512_mullo_epi32(pixels, _mm512_set1_epi32(NEXT_PIXEL));
    const __m512i order[] = {every, _mm512_slli_epi32(every, 8), _mm512_slli_epi32(every, 16)};
    const uint8_t *const rows[] = {first, second, third};
    for (; ox + 16 <= count; ox += 16) {
        __m512i words = _mm512_setzero_si512();
        for (size_t ky = 0; ky < STEM_TAPS; ky++) {
            const uint8_t *at = rows[ky] + ox * NEXT_PIXEL;
            const __m512i bytes = _mm512_permutex2var_epi8(_mm512_loadu_si512(at), order[ky], _mm512_loadu_si512(at + 64));
            words = _mm512_mask_mov_epi8(words, (__mmask64)0x1111111111111111 << ky, bytes);
        }
        _mm512_storeu_si512(ninths + ox * 4, words);
    }
#endif
    for (; ox < count; ox++) {
        const size_t at = ox * NEXT_PIXEL;
        const uint32_t word = first[at] | (uint32_t)second[at] << 8 | (uint32_t)third[at] << 16;
        memcpy(ninths + ox * 4, &word, sizeof word);
    }
}

/* `columns` output pixels from ox on, and `blocks` blocks, both constants; y: of the first block, next: bytes to that of the other. */
INLINE void tile(const ending *e, const stem_block *block, const stem_taps *taps, size_t ox, uint8_t *y, size_t next, size_t columns,
                 size_t blocks)
{
    ints sum[COLUMNS][TOGETHER * VECTORS];
    for (size_t i = 0; i < columns; i++)
        for (size_t v = 0; v < blocks * VECTORS; v++) sum[i][v] = ints_load(block[v / VECTORS].at_zero + v % VECTORS * LANES);
LK_UNROLL(7)
    for (size_t word = 0; word < WORDS; word++) {
        const size_t from = ox * NEXT_PIXEL + word % 2 * 4;
        ints w[TOGETHER * VECTORS];
        for (size_t v = 0; v < blocks * VECTORS; v++) w[v] = ints_load(block[v / VECTORS].w[word] + v % VECTORS * LANES * 4);
LK_UNROLL(4)
        for (size_t i = 0; i < columns; i++) {
            const ints x = ints_four(word < 6 ? taps->row[word / 2] + from + i * NEXT_PIXEL : taps->ninths + (ox + i) * 4);
LK_UNROLL(4)
            for (size_t v = 0; v < blocks * VECTORS; v++) sum[i][v] = ints_dot(sum[i][v], x, w[v]);
        }
    }
LK_UNROLL(2)
    for (size_t b = 0; b < blocks; b++)
LK_UNROLL(4)
        for (size_t i = 0; i < columns; i += GROUP)
            finish_group(e, &sum[i][b * VECTORS], TOGETHER * VECTORS, block[b].factor, NULL, y + b * next + (ox + i) * LK_BLOCK,
                         columns - i < GROUP ? columns - i : GROUP);
}

INLINE void row_of_blocks(const ending *e, const stem_block *block, const stem_taps *taps, uint8_t *y, const lk_conv2d *d, size_t blocks)
{
    const size_t width = d->out_w, next = d->out_h * width * LK_BLOCK;
    size_t ox = 0;
    for (; ox + COLUMNS <= width; ox += COLUMNS) tile(e, block, taps, ox, y, next, COLUMNS, blocks);
    for (; ox < width; ox++) tile(e, block, taps, ox, y, next, 1, blocks);
}

/* Rows [picture][row], all blocks of each; scratch: three rows of bytes, and the ninths. */
INLINE void stem_i8_words(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    const size_t blocks = lk_blocks(d->out_channels);
    uint8_t *ninths = (uint8_t *)io->scratch + STEM_TAPS * lk_stem_i8_row(d);
    ending e = ending_of(d);
    e.bounded = true;
    for (size_t b = 0; b < blocks; b++) e.bounded &= is_bounded(&e, ((const stem_block *)io->weights)[b].factor, 1);
    stem_i8_input input;
    stem_i8_open(d, io, &input);
    for (size_t at = rows.begin; at < rows.end; at++) {
        stem_taps taps = {.ninths = ninths};
        stem_i8_rows(&input, at, at == rows.begin, taps.row);
        collect_ninths(&taps, ninths, d->out_w);
        size_t b = 0;
        for (; b + TOGETHER <= blocks; b += TOGETHER)
            row_of_blocks(&e, (const stem_block *)io->weights + b, &taps, stem_i8_output(d, io, at, b), d, TOGETHER);
        for (; b < blocks; b++) row_of_blocks(&e, (const stem_block *)io->weights + b, &taps, stem_i8_output(d, io, at, b), d, 1);
    }
}

#endif
