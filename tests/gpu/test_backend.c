/* The cuda backend without a GPU: its planning, packing and launches as they are, its kernels run on the CPU
 * by the module fake_module.c, and what goes wrong with drivers and devices. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "engine/likeness.h"
#include "layers/gpu_module.h"
#include "support/network.h"

#define PARITY(size) "tests/fixtures/parity/parity_" size ".safetensors"

static const struct {
    const char *path;
    size_t height, width;
} goldens[] = {{PARITY("64"), 64, 64}, {PARITY("53x45"), 53, 45}};

static void wrong(const char *what)
{
    if (what) assert_int_equal(setenv("LK_FAKE_GPU", what, 1), 0);
    else unsetenv("LK_FAKE_GPU");
}

static size_t names_of(const lk_safetensors *golden, const char *names[256])
{
    size_t count = 0;
    for (size_t i = 0; i < lk_safetensors_count(golden); i++) {
        const char *name = lk_safetensors_tensor(golden, i)->name;
        if (strcmp(name, "input") != 0 && strcmp(name, "photo") != 0 && strncmp(name, "batch.", 6) != 0 &&
            strncmp(name, "same.", 5) != 0)
            names[count++] = name;
    }
    assert_true(count > 20);
    return count;
}

/* The largest departure over all layers of a golden. */
static double worst(const lk_model *model, lk_plan_options options, const lk_safetensors *golden)
{
    const char *names[256];
    lk_session *session = NULL;
    double most = 0;
    options.feature_count = names_of(golden, names);
    options.features = names;
    options.backend = LK_BACKEND_CUDA;
    if (lk_session_open(model, &options, &session)) fail_msg("%s", lk_error_message());
    assert_string_equal(lk_plan_backend(lk_session_plan(session)), "cuda");
    lk_test_set_input(session, 0, golden, "input");
    assert_int_equal(lk_session_run(session, 1), LK_OK);
    for (size_t f = 0; f < options.feature_count; f++) {
        const double departure = lk_test_departure(session, f, 0, golden, names[f]);
        most = departure <= most ? most : departure;
    }
    lk_session_close(&session);
    return most;
}

static void each_way(const char *refuse, lk_precision precision, double most)
{
    static const char *const isas[] = {NULL, "portable"};
    lk_model *model = NULL;
    wrong(refuse);
    assert_int_equal(lk_model_open(LK_TEST_MODEL, &model), LK_OK);
    for (size_t g = refuse ? 1 : 0; g < LK_COUNT(goldens); g++) {
        lk_safetensors *golden = NULL;
        assert_int_equal(lk_safetensors_open(goldens[g].path, &golden), LK_OK);
        for (size_t way = 0; way < 4; way++) {
            const lk_plan_options options = {.isa = isas[way / 2],
                                             .plain = way % 2,
                                             .height = goldens[g].height,
                                             .width = goldens[g].width,
                                             .precision = precision};
            const double departure = worst(model, options, golden);
            print_message("%s %s %s: worst departure %.2g\n", goldens[g].path, way / 2 ? "im2col" : "kernels",
                          way % 2 ? "plain" : "fused", departure);
            assert_true(departure <= most);
        }
        lk_safetensors_close(&golden);
    }
    lk_model_close(&model);
    wrong(NULL);
}

static void test_every_layer_within_1e_4_of_paddle(void **state)
{
    (void)state;
    each_way(NULL, LK_PRECISION_F32, 1e-4);
}

static void test_the_same_where_no_product_is_offered(void **state)
{
    (void)state;
    each_way("refuse", LK_PRECISION_F32, 1e-4);
}

/* Eleven bits of each value, through 50 layers. */
static void test_float16_is_near(void **state)
{
    (void)state;
    each_way(NULL, LK_PRECISION_F16, 5e-2);
    each_way("refuse", LK_PRECISION_F16, 5e-2);
}

