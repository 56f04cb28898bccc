/* Sums of rows against queries: the exact ones have the reference's bits, the rough ones keep to their bound;
 * panels of floats and bfloat16 too. Guard pages on either side. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "layers/dot.h"
#include "layers/panel.h"
#include "support/guard.h"

static const lk_dot_kernel dots[] = {
#define LK_DOT(run, needs) {#run, run, needs},
#include "layers/kernels.inc"
};
static const lk_dot_kernel distances[] = {
#define LK_DISTANCE(run, needs) {#run, run, needs},
#include "layers/kernels.inc"
};
static const lk_rough_dot_kernel rough_dots[] = {
#define LK_ROUGH_DOT(run, needs) {#run, run, needs},
#include "layers/kernels.inc"
};
static const lk_panel_kernel panels[] = {
#define LK_PANEL(run, needs, width, round) {#run, run, needs, width, round},
#include "layers/kernels.inc"
};

/* Every tail of rows, queries and values; the study's length. */
static const lk_dot shapes[] = {
    {1, 1, 1},   {1, 1, 7},   {5, 3, 8},    {4, 4, 9},    {9, 5, 15},   {13, 6, 16},   {12, 7, 17},
    {25, 2, 31}, {3, 9, 33},  {24, 4, 64},  {11, 1, 65},  {10, 8, 100}, {37, 5, 127},  {2, 2, 130},
    {8, 8, 255}, {6, 33, 12}, {14, 31, 20}, {27, 32, 48}, {26, 3, 513}, {13, 9, 1280},
};

typedef struct {
    const float *rows, *queries;
} arrays;

static arrays make(const lk_dot *d, lk_test_side side)
{
    lk_test_seed(d->rows * 1000 + d->dim);
    lk_test_guard(side);
    return (arrays){lk_test_floats(d->rows * d->dim), lk_test_floats(d->queries * d->dim)};
}

static bool can_run(const char *name, unsigned needs)
{
    if (!(needs & ~(lk_cpu_isa() | LK_NEEDS_PORTABLE))) return true;
    print_message("%s: this machine cannot run it\n", name);
    return false;
}

typedef struct {
    long double value, size; /* a sum, and the sum of its terms' magnitudes */
} sum;

static sum product_of(const float *x, const float *y, size_t dim)
{
    sum s = {0, 0};
    for (size_t k = 0; k < dim; k++) {
        s.value += (long double)x[k] * y[k];
        s.size += fabsl((long double)x[k] * y[k]);
    }
    return s;
}

static sum distance_of(const float *x, const float *y, size_t dim)
{
    sum s = {0, 0};
    for (size_t k = 0; k < dim; k++) s.value += ((long double)x[k] - y[k]) * ((long double)x[k] - y[k]);
    s.size = s.value;
    return s;
}

/* A tap forgotten moves a sum by far more than the last bits that these bounds allow. */
static void assert_within(const char *name, const lk_dot *d, double got, sum want, double unit)
{
    const long double off = fabsl(got - want.value);
    if (!(off <= ((long double)d->dim + 2) * unit * want.size)) /* NaN fails too */
        fail_msg("%s: %zu x %zu x %zu: %.17g, not %.17Lg", name, d->rows, d->queries, d->dim, got,
                 want.value);
}

static void check_exact(const lk_dot_kernel *kernel, lk_dot_fn *reference,
                        sum (*formula)(const float *, const float *, size_t), lk_test_side side)
{
    for (size_t i = 0; i < LK_COUNT(shapes); i++) {
        const lk_dot *d = &shapes[i];
        const arrays in = make(d, side);
        const size_t count = d->rows * d->queries;
        double *want = (double *)(void *)lk_test_output(2 * count);
        double *got = (double *)(void *)lk_test_output(2 * count);
        reference(d, in.rows, in.queries, want);
        kernel->run(d, in.rows, in.queries, got);
        for (size_t at = 0; at < count; at++) {
            const float *row = in.rows + at % d->rows * d->dim, *query = in.queries + at / d->rows * d->dim;
            assert_within(kernel->name, d, got[at], formula(row, query, d->dim), 0x1p-53);
        }
        if (memcmp(got, want, count * sizeof *got))
            fail_msg("%s: %zu x %zu x %zu: other bits than the reference", kernel->name, d->rows, d->queries,
                     d->dim);
        lk_test_free_all();
    }
}

