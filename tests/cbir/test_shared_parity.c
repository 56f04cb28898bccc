/* The figures of parity with Paddle on ../shared: its models in every form (converted by scripts/test into
 * build/shared-models), its photographs decoded and resized by Likeness, and Paddle's own results. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/checked.h"
#include "cbir/extract.h"
#include "cbir/npz.h"
#include "engine/likeness.h"

#define SHARED "../shared/"
#define MODELS "build/shared-models/"

static const char *const forms[] = {MODELS "imagenet.safetensors", MODELS "imagenet_p2.safetensors",
                                    MODELS "imagenet_p3.safetensors"};

/* ------------------------------------------------------------------ goldens */

static lk_npz *open_golden(const char *path)
{
    lk_npz *npz = NULL;
    assert_int_equal(lk_npz_open(path, &npz), LK_OK);
    return npz;
}

/* Member `name` as floats, free() them; its shape goes to *array. */
static float *golden_floats(const lk_npz *npz, const char *name, lk_npy *array)
{
    size_t index;
    lk_npz_array loaded;
    if (!lk_npz_find(npz, name, &index)) fail_msg("no golden for %s", name);
    assert_int_equal(lk_npz_load(npz, index, &loaded), LK_OK);
    float *values = malloc(loaded.array.count * sizeof *values);
    assert_non_null(values);
    assert_int_equal(lk_npy_floats(&loaded.array, 0, loaded.array.count, values), LK_OK);
    *array = loaded.array;
    array->data = NULL;
    free(loaded.memory);
    return values;
}

static double largest_difference(const float *a, const float *b, size_t count)
{
    double largest = 0;
    for (size_t i = 0; i < count; i++) {
        const double off = fabs((double)a[i] - (double)b[i]);
        largest = off <= largest ? largest : off; /* NaN goes in, and stays */
    }
    return largest;
}

static double largest_magnitude(const float *a, size_t count)
{
    float largest = 0; /* of floats: see measure() in cbir/index.c */
    for (size_t i = 0; i < count; i++) largest = fmaxf(largest, fabsf(a[i]));
    return (double)largest;
}

static double cosine(const float *a, const float *b, size_t count)
{
    double ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < count; i++) {
        ab += (double)a[i] * (double)b[i];
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
    }
    return ab / sqrt(aa * bb);
}

/* ------------------------------------------------------------------ layers */

/* The golden's layers that a session can be asked for: all but what is no layer. */
static size_t layers_of(const lk_npz *npz, const char *names[256])
{
    static const char *const others[] = {"photo", "input", "resized_rgb_u8"};
    size_t count = 0;
    for (size_t i = 0; i < lk_npz_count(npz); i++) {
        bool layer = true;
        for (size_t o = 0; o < LK_COUNT(others); o++) layer &= strcmp(lk_npz_name(npz, i), others[o]) != 0;
        if (layer) names[count++] = lk_npz_name(npz, i);
    }
    return count;
}

/* Runs the golden's own input, at its size, and compares every layer that it holds. */
static double worst_layer(const char *model_path, const char *golden_path, lk_plan_options options)
{
    lk_npz *npz = open_golden(golden_path);
    lk_model *model = NULL;
    lk_session *session = NULL;
    const char *names[256];
    lk_npy shape;
    float *input = golden_floats(npz, "input", &shape);
    options.height = shape.shape[shape.dims - 2], options.width = shape.shape[shape.dims - 1];
    options.features = names, options.feature_count = layers_of(npz, names);
    assert_int_equal(lk_model_open(model_path, &model), LK_OK);
    assert_int_equal(lk_session_open(model, &options, &session), LK_OK);
    const size_t pixels = options.height * options.width;
    for (size_t c = 0; c < 3; c++)
        for (size_t p = 0; p < pixels; p++) lk_session_input(session, 0)[p * 3 + c] = input[c * pixels + p];
    assert_int_equal(lk_session_run(session, 1), LK_OK);
    double worst = 0;
    for (size_t f = 0; f < options.feature_count; f++) {
        const size_t length = lk_session_feature_length(session, f);
        float *want = golden_floats(npz, names[f], &shape), *got = malloc(length * sizeof *got);
        assert_int_equal(shape.count, length);
        assert_int_equal(lk_session_feature(session, f, 0, got), LK_OK);
        const double departure = largest_difference(got, want, length) / largest_magnitude(want, length);
        worst = departure <= worst ? worst : departure;
        free(want);
        free(got);
    }
    print_message("%s, %zu layers of %s, %s, %s: worst departure %.2g of the layer's largest magnitude\n",
                  model_path, options.feature_count, golden_path, lk_plan_backend(lk_session_plan(session)),
                  options.plain ? "unfolded" : "folded", worst);
    free(input);
    lk_session_close(&session);
    lk_model_close(&model);
    lk_npz_close(&npz);
    return worst;
}

