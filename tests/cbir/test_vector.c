/* Pooling, fusion and projection of a real run's features, each from the flat features by its definition. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/checked.h"
#include "cbir/npy.h"
#include "cbir/vector.h"
#include "support/network.h"

/* A run on a wave of colours; features 0 to 3 are these. */
static const char *const features[] = {"features.18", "pooled", "logits", "features.17"};
enum { MAP, POOLED, LOGITS, BLOCK, CHANNELS = 1280, PIXELS = 6 };

typedef struct {
    lk_model *model;
    lk_session *session;
    const lk_plan *plan;
    float *map; /* features.18, [1280][2][3] */
} fixture;

static int open_fixture(void **state)
{
    static fixture f;
    const lk_plan_options options = {
        .height = 64, .width = 80, .features = features, .feature_count = LK_COUNT(features)};
    assert_int_equal(lk_model_open(LK_TEST_MODEL, &f.model), LK_OK);
    assert_int_equal(lk_session_open(f.model, &options, &f.session), LK_OK);
    for (size_t i = 0; i < 64 * 80 * 3; i++) lk_session_input(f.session, 0)[i] = 2 * sinf((float)i / 50);
    assert_int_equal(lk_session_run(f.session, 1), LK_OK);
    f.plan = lk_session_plan(f.session);
    f.map = malloc(CHANNELS * PIXELS * sizeof *f.map);
    assert_int_equal(lk_session_feature_length(f.session, MAP), CHANNELS * PIXELS);
    assert_int_equal(lk_session_feature(f.session, MAP, 0, f.map), LK_OK);
    *state = &f;
    return 0;
}

static int close_fixture(void **state)
{
    fixture *f = *state;
    free(f->map);
    lk_session_close(&f->session);
    lk_model_close(&f->model);
    return 0;
}

/* The vector under a rule whose first part is the plan's feature `first`; free() it. */
static float *vector(const fixture *f, const lk_vector_rule *rule, size_t first, size_t length)
{
    lk_vectorizer v;
    assert_int_equal(lk_vectorizer_init(&v, rule, f->plan, first), LK_OK);
    assert_int_equal(v.length, length);
    float *values = malloc(length * sizeof *values), *scratch = malloc(v.scratch * sizeof *scratch);
    assert_int_equal(lk_vectorize(&v, f->session, 0, scratch, values), LK_OK);
    free(scratch);
    return values;
}

static void test_a_map_is_pooled_by_channel(void **state)
{
    const fixture *f = *state;
    const lk_part average = {.feature = "features.18", .pooling = LK_POOLING_AVERAGE, .weight = 1};
    const lk_part largest = {.feature = "features.18", .pooling = LK_POOLING_MAX, .weight = 1};
    float *mean = vector(f, &(lk_vector_rule){.parts = &average, .part_count = 1}, MAP, CHANNELS);
    float *max = vector(f, &(lk_vector_rule){.parts = &largest, .part_count = 1}, MAP, CHANNELS);
    float pooled[CHANNELS]; /* the network's own mean over the same map */
    assert_int_equal(lk_session_feature(f->session, POOLED, 0, pooled), LK_OK);
    for (size_t c = 0; c < CHANNELS; c++) {
        float expected = -INFINITY;
        for (size_t p = 0; p < PIXELS; p++) expected = fmaxf(expected, f->map[c * PIXELS + p]);
        assert_true(max[c] == expected);
        assert_true(fabsf(mean[c] - pooled[c]) <= 1e-6f * fabsf(pooled[c]));
    }
    free(mean);
    free(max);
}

static double length_of(const float *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += (double)values[i] * (double)values[i];
    return sqrt(sum);
}

static void test_parts_in_series_keep_their_weights(void **state)
{
    const fixture *f = *state;
    const lk_part parts[] = {{.feature = "pooled", .l2 = true, .weight = 3},
                             {.feature = "logits", .weight = 0.5f}};
    float *both = vector(f, &(lk_vector_rule){.parts = parts, .part_count = 2}, POOLED, CHANNELS + 12),
          logits[12];
    assert_int_equal(lk_session_feature(f->session, LOGITS, 0, logits), LK_OK);
    assert_true(fabs(length_of(both, CHANNELS) - 3) < 1e-5);
    for (size_t i = 0; i < 12; i++) assert_true(both[CHANNELS + i] == logits[i] * 0.5f);
    free(both);
    float *unit =
        vector(f, &(lk_vector_rule){.parts = parts, .part_count = 2, .l2 = true}, POOLED, CHANNELS + 12);
    assert_true(fabs(length_of(unit, CHANNELS + 12) - 1) < 1e-6);
    free(unit);
}

