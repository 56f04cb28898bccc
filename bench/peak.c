/* How many floating-point operations a second one core does now: multiply-adds on registers alone. A time
 * says little without it on a machine that is shared or changes its frequency. For x86-64; elsewhere there is
 * no figure. */
#include <time.h>

__attribute__((visibility("default"))) double peak_gflops(void); /* 0 where there is no probe */

#define ROUNDS 20000
#define CHAINS 12 /* latency times throughput of every processor so far, and still in registers */

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
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    probe();
    clock_gettime(CLOCK_MONOTONIC, &to);
    const double ns = (double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec);
    return 2.0 * ROUNDS * CHAINS * floats / ns;
}

double peak_gflops(void)
{
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f")) return gflops(probe_avx512, 16);
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return gflops(probe_avx2, 8);
    return 0;
}
#else
double peak_gflops(void)
{
    return 0;
}
#endif
