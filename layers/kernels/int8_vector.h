/* A vector of int32 sums of products of bytes, and how sums become bytes. It is half a pixel's block of sums where the file that
 * includes this is compiled for 256 bits, the whole block for 512, and a quarter for NEON. */
#ifndef LK_LAYERS_KERNELS_INT8_VECTOR_H
#define LK_LAYERS_KERNELS_INT8_VECTOR_H

#if defined(__aarch64__)
#include <arm_neon.h>
#else
#include <immintrin.h>
#endif
#include <string.h>

#include "layers/int8.h"
#include "layers/layout.h"

#define INLINE static inline __attribute__((always_inline))

#if defined(__aarch64__)
#define LANES ((size_t)4)
#define PIN(v) __asm__("" : "+w"(v)) /* keeps a vector in its register */
typedef int32x4_t ints;

INLINE ints ints_load(const void *p)
{
    return vreinterpretq_s32_u8(vld1q_u8(p));
}
INLINE void ints_store(void *p, ints v)
{
    vst1q_u8(p, vreinterpretq_u8_s32(v));
}
INLINE ints ints_set(int32_t value)
{
    return vdupq_n_s32(value);
}
/* Both sides are to be signed: x is taken as 128 less, which the sums start with (lk_int8_pack_signed_fours and its like). */
INLINE ints ints_dot(ints sum, ints x, ints w)
{
    const int8x16_t a = veorq_s8(vreinterpretq_s8_s32(x), vdupq_n_s8(INT8_MIN)), b = vreinterpretq_s8_s32(w);
#if defined(__ARM_FEATURE_DOTPROD)
    return vdotq_s32(sum, a, b);
#else
    const int32x4_t low = vpaddlq_s16(vmull_s8(vget_low_s8(a), vget_low_s8(b))), high = vpaddlq_s16(vmull_high_s8(a, b));
    return vaddq_s32(sum, vpaddq_s32(low, high));
#endif
}
INLINE ints ints_mix(ints low, ints high)
{
    return vbslq_s32(vdupq_n_u32(0xffff), low, high);
}
INLINE ints ints_turned(ints v, int bytes)
{
    const uint32x4_t from_above = vshlq_u32(vreinterpretq_u32_s32(v), vdupq_n_s32(8 * bytes - 32));
    return vorrq_s32(vshlq_s32(v, vdupq_n_s32(8 * bytes)), vreinterpretq_s32_u32(from_above));
}
INLINE void lay_some(const uint8_t *x, size_t count, int32_t outside, uint8_t *words)
{
    uint8x16x4_t pixel;
    for (size_t i = 0; i < 4; i++) pixel.val[i] = i < count ? vld1q_u8(x + i * LK_BLOCK) : vdupq_n_u8((uint8_t)outside);
    vst4q_u8(words, pixel);
}
#elif defined(__AVX512VNNI__)
#define LANES ((size_t)16)
#define PIN(v) __asm__("" : "+v"(v)) /* keeps a vector in its register */
typedef __m512i ints;

INLINE ints ints_load(const void *p)
{
    return _mm512_loadu_si512(p);
}
INLINE void ints_store(void *p, ints v)
{
    _mm512_storeu_si512(p, v);
}
INLINE ints ints_set(int32_t value)
{
    return _mm512_set1_epi32(value);
}
INLINE ints ints_add(ints a, ints b)
{
    return _mm512_add_epi32(a, b);
}
INLINE ints ints_dot(ints sum, ints x, ints w)
{
    return _mm512_dpbusd_epi32(sum, x, w);
}
INLINE ints ints_mix(ints low, ints high)
{
    return _mm512_mask_blend_epi16(0xaaaaaaaa, low, high);
}
INLINE ints ints_turned(ints v, int bytes)
{
    return _mm512_rolv_epi32(v, _mm512_set1_epi32(8 * bytes));
}
INLINE void lay_some(const uint8_t *x, size_t count, int32_t outside, uint8_t *words)
{
    const __m512i order = _mm512_set_epi32(
        0x3f2f1f0f, 0x3e2e1e0e, 0x3d2d1d0d, 0x3c2c1c0c, 0x3b2b1b0b, 0x3a2a1a0a, 0x39291909, 0x38281808,
        0x37271707, 0x36261606, 0x35251505, 0x34241404, 0x33231303, 0x32221202, 0x31211101, 0x30201000);
    const __m512i beside = _mm512_set1_epi32((int32_t)((uint32_t)outside * 0x01010101));
    const __m512i pixels = _mm512_mask_loadu_epi32(beside, (__mmask16)((1u << 4 * count) - 1), x);
    _mm512_storeu_si512(words, _mm512_permutexvar_epi8(order, pixels));
}
#else
#define LANES ((size_t)8)
#define PIN(v) __asm__("" : "+x"(v))
typedef __m256i ints;