static void test_exact_sums_have_the_same_bits_everywhere(void **state)
{
    (void)state;
    for (lk_test_side side = LK_TEST_GUARD_END; side <= LK_TEST_GUARD_BEGIN; side++) {
        for (size_t k = 0; k < LK_COUNT(dots); k++)
            if (can_run(dots[k].name, dots[k].needs))
                check_exact(&dots[k], lk_dot_f64__reference, product_of, side);
        for (size_t k = 0; k < LK_COUNT(distances); k++)
            if (can_run(distances[k].name, distances[k].needs))
                check_exact(&distances[k], lk_distance_f64__reference, distance_of, side);
    }
}

static void check_rough(const lk_rough_dot_kernel *kernel, lk_test_side side)
{
    for (size_t i = 0; i < LK_COUNT(shapes); i++) {
        lk_dot d = shapes[i];
        d.queries = 1;
        const arrays in = make(&d, side);
        float *got = lk_test_output(d.rows);
        kernel->run(&d, in.rows, in.queries, got);
        for (size_t r = 0; r < d.rows; r++)
            assert_within(kernel->name, &d, (double)got[r],
                          product_of(in.rows + r * d.dim, in.queries, d.dim), 0x1p-24);
        lk_test_free_all();
    }
}

static void test_rough_products_keep_to_their_bound(void **state)
{
    (void)state;
    for (lk_test_side side = LK_TEST_GUARD_END; side <= LK_TEST_GUARD_BEGIN; side++)
        for (size_t k = 0; k < LK_COUNT(rough_dots); k++)
            if (can_run(rough_dots[k].name, rough_dots[k].needs)) check_rough(&rough_dots[k], side);
}

