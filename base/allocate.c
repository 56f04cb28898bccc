/* Apart from memory.c, so that a replaced lk_allocate also reaches the helpers there. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/checked.h"
#include "base/memory.h"

/* What is vector-aligned and this large is a network's weights or maps: walks over them miss fewer
 * translations in large pages. */
#define HUGE_PAGE ((size_t)2 << 20)

void *lk_allocate(size_t bytes, size_t alignment)
{
    /* calloc's pages come zeroed from the system: a large block costs no memory until it is touched. */
    if (alignment <= _Alignof(max_align_t)) return calloc(bytes ? bytes : 1, 1);
    const bool huge = bytes >= HUGE_PAGE;
    size_t rounded;
    if (!lk_round_up(bytes ? bytes : 1, alignment, &rounded)) return NULL;
    void *memory = NULL;
    if (posix_memalign(&memory, huge ? HUGE_PAGE : alignment, rounded)) return NULL;
    if (huge) madvise(memory, rounded, MADV_HUGEPAGE); /* a wish: without them all is the same, but slower */
    return memset(memory, 0, rounded);
}

void lk_free(void *memory)
{
    free(memory);
}
