/* Memory for kernel tests: arrays that end at an unreadable page, or begin behind one, and outputs that start
 * as NaN. */
#ifndef LK_TESTS_GUARD_H
#define LK_TESTS_GUARD_H

#include <stddef.h>
#include <stdint.h>

/* Where the unreadable page touches the array. An overrun on that side dies with SIGSEGV; ends are guarded by
 * default. */
typedef enum lk_test_side { LK_TEST_GUARD_END, LK_TEST_GUARD_BEGIN } lk_test_side;
void lk_test_guard(lk_test_side side);

float *lk_test_floats(size_t count); /* random, uniform in [-1, 1], from the seed of lk_test_seed */
float *lk_test_output(size_t count); /* NaN */
void lk_test_free_all(void);         /* everything that the two gave */
void lk_test_seed(uint64_t seed);
uint64_t lk_test_random(void);

#endif
