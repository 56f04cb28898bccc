/* Hamming distances, one query or a panel of them: every kernel gives the number that a loop over bits gives.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/checked.h"
#include "layers/hamming.h"
#include "layers/panel.h"
#include "support/guard.h"

static const lk_hamming_kernel kernels[] = {
#define LK_HAMMING(run, needs) {#run, run, needs},
#include "layers/kernels.inc"
};
static const lk_panel_kernel panels[] = {
#define LK_HAMMING_PANEL(run, needs, width) {#run, run, needs, width, NULL},
#include "layers/kernels.inc"
};

/* Every tail of rows, of words and of bytes; more units than a byte can count; the study's 1,280 bits. */
static const lk_hamming shapes[] = {{1, 1},    {3, 2},    {9, 3},    {16, 4},  {17, 5},
                                    {7, 8},    {31, 13},  {8, 63},   {33, 64}, {5, 65},
                                    {12, 124}, {10, 127}, {26, 160}, {4, 257}, {3, 1021}};

static bool can_run(const char *name, unsigned needs)
{
    if (!(needs & ~(lk_cpu_isa() | LK_NEEDS_PORTABLE))) return true;
    print_message("%s: this machine cannot run it\n", name);
    return false;
}

/* Random bytes between guard pages, or all bits set, which is what overflows first. */
static uint8_t *make_bytes(size_t count, lk_test_side side, bool ones)
{
    const size_t floats = (count + 3) / 4;
    uint8_t *bytes = (uint8_t *)lk_test_output(floats);
    if (side == LK_TEST_GUARD_END) bytes += floats * 4 - count;
    for (size_t i = 0; i < count; i++) bytes[i] = ones ? 0xff : (uint8_t)lk_test_random();
    return bytes;
}

static long differing(const uint8_t *a, const uint8_t *b, size_t bytes)
{
    long count = 0;
    for (size_t bit = 0; bit < bytes * 8; bit++)
        count += (a[bit / 8] >> bit % 8 & 1) != (b[bit / 8] >> bit % 8 & 1);
    return count;
}

static void check_one(const lk_hamming_kernel *kernel, const lk_hamming *d, lk_test_side side, bool ones)
{
    lk_test_guard(side);
    const uint8_t *rows = make_bytes(d->rows * d->bytes, side, ones);
    uint8_t *query = make_bytes(d->bytes, side, false);
    for (size_t i = 0; ones && i < d->bytes; i++) query[i] = 0;
    float *scores = lk_test_output(d->rows);
    kernel->run(d, rows, query, scores);
    for (size_t r = 0; r < d->rows; r++)
        if ((long)scores[r] != -differing(rows + r * d->bytes, query, d->bytes))
            fail_msg("%s: %zu rows of %zu bytes, row %zu: %g", kernel->name, d->rows, d->bytes, r,
                     (double)scores[r]);
    lk_test_free_all();
}

static void check_panel(const lk_panel_kernel *kernel, const lk_hamming *d, lk_test_side side, bool ones)
{
    const size_t queries = kernel->width > 1 ? kernel->width - 1 : 1;
    lk_test_guard(side);
    const uint8_t *rows = make_bytes(d->rows * d->bytes, side, ones);
    uint8_t *query = make_bytes(queries * d->bytes, side, false);
    for (size_t i = 0; ones && i < queries * d->bytes; i++) query[i] = 0;
    uint32_t *panel = (uint32_t *)(void *)lk_test_output(lk_panel_units(d->bytes) * kernel->width);
    float *scores = lk_test_output(d->rows * kernel->width);
    lk_panel_pack(query, queries, d->bytes, kernel->width, panel);
    kernel->run(&(lk_panel){d->rows, d->bytes}, rows, panel, scores);
    for (size_t r = 0; r < d->rows; r++)
        for (size_t q = 0; q < queries; q++)
            if ((long)scores[r * kernel->width + q] !=
                -differing(rows + r * d->bytes, query + q * d->bytes, d->bytes))
                fail_msg("%s: %zu rows of %zu bytes, row %zu, query %zu: %g", kernel->name, d->rows, d->bytes,
                         r, q, (double)scores[r * kernel->width + q]);
    lk_test_free_all();
}

static void test_every_kernel_counts_the_same(void **state)
{
    (void)state;
    size_t checked = 0;
    lk_test_seed(7);
    for (size_t i = 0; i < 4 * LK_COUNT(shapes); i++) {
        const lk_hamming *d = &shapes[i / 4];
        const lk_test_side side = i % 2 ? LK_TEST_GUARD_BEGIN : LK_TEST_GUARD_END;
        for (size_t k = 0; k < LK_COUNT(kernels); k++)
            if (can_run(kernels[k].name, kernels[k].needs))
                check_one(&kernels[k], d, side, i / 2 % 2), checked++;
        for (size_t k = 0; k < LK_COUNT(panels); k++)
            if (can_run(panels[k].name, panels[k].needs))
                check_panel(&panels[k], d, side, i / 2 % 2), checked++;
    }
    assert_true(checked > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_kernel_counts_the_same)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
