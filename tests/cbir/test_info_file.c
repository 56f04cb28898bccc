#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cbir/info_file.h"

static lk_status parse(const char *text, lk_info_file **info)
{
    return lk_info_file_parse(text, strlen(text), "info.json", info);
}

static void names_are_found_in_both_languages(void **state)
{
    (void)state;
    lk_info_file *info = NULL;
    assert_int_equal(parse("\xEF\xBB\xBF{\"label_dict\": {\"0\": \"鼠\", \"2\": \"虎\"},"
                           " \"label_dict_en\": {\"2\": \"tiger\"}, \"other\": [1]}",
                           &info),
                     LK_OK);
    assert_int_equal(lk_info_file_classes(info), 3);
    assert_string_equal(lk_info_file_label(info, 0), "鼠");
    assert_null(lk_info_file_label(info, 1));
    assert_string_equal(lk_info_file_label(info, 2), "虎");
    assert_string_equal(lk_info_file_label_english(info, 2), "tiger");
    assert_null(lk_info_file_label_english(info, 0));
    assert_null(lk_info_file_label(info, 3));
    lk_info_file_close(&info);
    assert_null(info);
}

static void the_fixture_has_twelve_classes(void **state)
{
    (void)state;
    lk_info_file *info = NULL;
    assert_int_equal(lk_info_file_open("tests/fixtures/dataset_info.json", &info), LK_OK);
    assert_int_equal(lk_info_file_classes(info), 12);
    assert_non_null(lk_info_file_label(info, 11));
    lk_info_file_close(&info);
}

static void an_empty_dictionary_has_no_classes(void **state)
{
    (void)state;
    lk_info_file *info = NULL;
    assert_int_equal(parse("{\"label_dict\": {}}", &info), LK_OK);
    assert_int_equal(lk_info_file_classes(info), 0);
    assert_null(lk_info_file_label(info, 0));
    lk_info_file_close(&info);
}

static void faults_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        lk_status status;
        const char *message;
    } faults[] = {
        {"", LK_ERROR_FORMAT, "line 1"},
        {"{\"label_dict\": {\"0\": \"a\"}", LK_ERROR_FORMAT, "line 1"},
        {"[]", LK_ERROR_FORMAT, "no 'label_dict'"},
        {"{\"labels\": {}}", LK_ERROR_FORMAT, "no 'label_dict'"},
        {"{\"label_dict\": [\"a\"]}", LK_ERROR_FORMAT, "'label_dict' is not an object"},
        {"{\"label_dict\": {\"cat\": \"a\"}}", LK_ERROR_FORMAT, "'cat'"},
        {"{\"label_dict\": {\"\": \"a\"}}", LK_ERROR_FORMAT, "not a class index"},
        {"{\"label_dict\": {\"-1\": \"a\"}}", LK_ERROR_FORMAT, "'-1'"},
        {"{\"label_dict\": {\"0\": 1}}", LK_ERROR_FORMAT, "class 0 in 'label_dict' is not a string"},
        {"{\"label_dict\": {\"0\": \"a\"}, \"label_dict_en\": 3}", LK_ERROR_FORMAT, "'label_dict_en'"},
        {"{\"label_dict\": {\"0\": \"a\", \"0\": \"b\"}}", LK_ERROR_FORMAT, "duplicate"},
        {"{\"label_dict\": {\"65536\": \"a\"}}", LK_ERROR_LIMIT, "65536"},
        {"{\"label_dict\": {\"99999999999999999999\": \"a\"}}", LK_ERROR_FORMAT, "not a class index"},
    };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        lk_info_file *info = NULL;
        assert_int_equal(parse(faults[i].text, &info), faults[i].status);
        assert_null(info);
        assert_int_equal(strncmp(lk_error_message(), "info.json", 9), 0);
        if (!strstr(lk_error_message(), faults[i].message)) fail_msg("%s", lk_error_message());
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_found_in_both_languages),
        cmocka_unit_test(the_fixture_has_twelve_classes),
        cmocka_unit_test(an_empty_dictionary_has_no_classes),
        cmocka_unit_test(faults_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