static void test_every_layer_within_1e_4(void **state)
{
    (void)state;
    for (size_t m = 0; m < LK_COUNT(forms); m++)
        for (lk_backend_kind backend = LK_BACKEND_REFERENCE; backend <= LK_BACKEND_NATIVE; backend++)
            assert_true(worst_layer(forms[m], SHARED "golden/paddle_every_layer_96.npz",
                                    (lk_plan_options){.backend = backend, .plain = true}) <= 1e-4);
}

static void test_every_block_within_1e_4(void **state)
{
    (void)state;
    for (size_t m = 0; m < LK_COUNT(forms); m++)
        for (lk_backend_kind backend = LK_BACKEND_REFERENCE; backend <= LK_BACKEND_NATIVE; backend++)
            assert_true(worst_layer(forms[m], SHARED "golden/paddle_layers_one_photo.npz",
                                    (lk_plan_options){.backend = backend}) <= 1e-4);
}

/* ------------------------------------------------------------------ photographs */

/* Rows of a list, as lk_extract gives them. */
typedef struct {
    float *values;
    size_t length, rows;
} matrix;

static lk_status keep_row(void *context, size_t index, const float *values)
{
    matrix *m = context;
    memcpy(m->values + index * m->length, values, m->length * sizeof *values);
    m->rows++;
    return LK_OK;
}

static void extract(const char *model_path, const char *list_path, lk_plan_options options,
                    const char *feature, matrix *m, lk_list *list)
{
    lk_model *model = NULL;
    lk_plan *plan = NULL;
    assert_int_equal(lk_model_open(model_path, &model), LK_OK);
    options.features = &feature, options.feature_count = 1;
    options.pixels = lk_model_preprocessing(model);
    assert_int_equal(lk_plan_open(model, &options, &plan), LK_OK);
    assert_int_equal(lk_list_add_source(list, list_path, &(lk_list_options){0}), LK_OK);
    const lk_part part = {.weight = 1};
    lk_vectorizer vector;
    assert_int_equal(lk_vectorizer_init(&vector, &(lk_vector_rule){.parts = &part, .part_count = 1}, plan, 0),
                     LK_OK);
    *m = (matrix){.length = vector.length};
    m->values = malloc(list->count * m->length * sizeof *m->values);
    const lk_extract_options how = {.plan = plan,
                                    .vectors = &vector,
                                    .vector_count = 1,
                                    .preprocessing = lk_model_preprocessing(model),
                                    .strict = true};
    assert_int_equal(lk_extract(list, &how, &(lk_extract_calls){.context = m, .row = keep_row}), LK_OK);
    assert_int_equal(m->rows, list->count);
    lk_plan_close(&plan);
    lk_model_close(&model);
}

static size_t largest(const float *values, size_t count)
{
    return lk_largest(values, count);
}

/* Lowest cosine and largest difference of matrix rows to a golden's. */
typedef struct {
    double cosine, difference;
    size_t top_equal;
} agreement;

static agreement compare_rows(const matrix *m, const float *want)
{
    agreement a = {.cosine = 1};
    for (size_t i = 0; i < m->rows; i++) {
        const float *got = m->values + i * m->length, *row = want + i * m->length;
        const double c = cosine(got, row, m->length);
        a.cosine = c >= a.cosine ? a.cosine : c;
        a.difference = fmax(a.difference, largest_difference(got, row, m->length));
        a.top_equal += largest(got, m->length) == largest(row, m->length);
    }
    return a;
}