static void test_pooled_features_in_float16(void **state)
{
    (void)state;
    static float values[1280];
    lk_model *model = NULL;
    assert_int_equal(lk_model_open(LK_TEST_MODEL, &model), LK_OK);
    for (size_t g = 0; g < LK_COUNT(goldens); g++) {
        const char *feature = "pooled";
        lk_safetensors *golden = NULL;
        lk_session *session = NULL;
        double xy = 0, xx = 0, yy = 0;
        assert_int_equal(lk_safetensors_open(goldens[g].path, &golden), LK_OK);
        const lk_plan_options options = {.backend = LK_BACKEND_CUDA,
                                         .precision = LK_PRECISION_F16,
                                         .height = goldens[g].height,
                                         .width = goldens[g].width,
                                         .features = &feature,
                                         .feature_count = 1};
        assert_int_equal(lk_session_open(model, &options, &session), LK_OK);
        lk_test_set_input(session, 0, golden, "input");
        assert_int_equal(lk_session_run(session, 1), LK_OK);
        assert_int_equal(lk_session_feature(session, 0, 0, values), LK_OK);
        const lk_tensor *want = lk_safetensors_find(golden, "pool2d_avg");
        for (size_t i = 0; i < want->count; i++) {
            const double x = (double)values[i], y = (double)lk_tensor_at(want, i);
            xy += x * y, xx += x * x, yy += y * y;
        }
        print_message("%s pooled: cosine %.6f\n", goldens[g].path, xy / sqrt(xx * yy));
        assert_true(xy / sqrt(xx * yy) >= 0.9999);
        lk_session_close(&session);
        lk_safetensors_close(&golden);
    }
    lk_model_close(&model);
}

/* ------------------------------------------------------------------ Batches, sessions, kernels */

static void fill(lk_session *session, size_t picture, size_t values)
{
    float *input = lk_session_input(session, picture);
    for (size_t v = 0; v < values; v++) input[v] = sinf((float)(v * (picture + 1)));
}

static const char *const pooled = "pooled";

static lk_plan *open_plan(const lk_model *model, lk_plan_options options)
{
    lk_plan *plan = NULL;
    options.backend = LK_BACKEND_CUDA;
    options.height = options.width = 32;
    options.features = &pooled;
    options.feature_count = 1;
    if (lk_plan_open(model, &options, &plan)) fail_msg("%s", lk_error_message());
    return plan;
}

static void run(lk_session *session, size_t pictures, float *values)
{
    for (size_t i = 0; i < pictures; i++) fill(session, i, 32 * 32 * 3);
    assert_int_equal(lk_session_run(session, pictures), LK_OK);
    for (size_t i = 0; i < pictures; i++)
        assert_int_equal(lk_session_feature(session, 0, i, values + i * 1280), LK_OK);
}

/* Whatever the batch, whatever ran before, and in two sessions of one plan. */
static void test_pictures_do_not_depend_on_their_batch(void **state)
{
    (void)state;
    static float alone[3][1280], together[3 * 1280];
    lk_model *model = NULL;
    lk_session *one = NULL, *other = NULL;
    assert_int_equal(lk_model_open(LK_TEST_MODEL, &model), LK_OK);
    lk_plan *single = open_plan(model, (lk_plan_options){.batch = 1}),
            *plan = open_plan(model, (lk_plan_options){.batch = 3});
    assert_null(lk_plan_note(plan));
    assert_int_equal(lk_session_share(single, NULL, &one), LK_OK);
    for (size_t i = 0; i < 3; i++) {
        float *input = lk_session_input(one, 0);
        for (size_t v = 0; v < (size_t)32 * 32 * 3; v++) input[v] = sinf((float)(v * (i + 1)));
        assert_int_equal(lk_session_run(one, 1), LK_OK);
        assert_int_equal(lk_session_feature(one, 0, 0, alone[i]), LK_OK);
    }
    lk_session_close(&one);
    lk_plan_close(&single);
    assert_int_equal(lk_session_share(plan, NULL, &one), LK_OK);
    assert_int_equal(lk_session_share(plan, NULL, &other), LK_OK);
    for (size_t pictures = 3; pictures; pictures--)
        for (size_t s = 0; s < 2; s++) {
            memset(together, 0, sizeof together);
            run(s ? one : other, pictures, together);
            assert_memory_equal(alone, together, pictures * sizeof *alone);
        }
    lk_session_close(&one);
    lk_session_close(&other);
    lk_plan_close(&plan);
    lk_model_close(&model);
}

