/* Queries: a picture's vector is the row that indexing wrote for it; what does not fit the gallery is
 * refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "cbir/gallery_index.h"
#include "cbir/npy.h"
#include "cbir/queries.h"
#include "support/images.h"
#include "support/network.h"
#include "tests/cbir/small_gallery.h"

typedef struct {
    test_folder folder;
    lk_model *model;
    lk_list list;
    lk_recipe recipe;
    lk_gallery *gallery;
} fixture;

static void open_list(lk_list *list, const char *lines)
{
    const lk_list_text text = {.bytes = lines, .size = strlen(lines), .name = "list"};
    assert_int_equal(lk_list_add_text(list, &text, NULL), LK_OK);
}

static lk_recipe logits(const fixture *f, lk_hash_kind hash)
{
    lk_recipe recipe = {.preprocessing = *lk_model_preprocessing(f->model),
                        .parts = {{.feature = "logits", .weight = 1}},
                        .part_count = 1,
                        .hash = {.kind = hash, .sigmoid = true}};
    recipe.preprocessing.height = recipe.preprocessing.width = 32;
    return recipe;
}

/* Three good pictures at 32 x 32 pixels, logits, as floats or as bits of their own mean. */
static fixture open_fixture(lk_hash_kind hash)
{
    fixture f = {.folder = open_folder()};
    lk_embedder *embedder = NULL;
    lk_gallery_index_result result;
    assert_int_equal(lk_model_open(LK_TEST_MODEL, &f.model), LK_OK);
    open_list(&f.list, LK_TEST_IMAGES "rgb_8.png\t1\n" LK_TEST_IMAGES "cmyk.jpg\t2\n" LK_TEST_IMAGES
                                      "grey_16.png\t0\n");
    f.recipe = logits(&f, hash);
    const lk_embedder_options how = {.backend = LK_BACKEND_REFERENCE};
    assert_int_equal(lk_embedder_open(f.model, &f.recipe, 1, &how, &embedder), LK_OK);
    json_t *recipe = lk_recipe_to_json(&f.recipe);
    const lk_gallery_about about = {.dim = f.recipe.length,
                                    .bits = hash != LK_HASH_NONE,
                                    .segment_rows = 2,
                                    .recipe = recipe,
                                    .model_path = LK_TEST_MODEL,
                                    .model_sha256 = f.recipe.model_sha256};
    const lk_gallery_index_options index = {
        .embedder = embedder, .recipe = &f.recipe, .embed = {.threads = 1}};
    const lk_gallery_index_calls calls = {.context = NULL};
    const char *path = path_in(&f.folder, "gallery");
    assert_int_equal(lk_gallery_index(path, &f.list, &about, &index, &calls, &result), LK_OK);
    assert_int_equal(lk_gallery_open(path, &f.gallery), LK_OK);
    lk_embedder_close(&embedder);
    json_decref(recipe);
    return f;
}

static void close_fixture(fixture *f)
{
    lk_gallery_close(&f->gallery);
    lk_list_close(&f->list);
    lk_model_close(&f->model);
    close_folder(&f->folder);
}

static const void *row_of(const lk_gallery *gallery, size_t index)
{
    const lk_rows_set *rows = lk_gallery_rows(gallery);
    for (size_t b = 0; b < rows->block_count; b++) {
        const lk_block *block = &rows->blocks[b];
        if (index - block->first >= block->count) continue;
        if (block->codes) return block->codes + (index - block->first) * lk_hash_bytes(rows->dim);
        return block->rows + (index - block->first) * rows->dim;
    }
    fail_msg("there is no row %zu", index);
    return NULL;
}

static void same_rows(lk_hash_kind hash, size_t row_bytes)
{
    fixture f = open_fixture(hash);
    for (size_t way = 0; way < 4; way++) {
        const lk_queries_options how = {.backend = LK_BACKEND_REFERENCE,
                                        .batch = way & 1 ? 2 : 1,
                                        .recipe = way & 1 ? &f.recipe : NULL,
                                        .model = way & 1 ? LK_TEST_MODEL : NULL,
                                        .embed = {.threads = way & 2 ? 3 : 1}};
        lk_queries queries = {0};
        assert_int_equal(lk_queries_embed(f.gallery, &f.list, &how, &queries), LK_OK);
        assert_int_equal(queries.count, 3);
        assert_int_equal(queries.skipped, 0);
        for (size_t i = 0; i < 3; i++) {
            assert_memory_equal(lk_queries_row(&queries, i), row_of(f.gallery, i), row_bytes);
            assert_string_equal(queries.list.items[i].path, f.list.items[i].path);
            assert_int_equal(queries.list.items[i].label, f.list.items[i].label);
        }
        lk_queries_close(&queries);
    }
    close_fixture(&f);
}

