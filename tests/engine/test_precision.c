/* A network in bfloat16: the native backend against the reference that rounds at the same places, and both
 * against float32. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "engine/model.h"
#include "support/network.h"

enum { POOLED = 1280, PICTURES = 3 };

static const char *const pooled = "pooled";

/* Pooled features of PICTURES noisy pictures, by a plan of these options. */
static void run(const lk_model *model, lk_plan_options options, lk_pool *pool, float *features)
{
    lk_plan *plan = NULL;
    lk_session *session = NULL;
    options.height = 96, options.width = 64, options.batch = PICTURES;
    options.features = &pooled, options.feature_count = 1;
    assert_int_equal(lk_plan_open(model, &options, &plan), LK_OK);
    assert_int_equal(lk_plan_precision(plan), options.precision);
    assert_int_equal(lk_session_share(plan, pool, &session), LK_OK);
    uint32_t seed = 1;
    for (size_t p = 0; p < PICTURES; p++)
        for (size_t i = 0; i < (size_t)96 * 64 * 3; i++) {
            seed = seed * 1664525u + 1013904223u;
            lk_session_input(session, p)[i] = (float)(seed >> 8) * 0x1p-23F - 1;
        }
    assert_int_equal(lk_session_run(session, PICTURES), LK_OK);
    for (size_t p = 0; p < PICTURES; p++)
        assert_int_equal(lk_session_feature(session, 0, p, features + p * POOLED), LK_OK);
    lk_session_close(&session);
    lk_plan_close(&plan);
}

static double least_cosine(const float *a, const float *b)
{
    double least = 1;
    for (size_t p = 0; p < PICTURES; p++) {
        double xy = 0, xx = 0, yy = 0;
        for (size_t i = p * POOLED; i < (p + 1) * POOLED; i++) {
            xy += (double)a[i] * (double)b[i];
            xx += (double)a[i] * (double)a[i];
            yy += (double)b[i] * (double)b[i];
        }
        least = fmin(least, xy / sqrt(xx * yy));
    }
    return least;
}

/* Sums in another order round to the other neighbour now and then, and what follows carries it on: that is
 * far less than what bfloat16 costs at all. */
static void test_native_rounds_where_the_reference_does(void **state)
{
    (void)state;
    static float exact[PICTURES * POOLED], plain[PICTURES * POOLED], native[PICTURES * POOLED];
    static const char *const ways[] = {"portable", "avx2", "avx512", "avx512bf16"};
    lk_model *model = NULL;
    assert_int_equal(lk_model_open(LK_TEST_MODEL, &model), LK_OK);
    run(model, (lk_plan_options){.backend = LK_BACKEND_REFERENCE, .precision = LK_PRECISION_F32}, NULL,
        exact);
    run(model, (lk_plan_options){.backend = LK_BACKEND_REFERENCE, .precision = LK_PRECISION_BF16}, NULL,
        plain);
    const double cost = 1 - least_cosine(exact, plain);
    assert_true(cost > 1e-7); /* it is bfloat16 */
    assert_true(cost < 5e-3);
    for (size_t w = 0; w < LK_COUNT(ways); w++) {
        unsigned mask;
        if (lk_cpu_mask(ways[w], &mask)) {
            print_message("skipped here: %s\n", ways[w]);
            continue;
        }
        run(model, (lk_plan_options){.isa = ways[w], .precision = LK_PRECISION_BF16}, NULL, native);
        print_message("%s: %.3g from the reference, which is %.3g from float32\n", ways[w],
                      1 - least_cosine(plain, native), cost);
        assert_true(1 - least_cosine(plain, native) < cost / 2);
    }
    lk_model_close(&model);
}

static void test_bits_do_not_depend_on_threads(void **state)
{
    (void)state;
    static float alone[PICTURES * POOLED], together[PICTURES * POOLED];
    const lk_plan_options options = {.precision = LK_PRECISION_BF16};
    lk_model *model = NULL;
    lk_pool *pool = NULL;
    assert_int_equal(lk_model_open(LK_TEST_MODEL, &model), LK_OK);
    assert_int_equal(lk_pool_open(3, &pool), LK_OK);
    run(model, options, NULL, alone);
    run(model, options, pool, together);
    assert_memory_equal(alone, together, sizeof alone);
    lk_pool_close(&pool);
    lk_model_close(&model);
}

/* Layers that are not fused have maps of their own, some float32 between bfloat16 ones. */
static void test_a_plain_plan_agrees_with_a_fused_one(void **state)
{
    (void)state;
    static float fused[PICTURES * POOLED], plain[PICTURES * POOLED];
    lk_model *model = NULL;
    assert_int_equal(lk_model_open(LK_TEST_MODEL, &model), LK_OK);
    run(model, (lk_plan_options){.precision = LK_PRECISION_BF16}, NULL, fused);
    run(model, (lk_plan_options){.precision = LK_PRECISION_BF16, .plain = true}, NULL, plain);
    assert_true(least_cosine(fused, plain) > 0.99);
    lk_model_close(&model);
}

static void test_what_cannot_be_is_refused(void **state)
{
    (void)state;
    lk_model *model = NULL;
    lk_plan *plan = NULL;
    assert_int_equal(lk_model_open(LK_TEST_MODEL, &model), LK_OK);
    const struct {
        lk_plan_options options;
        lk_status status;
    } cases[] = {
        {{.precision = LK_PRECISION_BF16, .backend = LK_BACKEND_OPENBLAS}, LK_ERROR_ARGUMENT},
        {{.precision = LK_PRECISION_INT8}, LK_ERROR_ARGUMENT},
        {{.precision = (lk_precision)9}, LK_ERROR_ARGUMENT},
    };
    for (size_t i = 0; i < LK_COUNT(cases); i++) {
        assert_int_equal(lk_plan_open(model, &cases[i].options, &plan), cases[i].status);
        assert_null(plan);
    }
    lk_model_close(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_native_rounds_where_the_reference_does),
        cmocka_unit_test(test_bits_do_not_depend_on_threads),
        cmocka_unit_test(test_a_plain_plan_agrees_with_a_fused_one),
        cmocka_unit_test(test_what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
