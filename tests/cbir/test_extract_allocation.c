/* Lists, info files, NumPy files, recipes and extraction when memory runs out, at the first allocation, the
 * second, and so on until all succeed. Linked with --wrap=lk_allocate; jansson's, zlib's and fts's own
 * allocations are left alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "cbir/extract.h"
#include "cbir/info_file.h"
#include "cbir/npz.h"
#include "cbir/recipe.h"
#include "support/images.h"
#include "support/network.h"
#include "tests/cbir/folder.h"

void *__real_lk_allocate(size_t bytes, size_t alignment);
void *__wrap_lk_allocate(size_t bytes, size_t alignment);

static atomic_size_t allocations; /* workers allocate too */
static size_t failing;

void *__wrap_lk_allocate(size_t bytes, size_t alignment)
{
    return atomic_fetch_add(&allocations, 1) + 1 == failing ? NULL : __real_lk_allocate(bytes, alignment);
}

typedef lk_status attempt(void *context);

/* Fails each allocation in turn. On failure the attempt leaves nothing behind: LeakSanitizer and valgrind
 * watch. */
static void sweep(attempt *tried, void *context)
{
    lk_status status = LK_ERROR_MEMORY;
    for (failing = 1; status != LK_OK; failing++) {
        atomic_store(&allocations, 0);
        status = tried(context);
        assert_true(status == LK_OK || status == LK_ERROR_MEMORY);
        assert_true(failing < 10000);
    }
    assert_true(failing > 2);
    failing = 0;
}

static lk_status read_list(void *context)
{
    const lk_path_map map = {"D:\\Data=elsewhere"};
    const lk_list_options options = {&map, 1};
    lk_list list = {0};
    lk_status status = lk_list_add_source(&list, context, &options);
    if (!status) assert_int_equal(list.count, 20);
    lk_list_close(&list);
    return status;
}

static void lists(void **state)
{
    (void)state;
    const test_folder folder = open_folder();
    char text[1024] = "D:\\Data\\a.jpg\t1\n";
    for (size_t i = 1; i < 20; i++) strcat(text, i % 2 ? "rat\\x.jpg\t3\n" : "CMakeLists.txt\n");
    sweep(read_list, (void *)(size_t)put_text(&folder, "list.txt", text));
    for (size_t i = 0; i < 20; i++) {
        char name[32];
        snprintf(name, sizeof name, "walk/%zu.jpg", i);
        put_text(&folder, name, "");
    }
    sweep(read_list, (void *)(size_t)path_in(&folder, "walk"));
    close_folder(&folder);
}

static lk_status read_info(void *context)
{
    (void)context;
    lk_info_file *info = NULL;
    const lk_status status = lk_info_file_open("tests/fixtures/dataset_info.json", &info);
    lk_info_file_close(&info);
    return status;
}

static lk_status read_archive(void *context)
{
    (void)context;
    lk_npz *npz = NULL;
    lk_npz_array loaded = {0};
    lk_status status = lk_npz_open("tests/fixtures/numpy/deflated.npz", &npz);
    if (!status) status = lk_npz_load(npz, 2, &loaded);
    lk_free(loaded.memory);
    lk_npz_close(&npz);
    return status;
}

static lk_status write_rows(void *context)
{
    lk_npy_writer writer = {0};
    lk_status status = lk_npy_writer_open(context, 3, &writer);
    if (!status) status = lk_npy_writer_add(&writer, (const float[]){1, 2, 3});
    if (!status) status = lk_npy_writer_finish(&writer);
    if (!status) status = lk_npy_writer_commit(&writer);
    lk_npy_writer_discard(&writer);
    assert_int_equal(access(context, F_OK), status ? -1 : 0);
    return status;
}

static void files(void **state)
{
    (void)state;
    const test_folder folder = open_folder();
    sweep(read_info, NULL);
    sweep(read_archive, NULL);
    sweep(write_rows, (void *)(size_t)path_in(&folder, "out.npy"));
    close_folder(&folder);
}

typedef struct {
    lk_model *model;
    lk_plan *plan;
    lk_preprocessing preprocessing;
    lk_list list;
    size_t threads;
} network;

static void open_network(network *n)
{
    assert_int_equal(lk_model_open(LK_TEST_MODEL, &n->model), LK_OK);
    n->preprocessing = *lk_model_preprocessing(n->model);
    n->preprocessing.height = n->preprocessing.width = 32;
    const lk_plan_options how = {
        .backend = LK_BACKEND_REFERENCE, .height = 32, .width = 32, .pixels = &n->preprocessing};
    assert_int_equal(lk_plan_open(n->model, &how, &n->plan), LK_OK);
}

static void close_network(network *n)
{
    lk_plan_close(&n->plan);
    lk_model_close(&n->model);
    lk_list_close(&n->list);
}

static lk_status run(void *context)
{
    const network *n = context;
    char name[64];
    lk_status status = lk_feature_name(n->model, "Conv2D-312", name, sizeof name);
    const lk_part part = {.feature = "logits", .weight = 1};
    const lk_vector_rule rule = {.parts = &part, .part_count = 1};
    lk_vectorizer vector;
    assert_int_equal(lk_vectorizer_init(&vector, &rule, n->plan, 0), LK_OK);
    const lk_extract_options options = {.plan = n->plan,
                                        .vectors = &vector,
                                        .vector_count = 1,
                                        .preprocessing = &n->preprocessing,
                                        .threads = n->threads};
    const lk_extract_calls calls = {0};
    return status ? status : lk_extract(&n->list, &options, &calls);
}

static void extraction(void **state)
{
    (void)state;
    network n = {.threads = 2};
    const char text[] =
        LK_TEST_IMAGES "rgb_8.png\n" LK_TEST_IMAGES "grey.jpg\n" LK_TEST_IMAGES "rgb_8.png\nmissing.jpg\n";
    const lk_list_text lines = {.bytes = text, .size = sizeof text - 1, .name = "list"};
    assert_int_equal(lk_list_add_text(&n.list, &lines, NULL), LK_OK);
    open_network(&n);
    sweep(run, &n);
    close_network(&n);
}

/* How many allocations it takes to go through the list. */
static size_t taken(network *n, const char *text)
{
    const lk_list_text lines = {.bytes = text, .size = strlen(text), .name = "list"};
    assert_int_equal(lk_list_add_text(&n->list, &lines, NULL), LK_OK);
    atomic_store(&allocations, 0);
    assert_int_equal(run(n), LK_OK);
    lk_list_close(&n->list);
    return atomic_load(&allocations);
}

/* Six pictures take what one takes, if that is the largest of them; libpng's and libjpeg's own memory apart.
 */
static void a_picture_takes_no_memory_once_the_largest_was_there(void **state)
{
    (void)state;
    network n = {.threads = 1};
    open_network(&n);
    const size_t one = taken(&n, LK_TEST_IMAGES "orientation_6.jpg\n");
    assert_true(one > 0);
    assert_int_equal(taken(&n, LK_TEST_IMAGES "orientation_6.jpg\n" LK_TEST_IMAGES
                                              "orientation_6.jpg\n" LK_TEST_IMAGES
                                              "orientation_3.jpg\n" LK_TEST_IMAGES "grey.jpg\n" LK_TEST_IMAGES
                                              "baseline_420.jpg\n" LK_TEST_IMAGES "progressive.jpg\n"),
                     one);
    close_network(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists),
        cmocka_unit_test(files),
        cmocka_unit_test(extraction),
        cmocka_unit_test(a_picture_takes_no_memory_once_the_largest_was_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