/* A float's nearest bfloat16, the even one of two as near, as a float. */
static float rounded_value(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000u;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Rows as the kernel reads them, in memory of their own; *values become what they stand for. */
static const void *prepare(const lk_panel_kernel *kernel, const float **values, size_t rows, size_t dim)
{
    if (!kernel->round) return *values;
    const size_t even = dim + dim % 2;
    uint16_t *rounded = (uint16_t *)(void *)lk_test_output(rows * even / 2);
    float *stand = lk_test_output(rows * dim);
    const double bound = (double)kernel->round(*values, rows, dim, rounded);
    double largest = 0;
    for (size_t r = 0; r < rows; r++) {
        double off = 0, length = 0;
        for (size_t k = 0; k < even; k++) {
            const uint32_t bits = (uint32_t)rounded[r * even + k] << 16;
            float value;
            memcpy(&value, &bits, sizeof value);
            if (k == dim) {
                assert_int_equal(bits, 0);
                break;
            }
            const float from = (*values)[r * dim + k];
            stand[r * dim + k] = value;
            assert_true(value == rounded_value(from));
            off += ((double)value - (double)from) * ((double)value - (double)from);
            length += (double)from * (double)from;
        }
        largest = fmax(largest, sqrt(off / length));
    }
    assert_true(bound >= largest && bound <= 1.05 * largest + 1e-9);
    *values = stand;
    return rounded;
}

static void check_panel(const lk_panel_kernel *kernel, const lk_dot *shape, lk_test_side side)
{
    lk_dot d = *shape;
    d.queries = shape->queries < kernel->width ? shape->queries : kernel->width;
    arrays in = make(&d, side);
    const void *rows = prepare(kernel, &in.rows, d.rows, d.dim);
    const void *queries = prepare(kernel, &in.queries, d.queries, d.dim);
    const size_t bytes = kernel->round ? (d.dim + d.dim % 2) * 2 : d.dim * 4, units = lk_panel_units(bytes);
    uint32_t *panel = (uint32_t *)(void *)lk_test_output(units * kernel->width);
    float *got = lk_test_output(d.rows * kernel->width);
    lk_panel_pack(queries, d.queries, bytes, kernel->width, panel);
    kernel->run(&(lk_panel){d.rows, bytes}, rows, panel, got);
    for (size_t r = 0; r < d.rows; r++)
        for (size_t q = 0; q < kernel->width; q++)
            if (q < d.queries)
                assert_within(kernel->name, &d, (double)got[r * kernel->width + q],
                              product_of(in.rows + r * d.dim, in.queries + q * d.dim, d.dim),
                              kernel->round ? 0x1p-23 : 0x1p-24);
            else assert_true(got[r * kernel->width + q] == 0);
    lk_test_free_all();
}

static void test_panels_keep_to_their_bound(void **state)
{
    (void)state;
    for (lk_test_side side = LK_TEST_GUARD_END; side <= LK_TEST_GUARD_BEGIN; side++)
        for (size_t k = 0; k < LK_COUNT(panels); k++)
            if (can_run(panels[k].name, panels[k].needs))
                for (size_t i = 0; i < LK_COUNT(shapes); i++) check_panel(&panels[k], &shapes[i], side);
}

/* Tiny values are taken for 0, and then the bound is not made from sums that are 0 as well. */
static void test_rounding_of_tiny_and_zero_rows(void **state)
{
    (void)state;
    for (size_t k = 0; k < LK_COUNT(panels); k++) {
        if (!panels[k].round || !can_run(panels[k].name, panels[k].needs)) continue;
        const float rows[3][2] = {{0, 0}, {1.003e-20f, 1e-20f}, {1e-40f, 1e-41f}};
        uint16_t rounded[2];
        for (size_t r = 0; r < 3; r++) assert_true(panels[k].round(rows[r], 1, 2, rounded) == 0x1p-8f);
        assert_int_equal(rounded[0], 0);
    }
}

/* The bound on a product of rounded vectors, on vectors that are made to reach it: each value half a unit
 * off. */
static void test_the_panel_error_bounds_the_worst(void **state)
{
    (void)state;
    enum { VALUES = 64 };
    for (size_t k = 0; k < LK_COUNT(panels); k++) {
        if (!can_run(panels[k].name, panels[k].needs)) continue;
        float row[VALUES], got[LK_PANEL_MOST];
        uint16_t rounded[VALUES];
        uint32_t panel[VALUES * LK_PANEL_MOST];
        for (size_t i = 0; i < VALUES; i++) row[i] = 1 + 0x1p-8f;
        const void *read = row;
        double moved = 0;
        if (panels[k].round) moved = (double)panels[k].round(row, 1, VALUES, rounded), read = rounded;
        const size_t bytes = panels[k].round ? VALUES * 2 : VALUES * 4;
        lk_panel_pack(read, 1, bytes, panels[k].width, panel);
        panels[k].run(&(lk_panel){1, bytes}, read, panel, got);
        const sum exact = product_of(row, row, VALUES);
        const double off = fabs((double)(got[0] - exact.value)) / (double)exact.value;
        const double bound = lk_panel_error(&panels[k], VALUES, (lk_moved){moved, moved});
        assert_true(off <= bound);
        if (panels[k].round) assert_true(off > bound / 2); /* and it is not far from the truth */
    }
}

/* The tests' own test: a sum that forgets its last term is found out. */
static void test_a_forgotten_term_is_found(void **state)
{
    (void)state;
    const lk_dot d = {1, 1, 33}, shorter = {1, 1, 32};
    const arrays in = make(&d, LK_TEST_GUARD_END);
    const sum want = product_of(in.rows, in.queries, d.dim);
    float got;
    lk_rough_dot_f32__reference(&shorter, in.rows, in.queries, &got);
    assert_true(fabsl(got - want.value) > 35 * 0x1p-24L * want.size);
    lk_test_free_all();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact_sums_have_the_same_bits_everywhere),
        cmocka_unit_test(test_rough_products_keep_to_their_bound),
        cmocka_unit_test(test_panels_keep_to_their_bound),
        cmocka_unit_test(test_rounding_of_tiny_and_zero_rows),
        cmocka_unit_test(test_the_panel_error_bounds_the_worst),
        cmocka_unit_test(test_a_forgotten_term_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
