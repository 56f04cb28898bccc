/* OpenCV's resize(INTER_LINEAR) of 8-bit RGB pictures, bit for bit; docs/preprocessing.md has the recipe. */
#ifndef LK_LAYERS_RESIZE_H
#define LK_LAYERS_RESIZE_H

#include "layers/cpu.h"

/* The picture is scaled to full_width x full_height, of which the window at (left, top) is computed. */
typedef struct {
    size_t src_width, src_height;    /* at least 1 */
    size_t full_width, full_height;  /* at least 1 */
    size_t left, top, width, height; /* inside the full size; width and height at least 1 */
} lk_resize;

/* Where a row of the result comes from: src[first] * weight[0] + src[second] * weight[1]. Both are inside the picture, also where a
 * weight is 0. */
typedef struct lk_resize_row {
    size_t first, second;
    int16_t weight[2]; /* of 2048 */
} lk_resize_row;

typedef struct lk_resize_column {
    size_t first, second; /* bytes from a row's begin */
    int16_t weight[8];    /* the pair four times: once for each of a pixel's channels, and one more */
} lk_resize_column;

/* All that follows from the sizes, and room to work in. */
typedef struct lk_resize_taps {
    lk_resize_row *rows;       /* [height] */
    lk_resize_column *columns; /* [width] */
    size_t safe;               /* so many columns, the first ones, have eight bytes of their row from `first` on, in which `second`
                                * follows `first` where it has a weight */
    int16_t *scaled[2];        /* [width][4]: rows of the source, scaled across */
} lk_resize_taps;

/* src [src_height][src_width][3] to dst [height][width][3], which do not overlap. Cannot fail; touches no byte outside them. */
typedef void lk_resize_fn(const lk_resize *resize, const lk_resize_taps *taps, const uint8_t *src, uint8_t *dst);

typedef struct lk_resize_kernel {
    const char *name;
    lk_resize_fn *run;
    unsigned needs; /* LK_NEEDS_ and LK_ISA_ bits; 0 is the reference */
} lk_resize_kernel;

#define LK_RESIZE(run, needs) lk_resize_fn run;
#include "layers/kernels.inc"

const lk_resize_kernel *lk_resize_choose(unsigned can);

/* What is kept from one resize to the next; all 0 to begin with. */
typedef struct lk_resizer {
    const lk_resize_kernel *kernel; /* NULL: the first resize chooses what this machine runs best */
    void *memory;
    size_t bytes;
} lk_resizer;

/* Takes memory only where the last resize had not as much. LK_ERROR_MEMORY. */
lk_status lk_resize_rgb_u8(const lk_resize *resize, const uint8_t *src, uint8_t *dst, lk_resizer *resizer);
void lk_resizer_release(lk_resizer *resizer);

#endif
