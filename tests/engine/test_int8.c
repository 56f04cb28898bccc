/* The small model in int8: every backend gives the reference's bits; files and wishes that cannot be are
 * refused. */
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/checked.h"
#include "layers/affine.h"
#include "support/network.h"

static const char *const features[] = {"logits", "pooled", "features.0", "features.1", "features.18"};

static lk_model *open_model(const char *path)
{
    lk_model *model = NULL;
    if (lk_model_open(path, &model)) fail_msg("%s", lk_error_message());
    return model;
}

static void draw_picture(float *input, size_t height, size_t width, size_t picture)
{
    uint32_t x = (uint32_t)picture * 7919 + 1;
    for (size_t i = 0; i < height * width * 3; i++) {
        x = x * 1664525 + 1013904223; /* Numerical Recipes */
        input[i] = (float)(x >> 8) * 0x1p-22F - 2 + (i / 300 % 3 == 0 ? 1.5F : 0);
    }
}

/* All features of all pictures of a run, one after another. */
static float *run(const lk_model *model, lk_plan_options options, size_t threads, size_t *count)
{
    lk_plan *plan = NULL;
    lk_session *session = NULL;
    lk_pool *pool = NULL;
    if (lk_plan_open(model, &options, &plan)) fail_msg("%s", lk_error_message());
    assert_int_equal(lk_pool_open(threads, &pool), LK_OK);
    assert_int_equal(lk_session_share(plan, pool, &session), LK_OK);
    for (size_t b = 0; b < options.batch; b++)
        draw_picture(lk_session_input(session, b), options.height, options.width, b);
    assert_int_equal(lk_session_run(session, options.batch), LK_OK);
    *count = 0;
    for (size_t f = 0; f < options.feature_count; f++)
        *count += options.batch * lk_plan_feature_length(plan, f);
    float *values = malloc(*count * sizeof *values), *at = values;
    assert_non_null(values);
    for (size_t b = 0; b < options.batch; b++)
        for (size_t f = 0; f < options.feature_count; f++) {
            assert_int_equal(lk_session_feature(session, f, b, at), LK_OK);
            at += lk_plan_feature_length(plan, f);
        }
    lk_session_close(&session);
    lk_plan_close(&plan);
    lk_pool_close(&pool);
    return values;
}

static void test_native_gives_the_bits_of_the_reference(void **state)
{
    (void)state;
    static const size_t sides[][2] = {{53, 45}, {32, 32}};
    static const char *const isas[] = {"portable", "avx2", "avx512", NULL};
    lk_model *model = open_model(LK_TEST_INT8_MODEL);
    size_t compared = 0;
    for (size_t s = 0; s < LK_COUNT(sides); s++) {
        lk_plan_options options = {.backend = LK_BACKEND_REFERENCE,
                                   .height = sides[s][0],
                                   .width = sides[s][1],
                                   .batch = 2,
                                   .features = features,
                                   .feature_count = LK_COUNT(features)};
        size_t count, again;
        float *want = run(model, options, 1, &count);
        options.backend = LK_BACKEND_NATIVE;
        for (size_t i = 0; i < LK_COUNT(isas); i++)
            for (size_t threads = 1; threads <= (isas[i] ? 1 : 3); threads++) {
                lk_plan *plan = NULL;
                options.isa = isas[i];
                if (lk_plan_open(model, &options, &plan) == LK_ERROR_BACKEND) continue;
                lk_plan_close(&plan);
                float *got = run(model, options, threads, &again);
                assert_int_equal(again, count);
                assert_memory_equal(got, want, count * sizeof *got);
                free(got);
                compared++;
            }
        free(want);
    }
    assert_true(compared >= LK_COUNT(sides) * 3);
    lk_model_close(&model);
}

/* What the bytes of a layer's map stand for, in the file's own words. */
static lk_affine affine_of(const lk_model *model, const char *layer)
{
    json_t *json = json_loads(lk_model_metadata(model, "quantization"), 0, NULL);
    const json_t *entry = json_object_get(json_object_get(json, "activations"), layer);
    assert_non_null(entry);
    const lk_affine real = {json_number_value(json_object_get(entry, "scale")),
                            (int32_t)json_integer_value(json_object_get(entry, "zero"))};
    json_decref(json);
    return real;
}

