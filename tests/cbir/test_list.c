#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cbir/list.h"
#include "tests/cbir/folder.h"

static lk_status add(lk_list *list, const char *bytes, size_t size, lk_list_style style)
{
    const lk_list_text text = {.bytes = bytes, .size = size, .name = "list.txt", .style = style};
    return lk_list_add_text(list, &text, NULL);
}

static void check_item(const lk_list *list, size_t index, const char *path, long label)
{
    assert_true(index < list->count);
    assert_string_equal(list->items[index].path, path);
    assert_true(list->items[index].has_label);
    assert_int_equal(list->items[index].label, label);
}

static void check_path(const lk_list *list, size_t index, const char *path)
{
    assert_true(index < list->count);
    assert_string_equal(list->items[index].path, path);
    assert_false(list->items[index].has_label);
}

#define ADD(list, text) assert_int_equal(add(list, text, sizeof(text) - 1, LK_LIST_STUDY), LK_OK)

static void a_tab_parts_before_a_blank(void **state)
{
    (void)state;
    lk_list list = {0};
    ADD(&list, "a b.jpg\t3\nc d.jpg 4\ne\tf.jpg\t5\n g.jpg  -6 \nh.jpg\t 7\n");
    assert_int_equal(list.count, 5);
    check_item(&list, 0, "a b.jpg", 3);
    check_item(&list, 1, "c d.jpg", 4);
    check_item(&list, 2, "e\tf.jpg", 5);
    check_item(&list, 3, "g.jpg", -6);
    check_item(&list, 4, "h.jpg", 7);
    lk_list_close(&list);
}

static void bom_crlf_and_blank_lines_are_passed_over(void **state)
{
    (void)state;
    lk_list list = {0};
    ADD(&list, "\xEF\xBB\xBF"
               "a.jpg\t0\r\n\r\n   \r\n马.jpg\t1\r\nlast.jpg\t2");
    assert_int_equal(list.count, 3);
    check_item(&list, 0, "a.jpg", 0);
    check_item(&list, 1, "马.jpg", 1);
    check_item(&list, 2, "last.jpg", 2);
    lk_list_close(&list);
}

static void a_line_without_integer_is_a_path(void **state)
{
    (void)state;
    lk_list list = {0};
    ADD(&list, "my photo.jpg\nplain.jpg\nphoto 3\t\nnumber 99999999999999999999\n");
    check_path(&list, 0, "my photo.jpg");
    check_path(&list, 1, "plain.jpg");
    check_path(&list, 2, "photo 3"); /* a TAB with nothing after it: no label */
    check_path(&list, 3, "number 99999999999999999999");
    lk_list_close(&list);
}

static void paths_from_a_stream_keep_their_blanks(void **state)
{
    (void)state;
    lk_list list = {0};
    const char text[] = "\xEF\xBB\xBFholiday 2019\r\na.jpg\t4\n\nlast 7";
    FILE *stream = fmemopen((void *)(size_t)text, sizeof text - 1, "rb");
    assert_non_null(stream);
    assert_int_equal(lk_list_add_stream(&list, stream, "standard input", NULL), LK_OK);
    fclose(stream);
    assert_int_equal(list.count, 3);
    check_path(&list, 0, "holiday 2019");
    check_item(&list, 1, "a.jpg", 4);
    check_path(&list, 2, "last 7");
    lk_list_close(&list);
}

static void faults_name_the_line_and_leave_the_list(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
        size_t size;
    } faults[] = {
        {"a.jpg\t0\nb.jpg\tcat\n", "list.txt:2: the label after the TAB is not an integer", 18},
        {"a.jpg\t0\n\nb.jpg\t1.5\n", "list.txt:3: the label after the TAB is not an integer", 19},
        {"a.jpg\t2147483648\n", "list.txt:1: the label after the TAB is not an integer", 17},
        {"\t4\n", "list.txt:1: a label without a path", 3},
        {"a.jpg\t0\nb\0c", "list.txt: not a text: it holds a zero byte", 11},
    };
    lk_list list = {0};
    ADD(&list, "kept.jpg\t1\n");
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        assert_int_equal(add(&list, faults[i].text, faults[i].size, LK_LIST_STUDY), LK_ERROR_FORMAT);
        assert_string_equal(lk_error_message(), faults[i].message);
        assert_int_equal(list.count, 1);
    }
    assert_int_equal(add(&list, NULL, 0, LK_LIST_STUDY), LK_OK);
    assert_int_equal(list.count, 1);
    lk_list_close(&list);
}

