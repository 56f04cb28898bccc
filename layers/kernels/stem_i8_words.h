/* The first convolution on bytes: the nine of a row of taps are three words, the last of them padded by weights of 0. */
#ifndef LK_LAYERS_KERNELS_STEM_I8_WORDS_H
#define LK_LAYERS_KERNELS_STEM_I8_WORDS_H

#include "base/sanitizer.h"
#include "layers/kernels/stem_i8.h"
#include "layers/kernels/int8_vector.h"

#define COLUMNS ((size_t)4)
#define WORDS ((size_t)3) /* of a row of taps */

/* As lk_int8_pack_stem lays a block. */
typedef struct {
    int32_t at_zero[LK_BLOCK];
    float factor[LK_BLOCK];
    int8_t w[STEM_TAPS][WORDS][LK_BLOCK * 4];
} stem_block;

/* `columns` output pixels, a constant; row[ky] is at the first one's tap kx = 0. */
INLINE void tile(const ending *e, const stem_block *block, const uint8_t *const row[STEM_TAPS], uint8_t *y, size_t columns)
{
    ints sum[COLUMNS][VECTORS];
    for (size_t i = 0; i < columns; i++)
        for (size_t v = 0; v < VECTORS; v++) sum[i][v] = ints_load(block->at_zero + v * LANES);
LK_UNROLL(3)
    for (size_t ky = 0; ky < STEM_TAPS; ky++)
LK_UNROLL(3)
        for (size_t word = 0; word < WORDS; word++) {
LK_UNROLL(2)
            for (size_t v = 0; v < VECTORS; v++) {
                const ints w = ints_load(block->w[ky][word] + v * LANES * 4);
LK_UNROLL(4)
                for (size_t i = 0; i < columns; i++)
                    sum[i][v] = ints_dot(sum[i][v], ints_four(row[ky] + i * STEM_STRIDE * STEM_CHANNELS + word * 4), w);
            }
        }
LK_UNROLL(4)
    for (size_t i = 0; i < columns; i += GROUP)
        finish_group(e, sum[i], VECTORS, block->factor, NULL, y + i * LK_BLOCK, columns - i < GROUP ? columns - i : GROUP);
}

/* Rows [picture][row], all blocks of each; scratch: three rows of bytes. */
INLINE void stem_i8_words(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    ending e = ending_of(d);
    e.bounded = true;
    for (size_t b = 0; b < lk_blocks(d->out_channels); b++)
        e.bounded &= is_bounded(&e, ((const stem_block *)io->weights)[b].factor, 1);
    stem_i8_input input;
    stem_i8_open(d, io, &input);
    for (size_t at = rows.begin; at < rows.end; at++) {
        const uint8_t *row[STEM_TAPS];
        stem_i8_rows(&input, at, at == rows.begin, row);
        for (size_t b = 0; b < lk_blocks(d->out_channels); b++) {
            const stem_block *block = (const stem_block *)io->weights + b;
            uint8_t *y = stem_i8_output(d, io, at, b);
            for (size_t ox = 0; ox < d->out_w; ox += COLUMNS) {
                const size_t from = ox * STEM_STRIDE * STEM_CHANNELS;
                const uint8_t *const here[STEM_TAPS] = {row[0] + from, row[1] + from, row[2] + from};
                switch (d->out_w - ox) {
                case 1:
                    tile(&e, block, here, y + ox * LK_BLOCK, 1);
                    break;
                case 2:
                    tile(&e, block, here, y + ox * LK_BLOCK, 2);
                    break;
                case 3:
                    tile(&e, block, here, y + ox * LK_BLOCK, 3);
                    break;
                default:
                    tile(&e, block, here, y + ox * LK_BLOCK, COLUMNS);
                }
            }
        }
    }
}

#endif