/* A tensor of make_int8_fixture.py: bytes of the layer, or floats; as that feature of the session has it. */
static void assert_as_the_converter(const lk_session *session, size_t feature, const lk_model *model,
                                    const lk_tensor *want)
{
    char layer[64];
    snprintf(layer, sizeof layer, "%s", want->name);
    float *got = malloc(want->count * sizeof *got);
    assert_non_null(got);
    assert_int_equal(lk_session_feature_length(session, feature), want->count);
    assert_int_equal(lk_session_feature(session, feature, 0, got), LK_OK);
    lk_affine real = {0};
    if (want->dtype == LK_U8) {
        layer[strlen(layer) - 3] = 0; /* .u8 */
        real = affine_of(model, layer);
    }
    for (size_t i = 0; i < want->count; i++) {
        const float value = want->dtype == LK_U8 ? (float)(want->bytes[i] - real.zero) * (float)real.scale
                                                 : lk_tensor_at(want, i);
        if (got[i] != value)
            fail_msg("%s: value %zu is %g, not %g", want->name, i, (double)got[i], (double)value);
    }
    free(got);
}

/* Every map, pooled features and logits, as the converter computes them in Python, bit for bit. */
static void test_every_layer_is_as_the_converter_has_it(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        size_t height, width;
    } files[] = {{"tests/fixtures/parity/int8_64.safetensors", 64, 64},
                 {"tests/fixtures/parity/int8_53x45.safetensors", 53, 45}};
    static const lk_backend_kind backends[] = {LK_BACKEND_REFERENCE, LK_BACKEND_NATIVE};
    lk_model *model = open_model(LK_TEST_INT8_MODEL);
    for (size_t f = 0; f < LK_COUNT(files) * LK_COUNT(backends); f++) {
        lk_safetensors *file = NULL;
        char names[128][64];
        const char *wanted[128];
        const lk_tensor *tensors[128];
        size_t count = 0;
        assert_int_equal(lk_safetensors_open(files[f / 2].path, &file), LK_OK);
        for (size_t i = 0; i < lk_safetensors_count(file); i++) {
            const lk_tensor *t = lk_safetensors_tensor(file, i);
            if (!strncmp(t->name, "input", 5)) continue;
            snprintf(names[count], sizeof names[count], "%s", t->name);
            if (t->dtype == LK_U8) names[count][strlen(names[count]) - 3] = 0;
            wanted[count] = names[count];
            tensors[count++] = t;
        }
        assert_true(count > 50);
        const lk_plan_options options = {.backend = backends[f % 2],
                                         .height = files[f / 2].height,
                                         .width = files[f / 2].width,
                                         .features = wanted,
                                         .feature_count = count};
        lk_session *session = NULL;
        if (lk_session_open(model, &options, &session)) fail_msg("%s", lk_error_message());
        lk_test_set_input(session, 0, file, "input");
        assert_int_equal(lk_session_run(session, 1), LK_OK);
        for (size_t i = 0; i < count; i++) assert_as_the_converter(session, i, model, tensors[i]);
        lk_session_close(&session);
        lk_safetensors_close(&file);
    }
    lk_model_close(&model);
}

static void assert_no_plan(const lk_model *model, lk_plan_options options, const char *words)
{
    lk_plan *plan = NULL;
    assert_int_equal(lk_plan_open(model, &options, &plan),
                     options.backend == LK_BACKEND_OPENBLAS ? LK_ERROR_BACKEND : LK_ERROR_ARGUMENT);
    assert_null(plan);
    if (!strstr(lk_error_message(), words)) fail_msg("'%s' is not in '%s'", words, lk_error_message());
}

static void test_wishes_that_cannot_be(void **state)
{
    (void)state;
    lk_model *model = open_model(LK_TEST_INT8_MODEL), *floats = open_model(LK_TEST_MODEL);
    static const char *const conv[] = {"features.0.0"}, *const norm[] = {"features.3.conv.3"};
    assert_int_equal(lk_model_precision(model), LK_PRECISION_INT8);
    assert_int_equal(lk_model_precision(floats), LK_PRECISION_F32);
    assert_no_plan(model, (lk_plan_options){.precision = LK_PRECISION_F32}, "runs in int8, not in f32");
    assert_no_plan(model, (lk_plan_options){.precision = LK_PRECISION_BF16}, "not in bf16");
    assert_no_plan(floats, (lk_plan_options){.precision = LK_PRECISION_INT8}, "likeness-convert quantize");
    assert_no_plan(model, (lk_plan_options){.plain = true}, "plain");
    assert_no_plan(model, (lk_plan_options){.batch_norm = LK_BATCH_NORM_BATCH}, "batch norm");
    assert_no_plan(model, (lk_plan_options){.backend = LK_BACKEND_OPENBLAS}, "openblas");
    assert_no_plan(model, (lk_plan_options){.features = conv, .feature_count = 1},
                   "no output of features.0.0: it is made into features.0.2 at once");
    assert_no_plan(model, (lk_plan_options){.features = norm, .feature_count = 1},
                   "no output of features.3.conv.3: it is made into features.3 at once");
    lk_plan *plan = NULL;
    const lk_plan_options asked = {.precision = LK_PRECISION_INT8};
    assert_int_equal(lk_plan_open(model, &asked, &plan), LK_OK);
    assert_int_equal(lk_plan_precision(plan), LK_PRECISION_INT8);
    lk_plan_close(&plan);
    lk_model_close(&model);
    lk_model_close(&floats);
}

