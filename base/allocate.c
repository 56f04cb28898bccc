/* Apart from memory.c, so that a replaced lk_allocate also reaches the helpers there. */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/memory.h"

void *lk_allocate(size_t bytes, size_t alignment)
{
    /* calloc's pages come zeroed from the system: a large block costs no memory until it is touched. */
    if (alignment <= _Alignof(max_align_t)) return calloc(bytes ? bytes : 1, 1);
    size_t rounded;
    if (!lk_round_up(bytes ? bytes : 1, alignment, &rounded)) return NULL;
    void *memory = aligned_alloc(alignment, rounded);
    return memory ? memset(memory, 0, rounded) : NULL;
}

void lk_free(void *memory)
{
    free(memory);
}
