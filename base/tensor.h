/* A view of a tensor in a mapped model file: whose bytes stay the file's. */
#ifndef LK_BASE_TENSOR_H
#define LK_BASE_TENSOR_H

#include <stddef.h>
#include <stdint.h>

#define LK_TENSOR_MAX_RANK 8

typedef enum lk_dtype { LK_F32, LK_F16, LK_BF16, LK_F64, LK_U8, LK_I8, LK_I32, LK_I64 } lk_dtype;

typedef struct lk_tensor {
    const char *name;
    lk_dtype dtype;
    size_t rank, shape[LK_TENSOR_MAX_RANK];
    size_t count;               /* of elements: the product of the shape */
    const unsigned char *bytes; /* little-endian, row-major; of no particular alignment */
} lk_tensor;

size_t lk_dtype_bytes(lk_dtype dtype);

/* Element `index` as a float. Only for F32, F16 and BF16, which hold weights. */
float lk_tensor_at(const lk_tensor *tensor, size_t index);

/* The first value of a float tensor that is infinite or NaN; its count where there is none. */
size_t lk_tensor_first_not_finite(const lk_tensor *tensor);

/* All elements as floats: values [tensor->count]. */
void lk_tensor_read(const lk_tensor *tensor, float *values);

#endif