/* ------------------------------------------------------------------ bad files */

static char scratch_path[] = "/tmp/likeness-test-int8-XXXXXX";

/* The file with the first `from` replaced by `to`, of the same length: refused with `words`. */
static void assert_patched_refused(const void *from, const void *to, size_t length, lk_status status,
                                   const char *words)
{
    lk_mapping mapping;
    lk_model *model = NULL;
    assert_int_equal(lk_map_file(LK_TEST_INT8_MODEL, &mapping), LK_OK);
    unsigned char *bytes = malloc(mapping.size);
    assert_non_null(bytes);
    memcpy(bytes, mapping.bytes, mapping.size);
    unsigned char *at = memmem(bytes, mapping.size, from, length);
    assert_non_null(at);
    memcpy(at, to, length);
    FILE *file = fopen(scratch_path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, mapping.size, file), mapping.size);
    assert_int_equal(fclose(file), 0);
    free(bytes);
    lk_unmap(&mapping);
    assert_int_equal(lk_model_open(scratch_path, &model), status);
    assert_null(model);
    assert_non_null(strstr(lk_error_message(), scratch_path));
    if (!strstr(lk_error_message(), words)) fail_msg("'%s' is not in '%s'", words, lk_error_message());
}

static void assert_text_refused(const char *from, const char *to, const char *words)
{
    assert_int_equal(strlen(from), strlen(to));
    assert_patched_refused(from, to, strlen(from), LK_ERROR_FORMAT, words);
}

static void test_metadata_that_cannot_be(void **state)
{
    (void)state;
    assert_text_refused("\\\"features.7.conv.0.2\\\":", "\\\"features.7.conv.0.x\\\":",
                        "activation features.7.conv.0.2: missing");
    assert_text_refused("\\\"input\\\":", "\\\"inputs\\\"", "quantization");
    assert_text_refused("\\\"input\\\":{\\\"scale\\\":0.01", "\\\"input\\\":{\\\"scale\\\":0.0e",
                        "metadata quantization");
    assert_text_refused("\\\"pool2d_avg\\\":{\\\"scale\\\":0.", "\\\"pool2d_avg\\\":{\\\"scale\\\":-0",
                        "metadata quantization");
    assert_text_refused(
        "\\\"features.2.conv.3\\\":{\\\"scale\\\":", "\\\"features.2.conv.3\\\":{\\\"scalp\\\":",
        "activation features.2.conv.3: scale is not a number from 1e-9 to 1e9");
    assert_text_refused("\\\"features.2.conv.3\\\":{\\\"scale\\\"",
                        "\\\"features.2.conv.4\\\":{\\\"scale\\\"", "activation features.2.conv.3: missing");
    assert_text_refused("\"quantization\"", "\"quantisation\"", "metadata quantization: missing");
    assert_text_refused("{\\\"activations\\\":", "{\\\"activation\\\" :", "needs activations");
    assert_patched_refused("\"weights_form\":\"int8\"", "\"weights_form\":\"int4\"", 21, LK_ERROR_UNSUPPORTED,
                           "weights_form int4");
    assert_patched_refused("\"weights_form\":\"int8\"", "\"weights_norm\":\"int8\"", 21, LK_ERROR_TENSOR,
                           "is not of float32");
}