INLINE ints ints_load(const void *p)
{
    return _mm256_loadu_si256(p);
}
INLINE void ints_store(void *p, ints v)
{
    _mm256_storeu_si256(p, v);
}
INLINE ints ints_set(int32_t value)
{
    return _mm256_set1_epi32(value);
}
INLINE ints ints_add(ints a, ints b)
{
    return _mm256_add_epi32(a, b);
}
INLINE ints ints_dot(ints sum, ints x, ints w)
{
#if defined(__AVXVNNI__)
    return _mm256_dpbusd_avx_epi32(sum, x, w);
#else
    /* AVX2's own product of bytes saturates: so even and odd bytes become int16. */
    const ints even = _mm256_madd_epi16(_mm256_and_si256(x, _mm256_set1_epi16(0xff)), _mm256_srai_epi16(_mm256_slli_epi16(w, 8), 8));
    const ints odd = _mm256_madd_epi16(_mm256_srli_epi16(x, 8), _mm256_srai_epi16(w, 8));
    return _mm256_add_epi32(sum, _mm256_add_epi32(even, odd));
#endif
}
INLINE ints ints_mix(ints low, ints high)
{
    return _mm256_blend_epi16(low, high, 0xaa);
}
INLINE ints ints_turned(ints v, int bytes)
{
    return _mm256_or_si256(_mm256_slli_epi32(v, 8 * bytes), _mm256_srli_epi32(v, 32 - 8 * bytes));
}
INLINE void lay_some(const uint8_t *x, size_t count, int32_t outside, uint8_t *words)
{
    __m128i pixel[4], *word = (__m128i *)words;
    for (size_t i = 0; i < 4; i++)
        pixel[i] = i < count ? _mm_loadu_si128((const __m128i *)x + i) : _mm_set1_epi32((int32_t)((uint32_t)outside * 0x01010101));
    const __m128i lo[] = {_mm_unpacklo_epi8(pixel[0], pixel[1]), _mm_unpacklo_epi8(pixel[2], pixel[3])};
    const __m128i hi[] = {_mm_unpackhi_epi8(pixel[0], pixel[1]), _mm_unpackhi_epi8(pixel[2], pixel[3])};
    _mm_storeu_si128(word, _mm_unpacklo_epi16(lo[0], lo[1]));
    _mm_storeu_si128(word + 1, _mm_unpackhi_epi16(lo[0], lo[1]));
    _mm_storeu_si128(word + 2, _mm_unpacklo_epi16(hi[0], hi[1]));
    _mm_storeu_si128(word + 3, _mm_unpackhi_epi16(hi[0], hi[1]));
}
#endif

#define VECTORS (LK_BLOCK / LANES) /* of a block */

/* ints_dot: each lane of sum takes four bytes of x times four of w, which are signed. ints_mix: the lower half of each lane from one, the
 * upper from the other. ints_turned: byte i of each lane to byte i + `bytes`, in a circle. lay_some:
 * `count` of four pixels, the others all `outside`, to their channels' words. */

/* Four bytes of x for every lane. */
INLINE ints ints_four(const uint8_t *x)
{
    int32_t four;
    memcpy(&four, x, sizeof four);
    return ints_set(four);
}

/* How sums of a layer become bytes. */
typedef struct {
    const lk_conv2d *d;
    ints zero, lo, hi; /* zero as int16, the ends of the range as bytes */
    float most;        /* hi less zero */
    int32_t residual_zero;
    float residual_factor;
    bool bounded; /* no value of the blocks at hand can be too large for an int32 */
} ending;

INLINE ending ending_of(const lk_conv2d *d)
{
    const lk_bytes bytes = lk_int8_bytes(d);
    return (ending){.d = d,
                    .zero = ints_set(bytes.zero * 0x10001),
                    .lo = ints_set((int32_t)((uint32_t)(bytes.zero + (int32_t)bytes.lo) * 0x01010101)),
                    .hi = ints_set((int32_t)((uint32_t)(bytes.zero + (int32_t)bytes.hi) * 0x01010101)),
                    .most = bytes.hi,
                    .residual_zero = d->residual_real.zero,
                    .residual_factor = lk_int8_residual_factor(d)};
}

