#include <immintrin.h>

#define VALUES 4
#include "layers/kernels/resize.h"

/* Two columns: a pixel in each half, its channels beside those of the next one, times their weights. */
static inline __m256i scale_two(const lk_resize_column *one, const lk_resize_column *other,
                                const uint8_t *row)
{
    const __m256i pairs =
        _mm256_broadcastsi128_si256(_mm_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1));
    const __m128i left = _mm_loadl_epi64((const __m128i *)(row + one->first)),
                  right = _mm_loadl_epi64((const __m128i *)(row + other->first));
    const __m256i weights = _mm256_setr_m128i(_mm_loadu_si128((const __m128i *)one->weight),
                                              _mm_loadu_si128((const __m128i *)other->weight));
    const __m256i bytes = _mm256_shuffle_epi8(_mm256_setr_m128i(left, right), pairs);
    return _mm256_srai_epi32(_mm256_madd_epi16(bytes, weights), 4);
}

static size_t scale_safe(const lk_resize_column *columns, size_t count, const uint8_t *row, int16_t *scaled)
{
    size_t x = 0;
    for (; count - x >= 4; x += 4) {
        const __m256i even = scale_two(columns + x, columns + x + 2, row),
                      odd = scale_two(columns + x + 1, columns + x + 3, row);
        _mm256_storeu_si256((__m256i *)(scaled + x * VALUES), _mm256_packs_epi32(even, odd));
    }
    return x;
}

static inline __m256i blend_four(const int16_t *upper, const int16_t *lower, __m256i a, __m256i b)
{
    const __m256i sum = _mm256_add_epi16(_mm256_mulhi_epi16(_mm256_loadu_si256((const __m256i *)upper), a),
                                         _mm256_mulhi_epi16(_mm256_loadu_si256((const __m256i *)lower), b));
    return _mm256_srai_epi16(_mm256_add_epi16(sum, _mm256_set1_epi16(2)), 2);
}

/* Eight pixels are stored as twice 16 bytes, of which the last four are those of the next pixels, which
 * follow. */
static size_t blend_whole(const int16_t *upper, const int16_t *lower, const int16_t weight[2], size_t width,
                          uint8_t *dst)
{
    const __m256i a = _mm256_set1_epi16(weight[0]), b = _mm256_set1_epi16(weight[1]);
    const __m256i three =
        _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1));
    size_t x = 0;
    for (; width - x >= 10; x += 8) {
        const size_t at = x * VALUES;
        const __m256i packed = _mm256_packus_epi16(blend_four(upper + at, lower + at, a, b),
                                                   blend_four(upper + at + 16, lower + at + 16, a, b));
        const __m256i bytes = _mm256_shuffle_epi8(_mm256_permute4x64_epi64(packed, 0xd8), three);
        _mm_storeu_si128((__m128i *)(dst + x * 3), _mm256_castsi256_si128(bytes));
        _mm_storeu_si128((__m128i *)(dst + x * 3 + 12), _mm256_extracti128_si256(bytes, 1));
    }
    return x;
}

void lk_resize_rgb_u8__avx2(const lk_resize *resize, const lk_resize_taps *taps, const uint8_t *src,
                            uint8_t *dst)
{
    resize_rgb_u8(resize, taps, src, dst);
}
