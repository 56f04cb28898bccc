/* Scores of rows against a panel of queries side by side: what a search of many queries spends its time in. */
#ifndef LK_LAYERS_PANEL_H
#define LK_LAYERS_PANEL_H

#include "layers/cpu.h"

/* Rows and queries are read in units of four bytes: a float, two bfloat16, or 32 bits. A panel holds `width` queries unit by
 * unit, packed [units][width], so that a vector runs over queries and rows are read as they lie. */
typedef struct lk_panel {
    size_t rows;  /* how many */
    size_t bytes; /* of a row; a last unit that is cut short is taken as if zeros followed */
} lk_panel;

static inline size_t lk_panel_units(size_t bytes)
{
    return (bytes + 3) / 4;
}

/* scores[r][q]: for floats and bfloat16 Σ queries[q][k] · rows[r][k], rounded on the way (lk_panel_error); for bits minus
 * the number that differ, exact. Cannot fail; touches no byte outside the three arrays. */
typedef void lk_panel_fn(const lk_panel *d, const void *rows, /* [rows][bytes]  */
                         const uint32_t *panel,               /* [units][width] */
                         float *scores);                      /* [rows][width]  */

/* values [rows][dim] to bfloat16, nearest even, rounded [rows][dim, made even]: behind an odd row stands a 0. Returns a bound
 * on how far a row is moved, |rounded − row| / |row|, the largest of them. */
typedef float lk_panel_round_fn(const float *values, size_t rows, size_t dim, uint16_t *rounded);

typedef struct lk_panel_kernel {
    const char *name;
    lk_panel_fn *run;
    unsigned needs; /* LK_NEEDS_ and LK_ISA_ bits; 0 is the reference */
    size_t width;   /* queries of a panel, at most LK_PANEL_MOST */
    lk_panel_round_fn *round; /* what rows and queries must go through first; NULL: nothing */
} lk_panel_kernel;

enum { LK_PANEL_MOST = 32 };

/* The last kernel whose needs are all in `can`. */
const lk_panel_kernel *lk_panel_choose(unsigned can);
const lk_panel_kernel *lk_hamming_panel_choose(unsigned can);

/* Queries [count][bytes] side by side, panel [units][width]; those that are missing are zeros. */
void lk_panel_pack(const void *queries, size_t count, size_t bytes, size_t width, uint32_t *panel);

/* e such that a score is at most e · |row| · |query| from the exact sum, for rows of `dim` floats whose lengths' product is
 * above 1e-8 and whose lengths are below sqrt(1e37); rows and queries were moved by these bounds, 0 if they were not
 * rounded. A NULL kernel is lk_rough_dot's. panel.c derives it. */
typedef struct lk_moved {
    double row, query;
} lk_moved;
double lk_panel_error(const lk_panel_kernel *kernel, size_t dim, lk_moved moved);

#define LK_PANEL(run, needs, width, round) lk_panel_fn run;
#define LK_HAMMING_PANEL(run, needs, width) lk_panel_fn run;
#include "layers/kernels.inc"

lk_panel_round_fn lk_panel_round_bf16__avx512bf16;

#endif
