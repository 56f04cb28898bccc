/* Features of a list of pictures: worker threads with a session each, rows in the list's order. */
#ifndef LK_CBIR_EXTRACT_H
#define LK_CBIR_EXTRACT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "cbir/list.h"
#include "cbir/vector.h"
#include "engine/likeness.h"

/* What is called as pictures are done. All calls come from the thread that called lk_extract, in the list's
 * order. `context` is handed through. NULL functions are not called. */
typedef struct {
    void *context;
    /* The vectors of item `index`, one behind the other, each of its vectorizer's length; valid during the call.
     * A failure ends the extraction. */
    lk_status (*row)(void *context, size_t index, const float *values);
    /* Item `index` could not be read; it has no row. */
    void (*bad)(void *context, size_t index, const lk_error *error);
    /* `done` items of the list have a row or were bad; after each of them. */
    void (*progress)(void *context, size_t done);
} lk_extract_calls;

typedef struct {
    const lk_plan *plan;                   /* opened with pixels, by mean and std of `preprocessing`; its batch is used */
    const lk_vectorizer *vectors;          /* [vector_count], of that plan: what is made of each picture */
    size_t vector_count;                   /* at least 1 */
    const lk_preprocessing *preprocessing; /* height and width are the plan's */
    size_t batch;                          /* pictures a run, as the plan was opened with; 0 is 1 */
    size_t threads;                        /* 0: as many as the machine has processors */
    bool strict;                           /* the first bad picture ends it, with that picture's error */
    const atomic_int
        *interrupt; /* NULL, or not 0 once a signal handler wants it to end: LK_ERROR_INTERRUPTED */
} lk_extract_options;

/* Runs over all of `list`. Rows do not depend on the threads: batches are the same pictures whatever their
 * number. Memory is bounded by threads and batch, not by the list. A picture that cannot be read is bad; any
 * other failure ends the extraction and is returned, once all threads have stopped. */
lk_status lk_extract(const lk_list *list, const lk_extract_options *options, const lk_extract_calls *calls);

#endif