static void test_floats_are_the_rows_that_indexing_wrote(void **state)
{
    (void)state;
    same_rows(LK_HASH_NONE, 12 * sizeof(float));
}

static void test_bits_are_the_rows_that_indexing_wrote(void **state)
{
    (void)state;
    same_rows(LK_HASH_MEAN, 2);
    same_rows(LK_HASH_MEDIAN, 2);
}

static void count_bad(void *context, const char *path, const lk_error *error)
{
    assert_string_equal(path, "missing.jpg");
    assert_int_equal(error->status, LK_ERROR_IO);
    ++*(size_t *)context;
}

static void test_a_bad_picture_is_left_out_unless_strict(void **state)
{
    (void)state;
    fixture f = open_fixture(LK_HASH_NONE);
    lk_list list = {0}, none = {0};
    size_t bad = 0;
    lk_queries queries = {0};
    lk_queries_options how = {
        .backend = LK_BACKEND_REFERENCE, .embed = {.threads = 2}, .bad = count_bad, .context = &bad};
    open_list(&list, LK_TEST_IMAGES "rgb_8.png\nmissing.jpg\n" LK_TEST_IMAGES "grey_16.png\n");
    open_list(&none, "missing.jpg\n");
    assert_int_equal(lk_queries_embed(f.gallery, &list, &how, &queries), LK_OK);
    assert_int_equal(bad, 1);
    assert_int_equal(queries.skipped, 1);
    assert_int_equal(queries.count, 2);
    assert_memory_equal(lk_queries_row(&queries, 1), row_of(f.gallery, 2), 12 * sizeof(float));
    assert_string_equal(queries.list.items[1].path, LK_TEST_IMAGES "grey_16.png");
    lk_queries_close(&queries);
    assert_int_equal(lk_queries_embed(f.gallery, &none, &how, &queries), LK_ERROR_EMPTY);
    how.embed.strict = true;
    assert_int_equal(lk_queries_embed(f.gallery, &list, &how, &queries), LK_ERROR_IO);
    assert_null(queries.values);
    lk_list_close(&list);
    lk_list_close(&none);
    close_fixture(&f);
}

static lk_status embed_as(const fixture *f, const lk_gallery *gallery, const lk_recipe *recipe)
{
    const lk_queries_options how = {
        .backend = LK_BACKEND_REFERENCE, .model = LK_TEST_MODEL, .recipe = recipe, .embed = {.threads = 1}};
    lk_queries queries = {0};
    const lk_status status = lk_queries_embed(gallery, &f->list, &how, &queries);
    lk_queries_close(&queries);
    return status;
}

static void test_another_recipe_is_refused(void **state)
{
    (void)state;
    fixture f = open_fixture(LK_HASH_NONE);
    lk_recipe other = f.recipe;
    assert_int_equal(embed_as(&f, f.gallery, &other), LK_OK);
    other.l2 = true;
    assert_int_equal(embed_as(&f, f.gallery, &other), LK_ERROR_MISMATCH);
    other = logits(&f, LK_HASH_MEAN);
    assert_int_equal(embed_as(&f, f.gallery, &other), LK_ERROR_MISMATCH);
    other = logits(&f, LK_HASH_NONE);
    other.preprocessing.width = 64;
    assert_int_equal(embed_as(&f, f.gallery, &other), LK_ERROR_MISMATCH);
    assert_non_null(strstr(lk_error_message(), "gallery"));
    close_fixture(&f);
}

/* Where no recipe tells, the kind of the rows must: floats are no codes, and codes no floats. */
static void test_rows_of_another_kind_are_refused(void **state)
{
    (void)state;
    fixture f = open_fixture(LK_HASH_NONE);
    lk_gallery *bits = NULL, *floats = NULL;
    const lk_recipe values = logits(&f, LK_HASH_NONE), hashed = logits(&f, LK_HASH_MEAN);
    assert_int_equal(make_gallery(path_in(&f.folder, "bits"), true, 5), LK_OK);
    assert_int_equal(make_gallery(path_in(&f.folder, "floats"), false, 5), LK_OK);
    assert_int_equal(lk_gallery_open(path_in(&f.folder, "bits"), &bits), LK_OK);
    assert_int_equal(lk_gallery_open(path_in(&f.folder, "floats"), &floats), LK_OK);
    assert_int_equal(embed_as(&f, bits, &hashed), LK_OK); /* 12 bits each */
    assert_int_equal(embed_as(&f, bits, &values), LK_ERROR_MISMATCH);
    assert_int_equal(embed_as(&f, floats, &hashed), LK_ERROR_MISMATCH);
    assert_int_equal(embed_as(&f, floats, &values), LK_ERROR_MISMATCH); /* 12 values, and rows of 3 */
    assert_int_equal(embed_as(&f, floats, NULL), LK_ERROR_NOT_FOUND);
    lk_gallery_close(&bits);
    lk_gallery_close(&floats);
    close_fixture(&f);
}

