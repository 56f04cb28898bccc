/* Opening model files: what is read, and what is refused, with which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/checked.h"
#include "base/memory.h"
#include "support/network.h"

static char scratch_path[] = "/tmp/likeness-test-model-XXXXXX";

/* The fixture's bytes. */
typedef struct {
    unsigned char *bytes;
    size_t size;
} contents;

static contents read_fixture(void)
{
    lk_mapping mapping;
    assert_int_equal(lk_map_file(LK_TEST_MODEL, &mapping), LK_OK);
    contents c = {malloc(mapping.size), mapping.size};
    assert_non_null(c.bytes);
    memcpy(c.bytes, mapping.bytes, mapping.size);
    lk_unmap(&mapping);
    return c;
}

/* Replaces the first `from` by `to`, of the same length. */
static void patch(contents *c, const char *from, const char *to)
{
    assert_int_equal(strlen(from), strlen(to));
    unsigned char *at = memmem(c->bytes, c->size, from, strlen(from));
    assert_non_null(at);
    memcpy(at, to, strlen(to));
}

static lk_status open_contents(const contents *c, lk_model **model)
{
    FILE *file = fopen(scratch_path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(c->bytes, 1, c->size, file), c->size);
    assert_int_equal(fclose(file), 0);
    return lk_model_open(scratch_path, model);
}

/* The file is refused with that status and a message that names the file and holds `words`. */
static void assert_refused(const contents *c, lk_status status, const char *words)
{
    lk_model *model = NULL;
    assert_int_equal(open_contents(c, &model), status);
    assert_null(model);
    assert_non_null(strstr(lk_error_message(), scratch_path));
    if (!strstr(lk_error_message(), words)) fail_msg("'%s' is not in '%s'", words, lk_error_message());
    assert_null(strchr(lk_error_message(), '\n'));
}

static void assert_patch_refused(const char *from, const char *to, lk_status status, const char *words)
{
    contents c = read_fixture();
    patch(&c, from, to);
    assert_refused(&c, status, words);
    free(c.bytes);
}

static void test_a_sound_model_says_what_it_is(void **state)
{
    (void)state;
    lk_model *model = NULL;
    char digits[65];
    assert_int_equal(lk_model_open(LK_TEST_MODEL, &model), LK_OK);
    assert_string_equal(lk_model_architecture(model), "mobilenet_v2");
    assert_int_equal(lk_model_classes(model), 12);
    assert_true(lk_model_scale(model) == 0.25);
    assert_string_equal(lk_model_label(model, 0), "鼠");
    assert_string_equal(lk_model_label_english(model, 11), "pig");
    assert_null(lk_model_label(model, 12));
    assert_int_equal(lk_model_preprocessing(model)->height, 227);
    assert_true(lk_model_preprocessing(model)->std[2] == 0.225f);
    assert_string_equal(lk_model_metadata(model, "padding"), "paddle");
    assert_null(lk_model_metadata(model, "nothing"));
    lk_model_sha256(model, digits);
    assert_int_equal(strlen(digits), 64);
    lk_model_close(&model);
    assert_null(model);
    lk_model_close(&model);
}

static void test_summary_counts_as_paddle(void **state)
{
    (void)state;
    lk_model *model = NULL;
    lk_summary *summary = NULL;
    size_t parameters = 0, trainable = 0;
    assert_int_equal(lk_model_open(LK_TEST_MODEL, &model), LK_OK);
    assert_int_equal(lk_summary_open(model, 227, 227, &summary), LK_OK);
    for (size_t i = 0; i < lk_summary_count(summary); i++) {
        parameters += lk_summary_layer(summary, i)->parameters;
        trainable += lk_summary_layer(summary, i)->trainable;
    }
    const lk_layer *last = lk_summary_layer(summary, lk_summary_count(summary) - 1),
                   *first = lk_summary_layer(summary, 0);
    assert_string_equal(first->kind, "Conv2D");
    assert_int_equal(first->height, 114);
    assert_int_equal(first->multiply_adds, 114 * 114 * 27 * 8);
    assert_string_equal(last->name, "classifier.1");
    assert_int_equal(last->channels, 12);
    assert_true(last->is_vector);
    /* 52 convolutions, norms; 35 activations; pool and classifier. The counts are those of paddle.summary. */
    assert_int_equal(lk_summary_count(summary), 52 + 52 + 35 + 2);
    assert_int_equal(parameters, 264140);
    assert_int_equal(parameters - trainable, 2 * 5328);
    assert_null(lk_summary_layer(summary, 1000));
    lk_summary_close(&summary);
    assert_int_equal(lk_summary_open(model, 31, 227, &summary), LK_ERROR_ARGUMENT);
    lk_model_close(&model);
}

