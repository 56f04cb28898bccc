/* Lines of rows.jsonl: written and read again, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "base/memory.h"
#include "cbir/gallery_rows.h"
#include "cbir/gallery_table.h"

#define DIGEST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void check(const lk_gallery_row *row, const char *reason, const char *wanted)
{
    char *line = NULL;
    lk_row *again = NULL;
    assert_int_equal(lk_row_format(row, reason, &line), LK_OK);
    assert_string_equal(line, wanted);
    assert_int_equal(lk_row_parse(line, strlen(line), "rows", 1, &again), LK_OK);
    if (row->path) assert_string_equal(again->about.path, row->path);
    else assert_null(again->about.path);
    if (row->sha256) assert_string_equal(again->about.sha256, row->sha256);
    else assert_null(again->about.sha256);
    assert_int_equal(again->about.has_label, row->has_label);
    assert_int_equal(again->about.label, row->label);
    assert_int_equal(again->about.bytes, row->bytes);
    if (reason) assert_string_equal(again->reason, reason);
    lk_free(line);
    lk_free(again);
}

static void rows_are_read_as_they_were_written(void **state)
{
    (void)state;
    check(
        &(lk_gallery_row){
            .path = "../a b/\"c\".jpg", .has_label = true, .label = -3, .bytes = 12, .sha256 = DIGEST},
        NULL, "{\"bytes\":12,\"label\":-3,\"path\":\"../a b/\\\"c\\\".jpg\",\"sha256\":\"" DIGEST "\"}\n");
    check(&(lk_gallery_row){0}, NULL, "{}\n");
    check(&(lk_gallery_row){.path = "鼠/1.jpg"}, NULL, "{\"path\":\"鼠/1.jpg\"}\n");
    check(&(lk_gallery_row){.path = "x"}, "cut short", "{\"path\":\"x\",\"reason\":\"cut short\"}\n");
    /* GBK is no UTF-8, and names are bytes */
    check(&(lk_gallery_row){.path = "\xCA\xF3/1.jpg"}, NULL, "{\"path_hex\":\"caf32f312e6a7067\"}\n");
}

static void other_lines_are_refused(void **state)
{
    (void)state;
    static const char *const lines[] = {"",
                                        "[]",
                                        "{\"path\":\"\"}",
                                        "{\"path\":3}",
                                        "{\"path\":\"a\",\"path_hex\":\"61\"}",
                                        "{\"path_hex\":\"6\"}",
                                        "{\"path_hex\":\"zz\"}",
                                        "{\"path_hex\":\"6100\"}",
                                        "{\"label\":\"1\"}",
                                        "{\"label\":1.5}",
                                        "{\"label\":99999999999}",
                                        "{\"bytes\":-1}",
                                        "{\"sha256\":\"12\"}",
                                        "{\"label\":1,\"label\":2}",
                                        "{} {}"};
    for (size_t i = 0; i < LK_COUNT(lines); i++) {
        lk_row *row = NULL;
        assert_int_equal(lk_row_parse(lines[i], strlen(lines[i]), "rows", i + 1, &row), LK_ERROR_FORMAT);
        assert_null(row);
        assert_memory_equal(lk_error_message(), "rows:", 5);
    }
}

static void lines_are_counted_with_their_ends(void **state)
{
    (void)state;
    size_t *offsets = NULL;
    assert_int_equal(lk_row_offsets("{}\n{ }\n", 7, 2, "rows", &offsets), LK_OK);
    assert_int_equal(offsets[0], 0);
    assert_int_equal(offsets[1], 3);
    assert_int_equal(offsets[2], 7);
    lk_free(offsets);
    assert_int_equal(lk_row_offsets(NULL, 0, 0, "rows", &offsets), LK_OK);
    lk_free(offsets);
    offsets = NULL;
    assert_int_equal(lk_row_offsets("{}\n{}", 5, 2, "rows", &offsets), LK_ERROR_FORMAT);
    assert_int_equal(lk_row_offsets("{}\n{}\n", 6, 1, "rows", &offsets), LK_ERROR_FORMAT);
    assert_int_equal(lk_row_offsets("{}\n", 3, 2, "rows", &offsets), LK_ERROR_FORMAT);
    assert_int_equal(lk_row_offsets("{}\n", 3, SIZE_MAX - 1, "rows", &offsets), LK_ERROR_FORMAT);
    assert_null(offsets);
}

/* Many keys, some of them equal: all numbers of a key come back, the last first. */
static void the_table_finds_what_was_put_in(void **state)
{
    (void)state;
    lk_table table = {0};
    size_t at = 0, value = 99;
    assert_false(lk_table_next(&table, 1, &at, &value));
    for (size_t i = 0; i < 1000; i++) assert_true(lk_table_add(&table, i % 300, i));
    for (size_t key = 0; key < 300; key++) {
        size_t wanted = key < 100 ? key + 900 : key + 600, found = 0;
        for (at = 0; lk_table_next(&table, key, &at, &value); wanted -= 300, found++)
            assert_int_equal(value, wanted);
        assert_int_equal(found, key < 100 ? 4 : 3);
    }
    at = 0;
    assert_false(lk_table_next(&table, 300, &at, &value));
    lk_table_close(&table);
    assert_true(lk_text_key("") == 0xCBF29CE484222325 && lk_text_key("foobar") == 0x85944171F73967E8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_read_as_they_were_written),
        cmocka_unit_test(other_lines_are_refused),
        cmocka_unit_test(lines_are_counted_with_their_ends),
        cmocka_unit_test(the_table_finds_what_was_put_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
