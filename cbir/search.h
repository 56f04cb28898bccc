/* Exact search: the k rows of a set that are most like a query. Rows are float vectors or packed bits; a set comes in
 * blocks (a gallery's mapped segments, or one matrix). docs/search.md says how it is fast and why it is exact. */
#ifndef LK_CBIR_SEARCH_H
#define LK_CBIR_SEARCH_H

#include "engine/likeness.h"

/* One contiguous run of rows. Row i of the block has index first + i in the whole. */
typedef struct lk_block {
    const float *rows;    /* [count][dim]; NULL for bits */
    const uint8_t *codes; /* [count][(dim + 7) / 8], numpy.packbits order, bits past dim 0; NULL for floats */
    size_t count, first;
} lk_block;

typedef struct lk_rows_set {
    const lk_block *blocks; /* in rising order of first, without overlap; gaps are allowed (deleted rows) */
    size_t block_count;
    size_t dim;         /* values, or bits, of a row; at least 1, at most LK_SEARCH_MAX_DIM */
    const uint8_t *out; /* a bit an index, most significant first: set for rows that are not to be found; NULL: none */
} lk_rows_set;

/* Up to here a count of bits is exact in a float, and the error bounds of docs/search.md hold. */
#define LK_SEARCH_MAX_DIM ((size_t)1 << 22)

/* Squared lengths of float rows and queries stay below this, so that no score overflows. */
#define LK_SEARCH_MAX_LENGTH 1e37

typedef struct lk_search_options {
    lk_metric metric;
    size_t k;        /* at least 1; more than there are rows is no error */
    float threshold; /* only hits at least as near as this; -INFINITY (similarity) or INFINITY (distance) for all */
    const char *isa; /* as in lk_plan_options; read by lk_index_open only */
    bool cuda;       /* rows lie on a GPU, and are scanned there; the hits are the same */
    size_t device;   /* which GPU */
    lk_pool *pool;   /* NULL: this thread; must outlive the index, and has one search at a time */
} lk_search_options;

/* A set prepared for search: checked, with the lengths of its rows. The set's memory must outlive it (the blocks' structs and
 * bitmap too). LK_ERROR_ARGUMENT (floats for Hamming, or the reverse; k or dim 0; blocks out of order), LK_ERROR_FORMAT (a row
 * with NaN or infinity or too long, or a zero row under cosine, named by index; rows in `out` are not looked at),
 * LK_ERROR_LIMIT (dim), LK_ERROR_BACKEND (isa), LK_ERROR_MEMORY. */
lk_status lk_index_open(const lk_rows_set *set, const lk_search_options *options, lk_index **index);

/* Rows of all blocks, those in `out` included. */
size_t lk_index_rows(const lk_index *index);

/* All scores, scores [count][lk_index_rows()], in order of the rows: for evaluation, which ranks everything. The bits are
 * those of lk_index_search. A row in `out` has NaN. Errors as there. */
lk_status lk_index_scores(const lk_index *index, const void *queries, size_t count, float *scores);

#endif
