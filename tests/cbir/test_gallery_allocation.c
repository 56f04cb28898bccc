/* Galleries when memory runs out: opening, reading, writing, adding and compacting, at the first allocation,
 * the second, and so on until all succeed. Linked with --wrap=lk_allocate; jansson's own allocations are left
 * alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "cbir/gallery_import.h"
#include "cbir/gallery_remove.h"
#include "cbir/gallery_verify.h"
#include "support/images.h"
#include "support/network.h"
#include "tests/cbir/small_gallery.h"

void *__real_lk_allocate(size_t bytes, size_t alignment);
void *__wrap_lk_allocate(size_t bytes, size_t alignment);

static atomic_size_t allocations; /* workers allocate too */
static size_t failing;

void *__wrap_lk_allocate(size_t bytes, size_t alignment)
{
    return atomic_fetch_add(&allocations, 1) + 1 == failing ? NULL : __real_lk_allocate(bytes, alignment);
}

typedef lk_status attempt(const char *path);

/* Fails each allocation in turn. On failure the attempt leaves nothing behind: LeakSanitizer and valgrind
 * watch. A writer that ran out of memory is one that was killed: the next goes on. */
static void sweep(attempt *tried, const char *path)
{
    lk_status status = LK_ERROR_MEMORY;
    for (failing = 1; status != LK_OK; failing++) {
        atomic_store(&allocations, 0);
        status = tried(path);
        if (status && status != LK_ERROR_MEMORY) fail_msg("allocation %zu: %s", failing, lk_error_message());
        assert_true(failing < 10000);
    }
    assert_true(failing > 3);
    failing = 0;
}

static lk_status write_one(const char *path)
{
    return make_gallery(path, true, 10);
}

static lk_status touch(void *context, size_t index, const lk_gallery_row *row)
{
    (void)context, (void)row;
    return index < 10 ? LK_OK : LK_ERROR_ARGUMENT;
}

static lk_status read_one(const char *path)
{
    lk_gallery *gallery = NULL;
    lk_gallery_row row;
    lk_status status = lk_gallery_open(path, &gallery);
    for (size_t i = 0; !status && i < lk_gallery_count(gallery); i++)
        status = lk_gallery_row_at(gallery, i, &row);
    if (!status) status = lk_gallery_each_row(gallery, 0, touch, NULL);
    lk_gallery_close(&gallery);
    return status;
}

static lk_status verify_one(const char *path)
{
    lk_verify_result result;
    const lk_status status = lk_gallery_verify(path, &(lk_verify_options){0}, NULL, NULL, &result);
    return status == LK_ERROR_FORMAT ? LK_ERROR_MEMORY : status; /* it goes on, and counts a fault */
}

static lk_status remove_some(const char *path)
{
    static const long labels[] = {1};
    size_t removed;
    const lk_status status =
        lk_gallery_remove(path, &(lk_remove_options){.labels = labels, .label_count = 1}, &removed);
    return status == LK_ERROR_NOT_FOUND ? LK_OK : status; /* a former attempt got as far as its manifest */
}

static lk_status compact_one(const char *path)
{
    bool done;
    lk_gallery_writer *writer = NULL;
    lk_status status = lk_gallery_writer_open(path, &writer);
    if (!status) status = lk_gallery_compact(writer, &done);
    lk_gallery_writer_close(&writer);
    return status;
}

static void a_gallery_is_written_read_and_compacted(void **state)
{
    (void)state;
    const test_folder folder = open_folder();
    char path[256];
    snprintf(path, sizeof path, "%s", path_in(&folder, "g"));
    sweep(write_one, path);
    sweep(read_one, path);
    sweep(verify_one, path);
    sweep(remove_some, path);
    sweep(read_one, path);
    sweep(compact_one, path);
    sweep(read_one, path);
    close_folder(&folder);
}

static lk_status import_one(const char *path)
{
    lk_gallery_index_result result;
    lk_list list = {0};
    const char text[] = "a.jpg\t1\n" LK_TEST_IMAGES "rgb_8.png\t2\n";
    const lk_list_text lines = {.bytes = text, .size = sizeof text - 1, .name = "list"};
    lk_status status = lk_list_add_text(&list, &lines, NULL);
    const lk_gallery_import_options options = {.segment_rows = 1};
    char features[512];
    snprintf(features, sizeof features, "%s/../f.npy", path);
    if (!status) status = lk_gallery_import(path, features, &list, &options, &result);
    lk_list_close(&list);
    return status;
}

