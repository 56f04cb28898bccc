/* Work split over threads. What a piece computes must not depend on how work is cut: then results are equal bit for bit on any
 * number of threads. */
#ifndef LK_LAYERS_POOL_H
#define LK_LAYERS_POOL_H

#include "engine/likeness.h"

/* Does piece `piece`; `worker` is below lk_pool_threads() and no other piece has it at the same time. */
typedef void lk_piece_fn(const void *context, size_t piece, size_t worker);

/* Calls fn for pieces 0 … count-1 and returns when all are done. NULL pool: in this thread, in order. */
void lk_parallel_for(lk_pool *pool, size_t count, lk_piece_fn *fn, const void *context);

#endif
