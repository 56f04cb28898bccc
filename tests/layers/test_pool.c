#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "layers/cpu.h"
#include "layers/pool.h"

enum { PIECES = 1000, THREADS = 4 };

typedef struct {
    atomic_int done[PIECES], busy[THREADS], clash;
} tally;

static void work(const void *context, size_t piece, size_t worker)
{
    tally *t = (tally *)(size_t)context;
    if (worker >= THREADS || atomic_fetch_add(&t->busy[worker], 1)) atomic_store(&t->clash, 1);
    atomic_fetch_add(&t->done[piece], 1);
    if (worker < THREADS) atomic_fetch_sub(&t->busy[worker], 1);
}

static void check(lk_pool *pool, size_t pieces)
{
    static tally t;
    memset(&t, 0, sizeof t);
    lk_parallel_for(pool, pieces, work, &t);
    assert_int_equal(t.clash, 0);
    for (size_t i = 0; i < PIECES; i++) assert_int_equal(t.done[i], i < pieces);
}

/* Each piece once, and no worker number in two places at a time. */
static void test_every_piece_once(void **state)
{
    (void)state;
    lk_pool *pool = NULL;
    check(NULL, PIECES);
    assert_int_equal(lk_pool_open(THREADS, &pool), LK_OK);
    assert_int_equal(lk_pool_threads(pool), THREADS);
    for (size_t round = 0; round < 200; round++) check(pool, PIECES - round);
    check(pool, 0);
    check(pool, 1);
    lk_pool_close(&pool);
    lk_pool_close(&pool);
    assert_int_equal(lk_pool_threads(pool), 1);
}

static void test_isa_masks(void **state)
{
    (void)state;
    unsigned mask = 77;
    assert_int_equal(lk_cpu_mask("mmx", &mask), LK_ERROR_ARGUMENT);
    assert_non_null(strstr(lk_error_message(), "mmx"));
    assert_int_equal(mask, 77);
    assert_int_equal(lk_cpu_mask("portable", &mask), LK_OK);
    assert_int_equal(mask, 0);
    assert_int_equal(lk_cpu_mask(NULL, &mask), LK_OK);
    assert_int_equal(mask, lk_cpu_isa());
    if (lk_cpu_isa() & LK_ISA_AVX512) {
        assert_int_equal(lk_cpu_mask("avx2", &mask), LK_OK);
        assert_int_equal(mask, LK_ISA_AVX2);
    } else {
        assert_int_equal(lk_cpu_mask("avx512", &mask), LK_ERROR_BACKEND);
    }
#ifdef __aarch64__
    assert_int_equal(lk_cpu_mask("neon", &mask), LK_OK);
    assert_int_equal(mask, LK_ISA_NEON);
    assert_int_equal(lk_cpu_mask("avx2", &mask), LK_ERROR_BACKEND);
    assert_non_null(strstr(lk_error_message(), "it is arm64, not x86-64"));
#elif defined(__x86_64__)
    assert_int_equal(lk_cpu_mask("neon", &mask), LK_ERROR_BACKEND);
    assert_non_null(strstr(lk_error_message(), "it is x86-64, not arm64"));
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_piece_once),
                                       cmocka_unit_test(test_isa_masks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
