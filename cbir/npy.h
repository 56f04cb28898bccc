/* NumPy's .npy files: an array of numbers, C order, little-endian.
 * Format: numpy/lib/format.py, versions 1.0 to 3.0. */
#ifndef LK_CBIR_NPY_H
#define LK_CBIR_NPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "engine/likeness.h"

#define LK_NPY_MAX_DIMS 8

typedef enum {
    LK_NPY_FLOAT32, /* '<f4' */
    LK_NPY_FLOAT64, /* '<f8' */
    LK_NPY_BOOL,    /* '|b1' */
    LK_NPY_INT8,    /* '|i1' */
    LK_NPY_UINT8,   /* '|u1' */
    LK_NPY_INT16,   /* '<i2' */
    LK_NPY_UINT16,  /* '<u2' */
    LK_NPY_INT32,   /* '<i4' */
    LK_NPY_UINT32,  /* '<u4' */
    LK_NPY_INT64,   /* '<i8' */
    LK_NPY_UINT64,  /* '<u8' */
    LK_NPY_UNICODE  /* '<U31': texts of a fixed number of UCS-4 characters */
} lk_npy_type;

/* An array that lies in bytes of the caller's. `data` may stand at any address: read it through the
 * functions. */
typedef struct {
    lk_npy_type type;
    size_t item_bytes;
    size_t dims, shape[LK_NPY_MAX_DIMS]; /* 0 dimensions: one value */
    size_t count;                        /* the product of the shape */
    const unsigned char *data;           /* count * item_bytes */
} lk_npy;

/* Reads an array from the `size` bytes of a .npy file, which must outlive it; `name` stands in error
 * messages. Every byte is accounted for: a file cut short or with bytes left over is LK_ERROR_FORMAT; other
 * types, big-endian and Fortran order are LK_ERROR_UNSUPPORTED. */
lk_status lk_npy_parse(const void *bytes, size_t size, const char *name, lk_npy *array);

/* Values first to first + count - 1 as floats, int64 and float64 rounded. LK_ERROR_UNSUPPORTED for texts. */
lk_status lk_npy_floats(const lk_npy *array, size_t first, size_t count, float *values);

/* Text `index` as UTF-8, cut to `size` - 1 bytes at a whole character; false when the array holds no texts or
 * not that many. */
bool lk_npy_text(const lk_npy *array, size_t index, char *text, size_t size);

/* A matrix [rows][columns] of float32 or uint8 that grows by rows; the file is whole or not there. Its bytes
 * are numpy.save's. */
typedef struct {
    lk_output output;
    lk_npy_type type;
    size_t columns, rows;
} lk_npy_writer;

lk_status lk_npy_writer_open(const char *path, size_t columns, lk_npy_writer *writer);       /* float32 */
lk_status lk_npy_writer_open_bytes(const char *path, size_t columns, lk_npy_writer *writer); /* uint8 */
lk_status lk_npy_writer_add(lk_npy_writer *writer, const void *row /* [columns] of the writer's type */);
lk_status
lk_npy_writer_finish(lk_npy_writer *writer); /* the header, now that the rows are known; commit follows */
lk_status
lk_npy_writer_commit(lk_npy_writer *writer); /* the file appears; the writer is closed, on failure too */
void lk_npy_writer_discard(lk_npy_writer *writer); /* takes a committed or empty one */

/* Writes a whole array, its shape, type and data, as numpy.save does. */
lk_status lk_npy_write(const char *path, const lk_npy *array);

/* The .npy header of an array, padded to a multiple of 64 bytes: at most LK_NPY_HEADER_MAX. */
#define LK_NPY_HEADER_MAX 512
size_t lk_npy_header(const lk_npy *array, char header[LK_NPY_HEADER_MAX]);

#endif
