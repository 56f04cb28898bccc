/* Strip and report when memory runs out, at the first allocation, the second, and so on until all succeed.
 * Linked with
 * --wrap=lk_allocate; the allocations of libjpeg, libpng, Pango and Cairo are left alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "cbir/report.h"
#include "cbir/text.h"
#include "tests/cbir/folder.h"

void *__real_lk_allocate(size_t bytes, size_t alignment);
void *__wrap_lk_allocate(size_t bytes, size_t alignment);

static size_t allocations, failing;

void *__wrap_lk_allocate(size_t bytes, size_t alignment)
{
    return ++allocations == failing ? NULL : __real_lk_allocate(bytes, alignment);
}

static const lk_strip_tile hits[] = {{"examples/pictures/tree.jpg", "tree", NULL, 0.9F, LK_MARK_RIGHT},
                                     {"examples/pictures/dots.png", "马", "horse", 0.8F, LK_MARK_WRONG},
                                     {"missing.jpg", NULL, NULL, 0.7F, LK_MARK_NONE}};
static const lk_strip strip = {
    .query = {.path = "examples/pictures/house.png"}, .hits = hits, .hit_count = 3};

static void sweep(lk_status (*tried)(const char *path), const char *name)
{
    const test_folder folder = open_folder();
    lk_status status = LK_ERROR_MEMORY;
    for (failing = 1; status != LK_OK; failing++) {
        allocations = 0;
        status = tried(path_in(&folder, name));
        assert_true(status == LK_OK || status == LK_ERROR_MEMORY);
        assert_int_equal(access(path_in(&folder, name), F_OK), status ? -1 : 0);
        assert_true(failing < 1000);
    }
    assert_true(failing > 10);
    failing = 0;
    close_folder(&folder);
}

static lk_status write_strip(const char *path)
{
    return lk_strip_write(&strip, path);
}

static lk_status write_report(const char *path)
{
    lk_report *report = NULL;
    lk_status status = lk_report_open(path, &report);
    if (!status) status = lk_report_add(report, &strip);
    if (!status) return lk_report_commit(&report);
    lk_report_discard(&report);
    return status;
}

static void strips(void **state)
{
    (void)state;
    if (lk_text_load()) skip();
    sweep(write_strip, "strip.png");
    sweep(write_strip, "strip.jpg");
}

static void reports(void **state)
{
    (void)state;
    sweep(write_report, "report.html");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(strips), cmocka_unit_test(reports)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