static lk_status read_array(const lk_gallery *gallery, const char *path, const lk_npy *array,
                            lk_queries *queries)
{
    assert_int_equal(lk_npy_write(path, array), LK_OK);
    return lk_queries_read(gallery, path, false, queries);
}

static void test_features_are_checked_against_the_gallery(void **state)
{
    (void)state;
    const test_folder folder = open_folder();
    lk_gallery *floats = NULL, *bits = NULL;
    lk_queries queries = {0};
    static const float values[6] = {1, 2, 3, -4, 5, 6};
    static const uint8_t codes[4] = {0xAB, 0xC0, 0x12, 0x30}, spare[2] = {0xAB, 0xC1};
    const char *path = path_in(&folder, "q.npy");
    lk_npy array = {.type = LK_NPY_FLOAT32,
                    .item_bytes = 4,
                    .dims = 2,
                    .shape = {2, 3},
                    .count = 6,
                    .data = (const unsigned char *)values};
    assert_int_equal(make_gallery(path_in(&folder, "floats"), false, 5), LK_OK);
    assert_int_equal(make_gallery(path_in(&folder, "bits"), true, 5), LK_OK);
    assert_int_equal(lk_gallery_open(path_in(&folder, "floats"), &floats), LK_OK);
    assert_int_equal(lk_gallery_open(path_in(&folder, "bits"), &bits), LK_OK);
    assert_int_equal(read_array(floats, path, &array, &queries), LK_OK);
    assert_int_equal(queries.count, 2);
    assert_memory_equal(lk_queries_row(&queries, 1), values + 3, 3 * sizeof(float));
    lk_queries_close(&queries);
    assert_int_equal(read_array(bits, path, &array, &queries), LK_ERROR_MISMATCH);
    array.shape[0] = 3, array.shape[1] = 2;
    assert_int_equal(read_array(floats, path, &array, &queries), LK_ERROR_MISMATCH);
    array = (lk_npy){
        .type = LK_NPY_UINT8, .item_bytes = 1, .dims = 2, .shape = {2, 2}, .count = 4, .data = codes};
    assert_int_equal(read_array(floats, path, &array, &queries), LK_ERROR_MISMATCH);
    assert_int_equal(read_array(bits, path, &array, &queries), LK_OK);
    assert_memory_equal(lk_queries_row(&queries, 1), codes + 2, 2);
    assert_int_equal(lk_queries_join(&queries, (const float[]){1, 1}), LK_ERROR_ARGUMENT);
    lk_queries_close(&queries);
    array = (lk_npy){
        .type = LK_NPY_UINT8, .item_bytes = 1, .dims = 2, .shape = {1, 2}, .count = 2, .data = spare};
    assert_int_equal(read_array(bits, path, &array, &queries), LK_ERROR_FORMAT);
    put_text(&folder, "q.npy", "");
    assert_int_equal(lk_queries_read(floats, path, false, &queries), LK_ERROR_FORMAT);
    assert_int_equal(lk_queries_read(floats, path_in(&folder, "gone.npy"), false, &queries), LK_ERROR_IO);
    assert_null(queries.values);
    lk_gallery_close(&floats);
    lk_gallery_close(&bits);
    close_folder(&folder);
}

static void test_joined_queries_are_a_weighted_sum_of_directions(void **state)
{
    (void)state;
    float values[6] = {3, 0, 4, 0, -2, 0};
    lk_queries queries = {.count = 2, .dim = 3, .values = values};
    assert_int_equal(lk_queries_join(&queries, (const float[]){10, -0.5F}), LK_OK);
    assert_int_equal(queries.count, 1);
    const double want[3] = {6, 0.5, 8}; /* 10 (0.6, 0, 0.8) - (0, -1, 0) / 2 */
    for (size_t i = 0; i < 3; i++) assert_true(fabs(values[i] - want[i]) < 1e-5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_floats_are_the_rows_that_indexing_wrote),
        cmocka_unit_test(test_bits_are_the_rows_that_indexing_wrote),
        cmocka_unit_test(test_a_bad_picture_is_left_out_unless_strict),
        cmocka_unit_test(test_another_recipe_is_refused),
        cmocka_unit_test(test_rows_of_another_kind_are_refused),
        cmocka_unit_test(test_features_are_checked_against_the_gallery),
        cmocka_unit_test(test_joined_queries_are_a_weighted_sum_of_directions)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
