#include "cbir/hash.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

size_t lk_hash_bytes(size_t bits)
{
    return bits / 8 + (bits % 8 != 0);
}

void lk_hash_prepare(const lk_hash *hash, float *values, size_t count)
{
    if (!hash->sigmoid) return;
    for (size_t i = 0; i < count; i++) values[i] = (float)(1 / (1 + exp(-(double)values[i])));
}

static int order(const void *a, const void *b)
{
    const float left = *(const float *)a, right = *(const float *)b;
    return (left > right) - (left < right);
}

float lk_hash_threshold(const lk_hash *hash, const float *values, size_t count, float *sorted)
{
    if (hash->kind == LK_HASH_FIXED || !count) return hash->threshold;
    if (hash->kind == LK_HASH_MEAN) {
        double sum = 0;
        for (size_t i = 0; i < count; i++) sum += (double)values[i];
        return (float)(sum / (double)count);
    }
    memcpy(sorted, values, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, order);
    if (count % 2) return sorted[count / 2];
    return (float)(((double)sorted[count / 2 - 1] + (double)sorted[count / 2]) / 2);
}

void lk_hash_pack(const float *values, size_t count, float threshold, uint8_t *bits)
{
    memset(bits, 0, lk_hash_bytes(count));
    for (size_t i = 0; i < count; i++)
        if (values[i] >= threshold) bits[i / 8] |= (uint8_t)(0x80u >> i % 8);
}
