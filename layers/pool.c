/* Over pthreadpool, which is made for fork-joins of microseconds: OpenMP's cost 2 to 100 times as much and
 * its threads would stand beside OpenBLAS's. */
#include "layers/pool.h"

#include <pthreadpool.h>
#include <stdatomic.h>

#include "base/error.h"
#include "base/memory.h"

struct lk_pool {
    pthreadpool_t threads;
};

lk_status lk_pool_open(size_t threads, lk_pool **pool)
{
    lk_pool *opened = lk_allocate_array(1, sizeof *opened);
    if (opened) opened->threads = pthreadpool_create(threads);
    if (!opened || !opened->threads) {
        lk_free(opened);
        return lk_fail(LK_ERROR_MEMORY, "cannot start %zu threads", threads);
    }
    *pool = opened;
    return LK_OK;
}

void lk_pool_close(lk_pool **pool)
{
    if (!*pool) return;
    pthreadpool_destroy((*pool)->threads);
    lk_free(*pool);
    *pool = NULL;
}

size_t lk_pool_threads(const lk_pool *pool)
{
    return pool ? pthreadpool_get_threads_count(pool->threads) : 1;
}

/* This pthreadpool does not tell a task which thread it is on, and scratch memory goes by thread: so there is
 * one task a thread, and each takes the next piece until none is left. */
typedef struct {
    lk_piece_fn *fn;
    const void *context;
    size_t count;
    atomic_size_t next;
} job;

static void work(void *argument, size_t worker)
{
    job *j = argument;
    for (;;) {
        const size_t piece = atomic_fetch_add_explicit(&j->next, 1, memory_order_relaxed);
        if (piece >= j->count) return;
        j->fn(j->context, piece, worker);
    }
}

void lk_parallel_for(lk_pool *pool, size_t count, lk_piece_fn *fn, const void *context)
{
    if (lk_pool_threads(pool) == 1 || count <= 1) {
        for (size_t piece = 0; piece < count; piece++) fn(context, piece, 0);
        return;
    }
    job j = {.fn = fn, .context = context, .count = count};
    pthreadpool_parallelize_1d(pool->threads, work, &j, lk_pool_threads(pool), 0);
}
