/* Galleries written and opened: rows, labels, segments, removal, compaction, the lock, damage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/checked.h"
#include "base/memory.h"
#include "cbir/gallery_remove.h"
#include "cbir/gallery_verify.h"
#include "support/images.h"
#include "support/network.h"
#include "tests/cbir/small_gallery.h"

typedef struct {
    test_folder folder;
    const char *path;
} fixture;

static int set_up(void **state)
{
    static fixture f;
    f.folder = open_folder();
    f.path = strdup(path_in(&f.folder, "g"));
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    close_folder(&f->folder);
    free((char *)(size_t)f->path);
    return 0;
}

static lk_gallery *opened(const char *path)
{
    lk_gallery *gallery = NULL;
    if (lk_gallery_open(path, &gallery)) fail_msg("%s", lk_error_message());
    return gallery;
}

/* Row `index` is the one of this number. */
static void check_row(const lk_gallery *gallery, size_t index, size_t number)
{
    char path[40];
    lk_gallery_row got, wanted = test_row(number, path);
    assert_int_equal(lk_gallery_row_at(gallery, index, &got), LK_OK);
    assert_string_equal(got.path, wanted.path);
    assert_string_equal(got.sha256, wanted.sha256);
    assert_true(got.has_label == wanted.has_label && got.label == (wanted.has_label ? wanted.label : 0));
    assert_int_equal(got.bytes, wanted.bytes);
}

static const lk_block *block_of(const lk_rows_set *set, size_t index)
{
    for (size_t i = 0; i < set->block_count; i++)
        if (index >= set->blocks[i].first && index < set->blocks[i].first + set->blocks[i].count)
            return &set->blocks[i];
    fail_msg("row %zu is in no block", index);
    return NULL;
}

static float first_value(const lk_rows_set *set, size_t index)
{
    const lk_block *block = block_of(set, index);
    return block->rows[(index - block->first) * set->dim];
}

static void rows_come_back_in_segments(void **state)
{
    const fixture *f = *state;
    assert_int_equal(make_gallery(f->path, false, 10), LK_OK);
    lk_gallery *gallery = opened(f->path);
    const lk_rows_set *set = lk_gallery_rows(gallery);
    assert_int_equal(lk_gallery_count(gallery), 10);
    assert_int_equal(lk_gallery_alive(gallery), 10);
    assert_int_equal(set->block_count, 3);
    assert_int_equal(set->dim, 3);
    assert_null(set->out);
    assert_null(lk_gallery_raw(gallery));
    for (size_t i = 10; i-- > 0;) {
        check_row(gallery, i, i);
        assert_true(first_value(set, i) == (float)i);
    }
    lk_gallery_row row;
    assert_int_equal(lk_gallery_row_at(gallery, 10, &row), LK_ERROR_ARGUMENT);
    assert_string_equal(lk_gallery_label_name(gallery, 2), "虎");
    assert_string_equal(lk_gallery_label_english(gallery, 0), "rat");
    assert_null(lk_gallery_label_english(gallery, 2));
    assert_null(lk_gallery_label_name(gallery, -1));
    lk_gallery_close(&gallery);
    assert_null(gallery);
    lk_gallery_close(&gallery);
}

static void bits_and_the_floats_beside_them(void **state)
{
    const fixture *f = *state;
    assert_int_equal(make_gallery(f->path, true, 6), LK_OK);
    lk_gallery *gallery = opened(f->path);
    const lk_rows_set *set = lk_gallery_rows(gallery), *raw = lk_gallery_raw(gallery);
    assert_int_equal(set->dim, 12);
    assert_int_equal(raw->dim, 12);
    for (size_t i = 0; i < 6; i++) {
        const lk_block *block = block_of(set, i);
        assert_null(block->rows);
        assert_int_equal(block->codes[(i - block->first) * 2], i);
        assert_true(first_value(raw, i) == (float)i);
    }
    lk_gallery_close(&gallery);
}

