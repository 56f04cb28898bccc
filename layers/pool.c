/* Over pthreadpool, which is made for fork-joins of microseconds: OpenMP's cost 2 to 100 times as much and
 * its threads would stand beside OpenBLAS's. */
#include "layers/pool.h"

#include <pthreadpool.h>
#include <stdatomic.h>

#include "base/error.h"
#include "base/memory.h"

/* Pieces that one thread begins with. Each has a cache line, as others look at it only at the end. */
typedef struct {
    _Alignas(64) atomic_size_t next;
    size_t end;
} share;

struct lk_pool {
    pthreadpool_t threads;
    share *shares; /* [threads] */
};

lk_status lk_pool_open(size_t threads, lk_pool **pool)
{
    lk_pool *opened = lk_allocate_array(1, sizeof *opened);
    if (opened) opened->threads = pthreadpool_create(threads);
    if (opened && opened->threads)
        opened->shares = lk_allocate(lk_pool_threads(opened) * sizeof *opened->shares, _Alignof(share));
    if (!opened || !opened->shares) {
        if (opened) lk_pool_close(&opened);
        return lk_fail(LK_ERROR_MEMORY, "cannot start %zu threads", threads);
    }
    *pool = opened;
    return LK_OK;
}

void lk_pool_close(lk_pool **pool)
{
    if (!*pool) return;
    pthreadpool_destroy((*pool)->threads); /* which may be NULL */
    lk_free((*pool)->shares);
    lk_free(*pool);
    *pool = NULL;
}

size_t lk_pool_threads(const lk_pool *pool)
{
    return pool ? pthreadpool_get_threads_count(pool->threads) : 1;
}

/* This pthreadpool does not tell a task which thread it is on, and scratch memory goes by thread: so there is
 * one task a thread. It does pieces that lie together, which share weights and rows of maps, and then what
 * others have left. */
typedef struct {
    lk_piece_fn *fn;
    const void *context;
    share *shares;
    size_t threads;
} job;

static void work(void *argument, size_t worker)
{
    const job *j = argument;
    for (size_t i = 0; i < j->threads; i++) {
        share *from = &j->shares[(worker + i) % j->threads];
        for (;;) {
            const size_t piece = atomic_fetch_add_explicit(&from->next, 1, memory_order_relaxed);
            if (piece >= from->end) break;
            j->fn(j->context, piece, worker);
        }
    }
}

void lk_parallel_for(lk_pool *pool, size_t count, lk_piece_fn *fn, const void *context)
{
    const size_t threads = lk_pool_threads(pool);
    if (threads == 1 || count <= 1) {
        for (size_t piece = 0; piece < count; piece++) fn(context, piece, 0);
        return;
    }
    for (size_t t = 0; t < threads; t++) {
        pool->shares[t].end = count / threads * (t + 1) + count % threads * (t + 1) / threads;
        atomic_store_explicit(&pool->shares[t].next, t ? pool->shares[t - 1].end : 0, memory_order_relaxed);
    }
    job j = {fn, context, pool->shares, threads};
    pthreadpool_parallelize_1d(pool->threads, work, &j, threads, 0);
}