static void test_names_of_features(void **state)
{
    (void)state;
    static const struct {
        const char *name, *same;
    } names[] = {{"logits", "classifier.1"},
                 {"pooled", "AdaptiveAvgPool2D-6"},
                 {"pooled", "pool2d_avg"},
                 {"features.18", "features.18.2"},
                 {"Conv2D-312", "features.18.0"},
                 {"Conv2D-53", "features.0.0"},
                 {"ReLU6-210", "features.18.2"},
                 {"classifier", "classifier.1"},
                 {"features.2.conv", "features.2.conv.3"},
                 {"features", "features.18.2"}};
    lk_model *model = NULL;
    lk_plan *plan = NULL;
    assert_int_equal(lk_model_open(LK_TEST_MODEL, &model), LK_OK);
    for (size_t i = 0; i < LK_COUNT(names); i++) {
        const char *both[] = {names[i].name, names[i].same};
        lk_session *session = NULL;
        assert_int_equal(
            lk_session_open(
                model, &(lk_plan_options){.height = 32, .width = 32, .features = both, .feature_count = 2},
                &session),
            LK_OK);
        const size_t length = lk_session_feature_length(session, 0);
        assert_int_equal(length, lk_session_feature_length(session, 1));
        float *values = calloc(2 * length, sizeof *values);
        lk_session_input(session, 0)[5] = 1;
        assert_int_equal(lk_session_run(session, 1), LK_OK);
        assert_int_equal(lk_session_feature(session, 0, 0, values), LK_OK);
        assert_int_equal(lk_session_feature(session, 1, 0, values + length), LK_OK);
        assert_memory_equal(values, values + length, length * sizeof *values);
        free(values);
        lk_session_close(&session);
    }
    static const char *const unknown[] = {"",         "features.19",        "feature", "Conv2D-0", "Conv2D-",
                                          "Conv3D-1", "Conv2D-99999999999", "-1"};
    for (size_t i = 0; i < LK_COUNT(unknown); i++)
        assert_int_equal(
            lk_plan_open(model, &(lk_plan_options){.features = &unknown[i], .feature_count = 1}, &plan),
            LK_ERROR_NOT_FOUND);
    lk_model_close(&model);
}

static void test_options_that_cannot_be(void **state)
{
    (void)state;
    const struct {
        lk_plan_options options;
        lk_status status;
    } cases[] = {
        {{.height = 31}, LK_ERROR_ARGUMENT},
        {{.width = 1025}, LK_ERROR_ARGUMENT},
        {{.batch = 100000}, LK_ERROR_LIMIT},
        {{.isa = "mmx"}, LK_ERROR_ARGUMENT},
        {{.backend = (lk_backend_kind)99}, LK_ERROR_ARGUMENT},
        {{.batch_norm = LK_BATCH_NORM_BATCH, .batch = 2}, LK_ERROR_ARGUMENT},
        {{.batch_norm = LK_BATCH_NORM_BATCH, .backend = LK_BACKEND_OPENBLAS}, LK_ERROR_ARGUMENT},
        {{.features = (const char *const[]){"logits"}, .feature_count = 0}, LK_ERROR_ARGUMENT},
    };
    lk_model *model = NULL;
    assert_int_equal(lk_model_open(LK_TEST_MODEL, &model), LK_OK);
    for (size_t i = 0; i < LK_COUNT(cases); i++) {
        lk_session *session = NULL;
        assert_int_equal(lk_session_open(model, &cases[i].options, &session), cases[i].status);
        assert_null(session);
    }
    lk_session *session = NULL;
    float value;
    assert_int_equal(
        lk_session_open(model, &(lk_plan_options){.batch = 2, .height = 32, .width = 32}, &session), LK_OK);
    assert_int_equal(lk_session_run(session, 3), LK_ERROR_ARGUMENT);
    assert_int_equal(lk_session_run(session, 0), LK_ERROR_ARGUMENT);
    assert_int_equal(lk_session_feature(session, 0, 0, &value), LK_ERROR_ARGUMENT); /* nothing has run */
    assert_null(lk_session_input(session, 2));
    assert_int_equal(lk_session_feature_length(session, 1), 0);
    lk_session_close(&session);
    lk_model_close(&model);
}

/* The system might promise so much memory, and end the process that touches it. */
static void test_what_does_not_fit_into_memory(void **state)
{
    (void)state;
    const lk_plan_options huge = {.backend = LK_BACKEND_NATIVE, .batch = 4096, .height = 1024, .width = 1024};
    const size_t input = huge.batch * huge.height * huge.width * 3 * sizeof(float);
    lk_model *model = NULL;
    lk_session *session = NULL;
    if (lk_most_memory() > input) skip();
    assert_int_equal(lk_model_open(LK_TEST_MODEL, &model), LK_OK);
    assert_int_equal(lk_session_open(model, &huge, &session), LK_ERROR_MEMORY);
    assert_non_null(strstr(lk_error_message(), "a run of 4096 pictures needs"));
    assert_non_null(strstr(lk_error_message(), "run fewer at a time, or smaller ones"));
    assert_null(session);
    lk_model_close(&model);
}

