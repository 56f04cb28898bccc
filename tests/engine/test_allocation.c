/* Memory runs out at the first allocation, then at the second, and so on until the whole succeeds: every
 * failure is reported as one, and nothing leaks (LeakSanitizer and valgrind watch). Linked with
 * --wrap=lk_allocate. jansson's own allocations are left alone: where one fails, it drops a character and
 * goes on (2.14, measured). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "support/network.h"

void *__real_lk_allocate(size_t bytes, size_t alignment);
void *__wrap_lk_allocate(size_t bytes, size_t alignment);

static size_t allocations, failing; /* the count so far; the one that fails, from 1 */

void *__wrap_lk_allocate(size_t bytes, size_t alignment)
{
    return ++allocations == failing ? NULL : __real_lk_allocate(bytes, alignment);
}

/* The whole way, from the file to a feature. */
static lk_status whole_way(const char *path)
{
    lk_model *model = NULL;
    lk_summary *summary = NULL;
    lk_pool *pool = NULL;
    lk_plan *plan = NULL;
    lk_session *session = NULL, *second = NULL;
    float logits[12];
    lk_status status = lk_model_open(path, &model);
    const lk_plan_options options = {.backend = LK_BACKEND_REFERENCE, .height = 32, .width = 32};
    if (!status) status = lk_summary_open(model, 32, 32, &summary);
    if (!status) status = lk_pool_open(1, &pool);
    if (!status) status = lk_plan_open(model, &options, &plan);
    if (!status) status = lk_session_share(plan, pool, &session);
    if (!status) status = lk_session_open(model, &options, &second);
    if (!status) status = lk_session_run(session, 1);
    if (!status) status = lk_session_feature(session, 0, 0, logits);
    lk_session_close(&second);
    lk_session_close(&session);
    lk_plan_close(&plan);
    lk_pool_close(&pool);
    lk_summary_close(&summary);
    lk_model_close(&model);
    return status;
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    static const char *const paths[] = {LK_TEST_MODEL, LK_TEST_INT8_MODEL};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        lk_status status = LK_ERROR_MEMORY;
        size_t tried = 0;
        for (failing = 1; status != LK_OK; failing++, tried++) {
            allocations = 0;
            status = whole_way(paths[i]);
            assert_true(status == LK_OK || status == LK_ERROR_MEMORY);
        }
        failing = 0;
        print_message("%s: %zu allocations, each failed once\n", paths[i], tried - 1);
        assert_true(tried > 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
