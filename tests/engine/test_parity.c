/* MobileNetV2 against Paddle's outputs of every layer, from the fixtures that travel with the project. */
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

#define PARITY(size) "tests/fixtures/parity/parity_" size ".safetensors"

static const struct {
    const char *path;
    size_t height, width;
} goldens[] = {{PARITY("64"), 64, 64}, {PARITY("53x45"), 53, 45}};

/* The names of the golden's layers that begin with `prefix` ("" for those of plain inference), without it. */
static size_t layers_of(const lk_safetensors *golden, const char *prefix, const char *names[256])
{
    size_t count = 0;
    for (size_t i = 0; i < lk_safetensors_count(golden); i++) {
        const char *name = lk_safetensors_tensor(golden, i)->name;
        if (!strcmp(name, "input") || !strcmp(name, "photo") || strncmp(name, prefix, strlen(prefix)))
            continue;
        if (!*prefix && (!strncmp(name, "batch.", 6) || !strncmp(name, "same.", 5))) continue;
        assert_true(count < 256);
        names[count++] = name + strlen(prefix);
    }
    assert_true(count > 20);
    return count;
}

/* The largest departure over the golden's layers. */
static double worst_departure(const lk_model *model, lk_plan_options options, const lk_safetensors *golden,
                              const char *prefix)
{
    const char *names[256];
    lk_session *session = NULL;
    double worst = 0;
    options.feature_count = layers_of(golden, prefix, names);
    options.features = names;
    assert_int_equal(lk_session_open(model, &options, &session), LK_OK);
    lk_test_set_input(session, 0, golden, "input");
    assert_int_equal(lk_session_run(session, 1), LK_OK);
    for (size_t f = 0; f < options.feature_count; f++) {
        char name[128];
        strcat(strcpy(name, prefix), names[f]);
        const double departure = lk_test_departure(session, f, 0, golden, name);
        worst = departure <= worst ? worst : departure;
    }
    lk_session_close(&session);
    return worst;
}

/* Folding hides what is not asked for, so this asks for the blocks only. */
static void test_every_layer_within_1e_4_of_paddle(void **state)
{
    (void)state;
    lk_model *model = NULL;
    lk_test_way ways[LK_TEST_MOST_WAYS];
    const size_t count = lk_test_ways(ways);
    assert_int_equal(lk_model_open(LK_TEST_MODEL, &model), LK_OK);
    for (size_t g = 0; g < LK_COUNT(goldens); g++) {
        lk_safetensors *golden = NULL;
        assert_int_equal(lk_safetensors_open(goldens[g].path, &golden), LK_OK);
        for (size_t w = 0; w < count; w++)
            for (int plain = 0; plain < 2; plain++) {
                const lk_plan_options options = {.backend = ways[w].backend,
                                                 .isa = ways[w].isa,
                                                 .plain = plain,
                                                 .height = goldens[g].height,
                                                 .width = goldens[g].width};
                const double worst = worst_departure(model, options, golden, "");
                print_message("%s backend %d isa %s %s: worst departure %.2g\n", goldens[g].path,
                              (int)ways[w].backend, ways[w].isa ? ways[w].isa : "-",
                              plain ? "plain" : "fused", worst);
                assert_true(worst <= 1e-4);
            }
        lk_safetensors_close(&golden);
    }
    lk_model_close(&model);
}

static void test_blocks_of_a_fused_plan_within_1e_4(void **state)
{
    (void)state;
    static const char *const blocks[] = {"features.0", "features.1",  "features.2",  "features.3",
                                         "features.6", "features.10", "features.17", "features.18",
                                         "pooled",     "logits"};
    static const char *const golden_names[] = {"features.0", "features.1",  "features.2",  "features.3",
                                               "features.6", "features.10", "features.17", "features.18",
                                               "pool2d_avg", "classifier.1"};
    lk_model *model = NULL;
    lk_safetensors *golden = NULL;
    lk_session *session = NULL;
    assert_int_equal(lk_model_open(LK_TEST_MODEL, &model), LK_OK);
    assert_int_equal(lk_safetensors_open(goldens[0].path, &golden), LK_OK);
    const lk_plan_options options = {
        .height = 64, .width = 64, .batch = 3, .features = blocks, .feature_count = LK_COUNT(blocks)};
    assert_int_equal(lk_session_open(model, &options, &session), LK_OK);
    assert_int_equal(lk_plan_step_count(lk_session_plan(session)), 1 + 2 + 16 * 3 + 1 + 1 + 1);
    for (size_t i = 0; i < 3; i++) lk_test_set_input(session, i, golden, "input");
    assert_int_equal(lk_session_run(session, 3), LK_OK);
    for (size_t i = 0; i < 3; i++)
        for (size_t f = 0; f < LK_COUNT(blocks); f++)
            assert_true(lk_test_departure(session, f, i, golden, golden_names[f]) <= 1e-4);
    lk_session_close(&session);
    lk_safetensors_close(&golden);
    lk_model_close(&model);
}

