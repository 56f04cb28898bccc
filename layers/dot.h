/* Exact scores of float rows against float queries: sums of products, and of squared differences, in double. */
#ifndef LK_LAYERS_DOT_H
#define LK_LAYERS_DOT_H

#include "layers/cpu.h"

/* A sum has eight lanes. Lane j adds the terms k = j, j + 8, j + 16 … in this order, starting from 0; then the lanes
 * are added as ((0 + 4) + (2 + 6)) + ((1 + 5) + (3 + 7)). A product of two floats is exact in double, so a fused
 * multiply-add rounds as a plain one does, and a squared difference is rounded before it is added: every kernel gives
 * the same bits, on every machine, for any number of rows and queries at a time. */
enum { LK_DOT_LANES = 8 };

typedef struct lk_dot {
    size_t rows, queries; /* how many of each */
    size_t dim;           /* floats of a row */
} lk_dot;

/* sums[q][r] = Σ queries[q][k] · rows[r][k], or Σ (queries[q][k] − rows[r][k])². Cannot fail; touches no byte outside
 * the three arrays; finite floats give finite sums. */
typedef void lk_dot_fn(const lk_dot *d, const float *rows, /* [rows][dim]      */
                       const float *queries,               /* [queries][dim]   */
                       double *sums);                      /* [queries][rows]  */

/* products[r] = Σ query[k] · rows[r][k] in float32, terms in any order: at most (dim + 2) 2^-24 Σ|query[k] · rows[r][k]| off.
 * For one query, d->queries is 1: reading rows as fast as memory gives them. */
typedef void lk_rough_dot_fn(const lk_dot *d, const float *rows, /* [rows][dim] */
                             const float *query,                 /* [dim]       */
                             float *products);                   /* [rows]      */

typedef struct lk_rough_dot_kernel {
    const char *name;
    lk_rough_dot_fn *run;
    unsigned needs;
} lk_rough_dot_kernel;

typedef struct lk_dot_kernel {
    const char *name;
    lk_dot_fn *run;
    unsigned needs; /* LK_NEEDS_ and LK_ISA_ bits; 0 is the reference */
} lk_dot_kernel;

/* The last kernel whose needs are all in `can`. */
const lk_dot_kernel *lk_dot_choose(unsigned can);
const lk_dot_kernel *lk_distance_choose(unsigned can);
const lk_rough_dot_kernel *lk_rough_dot_choose(unsigned can);

#define LK_DOT(run, needs) lk_dot_fn run;
#define LK_DISTANCE(run, needs) lk_dot_fn run;
#define LK_ROUGH_DOT(run, needs) lk_rough_dot_fn run;
#include "layers/kernels.inc"

#endif
