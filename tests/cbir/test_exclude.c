/* Rows that a search leaves out, on galleries of 11 rows in three segments; label is number % 4, and 0 is
 * none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "cbir/exclude.h"
#include "cbir/gallery_remove.h"
#include "tests/cbir/small_gallery.h"

enum { ROWS = 11 };

static bool is_out(const lk_rows_set *rows, size_t index)
{
    return rows->out && rows->out[index / 8] >> (7 - index % 8) & 1;
}

static lk_gallery *open_gallery(const test_folder *folder)
{
    lk_gallery *gallery = NULL;
    assert_int_equal(make_gallery(path_in(folder, "g"), false, ROWS), LK_OK);
    assert_int_equal(lk_gallery_open(path_in(folder, "g"), &gallery), LK_OK);
    return gallery;
}

static void check_labels(const lk_gallery *gallery, const long *labels, size_t count, const char *kept)
{
    lk_rows_set rows = *lk_gallery_rows(gallery);
    uint8_t *bitmap = NULL;
    assert_int_equal(lk_exclude_other_labels(gallery, labels, count, &rows, &bitmap), LK_OK);
    assert_int_equal(rows.dim, lk_gallery_rows(gallery)->dim);
    assert_int_equal(rows.block_count, lk_gallery_rows(gallery)->block_count);
    for (size_t i = 0; i < ROWS; i++)
        if (is_out(&rows, i) == (kept[i] == 'x')) fail_msg("row %zu of %s", i, kept);
    lk_free(bitmap);
}

static void test_only_rows_of_the_labels_stay(void **state)
{
    (void)state;
    const test_folder folder = open_folder();
    lk_gallery *gallery = open_gallery(&folder);
    check_labels(gallery, (const long[]){1}, 1, ".x...x...x.");
    check_labels(gallery, (const long[]){3, 1, 3}, 3, ".x.x.x.x.x.");
    check_labels(gallery, (const long[]){0}, 1, "..........."); /* no label is not label 0 */
    check_labels(gallery, (const long[]){-1, 99}, 2, "...........");
    lk_gallery_close(&gallery);
    close_folder(&folder);
}

static void test_removed_rows_stay_out(void **state)
{
    (void)state;
    const test_folder folder = open_folder();
    lk_gallery *gallery = open_gallery(&folder);
    const long two = 2;
    const lk_remove_options how = {.labels = &two, .label_count = 1};
    size_t removed;
    lk_gallery_close(&gallery);
    assert_int_equal(lk_gallery_remove(path_in(&folder, "g"), &how, &removed), LK_OK);
    assert_int_equal(removed, 3);
    assert_int_equal(lk_gallery_open(path_in(&folder, "g"), &gallery), LK_OK);
    check_labels(gallery, (const long[]){2}, 1, "...........");
    check_labels(gallery, (const long[]){1, 2}, 2, ".x...x...x.");
    assert_true(is_out(lk_gallery_rows(gallery), 2));
    assert_false(is_out(lk_gallery_rows(gallery), 1));
    lk_gallery_close(&gallery);
    close_folder(&folder);
}

static void test_twins_are_found_by_their_bytes(void **state)
{
    (void)state;
    const test_folder folder = open_folder();
    lk_gallery *gallery = open_gallery(&folder);
    lk_twins twins = {0};
    const struct lk_twin *first = NULL;
    char other[65] = TEST_DIGEST;
    assert_int_equal(lk_twins_open(gallery, &twins), LK_OK);
    assert_int_equal(lk_twins_find(&twins, TEST_DIGEST, &first), ROWS);
    for (size_t i = 0; i < ROWS; i++) assert_int_equal(first[i].index, i);
    other[63] = '0'; /* just below, then far below and above */
    assert_int_equal(lk_twins_find(&twins, other, &first), 0);
    memset(other, '0', 64);
    assert_int_equal(lk_twins_find(&twins, other, &first), 0);
    memset(other, 'f', 64);
    assert_int_equal(lk_twins_find(&twins, other, &first), 0);
    lk_twins_close(&twins);
    assert_int_equal(lk_twins_find(&twins, TEST_DIGEST, &first), 0);
    lk_gallery_close(&gallery);
    close_folder(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_only_rows_of_the_labels_stay),
                                       cmocka_unit_test(test_removed_rows_stay_out),
                                       cmocka_unit_test(test_twins_are_found_by_their_bytes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
