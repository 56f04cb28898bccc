#include "layers/hamming.h"

#include "base/checked.h"

static const lk_hamming_kernel kernels[] = {
#define LK_HAMMING(run, needs) {#run, run, needs},
#include "layers/kernels.inc"
};

const lk_hamming_kernel *lk_hamming_choose(unsigned can)
{
    size_t i = LK_COUNT(kernels) - 1;
    while (kernels[i].needs & ~can) i--; /* stops at the reference, which asks for nothing */
    return &kernels[i];
}

void lk_hamming_u8__reference(const lk_hamming *d, const uint8_t *rows, const uint8_t *query, float *scores)
{
    for (size_t r = 0; r < d->rows; r++) {
        size_t differ = 0;
        for (size_t i = 0; i < d->bytes; i++)
            for (unsigned bits = query[i] ^ (unsigned)rows[r * d->bytes + i]; bits; bits &= bits - 1)
                differ++;
        scores[r] = -(float)differ;
    }
}