/* For `blocks` blocks of channels: a sum is at most 2^31, what a residual adds below 2^28. */
INLINE bool is_bounded(const ending *e, const float *factor, size_t blocks)
{
    bool bounded = fabsf(e->residual_factor) < 0x1p20F;
    for (size_t c = 0; c < blocks * LK_BLOCK; c++) bounded &= fabsf(factor[c]) < 0.5F;
    return bounded;
}

/* Pixels whose bytes one vector holds. */
#define GROUP (LANES / 4)

#if defined(__aarch64__)
/* The sums of some channels of a pixel to whole numbers; the conversion has its own bounds. */
INLINE ints ints_scaled(const ending *e, ints sum, const float *factor, const uint8_t *residual, bool clamps)
{
    float32x4_t value = vmulq_f32(vcvtq_f32_s32(sum), vld1q_f32(factor));
    (void)clamps;
    if (residual) {
        uint32_t four;
        memcpy(&four, residual, sizeof four);
        const uint16x4_t r = vget_low_u16(vmovl_u8(vcreate_u8(four)));
        const int32x4_t less = vsubq_s32(vreinterpretq_s32_u32(vmovl_u16(r)), vdupq_n_s32(e->residual_zero));
        value = vaddq_f32(value, vmulq_n_f32(vcvtq_f32_s32(less), e->residual_factor));
    }
    return vcvtnq_s32_f32(value);
}

/* Whole numbers of four channels each, or of four pixels, to bytes. */
INLINE ints ints_to_bytes(const ending *e, const ints value[4])
{
    const int16x8_t zero = vreinterpretq_s16_s32(e->zero);
    const int16x8_t first = vqaddq_s16(vqmovn_high_s32(vqmovn_s32(value[0]), value[1]), zero);
    const int16x8_t second = vqaddq_s16(vqmovn_high_s32(vqmovn_s32(value[2]), value[3]), zero);
    const uint8x16_t bytes = vmaxq_u8(vqmovun_high_s16(vqmovun_s16(first), second), vreinterpretq_u8_s32(e->lo));
    return vreinterpretq_s32_u8(vminq_u8(bytes, vreinterpretq_u8_s32(e->hi)));
}

INLINE ints ints_to_words(ints bytes)
{
    const uint8x16_t order = {0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15};
    return vreinterpretq_s32_u8(vqtbl1q_u8(vreinterpretq_u8_s32(bytes), order));
}

INLINE void finish(const ending *e, const ints *sums, size_t stride, const float *factor, const uint8_t *residual, uint8_t *y,
                   size_t count, bool clamps)
{
    ints value[VECTORS];
    (void)stride;
    (void)count;
    for (size_t v = 0; v < VECTORS; v++)
        value[v] = ints_scaled(e, sums[v], factor + v * LANES, residual ? residual + v * LANES : NULL, clamps);
    ints_store(y, ints_to_bytes(e, value));
}
#elif defined(__AVX512VNNI__)
/* The sums of some channels of a pixel to whole numbers. What is not within int32 becomes its least: `clamps` has to keep the others
 * from it. */
INLINE ints ints_scaled(const ending *e, ints sum, const float *factor, const uint8_t *residual, bool clamps)
{
    __m512 value = _mm512_mul_ps(_mm512_cvtepi32_ps(sum), _mm512_loadu_ps(factor));
    if (residual) {
        const __m512i r = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)residual));
        const __m512 less = _mm512_cvtepi32_ps(_mm512_sub_epi32(r, _mm512_set1_epi32(e->residual_zero)));
        value = _mm512_add_ps(value, _mm512_mul_ps(less, _mm512_set1_ps(e->residual_factor)));
    }
    return _mm512_cvtps_epi32(clamps ? _mm512_min_ps(value, _mm512_set1_ps(e->most)) : value);
}

/* Whole numbers of four pixels to bytes: within each quarter, four channels of each pixel. */
INLINE ints ints_to_bytes(const ending *e, const ints value[4])
{
    const __m512i first = _mm512_adds_epi16(_mm512_packs_epi32(value[0], value[1]), e->zero);
    const __m512i second = _mm512_adds_epi16(_mm512_packs_epi32(value[2], value[3]), e->zero);
    return _mm512_min_epu8(_mm512_max_epu8(_mm512_packus_epi16(first, second), e->lo), e->hi);
}

/* Such bytes to the words of channels. */
INLINE ints ints_to_words(ints bytes)
{
    return _mm512_shuffle_epi8(bytes, _mm512_set4_epi32(0x0f0b0703, 0x0e0a0602, 0x0d090501, 0x0c080400));
}