static void an_empty_gallery_opens(void **state)
{
    const fixture *f = *state;
    assert_int_equal(make_gallery(f->path, false, 0), LK_OK);
    lk_gallery *gallery = opened(f->path);
    assert_int_equal(lk_gallery_count(gallery), 0);
    assert_int_equal(lk_gallery_rows(gallery)->block_count, 0);
    lk_gallery_close(&gallery);
}

static void removed_rows_are_marked_and_compacted(void **state)
{
    const fixture *f = *state;
    static const long labels[] = {2};
    static const char *const paths[] = {"pictures/0.jpg"};
    const lk_remove_options options = {.paths = paths, .path_count = 1, .labels = labels, .label_count = 1};
    size_t removed = 0;
    bool done = false;
    lk_gallery_writer *writer = NULL;
    assert_int_equal(make_gallery(f->path, true, 11), LK_OK);
    assert_int_equal(lk_gallery_remove(f->path, &options, &removed), LK_OK); /* 0, and 2, 6, 10 */
    assert_int_equal(removed, 4);
    lk_gallery *before = opened(f->path);
    assert_int_equal(lk_gallery_count(before), 11);
    assert_int_equal(lk_gallery_alive(before), 7);
    for (size_t i = 0; i < 11; i++) assert_int_equal(lk_gallery_is_removed(before, i), i == 0 || i % 4 == 2);
    assert_int_equal(lk_gallery_rows(before)->out[0], 0xA2);

    assert_int_equal(lk_gallery_writer_open(f->path, &writer), LK_OK);
    assert_int_equal(lk_gallery_compact(writer, &done), LK_OK);
    assert_true(done);
    assert_int_equal(lk_gallery_compact(writer, &done), LK_OK);
    assert_false(done);
    lk_gallery_writer_close(&writer);
    lk_gallery *after = opened(f->path);
    static const size_t left[] = {1, 3, 4, 5, 7, 8, 9};
    assert_int_equal(lk_gallery_count(after), 7);
    assert_int_equal(lk_gallery_rows(after)->block_count, 1);
    for (size_t i = 0; i < 7; i++) {
        check_row(after, i, left[i]);
        assert_true(first_value(lk_gallery_raw(after), i) == (float)left[i]);
        check_row(before, left[i], left[i]); /* the snapshot's files are gone from the folder, not from it */
        assert_true(first_value(lk_gallery_raw(before), left[i]) == (float)left[i]);
    }
    lk_gallery_close(&after);
    lk_gallery_close(&before);
}

static void removing_what_is_not_there_changes_nothing(void **state)
{
    const fixture *f = *state;
    static const char *const paths[] = {"pictures/0.jpg", "pictures/77.jpg"};
    size_t removed = 77;
    assert_int_equal(make_gallery(f->path, false, 5), LK_OK);
    assert_int_equal(
        lk_gallery_remove(f->path, &(lk_remove_options){.paths = paths, .path_count = 2}, &removed),
        LK_ERROR_NOT_FOUND);
    assert_non_null(strstr(lk_error_message(), "pictures/77.jpg"));
    assert_int_equal(removed, 77);
    lk_gallery *gallery = opened(f->path);
    assert_int_equal(lk_gallery_alive(gallery), 5);
    lk_gallery_close(&gallery);
}

static void the_second_writer_is_told_of_the_first(void **state)
{
    const fixture *f = *state;
    char number[32];
    lk_gallery_writer *first = NULL, *second = NULL;
    assert_int_equal(make_gallery(f->path, false, 2), LK_OK);
    assert_int_equal(lk_gallery_writer_open(f->path, &first), LK_OK);
    assert_int_equal(lk_gallery_writer_open(f->path, &second), LK_ERROR_IO);
    assert_null(second);
    snprintf(number, sizeof number, ": process %ld ", (long)getpid());
    assert_non_null(strstr(lk_error_message(), number));
    assert_non_null(strstr(lk_error_message(), "g/lock"));
    lk_gallery *gallery = opened(f->path); /* readers need no lock */
    lk_gallery_close(&gallery);
    lk_gallery_writer_close(&first);
    assert_int_equal(lk_gallery_writer_open(f->path, &second), LK_OK);
    lk_gallery_writer_close(&second);
}