static size_t count_kernels(const lk_plan *plan, const char *name)
{
    lk_session *session = NULL;
    static lk_step_profile steps[256];
    size_t count = 0;
    assert_int_equal(lk_session_share(plan, NULL, &session), LK_OK);
    fill(session, 0, 32 * 32 * 3);
    assert_int_equal(lk_session_profile(session, 1, steps), LK_OK);
    for (size_t i = 0; i < lk_plan_step_count(plan); i++) {
        count += !strcmp(steps[i].kernel, name);
        assert_true(steps[i].in_next ? !steps[i].ns : steps[i].ns > 0);
    }
    lk_session_close(&session);
    return count;
}

/* 17 depthwise layers: those before a narrow pointwise layer are done with it. At a quarter of the width that
 * is all but three. */
static void test_each_layer_has_the_kernel_meant_for_it(void **state)
{
    (void)state;
    lk_model *model = NULL;
    assert_int_equal(lk_model_open(LK_TEST_MODEL, &model), LK_OK);
    lk_plan *plan = open_plan(model, (lk_plan_options){0});
    const size_t fused = count_kernels(plan, "lk_depthwise_project_f32__cuda");
    assert_true(fused > 0);
    assert_int_equal(count_kernels(plan, "(in the next)"), fused);
    assert_int_equal(fused + count_kernels(plan, "lk_depthwise_f32__cuda"), 17);
    assert_int_equal(count_kernels(plan, "lk_stem_f32__cuda"), 1);
    assert_int_equal(count_kernels(plan, "lk_pool2d_f32__cuda"), 1);
    assert_int_equal(fused + count_kernels(plan, "product_f32__cublaslt"), 17 + 17 - 1 + 1);
    lk_plan_close(&plan);
    plan = open_plan(model, (lk_plan_options){.isa = "portable"});
    assert_int_equal(count_kernels(plan, "im2col_f32__cublaslt"), 1);
    assert_int_equal(count_kernels(plan, "lk_conv2d_f32__cuda"), 17);
    lk_plan_close(&plan);
    plan = open_plan(model, (lk_plan_options){.precision = LK_PRECISION_F16});
    assert_int_equal(count_kernels(plan, "lk_depthwise_project_f16__cuda"), fused);
    assert_int_equal(lk_plan_precision(plan), LK_PRECISION_F16);
    lk_plan_close(&plan);
    lk_model_close(&model);
}

/* RGB bytes give the bits that their normalized floats give, by every way of doing the first layer. */
static void test_bytes_give_the_features_of_floats(void **state)
{
    (void)state;
    static const lk_preprocessing how = {.mean = {0.5F, 0.25F, 0.125F}, .std = {0.5F, 0.3F, 0.2F}};
    static float want[2 * 1280], got[2 * 1280];
    lk_model *model = NULL;
    assert_int_equal(lk_model_open(LK_TEST_MODEL, &model), LK_OK);
    for (int way = 0; way < 8; way++) {
        lk_plan_options options = {.isa = way & 1 ? "portable" : NULL,
                                   .plain = way & 2,
                                   .precision = way & 4 ? LK_PRECISION_F16 : LK_PRECISION_F32,
                                   .batch = 2};
        for (int bytes = 0; bytes < 2; bytes++) {
            options.pixels = bytes ? &how : NULL;
            lk_plan *plan = open_plan(model, options);
            lk_session *session = NULL;
            assert_int_equal(lk_session_share(plan, NULL, &session), LK_OK);
            for (size_t p = 0; p < 2; p++)
                for (size_t i = 0; i < (size_t)32 * 32 * 3; i++) {
                    const uint8_t byte = (uint8_t)((p * 7919 + i * 2654435761u) >> 11);
                    if (bytes) lk_session_pixels(session, p)[i] = byte;
                    else
                        lk_session_input(session, p)[i] =
                            ((float)byte / 255.0F - how.mean[i % 3]) / how.std[i % 3];
                }
            assert_int_equal(lk_session_run(session, 2), LK_OK);
            for (size_t p = 0; p < 2; p++)
                assert_int_equal(lk_session_feature(session, 0, p, (bytes ? got : want) + p * 1280), LK_OK);
            lk_session_close(&session);
            lk_plan_close(&plan);
        }
        assert_memory_equal(got, want, sizeof want);
    }
    lk_model_close(&model);
}

