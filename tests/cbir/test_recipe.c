#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/checked.h"
#include "cbir/recipe.h"
#include "support/images.h"
#include "support/network.h"
#include "tests/cbir/folder.h"

static lk_recipe sample(void)
{
    lk_recipe r = {.preprocessing = {.height = 224,
                                     .width = 192,
                                     .resize = LK_RESIZE_SHORTER,
                                     .shorter = 256,
                                     .mean = {0.485F, 0.456F, 0.406F},
                                     .std = {0.229F, 0.224F, 1.0F / 3}},
                   .parts = {{.feature = "features.17", .pooling = LK_POOLING_MAX, .weight = 1},
                             {.feature = "logits", .l2 = true, .weight = 0.1F}},
                   .part_count = 2,
                   .fusion = LK_FUSION_PARALLEL,
                   .hash = {.kind = LK_HASH_FIXED, .threshold = 0.25F, .sigmoid = true},
                   .length = 1280,
                   .softmax = true,
                   .batch_norm = LK_BATCH_NORM_BATCH,
                   .precision = LK_PRECISION_F32};
    memset(r.model_sha256, 'a', 64);
    return r;
}

/* Not inlined: gcc 12 takes the stream's pointer to `text` for one that outlives it. */
__attribute__((noinline)) static char *written(const lk_recipe *recipe, size_t *size)
{
    char *text = NULL;
    FILE *stream = open_memstream(&text, size);
    assert_int_equal(lk_recipe_write(recipe, stream, "memory"), LK_OK);
    fclose(stream);
    return text;
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    const lk_recipe recipe = sample();
    lk_recipe again;
    size_t size;
    char *text = written(&recipe, &size);
    assert_non_null(strstr(text, "0.485,"));       /* the shortest decimal of the float */
    assert_non_null(strstr(text, "0.33333334\n")); /* and no shorter than it takes */
    assert_int_equal(lk_recipe_parse(text, size, "memory", &again), LK_OK);
    assert_int_equal(lk_recipe_compare(&recipe, &again), LK_OK);
    assert_true(again.preprocessing.std[2] == recipe.preprocessing.std[2]);
    char title[64];
    lk_recipe_title(&again, title, sizeof title);
    assert_string_equal(title, "features.17-max+0.1*logits-l2");
    lk_recipe_title(&again, title, 12); /* cut, and no further */
    assert_string_equal(title, "features.17");
    free(text);
}

/* Said only where it is so: recipes without it keep the bytes that they had before there was such a thing. */
static void fast_decoding_is_written_where_it_is_on(void **state)
{
    (void)state;
    lk_recipe recipe = sample(), again;
    size_t size;
    char *text = written(&recipe, &size);
    assert_null(strstr(text, "fast_decode"));
    free(text);
    recipe.preprocessing.fast_decode = true;
    text = written(&recipe, &size);
    assert_non_null(strstr(text, "\"fast_decode\": true"));
    assert_int_equal(lk_recipe_parse(text, size, "memory", &again), LK_OK);
    assert_true(again.preprocessing.fast_decode);
    assert_int_equal(lk_recipe_compare(&recipe, &again), LK_OK);
    free(text);
}

static void every_field_counts(void **state)
{
    (void)state;
    const lk_recipe recipe = sample();
    lk_recipe others[23];
    for (size_t i = 0; i < LK_COUNT(others); i++) others[i] = recipe;
    others[0].model_sha256[63] = 'b';
    others[1].preprocessing.height = 225;
    others[2].preprocessing.width = 193;
    others[3].preprocessing.resize = LK_RESIZE_EXACT;
    others[4].preprocessing.shorter = 257;
    others[5].preprocessing.mean[1] = 0.4561F;
    others[6].preprocessing.std[2] = 0.3333333F;
    strcpy(others[7].parts[0].feature, "features.16");
    others[8].length = 1281;
    others[9].softmax = false;
    others[10].batch_norm = LK_BATCH_NORM_RUNNING;
    others[11].parts[0].pooling = LK_POOLING_FLAT;
    others[12].parts[1].l2 = false;
    others[13].parts[1].weight = 0.2F;
    others[14].part_count = 1;
    others[15].fusion = LK_FUSION_SERIES;
    others[16].hash.kind = LK_HASH_MEAN;
    others[17].hash.threshold = 0.3F;
    others[18].hash.sigmoid = false;
    others[19].hash.whole_matrix = true;
    memset(others[20].projection_sha256, 'c', 64);
    others[21].precision = LK_PRECISION_BF16;
    others[22].preprocessing.fast_decode = true;
    for (size_t i = 0; i < LK_COUNT(others); i++) {
        assert_int_equal(lk_recipe_compare(&recipe, &others[i]), LK_ERROR_MISMATCH);
        assert_int_equal(strncmp(lk_error_message(), "made by different recipes", 25), 0);
    }
    lk_recipe normalized = recipe;
    normalized.l2 = true;
    assert_int_equal(lk_recipe_compare(&recipe, &normalized), LK_ERROR_MISMATCH);
    lk_recipe exact = others[3], same = others[3];
    same.preprocessing.shorter = 7; /* says nothing under this rule */
    assert_int_equal(lk_recipe_compare(&exact, &same), LK_OK);
}