static void features_are_imported(void **state)
{
    (void)state;
    const test_folder folder = open_folder();
    char path[256];
    static const float values[2][3] = {{1, 2, 3}, {4, 5, 6}};
    const lk_npy array = {.type = LK_NPY_FLOAT32,
                          .item_bytes = 4,
                          .dims = 2,
                          .shape = {2, 3},
                          .count = 6,
                          .data = (const unsigned char *)values};
    assert_int_equal(lk_npy_write(path_in(&folder, "f.npy"), &array), LK_OK);
    put_text(&folder, "g/lock", "");
    snprintf(path, sizeof path, "%s", path_in(&folder, "g"));
    sweep(import_one, path);
    close_folder(&folder);
}

/* ------------------------------------------------------------------ Pictures */

typedef struct {
    lk_model *model;
    lk_recipe recipe;
    lk_embedder *embedder;
    json_t *json;
} network;

static network net; /* attempts have no context of their own */

static lk_status fill(const char *path, bool add)
{
    lk_gallery_index_result result;
    lk_list list = {0};
    const char text[] = LK_TEST_IMAGES "rgb_8.png\t1\nmissing.jpg\n" LK_TEST_IMAGES
                                       "grey.jpg\n" LK_TEST_IMAGES "coarse.jpg\n";
    const lk_list_text lines = {.bytes = text,
                                .size = add ? sizeof text - 1
                                            : strlen(LK_TEST_IMAGES "rgb_8.png\t1\nmissing.jpg\n"),
                                .name = "list"};
    const lk_gallery_about about = {
        .dim = net.recipe.length, .bits = true, .segment_rows = 2, .recipe = net.json};
    const lk_gallery_index_options options = {
        .embedder = net.embedder, .recipe = &net.recipe, .embed = {.threads = 1}};
    const lk_gallery_index_calls calls = {0};
    lk_status status = lk_list_add_text(&list, &lines, NULL);
    if (!status)
        status = add ? lk_gallery_add(path, &list, &options, &calls, &result)
                     : lk_gallery_index(path, &list, &about, &options, &calls, &result);
    lk_list_close(&list);
    return status;
}

static lk_status index_some(const char *path)
{
    return fill(path, false);
}

static lk_status add_some(const char *path)
{
    return fill(path, true);
}

static lk_status list_failed(const char *path)
{
    lk_list list = {0};
    const lk_status status = lk_gallery_failed_list(path, &list);
    if (!status) assert_int_equal(list.count, 1);
    lk_list_close(&list);
    return status;
}

static void pictures_are_indexed_and_added(void **state)
{
    (void)state;
    const test_folder folder = open_folder();
    char path[256];
    const lk_embedder_options how = {.backend = LK_BACKEND_REFERENCE};
    snprintf(path, sizeof path, "%s", path_in(&folder, "g"));
    assert_int_equal(lk_model_open(LK_TEST_MODEL, &net.model), LK_OK);
    net.recipe = (lk_recipe){.preprocessing = *lk_model_preprocessing(net.model),
                             .parts = {{.feature = "logits", .weight = 1}},
                             .part_count = 1,
                             .hash = {.kind = LK_HASH_MEAN}};
    net.recipe.preprocessing.height = net.recipe.preprocessing.width = 32;
    assert_int_equal(lk_embedder_open(net.model, &net.recipe, 1, &how, &net.embedder), LK_OK);
    net.json = lk_recipe_to_json(&net.recipe);
    sweep(index_some, path);
    sweep(add_some, path);
    sweep(list_failed, path);
    lk_gallery *gallery = NULL;
    assert_int_equal(lk_gallery_open(path, &gallery), LK_OK);
    assert_int_equal(lk_gallery_alive(gallery), 3);
    lk_gallery_close(&gallery);
    json_decref(net.json);
    lk_embedder_close(&net.embedder);
    lk_model_close(&net.model);
    close_folder(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_gallery_is_written_read_and_compacted),
        cmocka_unit_test(features_are_imported),
        cmocka_unit_test(pictures_are_indexed_and_added),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
