/* All memory of the library comes through lk_allocate, which a test replaces (ld --wrap) to make allocation n fail. */
#ifndef LK_BASE_MEMORY_H
#define LK_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* The alignment of everything that a kernel touches: a cache line, and the widest vector. */
#define LK_ALIGNMENT ((size_t)64)

/* `bytes` zeroed bytes at a multiple of `alignment` (a power of two); NULL when there are none, with no message. */
void *lk_allocate(size_t bytes, size_t alignment);
void lk_free(void *memory); /* takes NULL */

/* `count` zeroed elements of `size` bytes; NULL too when the product overflows. */
void *lk_allocate_array(size_t count, size_t size);

/* Moves an array of `*capacity` elements to one that holds at least `needed`, growing by half; false leaves all as it was. */
bool lk_grow(void **array, size_t *capacity, size_t needed, size_t size);

/* What is more than this is not asked for at all, bytes: three quarters of this machine's memory. The system may promise more than
 * it has, and end the process when it is touched. SIZE_MAX where it does not say. */
size_t lk_most_memory(void);

char *lk_copy_text(const char *text); /* NULL when memory is short, or for NULL */

#endif