/* Replaces the first `old` in the text of a sound recipe, and parses that. */
static lk_status parse_changed(const char *old, const char *new)
{
    const lk_recipe recipe = sample();
    lk_recipe out;
    size_t size;
    char *text = written(&recipe, &size), changed[4096];
    const char *at = strstr(text, old);
    assert_non_null(at);
    snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - text), text, new, at + strlen(old));
    const lk_status status = lk_recipe_parse(changed, strlen(changed), "changed.json", &out);
    if (status) assert_int_equal(strncmp(lk_error_message(), "changed.json", 12), 0);
    free(text);
    return status;
}

static void faults_are_found(void **state)
{
    (void)state;
    assert_int_equal(parse_changed("true", "true"), LK_OK);
    assert_int_equal(parse_changed("{", ""), LK_ERROR_FORMAT);
    assert_int_equal(parse_changed("\"softmax\": true", "\"softmax\": 1"), LK_ERROR_FORMAT);
    assert_int_equal(parse_changed("\"softmax\"", "\"hardmax\""), LK_ERROR_FORMAT);
    assert_int_equal(parse_changed("aaaa", "AAAA"), LK_ERROR_FORMAT);
    assert_int_equal(parse_changed("aaaa", ""), LK_ERROR_FORMAT);
    assert_int_equal(parse_changed("1280", "0"), LK_ERROR_FORMAT);
    assert_int_equal(parse_changed("224", "-224"), LK_ERROR_FORMAT);
    assert_int_equal(parse_changed("\"shorter\": 256", "\"longer\": 256"), LK_ERROR_FORMAT);
    assert_int_equal(parse_changed("\"shorter\",", "\"stretch\","), LK_ERROR_UNSUPPORTED);
    assert_int_equal(parse_changed("\"batch\"", "\"none\""), LK_ERROR_UNSUPPORTED);
    assert_int_equal(parse_changed("\"max\"", "\"min\""), LK_ERROR_UNSUPPORTED);
    assert_int_equal(parse_changed("\"parallel\"", "\"askew\""), LK_ERROR_UNSUPPORTED);
    assert_int_equal(parse_changed("\"fixed\"", "\"none\""), LK_ERROR_UNSUPPORTED);
    assert_int_equal(parse_changed("\"image\"", "\"list\""), LK_ERROR_UNSUPPORTED);
    assert_int_equal(parse_changed("\"parts\"", "\"pieces\""), LK_ERROR_FORMAT);
    assert_int_equal(parse_changed("\"projection_sha256\": null", "\"projection_sha256\": \"12\""),
                     LK_ERROR_FORMAT);
    assert_int_equal(parse_changed("\"f32\"", "\"f64\""), LK_ERROR_UNSUPPORTED);
    assert_int_equal(parse_changed("\"format_version\": 1", "\"format_version\": 2"), LK_ERROR_UNSUPPORTED);
}

static void a_feature_has_one_name(void **state)
{
    (void)state;
    static const struct {
        const char *asked, *name;
    } cases[] = {
        {"pooled", "pooled"},
        {"pool2d_avg", "pooled"},
        {"AdaptiveAvgPool2D-1", "pooled"},
        {"AdaptiveAvgPool2D-6", "pooled"},
        {"logits", "logits"},
        {"classifier.1", "logits"},
        {"Linear-2", "logits"},
        {"Conv2D-52", "features.18.0"},
        {"Conv2D-312", "features.18.0"},
        {"ReLU6-210", "features.18.2"},
        {"features.18.2", "features.18.2"},
        {"features.17", "features.17"},
    };
    char name[64];
    lk_model *model = NULL;
    assert_int_equal(lk_model_open(LK_TEST_MODEL, &model), LK_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(lk_feature_name(model, cases[i].asked, name, sizeof name), LK_OK);
        assert_string_equal(name, cases[i].name);
    }
    static const char *const unknown[] = {"",        "features.99", "Conv2D-0",
                                          "Conv2D-", "Conv3D-1",    "features.1.conv.0.0.0"};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        assert_int_equal(lk_feature_name(model, unknown[i], name, sizeof name), LK_ERROR_NOT_FOUND);
    assert_int_equal(lk_feature_name(model, "features.17", name, 4), LK_ERROR_LIMIT);
    lk_model_close(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(fast_decoding_is_written_where_it_is_on),
        cmocka_unit_test(every_field_counts),
        cmocka_unit_test(faults_are_found),
        cmocka_unit_test(a_feature_has_one_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
