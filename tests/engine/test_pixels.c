/* Sessions that are given RGB bytes: the features are those of the normalized floats, bit for bit, whatever
 * runs the network. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "support/network.h"

enum { BATCH = 3 };

static const char *const features[] = {"features.0", "pooled"};

/* Not the model's own: that the plan takes them is a part of what is tested. */
static const lk_preprocessing how = {.mean = {0.5F, 0.25F, 0.125F}, .std = {0.5F, 0.3F, 0.2F}};

static uint8_t byte_of(size_t picture, size_t i)
{
    return (uint8_t)((picture * 7919 + i * 2654435761u) >> 11);
}

static void fill(lk_session *session, const lk_plan_options *options, size_t picture)
{
    float *floats = lk_session_input(session, picture);
    uint8_t *bytes = lk_session_pixels(session, picture);
    assert_int_equal(bytes != NULL, options->pixels != NULL);
    assert_int_equal(floats == NULL, options->pixels != NULL);
    for (size_t i = 0; i < options->height * options->width * 3; i++)
        if (bytes) bytes[i] = byte_of(picture, i);
        else floats[i] = ((float)byte_of(picture, i) / 255.0F - how.mean[i % 3]) / how.std[i % 3];
}

static float *run(const lk_model *model, const lk_plan_options *options, size_t *count, size_t *arena)
{
    lk_plan *plan = NULL;
    lk_session *session = NULL;
    if (lk_plan_open(model, options, &plan)) fail_msg("%s", lk_error_message());
    assert_int_equal(lk_session_share(plan, NULL, &session), LK_OK);
    const size_t sizes[] = {lk_plan_feature_length(plan, 0), lk_plan_feature_length(plan, 1)};
    *arena = lk_plan_arena_bytes(plan);
    *count = BATCH * (sizes[0] + sizes[1]);
    float *values = malloc(*count * sizeof *values), *at = values;
    assert_non_null(values);
    for (size_t p = 0; p < BATCH; p++) fill(session, options, p);
    assert_int_equal(lk_session_run(session, BATCH), LK_OK);
    for (size_t p = 0; p < BATCH; p++)
        for (size_t f = 0; f < LK_COUNT(sizes); at += sizes[f++])
            assert_int_equal(lk_session_feature(session, f, p, at), LK_OK);
    assert_null(lk_session_input(session, BATCH));
    assert_null(lk_session_pixels(session, BATCH));
    lk_session_close(&session);
    lk_plan_close(&plan);
    return values;
}

static void compare(const lk_model *model, lk_plan_options options)
{
    static const size_t sides[][2] = {{32, 32}, {53, 45}, {64, 227}};
    options.batch = BATCH;
    options.features = features;
    options.feature_count = LK_COUNT(features);
    for (size_t s = 0; s < LK_COUNT(sides); s++) {
        size_t count, again, arena, smaller;
        options.height = sides[s][0], options.width = sides[s][1];
        options.pixels = NULL;
        float *want = run(model, &options, &count, &arena);
        options.pixels = &how;
        float *got = run(model, &options, &again, &smaller);
        assert_int_equal(again, count);
        assert_memory_equal(got, want, count * sizeof *got);
        assert_true(smaller < arena);
        free(got);
        free(want);
    }
}

static void test_bytes_give_the_features_of_floats(void **state)
{
    (void)state;
    lk_test_way ways[LK_TEST_MOST_WAYS];
    const size_t count = lk_test_ways(ways);
    lk_model *model = NULL, *int8 = NULL;
    assert_int_equal(lk_model_open(LK_TEST_MODEL, &model), LK_OK);
    assert_int_equal(lk_model_open(LK_TEST_INT8_MODEL, &int8), LK_OK);
    for (size_t w = 0; w < count; w++) {
        lk_plan_options options = {.backend = ways[w].backend, .isa = ways[w].isa};
        compare(model, options);
        options.plain = true;
        compare(model, options);
        options.plain = false;
        if (ways[w].backend == LK_BACKEND_OPENBLAS || ways[w].backend == LK_BACKEND_CUDA) continue;
        compare(int8, options);
        options.precision = LK_PRECISION_BF16;
        compare(model, options);
    }
    compare(int8, (lk_plan_options){0}); /* what this machine has beyond avx512 */
    compare(model, (lk_plan_options){.precision = LK_PRECISION_BF16});
    lk_model_close(&int8);
    lk_model_close(&model);
}

static void test_a_deviation_of_zero_is_refused(void **state)
{
    (void)state;
    const lk_preprocessing flat = {.std = {1, 0, 1}};
    lk_model *model = NULL;
    lk_plan *plan = NULL;
    assert_int_equal(lk_model_open(LK_TEST_MODEL, &model), LK_OK);
    assert_int_equal(lk_plan_open(model, &(lk_plan_options){.pixels = &flat}, &plan), LK_ERROR_ARGUMENT);
    assert_null(plan);
    lk_model_close(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_give_the_features_of_floats),
        cmocka_unit_test(test_a_deviation_of_zero_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