/* ------------------------------------------------------------------ What goes wrong */

static lk_status open_with(const lk_model *model, lk_plan_options options, const char *text)
{
    lk_plan *plan = NULL;
    options.height = options.width = 32;
    options.features = &pooled;
    options.feature_count = 1;
    const lk_status status = lk_plan_open(model, &options, &plan);
    const char *said = status ? lk_error_message() : lk_plan_note(plan);
    if (text && (!said || !strstr(said, text))) fail_msg("'%s' is not in '%s'", text, said ? said : "");
    if (!text && said) fail_msg("%s", said);
    if (!status && options.backend == LK_BACKEND_AUTO && text)
        assert_string_equal(lk_plan_backend(plan), "native");
    lk_plan_close(&plan);
    return status;
}

static void test_no_device(void **state)
{
    (void)state;
    char weights_alone[64];
    const struct {
        const char *wrong, *text;
    } cases[] = {{"no-driver", "no NVIDIA driver was found"},
                 {"old-driver", "the NVIDIA driver is too old"},
                 {"no-device", "no device was found"},
                 {"memory=1000", "a model's weights need"},
                 {weights_alone, "the maps of one picture need"}};
    lk_model *model = NULL;
    assert_int_equal(lk_model_open(LK_TEST_MODEL, &model), LK_OK);
    lk_plan *plan = open_plan(model, (lk_plan_options){0});
    snprintf(weights_alone, sizeof weights_alone, "memory=%zu", lk_plan_weight_bytes(plan) + 100);
    lk_plan_close(&plan);
    for (size_t i = 0; i < LK_COUNT(cases); i++) {
        wrong(cases[i].wrong);
        assert_int_equal(open_with(model, (lk_plan_options){.backend = LK_BACKEND_CUDA}, cases[i].text),
                         i < 3 ? LK_ERROR_BACKEND : LK_ERROR_MEMORY);
        assert_int_equal(open_with(model, (lk_plan_options){.backend = LK_BACKEND_AUTO}, cases[i].text),
                         LK_OK);
    }
    wrong(NULL);
    assert_int_equal(open_with(model, (lk_plan_options){.backend = LK_BACKEND_CUDA, .device = 1}, NULL),
                     LK_OK);
    assert_int_equal(
        open_with(model, (lk_plan_options){.backend = LK_BACKEND_CUDA, .device = 2}, "there are 2"),
        LK_ERROR_BACKEND);
    lk_model_close(&model);
}

static void test_what_it_does_not_compute(void **state)
{
    (void)state;
    lk_model *model = NULL, *int8 = NULL;
    assert_int_equal(lk_model_open(LK_TEST_MODEL, &model), LK_OK);
    assert_int_equal(lk_model_open(LK_TEST_INT8_MODEL, &int8), LK_OK);
    const lk_backend_kind cuda = LK_BACKEND_CUDA;
    assert_int_equal(
        open_with(model, (lk_plan_options){.backend = cuda, .precision = LK_PRECISION_BF16}, "bfloat16"),
        LK_ERROR_ARGUMENT);
    assert_int_equal(open_with(int8, (lk_plan_options){.backend = cuda}, "int8"), LK_ERROR_BACKEND);
    assert_int_equal(open_with(model,
                               (lk_plan_options){.backend = LK_BACKEND_NATIVE, .precision = LK_PRECISION_F16},
                               "float16"),
                     LK_ERROR_ARGUMENT);
    assert_int_equal(open_with(model, (lk_plan_options){.backend = cuda, .isa = "avx2"}, "instruction set"),
                     LK_ERROR_BACKEND);
    assert_int_equal(
        open_with(model, (lk_plan_options){.backend = cuda, .batch_norm = LK_BATCH_NORM_BATCH}, "reference"),
        LK_ERROR_ARGUMENT);
    lk_model_close(&int8);
    lk_model_close(&model);
}

