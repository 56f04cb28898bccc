#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/file.h"

static char folder[] = "/tmp/likeness-test-file-XXXXXX";
static char path[64];

static size_t files_in_folder(void)
{
    size_t count = 0;
    DIR *directory = opendir(folder);
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory));) count += entry->d_name[0] != '.';
    closedir(directory);
    return count;
}

static void assert_holds(const char *text)
{
    lk_mapping mapping;
    assert_int_equal(lk_map_file(path, &mapping), LK_OK);
    assert_int_equal(mapping.size, strlen(text));
    if (mapping.size) assert_memory_equal(mapping.bytes, text, mapping.size);
    lk_unmap(&mapping);
    assert_null(mapping.bytes);
}

static void write_text(const char *text)
{
    lk_output output;
    assert_int_equal(lk_output_open(path, &output), LK_OK);
    fputs(text, output.stream);
    assert_int_equal(lk_output_commit(&output), LK_OK);
}

static void test_an_output_replaces_whole(void **state)
{
    (void)state;
    struct stat about;
    write_text("first");
    assert_holds("first");
    lk_output output;
    assert_int_equal(lk_output_open(path, &output), LK_OK);
    fputs("half of the sec", output.stream);
    fflush(output.stream);
    assert_holds("first");
    assert_int_equal(files_in_folder(), 2);
    lk_output_discard(&output);
    lk_output_discard(&output);
    assert_holds("first");
    write_text("");
    assert_holds("");
    assert_int_equal(files_in_folder(), 1);
    assert_int_equal(stat(path, &about), 0);
    assert_true(about.st_mode & S_IRUSR && !(about.st_mode & S_IXUSR));
}

/* A file-size limit stands in for a full disk: write fails in the same way. */
static void test_a_full_disk_leaves_the_old_file(void **state)
{
    (void)state;
    struct rlimit old;
    lk_output output;
    write_text("old");
    getrlimit(RLIMIT_FSIZE, &old);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(lk_output_open(path, &output), LK_OK);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &(struct rlimit){1000, old.rlim_max}), 0);
    for (int i = 0; i < 100000; i++) fputc('x', output.stream);
    const lk_status status = lk_output_commit(&output);
    setrlimit(RLIMIT_FSIZE, &old);
    assert_int_equal(status, LK_ERROR_IO);
    assert_non_null(strstr(lk_error_message(), path));
    assert_non_null(
        strstr(lk_error_message(), ": cannot write: File too large")); /* not only the last write failed */
    assert_holds("old");
    assert_int_equal(files_in_folder(), 1);
}

static void test_a_place_that_cannot_be_written(void **state)
{
    (void)state;
    lk_output output;
    assert_int_equal(lk_output_open("/nowhere/at/all", &output), LK_ERROR_IO);
    assert_non_null(strstr(lk_error_message(), "/nowhere/at/all: cannot write: No such file"));
}

static const char *beside(const char *ending)
{
    static char name[96];
    snprintf(name, sizeof name, "%s%s", path, ending);
    return name;
}

static void make_file(const char *name)
{
    FILE *file = fopen(name, "wb");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
}

static void test_only_what_killed_writers_left_is_cleared(void **state)
{
    (void)state;
    static const char *const others[] = {".tmp",       ".1.tmp", ".1-.tmp",  ".-1.tmp",
                                         ".1-2.tmp.x", ".1-2",   "x.1-2.tmp"};
    lk_output living;
    write_text("there");
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) make_file(beside(others[i]));
    assert_int_equal(lk_output_open(path, &living), LK_OK);
    make_file(beside(".4711-0.tmp"));
    make_file(beside(".12-345.tmp"));
    assert_int_equal(mkdir(beside(".7-7.tmp"), 0700), 0);
    assert_int_equal(files_in_folder(), 2 + 7 + 3);
    lk_output_clear(path);
    assert_int_equal(files_in_folder(), 2 + 7 + 1);
    fputs("written", living.stream);
    assert_int_equal(lk_output_commit(&living), LK_OK);
    assert_holds("written");
    lk_output_clear("/nowhere/at/all");
    assert_int_equal(rmdir(beside(".7-7.tmp")), 0);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_int_equal(unlink(beside(others[i])), 0);
    assert_int_equal(files_in_folder(), 1);
}

/* Renamed over, a folder would fail at the end of the work, and a device or pipe would be a plain file from
 * then on. */
static void test_what_is_no_file_is_not_replaced(void **state)
{
    (void)state;
    lk_output output;
    struct stat about;
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(lk_output_open(path, &output), LK_ERROR_IO);
    assert_non_null(strstr(lk_error_message(), ": cannot write: not a regular file"));
    assert_int_equal(stat(path, &about), 0);
    assert_true(S_ISFIFO(about.st_mode));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(lk_output_open(folder, &output), LK_ERROR_IO);
    assert_non_null(strstr(lk_error_message(), ": cannot write: not a regular file"));
    assert_int_equal(files_in_folder(), 0);
}

static void test_interrupted_outputs_are_removed(void **state)
{
    (void)state;
    lk_output first, second;
    char other[80];
    snprintf(other, sizeof other, "%s/other", folder);
    write_text("old");
    assert_int_equal(lk_output_open(path, &first), LK_OK);
    assert_int_equal(lk_output_open(other, &second), LK_OK);
    assert_int_equal(files_in_folder(), 3);
    lk_output_remove_all();
    assert_int_equal(files_in_folder(), 1);
    assert_int_equal(lk_output_commit(&first), LK_ERROR_IO);
    lk_output_discard(&second);
    assert_holds("old");
}

static void test_an_error_is_carried_between_threads(void **state)
{
    (void)state;
    const lk_error error = lk_error_take(lk_fail(LK_ERROR_LIMIT, "%s: %d", "picture", 7));
    lk_fail(LK_ERROR_IO, "other");
    assert_int_equal(lk_error_restore(&error), LK_ERROR_LIMIT);
    assert_string_equal(lk_error_message(), "picture: 7");
    assert_int_equal(lk_fail_in(LK_ERROR_LIMIT, "list.txt"), LK_ERROR_LIMIT);
    assert_string_equal(lk_error_message(), "list.txt: picture: 7");
    char longer[2000];
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    lk_fail(LK_ERROR_IO, "%s", longer);
    assert_true(strlen(lk_error_message()) < sizeof longer);
}

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder)) return -1;
    snprintf(path, sizeof path, "%s/out", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_output_replaces_whole),
        cmocka_unit_test(test_a_full_disk_leaves_the_old_file),
        cmocka_unit_test(test_a_place_that_cannot_be_written),
        cmocka_unit_test(test_what_is_no_file_is_not_replaced),
        cmocka_unit_test(test_only_what_killed_writers_left_is_cleared),
        cmocka_unit_test(test_interrupted_outputs_are_removed),
        cmocka_unit_test(test_an_error_is_carried_between_threads),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
