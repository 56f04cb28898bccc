/* Arithmetic on sizes. Of those that a file names: false instead of a wrapped result. */
#ifndef LK_BASE_CHECKED_H
#define LK_BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>

static inline bool lk_add(size_t a, size_t b, size_t *sum)
{
    return !__builtin_add_overflow(a, b, sum);
}

static inline bool lk_multiply(size_t a, size_t b, size_t *product)
{
    return !__builtin_mul_overflow(a, b, product);
}

/* The next multiple of `step`, a power of two. */
static inline bool lk_round_up(size_t value, size_t step, size_t *rounded)
{
    if (!lk_add(value, step - 1, rounded)) return false;
    *rounded &= ~(step - 1);
    return true;
}

static inline size_t lk_least(size_t a, size_t b)
{
    return a < b ? a : b;
}

#define LK_COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
