/* Memory runs out at each allocation of a single layer in turn. Linked with --wrap=lk_allocate. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/memory.h"
#include "layers/single.h"

void *__real_lk_allocate(size_t bytes, size_t alignment);
void *__wrap_lk_allocate(size_t bytes, size_t alignment);

static size_t allocations, failing; /* the count so far; the one that fails, from 1 */

void *__wrap_lk_allocate(size_t bytes, size_t alignment)
{
    return ++allocations == failing ? NULL : __real_lk_allocate(bytes, alignment);
}

static void test_every_allocation_may_fail_and_a_run_makes_none(void **state)
{
    (void)state;
    const lk_pool2d p = {
        .kind = LK_POOL_ADAPTIVE_AVERAGE, .in_h = 4, .in_w = 5, .channels = 19, .out_h = 1, .out_w = 1};
    const lk_step step = {.op = LK_OP_POOL2D, .layer.pool2d = p};
    lk_single *single = NULL;
    lk_status status = LK_ERROR_MEMORY;
    for (failing = 1; status; failing++) {
        allocations = 0;
        status = lk_single_open(&step, 1, LK_NEEDS_NATIVE, NULL, &single);
        assert_true(status == LK_OK || status == LK_ERROR_MEMORY);
        assert_true(status == LK_OK || !single);
    }
    assert_true(failing > 10);
    const size_t before = allocations;
    assert_int_equal(lk_single_check(single), LK_OK);
    for (size_t v = 0; v < single->variant_count; v++) lk_single_run(single, v);
    assert_int_equal(allocations, before);
    lk_single_close(&single);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_allocation_may_fail_and_a_run_makes_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