static void test_metadata_that_cannot_be(void **state)
{
    (void)state;
    assert_patch_refused("\"format_version\":\"1\"", "\"format_version\":\"9\"", LK_ERROR_UNSUPPORTED,
                         "format_version 9");
    assert_patch_refused("mobilenet_v2", "mobilenet_v9", LK_ERROR_UNSUPPORTED, "mobilenet_v9");
    assert_patch_refused("\"bn_epsilon\":\"1e-05\"", "\"bn_epsilon\":\"0e-05\"", LK_ERROR_FORMAT,
                         "bn_epsilon");
    assert_patch_refused("\"padding\":\"paddle\"", "\"padding\":\"poodle\"", LK_ERROR_FORMAT, "padding");
    assert_patch_refused("[227,227]", "[227,029]", LK_ERROR_FORMAT, "preprocess");
    assert_patch_refused("[227,227]", "[227,31 ]", LK_ERROR_FORMAT, "size");
    assert_patch_refused("\\\"num_classes\\\":12", "\\\"num_classes\\\":13", LK_ERROR_FORMAT, "labels");
    assert_patch_refused("\\\"scale\\\":0.25", "\\\"scale\\\":0.35", LK_ERROR_TENSOR, "features.");
    assert_patch_refused("format_version", "format_virsion", LK_ERROR_FORMAT, "format_version");
}

static void test_tensors_that_cannot_be(void **state)
{
    (void)state;
    assert_patch_refused("\"features.3.conv.2.weight\"", "\"features.3.conv.2.wight1\"", LK_ERROR_TENSOR,
                         "features.3.conv.2.weight is missing");
    assert_patch_refused("\"shape\":[12]", "\"shape\":[13]", LK_ERROR_FORMAT, "bytes");
    assert_patch_refused("\"dtype\":\"F32\"", "\"dtype\":\"I32\"", LK_ERROR_TENSOR, "float32");
    assert_patch_refused("\"dtype\":\"F32\"", "\"dtype\":\"Q32\"", LK_ERROR_UNSUPPORTED, "Q32");
    assert_patch_refused("\"shape\":[1280,12]", "\"shape\":[12,1280]", LK_ERROR_TENSOR, "[1280, 12]");
}

/* A weight of NaN or infinity, and a variance below 0, are faults of the file and not results to compute
 * with. */
static void test_weights_that_are_no_numbers(void **state)
{
    (void)state;
    static const unsigned char nan_bytes[] = {0, 0, 0xc0, 0x7f}, infinity[] = {0, 0, 0x80, 0x7f};
    contents c = read_fixture();
    memcpy(c.bytes + c.size - 4, nan_bytes, 4);
    assert_refused(&c, LK_ERROR_TENSOR, "NaN");
    memcpy(c.bytes + c.size - 4, infinity, 4);
    assert_refused(&c, LK_ERROR_TENSOR, "infinity");
    free(c.bytes);
}

static void test_a_file_cut_anywhere_is_refused(void **state)
{
    (void)state;
    contents c = read_fixture();
    const size_t whole = c.size, cuts[] = {0, 1, 7, 8, 9, 100, 5000, whole / 2, whole - 4, whole - 1};
    for (size_t i = 0; i < LK_COUNT(cuts); i++) {
        c.size = cuts[i];
        assert_refused(&c, LK_ERROR_FORMAT, "");
    }
    c.size = whole;
    free(c.bytes);
}

/* Any byte of the header may be wrong: the file is refused or read, but nothing breaks (sanitizers watch). */
static void test_flipped_bits_of_the_header_break_nothing(void **state)
{
    (void)state;
    contents c = read_fixture();
    size_t refused = 0;
    for (size_t at = 0; at < 6000; at += 7) {
        lk_model *model = NULL;
        c.bytes[at] ^= (unsigned char)(1 << at % 8);
        if (open_contents(&c, &model)) refused++;
        lk_model_close(&model);
        c.bytes[at] ^= (unsigned char)(1 << at % 8);
    }
    assert_true(refused > 500);
    free(c.bytes);
}

static void test_what_is_no_file(void **state)
{
    (void)state;
    lk_model *model = NULL;
    assert_int_equal(lk_model_open("tests/fixtures/none.safetensors", &model), LK_ERROR_IO);
    assert_non_null(strstr(lk_error_message(), "tests/fixtures/none.safetensors: cannot open: No such file"));
    assert_int_equal(lk_model_open("tests/fixtures", &model), LK_ERROR_IO);
    assert_non_null(strstr(lk_error_message(), "not a regular file"));
    assert_int_equal(lk_model_open("tests/fixtures/dataset_info.json", &model), LK_ERROR_FORMAT);
}

static int make_scratch(void **state)
{
    (void)state;
    return close(mkstemp(scratch_path));
}

static int remove_scratch(void **state)
{
    (void)state;
    return unlink(scratch_path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_sound_model_says_what_it_is),
        cmocka_unit_test(test_summary_counts_as_paddle),
        cmocka_unit_test(test_names_of_features),
        cmocka_unit_test(test_options_that_cannot_be),
        cmocka_unit_test(test_what_does_not_fit_into_memory),
        cmocka_unit_test(test_metadata_that_cannot_be),
        cmocka_unit_test(test_tensors_that_cannot_be),
        cmocka_unit_test(test_weights_that_are_no_numbers),
        cmocka_unit_test(test_a_file_cut_anywhere_is_refused),
        cmocka_unit_test(test_flipped_bits_of_the_header_break_nothing),
        cmocka_unit_test(test_what_is_no_file),
    };
    return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
