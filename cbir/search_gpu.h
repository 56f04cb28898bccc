/* Search on a GPU: it scores all rows roughly and says which may be among the nearest; the processor ranks those exactly, as it
 * does its own, so the hits are the same. */
#ifndef LK_CBIR_SEARCH_GPU_H
#define LK_CBIR_SEARCH_GPU_H

#include "cbir/scan.h"

/* Puts all rows on the device. As lk_gpu_rows_open. */
lk_status lk_index_open_gpu(lk_index *index);

/* The candidates of `queries`: candidates [count][lk_top_capacity(k)] and counts [count], which is SIZE_MAX for a query that the
 * processor must search itself: because more rows are nearly equal than there is room for, or so short that no error is bounded. */
lk_status lk_index_search_gpu(const lk_index *index, const lk_checked_queries *queries, lk_candidate *candidates, size_t *counts);

#endif