/* Memory for some of a batch's pictures: all of them are run all the same, in parts. */
static void test_a_batch_too_large_is_run_in_parts(void **state)
{
    (void)state;
    static float whole[5 * 1280], parts[5 * 1280];
    lk_model *model = NULL;
    lk_session *session = NULL;
    char memory[64];
    assert_int_equal(lk_model_open(LK_TEST_MODEL, &model), LK_OK);
    lk_plan *plan = open_plan(model, (lk_plan_options){.batch = 5});
    const size_t arena = lk_plan_arena_bytes(plan), weights = lk_plan_weight_bytes(plan);
    assert_int_equal(lk_session_share(plan, NULL, &session), LK_OK);
    run(session, 5, whole);
    lk_session_close(&session);
    lk_plan_close(&plan);
    snprintf(memory, sizeof memory, "memory=%zu", weights + arena - 1);
    wrong(memory);
    plan = open_plan(model, (lk_plan_options){.batch = 5});
    assert_string_equal(lk_plan_note(plan),
                        "cuda: the device has memory for 3 pictures at a time, not for 5");
    assert_true(lk_plan_arena_bytes(plan) < arena);
    assert_int_equal(lk_session_share(plan, NULL, &session), LK_OK);
    run(session, 5, parts);
    assert_memory_equal(whole, parts, sizeof whole);
    lk_session_close(&session);
    lk_plan_close(&plan);
    wrong(NULL);
    lk_model_close(&model);
}

/* In the middle of the second run: that one fails, and so does every later one, at once. */
static void test_a_lost_device(void **state)
{
    (void)state;
    static float values[1280];
    lk_model *model = NULL;
    lk_session *session = NULL;
    assert_int_equal(lk_model_open(LK_TEST_MODEL, &model), LK_OK);
    lk_plan *plan = open_plan(model, (lk_plan_options){0});
    assert_int_equal(lk_session_share(plan, NULL, &session), LK_OK);
    run(session, 1, values);
    wrong("lose=7");
    for (size_t i = 0; i < 3; i++) {
        fill(session, 0, 32 * 32 * 3);
        assert_int_equal(lk_session_run(session, 1), LK_ERROR_BACKEND);
        assert_non_null(strstr(lk_error_message(), "the device was lost"));
        assert_int_equal(lk_session_feature(session, 0, 0, values), LK_ERROR_ARGUMENT);
    }
    wrong(NULL);
    lk_session_close(&session);
    lk_plan_close(&plan);
    lk_model_close(&model);
}

static void test_modules_of_other_builds(void **state)
{
    (void)state;
    static const struct {
        const char *file, *text;
    } cases[] = {{"libfake_gpu_abi.so",
                  "libfake_gpu_abi.so: its interface is version 99, and this Likeness has version 1"},
                 {"libfake_gpu_build.so",
                  "libfake_gpu_build.so: made for Likeness 0.0.9 (another interface), and this is 0."},
                 {"libnone.so", "libnone.so"}};
    const lk_gpu_module *module = NULL;
    char path[4096];
    for (size_t i = 0; i < LK_COUNT(cases); i++) {
        snprintf(path, sizeof path, "%s/%s", LK_TEST_MODULES, cases[i].file);
        assert_int_equal(lk_gpu_module_open(path, &module), LK_ERROR_BACKEND);
        if (!strstr(lk_error_message(), cases[i].text)) fail_msg("%s", lk_error_message());
    }
    assert_int_equal(lk_gpu_module_open("libm.so.6", &module), LK_ERROR_BACKEND);
    assert_string_equal(lk_error_message(), "libm.so.6: it is no module of Likeness");
    assert_null(module);
}

int main(void)
{
    setenv(LK_GPU_MODULE_VARIABLE, LK_TEST_MODULES "/libfake_gpu.so", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_layer_within_1e_4_of_paddle),
        cmocka_unit_test(test_the_same_where_no_product_is_offered),
        cmocka_unit_test(test_float16_is_near),
        cmocka_unit_test(test_pooled_features_in_float16),
        cmocka_unit_test(test_pictures_do_not_depend_on_their_batch),
        cmocka_unit_test(test_each_layer_has_the_kernel_meant_for_it),
        cmocka_unit_test(test_bytes_give_the_features_of_floats),
        cmocka_unit_test(test_no_device),
        cmocka_unit_test(test_what_it_does_not_compute),
        cmocka_unit_test(test_a_batch_too_large_is_run_in_parts),
        cmocka_unit_test(test_a_lost_device),
        cmocka_unit_test(test_modules_of_other_builds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