INLINE void finish(const ending *e, const ints *sums, size_t stride, const float *factor, const uint8_t *residual, uint8_t *y,
                   size_t count, bool clamps)
{
    ints value[GROUP];
    for (size_t p = 0; p < GROUP; p++)
        value[p] = p < count ? ints_scaled(e, sums[p * stride], factor, residual ? residual + p * LK_BLOCK : NULL, clamps) : value[0];
    const __m512i bytes = _mm512_permutexvar_epi32(_mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15),
                                                   ints_to_bytes(e, value));
    if (count == GROUP) _mm512_storeu_si512(y, bytes);
    else _mm512_mask_storeu_epi32(y, (__mmask16)((1u << 4 * count) - 1), bytes);
}
#else
INLINE ints ints_scaled(const ending *e, ints sum, const float *factor, const uint8_t *residual, bool clamps)
{
    __m256 value = _mm256_mul_ps(_mm256_cvtepi32_ps(sum), _mm256_loadu_ps(factor));
    if (residual) {
        const __m256i r = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)residual));
        const __m256 less = _mm256_cvtepi32_ps(_mm256_sub_epi32(r, _mm256_set1_epi32(e->residual_zero)));
        value = _mm256_add_ps(value, _mm256_mul_ps(less, _mm256_set1_ps(e->residual_factor)));
    }
    return _mm256_cvtps_epi32(clamps ? _mm256_min_ps(value, _mm256_set1_ps(e->most)) : value);
}

INLINE ints ints_to_bytes(const ending *e, const ints value[4])
{
    const __m256i first = _mm256_adds_epi16(_mm256_packs_epi32(value[0], value[1]), e->zero);
    const __m256i second = _mm256_adds_epi16(_mm256_packs_epi32(value[2], value[3]), e->zero);
    return _mm256_min_epu8(_mm256_max_epu8(_mm256_packus_epi16(first, second), e->lo), e->hi);
}

INLINE ints ints_to_words(ints bytes)
{
    const __m256i order = _mm256_setr_epi32(0x0c080400, 0x0d090501, 0x0e0a0602, 0x0f0b0703, 0x0c080400, 0x0d090501, 0x0e0a0602, 0x0f0b0703);
    return _mm256_shuffle_epi8(bytes, order);
}

INLINE void finish(const ending *e, const ints *sums, size_t stride, const float *factor, const uint8_t *residual, uint8_t *y,
                   size_t count, bool clamps)
{
    ints value[4]; /* both halves of either pixel */
    for (size_t i = 0; i < 4; i++) {
        const size_t p = i / 2 < count ? i / 2 : 0, channel = i % 2 * LANES;
        value[i] = ints_scaled(e, sums[p * stride + i % 2], factor + channel, residual ? residual + p * LK_BLOCK + channel : NULL, clamps);
    }
    /* Within each half stand channels 0 to 3 and 8 to 11, or 4 to 7 and 12 to 15, of both pixels. */
    const __m256i bytes = _mm256_permutevar8x32_epi32(ints_to_bytes(e, value), _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    if (count == GROUP) _mm256_storeu_si256((__m256i *)y, bytes);
    else _mm_storeu_si128((__m128i *)y, _mm256_castsi256_si128(bytes));
}
#endif

/* Not inlined: networks have no use for it, and it is to stand in nobody's way. */
static __attribute__((noinline)) void finish_clamped(const lk_conv2d *d, const ints *sums, const float *factor, const uint8_t *residual,
                                                     uint8_t *y, size_t count)
{
    const ending e = ending_of(d);
    for (size_t p = 0; p < count; p++)
        finish(&e, sums + p * VECTORS, VECTORS, factor, residual ? residual + p * LK_BLOCK : NULL, y + p * LK_BLOCK, 1, true);
}

/* `count` pixels, at most GROUP, of a block: sums [pixel * stride], residual and y [pixel][LK_BLOCK]. */
INLINE void finish_group(const ending *e, const ints *sums, size_t stride, const float *factor, const uint8_t *residual, uint8_t *y,
                         size_t count)
{
    if (e->bounded) {
        finish(e, sums, stride, factor, residual, y, count, false);
        return;
    }
    ints copy[GROUP * VECTORS];
    for (size_t i = 0; i < count * VECTORS; i++) copy[i] = sums[i / VECTORS * stride + i % VECTORS];
    finish_clamped(e->d, copy, factor, residual, y, count);
}

#endif
