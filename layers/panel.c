#include "layers/panel.h"

#include <string.h>

#include "base/checked.h"

static const lk_panel_kernel panels[] = {
#define LK_PANEL(run, needs, width, round) {#run, run, needs, width, round},
#include "layers/kernels.inc"
};

static const lk_panel_kernel hamming_panels[] = {
#define LK_HAMMING_PANEL(run, needs, width) {#run, run, needs, width, NULL},
#include "layers/kernels.inc"
};

static const lk_panel_kernel *choose(const lk_panel_kernel *kernels, size_t count, unsigned can)
{
    size_t i = count - 1;
    while (kernels[i].needs & ~can) i--; /* stops at the reference, which asks for nothing */
    return &kernels[i];
}

const lk_panel_kernel *lk_panel_choose(unsigned can)
{
    return choose(panels, LK_COUNT(panels), can);
}

const lk_panel_kernel *lk_hamming_panel_choose(unsigned can)
{
    return choose(hamming_panels, LK_COUNT(hamming_panels), can);
}

/* Unit `at` of a row; bytes past its end are 0. */
static uint32_t unit(const uint8_t *row, size_t bytes, size_t at)
{
    uint32_t value = 0;
    memcpy(&value, row + at * 4, bytes - at * 4 < 4 ? bytes - at * 4 : 4);
    return value;
}

void lk_panel_pack(const void *queries, size_t count, size_t bytes, size_t width, uint32_t *panel)
{
    const size_t units = lk_panel_units(bytes), whole = bytes / 4;
    const uint8_t *from = queries;
    memset(panel, 0, units * width * sizeof *panel);
    for (size_t at = 0; at < whole; at++)
        for (size_t q = 0; q < count; q++) memcpy(&panel[at * width + q], from + q * bytes + at * 4, 4);
    for (size_t q = 0; whole < units && q < count; q++)
        panel[whole * width + q] = unit(from + q * bytes, bytes, whole);
}

/* With u = 2^-24, a sum of K products in float32, in any order, fused or not, is at most (K + 1) u Σ|xy| from
 * the exact one, up to terms in u² that the next integer covers (K u < 1/4), and Σ|xy| ≤ |x||y| (Cauchy,
 * Schwarz).
 *
 * Rounded rows x' = x + d, |d| ≤ m |x|, and queries y' = y + f, |f| ≤ n |y|, move the sum by Σx'y' − Σxy =
 * Σdy' + Σxf, at most (m (1 + n) + n) |x||y|. VDPBF16PS adds the two products of a unit one after the other,
 * each rounded at most twice: 2 (K + 2) u |x'||y'|, where |x'||y'| ≤ 1.01 |x||y|, for no value is moved by
 * more than 2^-8 of it.
 *
 * What is lost below the smallest normal number, 2^-126, where VDPBF16PS takes 0 and others round: 2^-126 a
 * term, K 2^-126 < 5e-32 in all for K ≤ 2^22, beside |x||y| > 1e-8; and values rounded to 0, sqrt(K) 2^-126
 * (|x| + |y|) ≤ 2.5e-35
 * (|x| + |y|), where the lengths are below 3.2e18, so that each is above 3e-27: together under 2e-8 |x||y|.
 * 1e-6 is added for that, for the rounding of the exact sum to a float score, and for what a caller does to
 * the score in a few float operations. */
double lk_panel_error(const lk_panel_kernel *kernel, size_t dim, lk_moved moved)
{
    const double sum = ((double)dim + 2) * 0x1p-24;
    if (!kernel || !kernel->round) return sum + 1e-6;
    return moved.row * (1 + moved.query) + moved.query + 2 * sum * 1.01 + 1e-6;
}

void lk_panel_f32__reference(const lk_panel *d, const void *rows, const uint32_t *panel, float *scores)
{
    const size_t dim = d->bytes / sizeof(float);
    for (size_t r = 0; r < d->rows; r++) {
        float sum = 0, x, y;
        for (size_t k = 0; k < dim; k++) {
            memcpy(&x, (const uint8_t *)rows + r * d->bytes + k * 4, sizeof x);
            memcpy(&y, &panel[k], sizeof y);
            sum += x * y;
        }
        scores[r] = sum;
    }
}

void lk_hamming_panel_u8__reference(const lk_panel *d, const void *rows, const uint32_t *panel, float *scores)
{
    for (size_t r = 0; r < d->rows; r++) {
        size_t differ = 0;
        for (size_t at = 0; at < lk_panel_units(d->bytes); at++)
            for (uint32_t bits = unit((const uint8_t *)rows + r * d->bytes, d->bytes, at) ^ panel[at]; bits;
                 bits &= bits - 1)
                differ++;
        scores[r] = -(float)differ;
    }
}