/* A number inside the JSON text of a scale or a zero, in as many characters. */
static void test_scales_and_zeros_out_of_range(void **state)
{
    (void)state;
    lk_model *model = open_model(LK_TEST_INT8_MODEL);
    const char *text = strstr(lk_model_metadata(model, "quantization"), "\"pool2d_avg\"");
    char number[32], from[128], to[128];
    assert_int_equal(sscanf(text, "\"pool2d_avg\":{\"scale\":%31[^,]", number), 1);
    static const char *const scales[] = {"0.0", "-1.0", "1e-10", "2e9"};
    for (size_t i = 0; i < LK_COUNT(scales); i++) {
        snprintf(from, sizeof from, "\\\"pool2d_avg\\\":{\\\"scale\\\":%s,", number);
        snprintf(to, sizeof to, "\\\"pool2d_avg\\\":{\\\"scale\\\":%*s,", (int)strlen(number), scales[i]);
        assert_text_refused(from, to, "activation pool2d_avg: scale is not a number from 1e-9 to 1e9");
    }
    static const char *const numbers[] = {"NaN", "1e999"};
    for (size_t i = 0; i < LK_COUNT(numbers); i++) {
        snprintf(to, sizeof to, "\\\"pool2d_avg\\\":{\\\"scale\\\":%*s,", (int)strlen(number), numbers[i]);
        assert_text_refused(from, to, "metadata quantization");
    }
    lk_model_close(&model);
    assert_text_refused("\\\"zero\\\":0}", "\\\"zero\\\":-}", "metadata quantization");
    assert_text_refused("\\\"zero\\\":0},\\\"features.10\\\"", "\\\"zerf\\\":0},\\\"features.10\\\"",
                        "zero is not a whole number from 0 to 255");
}

static lk_tensor find_tensor(const char *name)
{
    lk_safetensors *file = NULL;
    assert_int_equal(lk_safetensors_open(LK_TEST_INT8_MODEL, &file), LK_OK);
    const lk_tensor *found = lk_safetensors_find(file, name);
    assert_non_null(found);
    lk_tensor tensor = *found;
    lk_safetensors_close(&file);
    return tensor;
}

/* The bytes of that tensor's element, in the file, become `bytes`. */
static void assert_element_refused(const char *name, size_t element, const void *bytes, size_t size,
                                   const char *words)
{
    lk_safetensors *file = NULL;
    assert_int_equal(lk_safetensors_open(LK_TEST_INT8_MODEL, &file), LK_OK);
    const lk_tensor *t = lk_safetensors_find(file, name);
    assert_non_null(t);
    unsigned char from[64], to[64];
    memcpy(from, t->bytes, sizeof from);
    memcpy(to, from, sizeof to);
    memcpy(to + element * size, bytes, size);
    lk_safetensors_close(&file);
    assert_patched_refused(from, to, sizeof from, LK_ERROR_TENSOR, words);
}

static void test_tensors_that_cannot_be(void **state)
{
    (void)state;
    const float bad[] = {0, -1, 2e9F, NAN, INFINITY};
    const char *const words[] = {
        "tensor features.18.0.scale holds 0 at element 3: a scale is above 0 and at most 1e+09",
        "tensor features.18.0.scale holds -1 at", "tensor features.18.0.scale holds 2e+09 at",
        "tensor features.18.0.scale holds NaN at", "tensor features.18.0.scale holds infinity at"};
    for (size_t i = 0; i < LK_COUNT(bad); i++)
        assert_element_refused("features.18.0.scale", 3, &bad[i], sizeof bad[i], words[i]);
    const int8_t least = -128;
    assert_element_refused("features.18.0.weight", 5, &least, 1,
                           "tensor features.18.0.weight holds -128 at element 5");
    assert_true(find_tensor("features.18.0.weight").dtype == LK_I8);
    assert_patched_refused("\"I8\",\"shape\":[1280,80,1,1]", "\"U8\",\"shape\":[1280,80,1,1]", 26,
                           LK_ERROR_TENSOR, "tensor features.18.0.weight is not of int8");
    assert_patched_refused("\"features.9.conv.2.scale\"", "\"features.9.conv.2.scald\"", 25, LK_ERROR_TENSOR,
                           "tensor features.9.conv.2.scale is missing");
    assert_patched_refused("\"F32\",\"shape\":[1280]", "\"I32\",\"shape\":[1280]", 20, LK_ERROR_TENSOR,
                           "tensor features.18.0.bias is not of float32");
}

static int make_scratch(void **state)
{
    (void)state;
    const int file = mkstemp(scratch_path);
    return file < 0 || close(file);
}

static int remove_scratch(void **state)
{
    (void)state;
    return unlink(scratch_path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_native_gives_the_bits_of_the_reference),
        cmocka_unit_test(test_every_layer_is_as_the_converter_has_it),
        cmocka_unit_test(test_wishes_that_cannot_be),
        cmocka_unit_test(test_metadata_that_cannot_be),
        cmocka_unit_test(test_scales_and_zeros_out_of_range),
        cmocka_unit_test(test_tensors_that_cannot_be),
    };
    return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
