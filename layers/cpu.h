/* What a kernel may need beyond plain C, as bits: a row of kernels.inc names them, a plan is compiled under a mask. */
#ifndef LK_LAYERS_CPU_H
#define LK_LAYERS_CPU_H

#include "engine/likeness.h"

enum {
    LK_NEEDS_PORTABLE = 1 << 0, /* runs on any machine, but is no reference: off under --backend reference */
    LK_NEEDS_OPENBLAS = 1 << 1, /* SGEMM: on under --backend openblas only */
    LK_NEEDS_NATIVE = 1 << 6,   /* maps blocked as layout.h says: on under --backend native only */
    /* Each ISA is a bundle, named for the first processors that have all of it, not for one CPUID bit. */
    LK_ISA_AVX2 = 1 << 2,              /* AVX2, FMA, F16C, POPCNT: Haswell, Zen */
    LK_ISA_AVX512 = 1 << 3,            /* AVX-512 F, BW, DQ, VL: Skylake-SP, Zen 4 */
    LK_ISA_AVX512_VPOPCNTDQ = 1 << 4,  /* counts bits: Ice Lake, Zen 4 */
    LK_ISA_AVX_VNNI = 1 << 7,          /* multiplies bytes, in AVX2's registers: Alder Lake, Zen 5 */
    LK_ISA_AVX512_VNNI = 1 << 8,       /* multiplies bytes and permutes them (VNNI, VBMI): Ice Lake, Zen 4 */
    LK_ISA_AVX512_BF16 = 1 << 5,       /* multiplies bfloat16: Cooper Lake, Zen 4 */
    LK_ISA_NEON = 1 << 16,             /* vectors of four floats: every arm64 */
    LK_ISA_NEON_DOT = 1 << 17,         /* multiplies bytes (DotProd): Cortex-A76, Neoverse N1, M1 */
};

/* The bundles that this machine, and its operating system, can run. */
unsigned lk_cpu_isa(void);

/* The bundles allowed by `isa`: NULL is all that this machine has, "portable" none, "avx2", "avxvnni", "avx512", "avx512vnni",
 * "avx512vpopcntdq", "avx512bf16", on arm64 "neon", "neondot", all up to that one that the machine has.
 * LK_ERROR_ARGUMENT for an unknown name, LK_ERROR_BACKEND for one that this machine lacks. */
lk_status lk_cpu_mask(const char *isa, unsigned *mask);

#endif