static void maps_replace_whole_components(void **state)
{
    (void)state;
    static const struct {
        const char *map, *line, *path;
    } cases[] = {
        {"D:\\Data=/srv/x", "D:\\Data\\rat\\a.jpg\t0", "/srv/x/rat/a.jpg"},
        {"D:/Data/=/srv/x/", "D:\\Data\\rat\\a.jpg\t0", "/srv/x/rat/a.jpg"},
        {"D:\\Data=/srv/x", "D:/Data/rat/a.jpg\t0", "/srv/x/rat/a.jpg"},
        {"D:\\Data=/srv/x", "D:\\Database\\a.jpg\t0", "D:\\Database\\a.jpg"},
        {"D:\\Data=/srv/x", "d:\\Data\\a.jpg\t0", "d:\\Data\\a.jpg"},
        {"/old=", "/old/a.jpg\t0", "a.jpg"},
        {"/old=/", "/old/a.jpg\t0", "/a.jpg"},
        {"/=/new", "/a.jpg\t0", "/new/a.jpg"},
        {"/old=/new=1", "/old/a.jpg\t0", "/new=1/a.jpg"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const lk_path_map map = {cases[i].map};
        const lk_list_options options = {&map, 1};
        const lk_list_text text = {.bytes = cases[i].line, .size = strlen(cases[i].line), .name = "list.txt"};
        lk_list list = {0};
        assert_int_equal(lk_list_add_text(&list, &text, &options), LK_OK);
        check_item(&list, 0, cases[i].path, 0);
        lk_list_close(&list);
    }
    assert_int_equal(lk_path_map_check("a=b"), LK_OK);
    assert_int_equal(lk_path_map_check("ab"), LK_ERROR_ARGUMENT);
    assert_int_equal(lk_path_map_check("=b"), LK_ERROR_ARGUMENT);
}

static void relative_paths_are_looked_for_here_then_beside_the_list(void **state)
{
    (void)state;
    const test_folder folder = open_folder();
    lk_list list = {0};
    put_text(&folder, "set/rat/a.jpg", "");
    const char *path = put_text(&folder, "set/list.txt",
                                "rat/a.jpg\t0\nrat\\a.jpg\t1\nCMakeLists.txt\t2\nnowhere/b.jpg\t3\n");
    assert_int_equal(lk_list_add_source(&list, path, NULL), LK_OK);
    check_item(&list, 0, path_in(&folder, "set/rat/a.jpg"), 0);
    check_item(&list, 1, path_in(&folder, "set/rat/a.jpg"), 1);
    check_item(&list, 2, "CMakeLists.txt", 2); /* the tests run in the project's folder */
    check_item(&list, 3, "nowhere/b.jpg", 3);
    lk_list_close(&list);
    close_folder(&folder);
}

static void folders_are_walked_in_order(void **state)
{
    (void)state;
    const test_folder folder = open_folder();
    lk_list list = {0};
    static const char *const names[] = {"b/2.JPEG",  "b/10.png",    "a.jpg",      "B.Jpg", "c/d/e.jpeg",
                                        "notes.txt", ".hidden.jpg", ".git/x.jpg", "jpg"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) put_text(&folder, names[i], "");
    assert_int_equal(symlink("nothing", path_in(&folder, "z.png")), 0);
    assert_int_equal(symlink("..", path_in(&folder, "c/up")), 0);
    assert_int_equal(lk_list_add_source(&list, folder.path, NULL), LK_OK);
    static const char *const wanted[] = {"B.Jpg", "a.jpg", "b/10.png", "b/2.JPEG", "c/d/e.jpeg", "z.png"};
    assert_int_equal(list.count, sizeof wanted / sizeof *wanted);
    for (size_t i = 0; i < list.count; i++) check_path(&list, i, path_in(&folder, wanted[i]));
    lk_list_close(&list);
    close_folder(&folder);
}

static void sources_without_pictures_are_errors(void **state)
{
    (void)state;
    const test_folder folder = open_folder();
    lk_list list = {0};
    put_text(&folder, "empty/notes.txt", "");
    const struct {
        const char *path;
        lk_status status;
    } cases[] = {{path_in(&folder, "empty"), LK_ERROR_EMPTY},
                 {path_in(&folder, "empty/notes.txt"), LK_ERROR_EMPTY},
                 {path_in(&folder, "missing"), LK_ERROR_IO},
                 {"/dev/null", LK_ERROR_IO}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(lk_list_add_source(&list, cases[i].path, NULL), cases[i].status);
        assert_int_equal(strncmp(lk_error_message(), cases[i].path, strlen(cases[i].path)), 0);
    }
    lk_list_close(&list);
    close_folder(&folder);
}

/* root reads every folder, so the test is another user's for a moment. */
static void an_unreadable_folder_is_named(void **state)
{
    (void)state;
    const test_folder folder = open_folder();
    lk_list list = {0};
    put_text(&folder, "open/a.jpg", "");
    put_text(&folder, "shut/b.jpg", "");
    assert_int_equal(chmod(folder.path, 0755), 0);
    assert_int_equal(chmod(path_in(&folder, "shut"), 0), 0);
    const uid_t user = geteuid();
    if (user == 0) assert_int_equal(seteuid(65534), 0);
    const lk_status status = lk_list_add_source(&list, folder.path, NULL);
    if (user == 0) assert_int_equal(seteuid(0), 0);
    assert_int_equal(status, LK_ERROR_IO);
    assert_non_null(strstr(lk_error_message(), "/shut: cannot read: Permission denied"));
    assert_int_equal(list.count, 0);
    assert_int_equal(chmod(path_in(&folder, "shut"), 0755), 0);
    lk_list_close(&list);
    close_folder(&folder);
}

static void pictures_are_told_by_content_or_name(void **state)
{
    (void)state;
    const test_folder folder = open_folder();
    lk_list list = {0};
    const char *jpeg = put_text(&folder, "one.txt", "\xFF\xD8\xFF\xE0 and so on");
    const char *named = put_text(&folder, "two.PNG", "");
    assert_int_equal(lk_list_add_source(&list, jpeg, NULL), LK_OK);
    assert_int_equal(lk_list_add_source(&list, named, NULL), LK_OK);
    check_path(&list, 0, jpeg);
    check_path(&list, 1, named);
    lk_list_close(&list);
    close_folder(&folder);
}

static void written_items_are_read_back(void **state)
{
    (void)state;
    lk_list list = {0}, again = {0};
    char *text = NULL;
    size_t size;
    ADD(&list, "a b.jpg\t3\nphoto 4\t\nplain.jpg\nx\ty.jpg\t-5\n");
    FILE *stream = open_memstream(&text, &size);
    for (size_t i = 0; i < list.count; i++) assert_true(lk_list_write_item(&list.items[i], stream));
    fclose(stream);
    for (lk_list_style style = LK_LIST_STUDY; style <= LK_LIST_PATHS; style++) {
        assert_int_equal(add(&again, text, size, style), LK_OK);
        assert_int_equal(again.count, list.count);
        check_item(&again, 0, "a b.jpg", 3);
        check_path(&again, 1, "photo 4");
        check_path(&again, 2, "plain.jpg");
        check_item(&again, 3, "x\ty.jpg", -5);
        lk_list_close(&again);
    }
    free(text);
    lk_list_close(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tab_parts_before_a_blank),
        cmocka_unit_test(bom_crlf_and_blank_lines_are_passed_over),
        cmocka_unit_test(a_line_without_integer_is_a_path),
        cmocka_unit_test(paths_from_a_stream_keep_their_blanks),
        cmocka_unit_test(faults_name_the_line_and_leave_the_list),
        cmocka_unit_test(maps_replace_whole_components),
        cmocka_unit_test(relative_paths_are_looked_for_here_then_beside_the_list),
        cmocka_unit_test(folders_are_walked_in_order),
        cmocka_unit_test(sources_without_pictures_are_errors),
        cmocka_unit_test(an_unreadable_folder_is_named),
        cmocka_unit_test(pictures_are_told_by_content_or_name),
        cmocka_unit_test(written_items_are_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
