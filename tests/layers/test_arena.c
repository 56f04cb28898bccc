#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/checked.h"
#include "layers/arena.h"
#include "support/guard.h"

enum { STEPS = 40 };

/* A random program: each step reads the value before it and sometimes an older one. */
static void random_program(uint64_t seed, lk_step *steps, lk_value *values, lk_program *program)
{
    lk_test_seed(seed);
    *program = (lk_program){.steps = steps, .step_count = STEPS, .values = values, .value_count = STEPS + 1};
    for (size_t v = 0; v <= STEPS; v++)
        values[v] = (lk_value){.height = 1 + lk_test_random() % 9,
                               .width = 1 + lk_test_random() % 9,
                               .channels = 1 + lk_test_random() % 50,
                               .kept = lk_test_random() % 8 == 0};
    for (size_t s = 0; s < STEPS; s++) {
        steps[s] = (lk_step){.op = LK_OP_ACTIVATION, .input = s, .residual = LK_NO_VALUE, .output = s + 1};
        if (s > 3 && lk_test_random() % 3 == 0) steps[s].residual = lk_test_random() % (s - 1);
    }
}

/* Whether value v is needed before or after step s: made earlier, and read by it or a later one, or kept. */
static bool alive(const lk_program *p, size_t v, size_t s)
{
    if (v > s + 1) return false;
    if (p->values[v].kept || v == s + 1) return true;
    for (size_t later = s; later < p->step_count; later++)
        if (p->steps[later].input == v || p->steps[later].residual == v) return true;
    return false;
}

static void test_what_is_alive_together_never_overlaps(void **state)
{
    (void)state;
    static lk_step steps[STEPS];
    static lk_value values[STEPS + 1];
    for (uint64_t seed = 0; seed < 100; seed++) {
        lk_program p;
        lk_cpu_value places[STEPS + 1] = {{.bytes = 0}};
        size_t bytes, all = 0;
        random_program(seed, steps, values, &p);
        lk_cpu_step compiled_steps[STEPS];
        lk_cpu_program compiled = {.program = &p, .steps = compiled_steps, .values = places};
        for (size_t s = 0; s < STEPS; s++)
            compiled_steps[s] = (lk_cpu_step){
                .input = steps[s].input, .residual = steps[s].residual, .output = steps[s].output};
        for (size_t v = 0; v <= STEPS; v++)
            places[v] =
                (lk_cpu_value){.bytes = lk_value_floats(&values[v]), .is_apart = lk_test_random() % 9 == 0};
        assert_int_equal(lk_arena_place(&compiled, &bytes), LK_OK);
        for (size_t a = 0; a < p.value_count; a++) {
            if (places[a].is_apart) {
                assert_int_equal(places[a].offset, SIZE_MAX);
                continue;
            }
            const size_t end = places[a].offset + lk_value_floats(&values[a]);
            all += lk_value_floats(&values[a]);
            assert_int_equal(places[a].offset % 64, 0);
            assert_true(end <= bytes);
            for (size_t b = 0; b < a; b++)
                for (size_t s = 0; s < STEPS && !places[b].is_apart; s++)
                    if (alive(&p, a, s) && alive(&p, b, s))
                        assert_true(places[b].offset >= end ||
                                    places[a].offset >= places[b].offset + lk_value_floats(&values[b]));
        }
        assert_true(bytes < all); /* places are shared */
    }
}

/* Chains of maps of so many pixels, of which two are alive at a time: placed by size the first needs four
 * where the two largest neighbours are three, placed by time the second does. */
static void test_the_better_order_is_taken(void **state)
{
    (void)state;
    const size_t chains[][4] = {{2, 1, 1, 2}, {1, 1, 2, 1}};
    for (size_t c = 0; c < LK_COUNT(chains); c++) {
        lk_value values[4];
        lk_step steps[3];
        lk_cpu_value places[4] = {{.bytes = 0}};
        lk_cpu_step compiled_steps[3];
        for (size_t v = 0; v < 4; v++) {
            values[v] = (lk_value){.height = chains[c][v], .width = 64, .channels = 1};
            places[v].bytes = chains[c][v] * 64;
        }
        for (size_t i = 0; i < 3; i++) {
            steps[i] =
                (lk_step){.op = LK_OP_ACTIVATION, .input = i, .residual = LK_NO_VALUE, .output = i + 1};
            compiled_steps[i] = (lk_cpu_step){.input = i, .residual = LK_NO_VALUE, .output = i + 1};
        }
        const lk_program p = {.steps = steps, .step_count = 3, .values = values, .value_count = 4};
        lk_cpu_program compiled = {.program = &p, .steps = compiled_steps, .values = places};
        size_t bytes;
        assert_int_equal(lk_arena_place(&compiled, &bytes), LK_OK);
        assert_int_equal(bytes, 3 * 64);
    }
}

static void test_sizes_that_overflow_are_refused(void **state)
{
    (void)state;
    lk_value values[] = {{.height = SIZE_MAX / 16, .width = 8, .channels = 1},
                         {.height = 1, .width = 1, .channels = 1}};
    lk_step step = {.op = LK_OP_ACTIVATION, .input = 0, .residual = LK_NO_VALUE, .output = 1};
    const lk_program p = {.steps = &step, .step_count = 1, .values = values, .value_count = 2};
    lk_cpu_value places[] = {{.bytes = SIZE_MAX / 16 * 8}, {.bytes = 1}};
    lk_cpu_step compiled_step = {.input = 0, .residual = LK_NO_VALUE, .output = 1};
    lk_cpu_program compiled = {.program = &p, .steps = &compiled_step, .values = places};
    size_t bytes;
    assert_int_equal(lk_arena_place(&compiled, &bytes), LK_ERROR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_alive_together_never_overlaps),
        cmocka_unit_test(test_the_better_order_is_taken),
        cmocka_unit_test(test_sizes_that_overflow_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
