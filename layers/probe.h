/* What one core does now at best: multiply-adds on registers, and reading. A time says little without it on a machine that is
 * shared or changes its frequency. */
#ifndef LK_LAYERS_PROBE_H
#define LK_LAYERS_PROBE_H

#include <stddef.h>

/* Float32 operations a nanosecond, two a multiply-add, with the widest vectors that the machine has: some 30 µs of them. 0 where
 * there is no probe (other processors than x86-64). */
double lk_probe_gflops(void);

/* Bytes a nanosecond of reading `bytes`, a multiple of 256, at a multiple of LK_ALIGNMENT, `times` times over. */
double lk_probe_read(const void *memory, size_t bytes, size_t times);

/* Bytes of this machine's caches: of the second, which a core has to itself, and of the last. A guess where the system says nothing. */
size_t lk_probe_second_cache(void);
size_t lk_probe_last_cache(void);

#endif
