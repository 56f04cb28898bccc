#include "support/network.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/checked.h"

void lk_test_set_input(lk_session *session, size_t index, const lk_safetensors *file, const char *name)
{
    const lk_tensor *t = lk_safetensors_find(file, name);
    assert_non_null(t);
    assert_int_equal(t->rank, 3);
    float *input = lk_session_input(session, index);
    const size_t channels = t->shape[0], pixels = t->shape[1] * t->shape[2];
    for (size_t c = 0; c < channels; c++)
        for (size_t p = 0; p < pixels; p++) input[p * channels + c] = lk_tensor_at(t, c * pixels + p);
}

double lk_test_departure(const lk_session *session, size_t feature, size_t index, const lk_safetensors *file,
                         const char *name)
{
    const lk_tensor *want = lk_safetensors_find(file, name);
    if (!want) fail_msg("no golden for %s", name);
    assert_int_equal(lk_session_feature_length(session, feature), want->count);
    float *got = malloc(want->count * sizeof *got);
    assert_non_null(got);
    assert_int_equal(lk_session_feature(session, feature, index, got), LK_OK);
    double largest = 0, departure = 0;
    for (size_t i = 0; i < want->count; i++) {
        largest = fmax(largest, fabs((double)lk_tensor_at(want, i)));
        const double off = fabs((double)got[i] - (double)lk_tensor_at(want, i));
        departure = off <= departure ? departure : off; /* NaN goes in, and stays */
    }
    free(got);
    return departure / largest;
}

size_t lk_test_ways(lk_test_way ways[LK_TEST_MOST_WAYS])
{
    static const lk_test_way all[] = {{LK_BACKEND_REFERENCE, NULL},    {LK_BACKEND_OPENBLAS, "portable"},
                                      {LK_BACKEND_OPENBLAS, "avx2"},   {LK_BACKEND_OPENBLAS, "avx512"},
                                      {LK_BACKEND_NATIVE, "portable"}, {LK_BACKEND_NATIVE, "avx2"},
                                      {LK_BACKEND_NATIVE, "avx512"},   {LK_BACKEND_NATIVE, "neon"},
                                      {LK_BACKEND_CUDA, NULL},         {LK_BACKEND_CUDA, "portable"}};
    _Static_assert(LK_COUNT(all) <= LK_TEST_MOST_WAYS, "no room for all ways");
    size_t count = 0;
    lk_model *model = NULL;
    assert_int_equal(lk_model_open(LK_TEST_MODEL, &model), LK_OK);
    for (size_t i = 0; i < LK_COUNT(all); i++) {
        lk_plan *plan = NULL;
        const lk_plan_options options = {
            .backend = all[i].backend, .isa = all[i].isa, .height = 32, .width = 32};
        const lk_status status = lk_plan_open(model, &options, &plan);
        if (status == LK_OK) ways[count++] = all[i];
        else print_message("skipped here: %s\n", lk_error_message());
        lk_plan_close(&plan);
    }
    lk_model_close(&model);
    assert_true(count > 0);
    return count;
}