static void test_parts_in_parallel_are_added(void **state)
{
    const fixture *f = *state;
    const lk_part parts[] = {{.feature = "features.18", .pooling = LK_POOLING_MAX, .weight = 2},
                             {.feature = "pooled", .weight = -1}};
    float *sum = vector(f, &(lk_vector_rule){.parts = parts, .part_count = 2, .fusion = LK_FUSION_PARALLEL},
                        MAP, CHANNELS);
    float *max = vector(f, &(lk_vector_rule){.parts = parts, .part_count = 1}, MAP, CHANNELS),
          pooled[CHANNELS];
    assert_int_equal(lk_session_feature(f->session, POOLED, 0, pooled), LK_OK);
    for (size_t c = 0; c < CHANNELS; c++) assert_true(sum[c] == max[c] - pooled[c]);
    free(sum);
    free(max);
}

static void test_a_projection_is_a_matrix_product(void **state)
{
    const fixture *f = *state;
    static float weights[2 * 12];
    const lk_projection projection = {.weights = weights, .outputs = 2, .inputs = 12};
    const lk_part part = {.feature = "logits", .weight = 1};
    float logits[12];
    assert_int_equal(lk_session_feature(f->session, LOGITS, 0, logits), LK_OK);
    for (size_t i = 0; i < 12; i++) weights[i] = 1, weights[12 + i] = (float)i;
    float *both =
        vector(f, &(lk_vector_rule){.parts = &part, .part_count = 1, .projection = &projection}, LOGITS, 2);
    double sum = 0, weighted = 0;
    for (size_t i = 0; i < 12; i++) sum += (double)logits[i], weighted += (double)i * (double)logits[i];
    assert_true(both[0] == (float)sum && both[1] == (float)weighted);
    free(both);
    float *share = vector(f, &(lk_vector_rule){.parts = &part, .part_count = 1, .softmax = true}, LOGITS, 12);
    double total = 0;
    for (size_t i = 0; i < 12; i++) total += (double)share[i];
    assert_true(fabs(total - 1) < 1e-6);
    free(share);
}

static void test_parts_that_do_not_fit_are_refused(void **state)
{
    const fixture *f = *state;
    const lk_part parts[] = {{.feature = "pooled", .weight = 1}, {.feature = "logits", .weight = 1}};
    const lk_projection projection = {.outputs = 2, .inputs = 13};
    lk_vectorizer v;
    assert_int_equal(lk_vectorizer_init(
                         &v, &(lk_vector_rule){.parts = parts, .part_count = 2, .fusion = LK_FUSION_PARALLEL},
                         f->plan, POOLED),
                     LK_ERROR_ARGUMENT);
    assert_non_null(strstr(lk_error_message(), "pooled has 1280 values and logits 12"));
    assert_int_equal(
        lk_vectorizer_init(&v,
                           &(lk_vector_rule){.parts = &parts[1], .part_count = 1, .projection = &projection},
                           f->plan, LOGITS),
        LK_ERROR_ARGUMENT);
    assert_non_null(strstr(lk_error_message(), "takes 13 values, and the features have 12"));
}

static void test_projection_files(void **state)
{
    (void)state;
    char path[] = "/tmp/likeness-test-vector-XXXXXX";
    assert_int_equal(close(mkstemp(path)), 0);
    float values[6] = {1, 2, 3, 4, 5, 6};
    lk_projection projection = {0};
    lk_npy array = {.type = LK_NPY_FLOAT32,
                    .item_bytes = 4,
                    .dims = 2,
                    .shape = {2, 3},
                    .count = 6,
                    .data = (const unsigned char *)values};
    assert_int_equal(lk_npy_write(path, &array), LK_OK);
    assert_int_equal(lk_projection_open(path, &projection), LK_OK);
    assert_int_equal(projection.outputs, 2);
    assert_int_equal(projection.inputs, 3);
    assert_memory_equal(projection.weights, values, sizeof values);
    assert_int_equal(strlen(projection.sha256), 64);
    lk_projection_close(&projection);
    lk_projection_close(&projection);
    array.dims = 1, array.shape[0] = 6;
    assert_int_equal(lk_npy_write(path, &array), LK_OK);
    assert_int_equal(lk_projection_open(path, &projection), LK_ERROR_FORMAT);
    array.dims = 4, array.shape[0] = 2, array.shape[1] = 3, array.shape[2] = array.shape[3] = 1;
    values[4] = NAN;
    assert_int_equal(lk_npy_write(path, &array), LK_OK);
    assert_int_equal(lk_projection_open(path, &projection), LK_ERROR_FORMAT);
    assert_non_null(strstr(lk_error_message(), "value 4 is not a finite number"));
    assert_null(projection.weights);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_map_is_pooled_by_channel),
        cmocka_unit_test(test_parts_in_series_keep_their_weights),
        cmocka_unit_test(test_parts_in_parallel_are_added),
        cmocka_unit_test(test_a_projection_is_a_matrix_product),
        cmocka_unit_test(test_parts_that_do_not_fit_are_refused),
        cmocka_unit_test(test_projection_files),
    };
    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