/* What a task published before an interrupt is replaced, not doubled, by the task that goes on. */
static void a_task_takes_up_its_last_segment(void **state)
{
    const fixture *f = *state;
    lk_gallery_writer *writer = NULL;
    const lk_gallery_task task = {.kind = "test", .list_sha256 = TEST_DIGEST, .items = 10};
    const lk_gallery_about about = {.dim = 3, .segment_rows = 4};
    assert_int_equal(lk_gallery_writer_create(f->path, &about, &writer), LK_OK);
    assert_int_equal(lk_gallery_writer_begin(writer, &task), LK_OK);
    assert_int_equal(add_rows(writer, 0, 6), LK_OK);
    assert_int_equal(lk_gallery_writer_publish(writer), LK_OK);
    lk_gallery_writer_close(&writer);
    assert_int_equal(access(path_in(&f->folder, "g/segments/000002-2"), F_OK), 0);

    assert_int_equal(lk_gallery_writer_open(f->path, &writer), LK_OK);
    assert_int_equal(lk_gallery_writer_begin(writer, &task), LK_OK);
    assert_int_equal(writer->manifest.task.done, 6);
    lk_gallery *gallery = opened(f->path); /* until the next is published it stays */
    assert_int_equal(lk_gallery_count(gallery), 6);
    lk_gallery_close(&gallery);
    assert_int_equal(add_rows(writer, 6, 10), LK_OK);
    assert_int_equal(lk_gallery_writer_publish(writer), LK_OK);
    lk_gallery_writer_close(&writer);
    assert_int_equal(access(path_in(&f->folder, "g/segments/000002-2"), F_OK), -1);
    gallery = opened(f->path);
    assert_int_equal(lk_gallery_count(gallery), 10);
    for (size_t i = 0; i < 10; i++) check_row(gallery, i, i);
    lk_gallery_close(&gallery);
}

static void a_folder_of_other_files_is_left_alone(void **state)
{
    const fixture *f = *state;
    lk_gallery_writer *writer = NULL;
    lk_gallery *gallery = NULL;
    put_text(&f->folder, "g/notes.txt", "mine");
    assert_int_equal(make_gallery(f->path, false, 2), LK_ERROR_IO);
    assert_non_null(strstr(lk_error_message(), "notes.txt"));
    assert_int_equal(access(path_in(&f->folder, "g/lock"), F_OK), -1);
    assert_int_equal(lk_gallery_open(f->path, &gallery), LK_ERROR_FORMAT);
    assert_int_equal(lk_gallery_writer_open(f->path, &writer), LK_ERROR_FORMAT);
    assert_non_null(strstr(lk_error_message(), "not a gallery"));
    assert_int_equal(lk_gallery_open(path_in(&f->folder, "nowhere"), &gallery), LK_ERROR_IO);
}

static void a_gallery_made_otherwise_is_refused(void **state)
{
    const fixture *f = *state;
    static const lk_gallery_about others[] = {{.dim = 4, .segment_rows = 4},
                                              {.dim = 3, .bits = true, .segment_rows = 4},
                                              {.dim = 3, .raw_dim = 3, .segment_rows = 4},
                                              {.dim = 3, .segment_rows = 5}};
    assert_int_equal(make_gallery(f->path, false, 2), LK_OK);
    for (size_t i = 0; i < LK_COUNT(others); i++) {
        lk_gallery_writer *writer = NULL;
        assert_int_equal(lk_gallery_writer_create(f->path, &others[i], &writer), LK_ERROR_MISMATCH);
        assert_null(writer);
    }
}

/* ------------------------------------------------------------------ Recipe and model */

