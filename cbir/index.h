/* What an index is made of: for the files that search it. */
#ifndef LK_CBIR_INDEX_H
#define LK_CBIR_INDEX_H

#include "cbir/search.h"
#include "layers/dot.h"
#include "layers/hamming.h"
#include "layers/panel.h"

/* Rows that lie one behind the other: the unit of work of a thread. */
typedef struct lk_span {
    const void *rows;
    size_t count;
    size_t first; /* index of its first row */
    size_t place; /* how many rows of the set stand before it */
} lk_span;

typedef struct lk_spans {
    lk_span *at; /* in rising order of index */
    size_t count;
    size_t longest; /* rows of the largest */
} lk_spans;

struct lk_index {
    lk_rows_set set;
    lk_search_options options; /* k cut to the number of rows */
    size_t stride;             /* k as it was asked for: the hits of a query */
    size_t row_bytes;
    size_t rows;
    const lk_dot_kernel *dot, *exact; /* exact: products, or squared differences under L2 */
    const lk_hamming_kernel *hamming;
    const lk_panel_kernel *panel;
    const lk_rough_dot_kernel *rough;
    lk_spans spans; /* that fit the second cache, while many queries pass over them */
    lk_spans runs;  /* long ones, for what reads each row once and is best when it reads on and on */
    /* Of floats only, [rows] each: */
    double *lengths; /* Σx² */
    float *scales;   /* 1 / |x|, what makes a product a cosine but for |y|; NULL under other metrics */
    float *offsets;  /* Σx² / 2: Σ(x−y)² = Σy² − 2 (Σxy − Σx² / 2); NULL under other metrics */
    /* Over all rows that are not out: */
    double shortest, longest; /* |x|, the least above 0 and the largest */
    struct lk_gpu_rows *gpu;  /* the rows on a GPU; NULL: they are scanned here, or there are none */
    double moved;             /* the largest |x' − x| / |x| of rows rounded for the panel kernel */
};

/* Queries checked and measured. */
typedef struct lk_checked_queries {
    const void *values;
    size_t count;
    double *lengths; /* [count], Σy²; NULL for bits */
} lk_checked_queries;

lk_status lk_checked_queries_open(const lk_index *index, const void *values, size_t count, lk_checked_queries *queries);
void lk_checked_queries_close(lk_checked_queries *queries);

static inline bool lk_index_is_out(const lk_index *index, size_t row)
{
    return index->set.out && index->set.out[row / 8] >> (7 - row % 8) & 1;
}

static inline const void *lk_index_row(const lk_index *index, const lk_span *span, size_t row)
{
    return (const uint8_t *)span->rows + row * index->row_bytes;
}

/* Whether the metric's larger values are nearer. */
static inline bool lk_metric_rises(lk_metric metric)
{
    return metric == LK_METRIC_COSINE || metric == LK_METRIC_INNER;
}

/* The score from its exact sum: Σxy, or Σ(x−y)². The only place where a score of floats is made. */
float lk_index_score(const lk_index *index, double sum, double row_length, double query_length);

#endif
