#include "cbir/score_sort.h"

#include <string.h>

/* Three passes of 11 bits over a 32-bit key; the counters of one pass stay in the first cache. */
enum { DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS, PASSES = 3 };

/* A float's bits order as an integer's do once the sign bit of a positive one, or all bits of a negative one,
 * are turned over; ~ makes the order fall. */
uint32_t lk_score_key(float score)
{
    uint32_t bits;
    score += 0.0F; /* -0 equals 0 */
    memcpy(&bits, &score, sizeof bits);
    const uint32_t flip = (0U - (bits >> 31)) | 0x80000000U;
    return ~(bits ^ flip);
}

float lk_key_score(uint32_t key)
{
    const uint32_t risen = ~key;
    const uint32_t bits = risen >> 31 ? risen ^ 0x80000000U : ~risen;
    float score;
    memcpy(&score, &bits, sizeof score);
    return score;
}

static size_t digit(uint64_t key, size_t pass)
{
    return key >> (32 + pass * DIGIT_BITS) & (DIGITS - 1);
}

/* Counts become the places where each digit's keys begin. */
static void sum_counts(uint32_t counts[DIGITS])
{
    uint32_t at = 0;
    for (size_t d = 0; d < DIGITS; d++) {
        const uint32_t here = counts[d];
        counts[d] = at;
        at += here;
    }
}

uint64_t *lk_sort_keys(uint64_t *keys, uint64_t *spare, size_t count)
{
    uint32_t counts[PASSES][DIGITS] = {{0}};
    for (size_t i = 0; i < count; i++)
        for (size_t p = 0; p < PASSES; p++) counts[p][digit(keys[i], p)]++;
    for (size_t p = 0; p < PASSES; p++) {
        if (!count || counts[p][digit(keys[0], p)] == count) continue; /* all alike: nothing moves */
        sum_counts(counts[p]);
        for (size_t i = 0; i < count; i++) spare[counts[p][digit(keys[i], p)]++] = keys[i];
        uint64_t *sorted = spare;
        spare = keys;
        keys = sorted;
    }
    return keys;
}
