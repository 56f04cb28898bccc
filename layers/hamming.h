/* Hamming distances of packed bits. Counts are exact, so all kernels give the same. */
#ifndef LK_LAYERS_HAMMING_H
#define LK_LAYERS_HAMMING_H

#include "layers/cpu.h"

typedef struct lk_hamming {
    size_t rows;  /* how many */
    size_t bytes; /* of a row */
} lk_hamming;

/* scores[r] = minus the number of bits in which rows[r] and the query differ: larger is nearer, as with products.
 * Exact up to 2^24 bits. Cannot fail; touches no byte outside the three arrays. */
typedef void lk_hamming_fn(const lk_hamming *d, const uint8_t *rows, /* [rows][bytes] */
                           const uint8_t *query,                     /* [bytes]       */
                           float *scores);                           /* [rows]        */

typedef struct lk_hamming_kernel {
    const char *name;
    lk_hamming_fn *run;
    unsigned needs; /* LK_NEEDS_ and LK_ISA_ bits; 0 is the reference */
} lk_hamming_kernel;

/* The last kernel whose needs are all in `can`. */
const lk_hamming_kernel *lk_hamming_choose(unsigned can);

#define LK_HAMMING(run, needs) lk_hamming_fn run;
#include "layers/kernels.inc"

#endif
