#include "layers/cpu.h"

#include <stdbool.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

#include "base/checked.h"
#include "base/error.h"

#define X86 "x86-64"
#define ARM "arm64"
#if defined(__x86_64__)
#define THIS_PROCESSOR X86
#elif defined(__aarch64__)
#define THIS_PROCESSOR ARM
#else
#define THIS_PROCESSOR "of another kind"
#endif

/* In rising order: a name stands for its own bundle and all before it. */
static const struct {
    const char *name;
    unsigned isa;
    const char *processor; /* whose it is; NULL: anyone's */
} bundles[] = {{"portable", 0, NULL},
               {"avx2", LK_ISA_AVX2, X86},
               {"avxvnni", LK_ISA_AVX_VNNI, X86},
               {"avx512", LK_ISA_AVX512, X86},
               {"avx512vnni", LK_ISA_AVX512_VNNI, X86},
               {"avx512vpopcntdq", LK_ISA_AVX512_VPOPCNTDQ, X86},
               {"avx512bf16", LK_ISA_AVX512_BF16, X86},
               {"neon", LK_ISA_NEON, ARM},
               {"neondot", LK_ISA_NEON_DOT, ARM}};

#if defined(__x86_64__)
/* Leaf 7, sub-leaf 1, EAX bit 4; clang 14's builtin does not know it by name. Needs no more of the system
 * than AVX2 does. */
static bool has_avx_vnni(void)
{
    unsigned a = 0, b, c, d;
    return __get_cpuid_count(7, 1, &a, &b, &c, &d) && a >> 4 & 1;
}
#endif

unsigned lk_cpu_isa(void)
{
    unsigned isa = 0;
#if defined(__x86_64__)
    /* The compiler's builtin also asks whether the system saves the wide registers (XGETBV). */
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("popcnt"))
        isa |= LK_ISA_AVX2;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        isa |= LK_ISA_AVX512;
    if (isa & LK_ISA_AVX2 && has_avx_vnni()) isa |= LK_ISA_AVX_VNNI;
    if (__builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512vbmi"))
        isa |= LK_ISA_AVX512_VNNI;
    if (__builtin_cpu_supports("avx512vpopcntdq")) isa |= LK_ISA_AVX512_VPOPCNTDQ;
    if (__builtin_cpu_supports("avx512bf16")) isa |= LK_ISA_AVX512_BF16;
#elif defined(__aarch64__)
    isa |= LK_ISA_NEON;
    if (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) isa |= LK_ISA_NEON_DOT;
#endif
    return isa;
}

lk_status lk_cpu_mask(const char *isa, unsigned *mask)
{
    const unsigned machine = lk_cpu_isa();
    if (!isa) {
        *mask = machine;
        return LK_OK;
    }
    unsigned allowed = 0;
    for (size_t i = 0; i < LK_COUNT(bundles); i++) {
        allowed |= bundles[i].isa;
        if (strcmp(isa, bundles[i].name)) continue;
        if (bundles[i].processor && strcmp(bundles[i].processor, THIS_PROCESSOR))
            return lk_fail(LK_ERROR_BACKEND, "this machine has no %s: it is %s, not %s", isa, THIS_PROCESSOR,
                           bundles[i].processor);
        if (bundles[i].isa & ~machine) return lk_fail(LK_ERROR_BACKEND, "this machine has no %s", isa);
        *mask = allowed & machine; /* Cooper Lake has the last, and not the one before */
        return LK_OK;
    }
    return lk_fail(LK_ERROR_ARGUMENT,
                   "unknown instruction set %s (portable, avx2, avxvnni, avx512, avx512vnni, "
                   "avx512vpopcntdq, avx512bf16, neon, neondot)",
                   isa);
}