static lk_recipe some_recipe(void)
{
    lk_recipe recipe = {.parts = {{.feature = "pooled", .weight = 1}},
                        .part_count = 1,
                        .length = 3,
                        .precision = LK_PRECISION_F32};
    recipe.preprocessing = (lk_preprocessing){.height = 32, .width = 32, .std = {1, 1, 1}};
    strcpy(recipe.model_sha256, TEST_DIGEST);
    return recipe;
}

static void another_recipe_is_refused_with_both_named(void **state)
{
    const fixture *f = *state;
    lk_recipe recipe = some_recipe();
    lk_gallery_writer *writer = NULL;
    lk_model *model = NULL;
    json_t *json = lk_recipe_to_json(&recipe);
    const lk_gallery_about about = {.dim = 3,
                                    .segment_rows = 4,
                                    .recipe = json,
                                    .model_path = LK_TEST_MODEL,
                                    .model_sha256 = TEST_DIGEST};
    assert_int_equal(lk_gallery_writer_create(f->path, &about, &writer), LK_OK);
    lk_gallery_writer_close(&writer);
    json_decref(json);

    lk_gallery *gallery = opened(f->path);
    assert_int_equal(lk_gallery_check_recipe(gallery, &recipe, "query.npy"), LK_OK);
    recipe.l2 = true;
    assert_int_equal(lk_gallery_check_recipe(gallery, &recipe, "query.npy"), LK_ERROR_MISMATCH);
    assert_non_null(strstr(lk_error_message(), "/g and query.npy: "));
    assert_int_equal(lk_gallery_open_model(gallery, NULL, &model),
                     LK_ERROR_MISMATCH); /* found, but not of that digest */
    assert_non_null(strstr(lk_error_message(), "model_w025.safetensors: not the model of "));
    assert_null(model);
    lk_gallery_close(&gallery);

    json = lk_recipe_to_json(&recipe);
    const lk_gallery_about other = {.dim = 3, .segment_rows = 4, .recipe = json};
    assert_int_equal(lk_gallery_writer_create(f->path, &other, &writer), LK_ERROR_MISMATCH);
    json_decref(json);
}

static void features_from_elsewhere_name_no_model(void **state)
{
    const fixture *f = *state;
    lk_model *model = NULL;
    const lk_recipe recipe = some_recipe();
    assert_int_equal(make_gallery(f->path, false, 1), LK_OK);
    lk_gallery *gallery = opened(f->path);
    assert_null(lk_gallery_recipe(gallery));
    assert_int_equal(lk_gallery_check_recipe(gallery, &recipe, "q"), LK_OK);
    assert_int_equal(lk_gallery_open_model(gallery, NULL, &model), LK_ERROR_NOT_FOUND);
    lk_gallery_close(&gallery);
}

/* ------------------------------------------------------------------ Damage */

static void count_fault(void *context, const char *text)
{
    (void)text;
    ++*(size_t *)context;
}

static lk_status verify(const char *path, size_t *faults)
{
    lk_verify_result result;
    *faults = 0;
    return lk_gallery_verify(path, &(lk_verify_options){0}, count_fault, faults, &result);
}

static const char *const parts[] = {"g/segments/000002/features.npy", "g/segments/000002/rows.jsonl",
                                    "g/segments/000002/raw.npy", "g/manifest.json", NULL};

static void make_damaged(const fixture *f)
{
    static const long labels[] = {1};
    size_t removed;
    assert_int_equal(make_gallery(f->path, true, 6), LK_OK);
    assert_int_equal(
        lk_gallery_remove(f->path, &(lk_remove_options){.labels = labels, .label_count = 1}, &removed),
        LK_OK);
}

