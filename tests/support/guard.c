#include "support/guard.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/checked.h"

static struct {
    void *pages;
    size_t bytes;
} blocks[64];
static size_t block_count;
static lk_test_side guarded;
static uint64_t state = 1;

void lk_test_seed(uint64_t seed)
{
    state = seed * 2 + 1;
}

/* SplitMix64 (Steele, Lea, Flood 2014): any seed will do, and every platform gives the same numbers. */
uint64_t lk_test_random(void)
{
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

void lk_test_guard(lk_test_side side)
{
    guarded = side;
}

static float *guarded_floats(size_t count)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = count * sizeof(float);
    const size_t inside = (bytes + page - 1) / page * page, whole = inside + 2 * page;
    unsigned char *pages = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED || block_count == LK_COUNT(blocks) || mprotect(pages, page, PROT_NONE) ||
        mprotect(pages + page + inside, page, PROT_NONE)) {
        perror("guarded_floats");
        abort();
    }
    blocks[block_count].pages = pages;
    blocks[block_count++].bytes = whole;
    return (float *)(void *)(pages + page + (guarded == LK_TEST_GUARD_END ? inside - bytes : 0));
}

float *lk_test_floats(size_t count)
{
    float *values = guarded_floats(count);
    for (size_t i = 0; i < count; i++) values[i] = (float)((double)(lk_test_random() >> 40) * 0x1p-23 - 1);
    return values;
}

float *lk_test_output(size_t count)
{
    float *values = guarded_floats(count);
    for (size_t i = 0; i < count; i++) values[i] = NAN;
    return values;
}

void lk_test_free_all(void)
{
    while (block_count) {
        block_count--;
        munmap(blocks[block_count].pages, blocks[block_count].bytes);
    }
}