static void test_batch_norm_by_own_statistics(void **state)
{
    (void)state;
    lk_model *model = NULL;
    assert_int_equal(lk_model_open(LK_TEST_MODEL, &model), LK_OK);
    for (size_t g = 0; g < LK_COUNT(goldens); g++) {
        lk_safetensors *golden = NULL;
        assert_int_equal(lk_safetensors_open(goldens[g].path, &golden), LK_OK);
        const lk_plan_options options = {
            .batch_norm = LK_BATCH_NORM_BATCH, .height = goldens[g].height, .width = goldens[g].width};
        const double worst = worst_departure(model, options, golden, "batch.");
        print_message("%s own statistics: worst departure %.2g\n", goldens[g].path, worst);
        /* Dividing by a picture's own small deviations, layer after layer, amplifies the rounding of float32.
         */
        assert_true(worst <= 4e-3);
        lk_safetensors_close(&golden);
    }
    lk_model_close(&model);
}

static void test_keras_padding(void **state)
{
    (void)state;
    lk_model *model = NULL;
    assert_int_equal(lk_model_open(LK_TEST_MODEL, &model), LK_OK);
    lk_graph_set_padding(model->graph, LK_PADDING_KERAS_SAME);
    for (size_t g = 0; g < LK_COUNT(goldens); g++) {
        lk_safetensors *golden = NULL;
        assert_int_equal(lk_safetensors_open(goldens[g].path, &golden), LK_OK);
        const lk_plan_options options = {.height = goldens[g].height, .width = goldens[g].width};
        assert_true(worst_departure(model, options, golden, "same.") <= 1e-4);
        lk_safetensors_close(&golden);
    }
    lk_model_close(&model);
}

/* The same pictures in any batch and on any number of threads give the same bits. */
static void run_bits(const lk_plan *plan, lk_pool *pool, size_t pictures, float *values)
{
    lk_session *session = NULL;
    const lk_preprocessing p = {.height = 96, .width = 64};
    assert_int_equal(lk_session_share(plan, pool, &session), LK_OK);
    const size_t length = lk_session_feature_length(session, 0);
    for (size_t i = 0; i < pictures; i++)
        for (size_t v = 0; v < p.height * p.width * 3; v++)
            lk_session_input(session, i)[v] = sinf((float)(v * (i + 1)));
    assert_int_equal(lk_session_run(session, pictures), LK_OK);
    for (size_t i = 0; i < pictures; i++)
        assert_int_equal(lk_session_feature(session, 0, i, values + i * length), LK_OK);
    lk_session_close(&session);
}

static void test_bits_do_not_depend_on_threads_or_batch(void **state)
{
    (void)state;
    lk_model *model = NULL;
    lk_test_way ways[LK_TEST_MOST_WAYS];
    const size_t count = lk_test_ways(ways);
    assert_int_equal(lk_model_open(LK_TEST_MODEL, &model), LK_OK);
    for (size_t w = 0; w < count; w++) {
        if (ways[w].backend == LK_BACKEND_CUDA) continue; /* cuBLASLt chooses by the number of rows */
        const char *feature = "pooled";
        lk_plan *plan = NULL;
        static float alone[3 * 1280], together[3 * 1280];
        const lk_plan_options options = {.backend = ways[w].backend,
                                         .isa = ways[w].isa,
                                         .height = 96,
                                         .width = 64,
                                         .batch = 3,
                                         .features = &feature,
                                         .feature_count = 1};
        assert_int_equal(lk_plan_open(model, &options, &plan), LK_OK);
        run_bits(plan, NULL, 3, alone);
        for (size_t threads = 2; threads <= 5; threads += 3) {
            lk_pool *pool = NULL;
            assert_int_equal(lk_pool_open(threads, &pool), LK_OK);
            assert_int_equal(lk_pool_threads(pool), threads);
            run_bits(plan, pool, 3, together);
            assert_memory_equal(alone, together, sizeof alone);
            lk_pool_close(&pool);
        }
        run_bits(plan, NULL, 1, together);
        assert_memory_equal(alone, together, 1280 * sizeof *alone);
        lk_plan_close(&plan);
    }
    lk_model_close(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_layer_within_1e_4_of_paddle),
        cmocka_unit_test(test_blocks_of_a_fused_plan_within_1e_4),
        cmocka_unit_test(test_batch_norm_by_own_statistics),
        cmocka_unit_test(test_keras_padding),
        cmocka_unit_test(test_bits_do_not_depend_on_threads_or_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