/* Whatever bit of whatever file is flipped, verify sees it, and opening neither crashes nor reads astray. */
static void a_flipped_bit_is_found(void **state)
{
    const fixture *f = *state;
    make_damaged(f);
    size_t faults;
    assert_int_equal(verify(f->path, &faults), LK_OK);
    for (size_t p = 0; parts[p]; p++) {
        const lk_test_file file = lk_test_read(path_in(&f->folder, parts[p]));
        for (size_t i = 0; i < file.size; i += 1 + file.size / 97) {
            lk_gallery *gallery = NULL;
            lk_gallery_row row;
            file.bytes[i] ^= (uint8_t)(1 << i % 8);
            put_file(&f->folder, parts[p], file.bytes, file.size);
            assert_int_not_equal(verify(f->path, &faults), LK_OK);
            if (!lk_gallery_open(f->path, &gallery))
                for (size_t r = 0; r < lk_gallery_count(gallery); r++) lk_gallery_row_at(gallery, r, &row);
            lk_gallery_close(&gallery);
            file.bytes[i] ^= (uint8_t)(1 << i % 8);
        }
        put_file(&f->folder, parts[p], file.bytes, file.size);
        free(file.bytes);
    }
    assert_int_equal(verify(f->path, &faults), LK_OK);
}

static void a_file_cut_short_does_not_open(void **state)
{
    const fixture *f = *state;
    make_damaged(f);
    for (size_t p = 0; parts[p]; p++) {
        const lk_test_file file = lk_test_read(path_in(&f->folder, parts[p]));
        const size_t lengths[] = {0, file.size / 2, file.size - 1};
        for (size_t i = 0; i < LK_COUNT(lengths); i++) {
            lk_gallery *gallery = NULL;
            size_t faults;
            put_file(&f->folder, parts[p], file.bytes, lengths[i]);
            const bool last_line_end = p == 3 && i == 2; /* JSON does without */
            assert_int_equal(lk_gallery_open(f->path, &gallery), last_line_end ? LK_OK : LK_ERROR_FORMAT);
            if (!last_line_end) assert_non_null(strstr(lk_error_message(), parts[p]));
            if (p < 3) {
                assert_int_equal(verify(f->path, &faults), LK_ERROR_FORMAT);
                assert_int_equal(faults, 1);
            }
            lk_gallery_close(&gallery);
        }
        put_file(&f->folder, parts[p], file.bytes, file.size);
        free(file.bytes);
    }
}

static void compacting_does_not_launder_damage(void **state)
{
    const fixture *f = *state;
    lk_gallery_writer *writer = NULL;
    bool done;
    make_damaged(f);
    const lk_test_file file = lk_test_read(path_in(&f->folder, parts[0]));
    file.bytes[file.size - 1] ^= 0x10;
    put_file(&f->folder, parts[0], file.bytes, file.size);
    free(file.bytes);
    assert_int_equal(lk_gallery_writer_open(f->path, &writer), LK_OK);
    assert_int_equal(lk_gallery_compact(writer, &done), LK_ERROR_FORMAT);
    assert_non_null(strstr(lk_error_message(), parts[0]));
    lk_gallery_writer_close(&writer);
    lk_gallery *gallery = opened(f->path);
    assert_int_equal(lk_gallery_count(gallery), 6);
    lk_gallery_close(&gallery);
}

#define GALLERY_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        GALLERY_TEST(rows_come_back_in_segments),
        GALLERY_TEST(bits_and_the_floats_beside_them),
        GALLERY_TEST(an_empty_gallery_opens),
        GALLERY_TEST(removed_rows_are_marked_and_compacted),
        GALLERY_TEST(removing_what_is_not_there_changes_nothing),
        GALLERY_TEST(the_second_writer_is_told_of_the_first),
        GALLERY_TEST(a_task_takes_up_its_last_segment),
        GALLERY_TEST(a_folder_of_other_files_is_left_alone),
        GALLERY_TEST(a_gallery_made_otherwise_is_refused),
        GALLERY_TEST(another_recipe_is_refused_with_both_named),
        GALLERY_TEST(features_from_elsewhere_name_no_model),
        GALLERY_TEST(a_flipped_bit_is_found),
        GALLERY_TEST(a_file_cut_short_does_not_open),
        GALLERY_TEST(compacting_does_not_launder_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
