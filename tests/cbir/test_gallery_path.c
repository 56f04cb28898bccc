/* Paths relative to a gallery's folder. Expected values are what realpath --relative-to gives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "cbir/gallery_path.h"
#include "tests/cbir/folder.h"

static void check(lk_relative *relative, const char *path, const char *wanted)
{
    char *got = lk_relative_path(relative, path);
    assert_string_equal(got, wanted);
    lk_free(got);
}

static void paths_lead_from_the_gallery_to_the_picture(void **state)
{
    (void)state;
    const test_folder folder = open_folder();
    lk_relative relative = {0};
    put_text(&folder, "sets/g/x", "");
    put_text(&folder, "sets/gallery/x", "");
    put_text(&folder, "sets/g/in/x", "");
    put_text(&folder, "photos/a/x.jpg", "");
    assert_int_equal(lk_relative_open(path_in(&folder, "sets/g"), &relative), LK_OK);
    check(&relative, path_in(&folder, "sets/g/x"), "x");
    check(&relative, path_in(&folder, "sets/g/in/x"), "in/x");
    check(&relative, path_in(&folder, "sets/gallery/x"), "../gallery/x");
    check(&relative, path_in(&folder, "photos/a/x.jpg"), "../../photos/a/x.jpg");
    check(&relative, path_in(&folder, "photos/a/../a/./x.jpg"), "../../photos/a/x.jpg");
    check(&relative, path_in(&folder, "x.jpg"), "../../x.jpg");
    check(&relative, path_in(&folder, "gone/./b/../x.jpg"),
          "../../gone/x.jpg"); /* no such folder: by its text */
    check(&relative, "/x.jpg", "../../../../x.jpg");
    lk_relative_close(&relative);
    close_folder(&folder);
}

/* ".." leads out of the folder that a link stands for, so a path by text alone would miss. */
static void links_are_resolved(void **state)
{
    (void)state;
    const test_folder folder = open_folder();
    lk_relative relative = {0};
    put_text(&folder, "deep/er/g/x", "");
    put_text(&folder, "photos/x.jpg", "");
    assert_int_equal(symlink("deep/er/g", path_in(&folder, "link")), 0);
    assert_int_equal(symlink("photos", path_in(&folder, "pictures")), 0);
    assert_int_equal(symlink("x.jpg", path_in(&folder, "photos/y.jpg")), 0);
    assert_int_equal(lk_relative_open(path_in(&folder, "link"), &relative), LK_OK);
    check(&relative, path_in(&folder, "photos/x.jpg"), "../../../photos/x.jpg");
    check(&relative, path_in(&folder, "pictures/x.jpg"), "../../../photos/x.jpg");
    check(&relative, path_in(&folder, "photos/y.jpg"), "../../../photos/y.jpg");
    char *joined = lk_join_path(path_in(&folder, "link"), "../../../photos/x.jpg");
    assert_int_equal(access(joined, F_OK), 0);
    lk_free(joined);
    lk_relative_close(&relative);
    close_folder(&folder);
}

static void a_folder_that_is_missing_is_an_error(void **state)
{
    (void)state;
    lk_relative relative = {0};
    assert_int_equal(lk_relative_open("no/such/folder", &relative), LK_ERROR_IO);
    assert_null(relative.base);
}

static void joining_keeps_absolute_names(void **state)
{
    (void)state;
    const char *const cases[][3] = {{"g", "a", "g/a"}, {"g/", "a", "g/a"}, {"g", "/a", "/a"}};
    for (size_t i = 0; i < 3; i++) {
        char *joined = lk_join_path(cases[i][0], cases[i][1]);
        assert_string_equal(joined, cases[i][2]);
        lk_free(joined);
    }
}

static void check_shown(const char *gallery, const char *name, const char *wanted)
{
    char *got = lk_picture_path(gallery, name);
    assert_string_equal(got, wanted);
    lk_free(got);
}

/* Expected: what realpath --no-symlinks --relative-to=. gives, where no link is on the way. */
static void pictures_are_named_shortly(void **state)
{
    (void)state;
    const test_folder folder = open_folder();
    char here[4096];
    assert_non_null(getcwd(here, sizeof here));
    put_text(&folder, "sets/g/x", "");
    put_text(&folder, "photos/x.jpg", "");
    assert_int_equal(chdir(path_in(&folder, "")), 0);
    check_shown("sets/g", "x.jpg", "sets/g/x.jpg");
    check_shown("sets/g", "../x.jpg", "sets/x.jpg");
    check_shown("sets/g", "../../photos/x.jpg", "photos/x.jpg");
    check_shown("sets//./g/./", "../../photos/x.jpg", "photos/x.jpg");
    check_shown("sets/g", "../../../x.jpg", "../x.jpg");
    check_shown("sets/../sets/g", "../../photos/x.jpg", "sets/../photos/x.jpg");
    check_shown(".", "x.jpg", "x.jpg");
    check_shown("./", "../x.jpg", "../x.jpg");
    check_shown("..", "../x.jpg", "../../x.jpg");
    check_shown("sets/g", "/x.jpg", "/x.jpg");
    check_shown("gone", "../x.jpg", "gone/../x.jpg"); /* nobody knows what it is */
    assert_int_equal(chdir(here), 0);
    check_shown(path_in(&folder, "sets/g"), "../../x.jpg", path_in(&folder, "x.jpg"));
    close_folder(&folder);
}

static void a_link_is_not_left_by_its_name(void **state)
{
    (void)state;
    const test_folder folder = open_folder();
    char wanted[4096];
    put_text(&folder, "deep/er/g/x", "");
    put_text(&folder, "deep/x.jpg", "");
    assert_int_equal(symlink("deep/er/g", path_in(&folder, "link")), 0);
    assert_int_equal(symlink("deep/er", path_in(&folder, "above")), 0);
    snprintf(wanted, sizeof wanted, "%s/../../x.jpg", path_in(&folder, "link"));
    check_shown(path_in(&folder, "link"), "../../x.jpg", wanted);
    assert_int_equal(access(wanted, F_OK), 0);
    snprintf(wanted, sizeof wanted, "%s/../x.jpg", path_in(&folder, "above"));
    check_shown(path_in(&folder, "above/g"), "../../x.jpg", wanted);
    assert_int_equal(access(wanted, F_OK), 0);
    close_folder(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_lead_from_the_gallery_to_the_picture),
        cmocka_unit_test(links_are_resolved),
        cmocka_unit_test(a_folder_that_is_missing_is_an_error),
        cmocka_unit_test(joining_keeps_absolute_names),
        cmocka_unit_test(pictures_are_named_shortly),
        cmocka_unit_test(a_link_is_not_left_by_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
