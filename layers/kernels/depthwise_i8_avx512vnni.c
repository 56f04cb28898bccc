/* Depthwise convolution of blocked maps of bytes, 3 x 3 taps at stride 1 or 2. Four neighbouring pixels of a
 * block are one vector; transposed, each channel's four bytes lie in one lane, where VNNI multiplies and adds
 * three of them, the taps of a row. At stride 1 the same vector serves the next output pixel as well, with
 * weights one byte further on. */
#include <string.h>

#include "base/sanitizer.h"
#include "layers/kernels/int8_vector.h"

enum { ROWS = 2, COLUMNS = 4, TAPS = 3, INPUT_ROWS = (ROWS - 1) * 2 + TAPS };

/* As lk_int8_pack_rows lays a block: w of a row of taps, and a 0. */
typedef struct {
    int32_t at_zero[LK_BLOCK];
    float factor[LK_BLOCK];
    int8_t w[TAPS][LK_BLOCK * 4];
} packed_block;

/* Up to ROWS output rows of a block. */
typedef struct {
    const lk_conv2d *d;
    const packed_block *block;
    const uint8_t *in[INPUT_ROWS]; /* input rows of the taps; of x_real.zero where outside */
    uint8_t *y;                    /* output row r at y + r * out_w * LK_BLOCK */
    ending ending;
} strip;

/* Pixels [ix, ix + 4) of a row by channels: byte t of lane c is channel c of pixel ix + t. */
INLINE __m512i four_pixels(const strip *s, const uint8_t *row, size_t ix, bool side)
{
    const __m512i order = _mm512_set_epi32(
        0x3f2f1f0f, 0x3e2e1e0e, 0x3d2d1d0d, 0x3c2c1c0c, 0x3b2b1b0b, 0x3a2a1a0a, 0x39291909, 0x38281808,
        0x37271707, 0x36261606, 0x35251505, 0x34241404, 0x33231303, 0x32221202, 0x31211101, 0x30201000);
    __m512i pixels;
    if (side) {
        /* What is outside is masked, and not read; ix wraps left of the map. */
        const size_t width = s->d->in_w, before = ix > width ? -ix : 0, left = width - ix;
        const unsigned known = left < 4 ? (1u << 4 * left) - 1 : 0xffff;
        const __mmask16 inside = (__mmask16)(before < 4 ? known & (0xffffu << 4 * before) : 0);
        const uint8_t *at = (const uint8_t *)((uintptr_t)row + ix * LK_BLOCK);
        pixels = _mm512_mask_loadu_epi32(_mm512_set1_epi8((int8_t)s->d->x_real.zero), inside, at);
    } else {
        pixels = _mm512_loadu_si512(row + ix * LK_BLOCK);
    }
    return _mm512_permutexvar_epi8(order, pixels);
}

/* Output pixels [ox, ox + columns) of the strip, at most COLUMNS. `side`: some of what they read may be
 * outside. */
INLINE void tile(const strip *s, size_t ox, size_t columns, bool side, size_t rows, size_t stride)
{
    const size_t first = ox * stride - s->d->pad_left, step = stride == 1 ? 2 : 1;
    ints sum[ROWS][COLUMNS], w[TAPS];
    for (size_t ky = 0; ky < TAPS; ky++) w[ky] = ints_load(s->block->w[ky]);
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < COLUMNS; i++) sum[r][i] = ints_load(s->block->at_zero);
    LK_UNROLL(5)
    for (size_t iy = 0; iy < (rows - 1) * stride + TAPS; iy++) LK_UNROLL(4)
    for (size_t i = 0; i < COLUMNS; i += step) {
        const ints x = four_pixels(s, s->in[iy], first + i * stride, side);
        LK_UNROLL(2)
        for (size_t r = 0; r < rows; r++) {
            const size_t ky = iy - r * stride;
            if (ky >= TAPS) continue;
            sum[r][i] = ints_dot(sum[r][i], x, w[ky]);
            if (stride == 1) sum[r][i + 1] = ints_dot(sum[r][i + 1], x, _mm512_slli_epi32(w[ky], 8));
        }
    }
    for (size_t r = 0; r < rows; r++) {
        uint8_t *y = s->y + (r * s->d->out_w + ox) * LK_BLOCK;
        if (!side || columns == COLUMNS)
            finish_group(&s->ending, sum[r], 1, s->block->factor, NULL, y, COLUMNS);
        else if (columns == 1) finish_group(&s->ending, sum[r], 1, s->block->factor, NULL, y, 1);
        else if (columns == 2) finish_group(&s->ending, sum[r], 1, s->block->factor, NULL, y, 2);
        else finish_group(&s->ending, sum[r], 1, s->block->factor, NULL, y, 3);
    }
}

/* Whole vectors are read: the last of a tile at stride 2 has a pixel that no tap wants. */
INLINE void tiles(const strip *s, size_t rows, size_t stride)
{
    const lk_conv2d *d = s->d;
    const size_t reach = (COLUMNS - 1) * stride + (stride == 1 ? TAPS : TAPS + 1);
    for (size_t ox = 0; ox < d->out_w; ox += COLUMNS) {
        const size_t columns = d->out_w - ox < COLUMNS ? d->out_w - ox : COLUMNS, at = ox * stride;
        if (columns == COLUMNS && at >= d->pad_left && at - d->pad_left + reach <= d->in_w)
            tile(s, ox, COLUMNS, false, rows, stride);
        else tile(s, ox, columns, true, rows, stride);
    }
}

/* Functions of their own, and a copy that what is stored does not change: so all stays in registers. */
#define STRIP(stride)                                                                 \
    static __attribute__((noinline)) void strip_##stride(const strip *s, size_t rows) \
    {                                                                                 \
        const strip copy = *s;                                                        \
        if (rows == ROWS) tiles(&copy, ROWS, stride);                                 \
        else tiles(&copy, 1, stride);                                                 \
    }
STRIP(1)
STRIP(2)

/* Rows [picture][block][row]; scratch: a row of x_real.zero. */
void lk_depthwise_i8_2x4__avx512vnni(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    const size_t blocks = lk_blocks(d->out_channels), stride = d->stride_h;
    memset(io->scratch, d->x_real.zero, d->in_w * LK_BLOCK);
    strip s = {.d = d, .ending = ending_of(d)};
    for (size_t row = rows.begin, count; row < rows.end; row += count) {
        const size_t block = row / d->out_h, oy = row % d->out_h; /* block: counted through the pictures */
        count = rows.end - row >= ROWS && d->out_h - oy >= ROWS ? ROWS : 1;
        const uint8_t *x = (const uint8_t *)io->x + block * d->in_h * d->in_w * LK_BLOCK;
        s.block = (const packed_block *)io->weights + block % blocks;
        for (size_t i = 0; i < (ROWS - 1) * stride + TAPS; i++) {
            const size_t iy = oy * stride + i - d->pad_top; /* wraps above the map */
            s.in[i] = iy < d->in_h ? x + iy * d->in_w * LK_BLOCK : io->scratch;
        }
        s.y = (uint8_t *)io->y + row * d->out_w * LK_BLOCK;
        if (stride == 1) strip_1(&s, count);
        else strip_2(&s, count);
    }
}
