#include "base/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"

void *lk_allocate_array(size_t count, size_t size)
{
    size_t bytes;
    return lk_multiply(count, size, &bytes) ? lk_allocate(bytes, _Alignof(max_align_t)) : NULL;
}

bool lk_grow(void **array, size_t *capacity, size_t needed, size_t size)
{
    if (needed <= *capacity) return true;
    size_t larger;
    if (!lk_add(*capacity, *capacity / 2 + 8, &larger)) return false;
    if (larger < needed) larger = needed;
    void *moved = lk_allocate_array(larger, size);
    if (!moved) return false;
    if (*array) memcpy(moved, *array, *capacity * size);
    lk_free(*array);
    *array = moved;
    *capacity = larger;
    return true;
}

size_t lk_most_memory(void)
{
    const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    size_t bytes;
    if (pages <= 0 || page <= 0 || !lk_multiply((size_t)pages, (size_t)page, &bytes)) return SIZE_MAX;
    return bytes / 4 * 3;
}

char *lk_copy_text(const char *text)
{
    if (!text) return NULL;
    const size_t bytes = strlen(text) + 1;
    char *copy = lk_allocate(bytes, 1);
    return copy ? memcpy(copy, text, bytes) : NULL;
}
