#include "layers/probe.h"

#include <stdint.h>
#include <stdio.h>
#include <time.h>

#define ROUNDS 20000
#define CHAINS 12 /* latency times throughput of every processor so far, and still in registers */

static double ns_since(const struct timespec *from)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - from->tv_sec) * 1e9 + (double)(now.tv_nsec - from->tv_nsec);
}

/* ------------------------------------------------------------------ Multiply-adds */

#ifdef __x86_64__
#include <immintrin.h>

/* The empty asm keeps the sums in registers and alive: a probe whose sums go to memory shows less than half.
 */
#define PROBE(name, isa, vector, set, multiply_add)                                                \
    __attribute__((target(isa), noinline)) static void name(void)                                  \
    {                                                                                              \
        const vector x = set(0.999f), y = set(0.001f);                                             \
        vector a = y, b = y, c = y, d = y, e = y, f = y, g = y, h = y, i = y, j = y, k = y, l = y; \
        for (int round = 0; round < ROUNDS; round++) {                                             \
            a = multiply_add(a, x, y), b = multiply_add(b, x, y), c = multiply_add(c, x, y);       \
            d = multiply_add(d, x, y), e = multiply_add(e, x, y), f = multiply_add(f, x, y);       \
            g = multiply_add(g, x, y), h = multiply_add(h, x, y), i = multiply_add(i, x, y);       \
            j = multiply_add(j, x, y), k = multiply_add(k, x, y), l = multiply_add(l, x, y);       \
            __asm__ volatile("" : "+v"(a), "+v"(b), "+v"(c), "+v"(d), "+v"(e), "+v"(f));           \
            __asm__ volatile("" : "+v"(g), "+v"(h), "+v"(i), "+v"(j), "+v"(k), "+v"(l));           \
        }                                                                                          \
    }

PROBE(probe_avx512, "avx512f", __m512, _mm512_set1_ps, _mm512_fmadd_ps)
PROBE(probe_avx2, "avx2,fma", __m256, _mm256_set1_ps, _mm256_fmadd_ps)

static double gflops(void (*probe)(void), int floats)
{
    struct timespec from;
    clock_gettime(CLOCK_MONOTONIC, &from);
    probe();
    return 2.0 * ROUNDS * CHAINS * floats / ns_since(&from);
}

double lk_probe_gflops(void)
{
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f")) return gflops(probe_avx512, 16);
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return gflops(probe_avx2, 8);
    return 0;
}
#else
double lk_probe_gflops(void)
{
    return 0;
}
#endif

/* ------------------------------------------------------------------ Reading */

typedef uint64_t line __attribute__((vector_size(64)));

/* Four lines a turn, each into a sum of its own. The empty asm keeps the sums alive. */
#define READ(name, isa)                                                  \
    isa static void name(const line *memory, size_t lines, size_t times) \
    {                                                                    \
        line a = {0}, b = {0}, c = {0}, d = {0};                         \
        for (size_t time = 0; time < times; time++) {                    \
            for (size_t i = 0; i < lines; i += 4) {                      \
                a ^= memory[i], b ^= memory[i + 1];                      \
                c ^= memory[i + 2], d ^= memory[i + 3];                  \
            }                                                            \
            __asm__ volatile("" : "+m"(a), "+m"(b), "+m"(c), "+m"(d));   \
        }                                                                \
    }

READ(read_portable, )
#ifdef __x86_64__
READ(read_avx512, __attribute__((target("avx512f"))))
READ(read_avx2, __attribute__((target("avx2"))))
#endif

static void read_lines(const line *memory, size_t lines, size_t times)
{
#ifdef __x86_64__
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f")) read_avx512(memory, lines, times);
    else if (__builtin_cpu_supports("avx2")) read_avx2(memory, lines, times);
    else read_portable(memory, lines, times);
#else
    read_portable(memory, lines, times);
#endif
}

double lk_probe_read(const void *memory, size_t bytes, size_t times)
{
    struct timespec from;
    clock_gettime(CLOCK_MONOTONIC, &from);
    read_lines(memory, bytes / sizeof(line), times);
    return (double)bytes * (double)times / ns_since(&from);
}

/* The largest cache of `level` that processor 0 has, by Linux's account of it; 0: it says nothing. */
static size_t cache_of_level(size_t level)
{
    size_t found = 0;
    for (int i = 0; i < 8; i++) {
        char path[96];
        size_t value = 0, kilobytes = 0;
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/level", i);
        FILE *file = fopen(path, "re");
        if (!file) break;
        const int read = fscanf(file, "%zu", &value);
        fclose(file);
        if (read != 1 || value != level) continue;
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/size", i);
        file = fopen(path, "re");
        if (file && fscanf(file, "%zuK", &kilobytes) == 1) found = kilobytes * 1024;
        if (file) fclose(file);
    }
    return found;
}

size_t lk_probe_second_cache(void)
{
    const size_t found = cache_of_level(2);
    return found ? found : (size_t)512 << 10;
}

size_t lk_probe_last_cache(void)
{
    for (size_t level = 4; level > 1; level--) {
        const size_t found = cache_of_level(level);
        if (found) return found;
    }
    return (size_t)32 << 20;
}