static void test_all_photographs(void **state)
{
    (void)state;
    lk_npz *npz = open_golden(SHARED "golden/paddle_photos_227.npz");
    lk_npy shape;
    float *pooled = golden_floats(npz, "pooled", &shape), *logits = golden_floats(npz, "logits", &shape);
    for (size_t f = 0; f < LK_COUNT(forms); f++) {
        matrix m;
        lk_list list = {0};
        extract(forms[f], SHARED "photos/labels.txt", (lk_plan_options){0}, "pooled", &m, &list);
        const agreement p = compare_rows(&m, pooled);
        free(m.values);
        lk_list_close(&list);
        extract(forms[f], SHARED "photos/labels.txt", (lk_plan_options){0}, "logits", &m, &list);
        const agreement l = compare_rows(&m, logits);
        size_t right = 0;
        for (size_t i = 0; i < m.rows; i++)
            right += largest(m.values + i * m.length, m.length) == (size_t)list.items[i].label;
        print_message("%s, %zu photographs: pooled cosine at least %.9f, largest difference %.2g; top-1 as "
                      "Paddle's on %zu; accuracy %.2f %%\n",
                      forms[f], m.rows, p.cosine, p.difference, l.top_equal,
                      100.0 * (double)right / (double)m.rows);
        assert_int_equal(m.rows, 334);
        assert_true(p.cosine >= 0.999999 && p.difference <= 1e-3);
        assert_int_equal(l.top_equal, 334);
        assert_int_equal(right, 285); /* 85.33 % */
        free(m.values);
        lk_list_close(&list);
    }
    free(pooled);
    free(logits);
    lk_npz_close(&npz);
}

/* One feature of the study's query and gallery pictures against its golden. */
static agreement study_agreement(const char *golden_prefix, const char *feature, lk_plan_options options)
{
    static const struct {
        const char *list, *side;
    } sides[] = {{SHARED "zodiac_photos/test.txt", "query"},
                 {SHARED "zodiac_photos/trainval.txt", "gallery"}};
    lk_npz *npz = open_golden(SHARED "golden/study_zodiac_photos.npz");
    agreement all = {.cosine = 1};
    for (size_t s = 0; s < LK_COUNT(sides); s++) {
        char name[64];
        lk_npy shape;
        matrix m;
        lk_list list = {0};
        snprintf(name, sizeof name, "%s_%s", golden_prefix, sides[s].side);
        float *want = golden_floats(npz, name, &shape);
        extract(MODELS "study.safetensors", sides[s].list, options, feature, &m, &list);
        assert_int_equal(shape.count, m.rows * m.length);
        const agreement a = compare_rows(&m, want);
        all.cosine = fmin(all.cosine, a.cosine);
        all.difference = fmax(all.difference, a.difference);
        free(m.values);
        free(want);
        lk_list_close(&list);
    }
    print_message("study's model, %s: cosine at least %.9f, largest difference %.2g\n", golden_prefix,
                  all.cosine, all.difference);
    lk_npz_close(&npz);
    return all;
}

static void test_the_studys_model(void **state)
{
    (void)state;
    assert_true(study_agreement("semantic", "logits", (lk_plan_options){0}).difference <= 1e-3);
    assert_true(study_agreement("pooled_eval", "AdaptiveAvgPool2D-6", (lk_plan_options){0}).cosine >=
                0.99999);
}

static void test_the_studys_training_mode(void **state)
{
    (void)state;
    const lk_plan_options options = {.batch_norm = LK_BATCH_NORM_BATCH};
    assert_true(study_agreement("pooled_as_listed", "pooled", options).cosine >= 0.99999);
}

int main(void)
{
    if (access(SHARED "golden", R_OK) || access(MODELS "study.safetensors", R_OK)) {
        puts("SKIPPED: parity with ../shared needs " SHARED
             " and the models that scripts/test converts from it");
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_layer_within_1e_4),  cmocka_unit_test(test_every_block_within_1e_4),
        cmocka_unit_test(test_all_photographs),          cmocka_unit_test(test_the_studys_model),
        cmocka_unit_test(test_the_studys_training_mode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
