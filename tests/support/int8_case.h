/* A random int8 layer, and what its outputs must be: docs/model_file.md in whole numbers and doubles. */
#ifndef LK_TESTS_INT8_CASE_H
#define LK_TESTS_INT8_CASE_H

#include "layers/int8.h"
#include "support/guard.h"

/* How a case's numbers are drawn: anything, or what makes sums as large as they can be. */
typedef enum {
    LK_TEST_ANYTHING,
    LK_TEST_ALL_LARGEST,
    LK_TEST_ALL_SMALLEST,
    LK_TEST_ZERO_IN_THE_MIDDLE,
    LK_TEST_HUGE_FACTORS,
    LK_TEST_MODES
} lk_test_mode;

typedef struct {
    const lk_conv2d *d;
    size_t batch;
    uint8_t *x, *residual;
    float *x_floats, *scales, *bias;
    int8_t *w;
} lk_test_int8;

/* Bytes between guard pages, of which one begins right before them or behind them. */
uint8_t *lk_test_bytes(size_t count, lk_test_side side);

lk_affine lk_test_affine(lk_test_mode mode);

/* Draws all of a case of c->batch pictures, and sets what bytes of d's maps stand for. */
void lk_test_draw(lk_test_int8 *c, lk_conv2d *d, lk_test_mode mode, lk_test_side side);

/* The output at that place, [pictures][pixels][channels]. */
double lk_test_want(const lk_test_int8 *c, size_t place);

/* NHWC maps in blocks, `size` bytes a value; what pads the last block is NaN or 0x5a. NULL: an output. And back. */
void *lk_test_blocks(const void *nhwc, size_t batch, size_t pixels, size_t channels, size_t size, lk_test_side side);
void lk_test_unblocks(const uint8_t *maps, size_t batch, size_t pixels, size_t channels, size_t size, uint8_t *nhwc);

/* Weights as a kernel reads them. */
void *lk_test_pack(const lk_test_int8 *c, lk_conv2d_pack_fn *pack);

#endif
