/* What engine tests share: expected outputs in safetensors files, and comparing with them. */
#ifndef LK_TESTS_NETWORK_H
#define LK_TESTS_NETWORK_H

#include "engine/likeness.h"
#include "weights/safetensors.h"

#define LK_TEST_MODEL "tests/fixtures/model_w025.safetensors"
#define LK_TEST_INT8_MODEL "tests/fixtures/model_w025_int8.safetensors" /* the same, quantized */

/* Writes tensor `name` [channels][height][width] of `file` into the session's input `index`, as NHWC. */
void lk_test_set_input(lk_session *session, size_t index, const lk_safetensors *file, const char *name);

/* Feature `feature` of picture `index` against tensor `name`: the largest difference over the largest
 * magnitude. Fails the test when the sizes differ or there is no such tensor. */
double lk_test_departure(const lk_session *session, size_t feature, size_t index, const lk_safetensors *file,
                         const char *name);

/* The ways in which a network can be run here: backends under their ISA masks, and a GPU where one answers. */
enum { LK_TEST_MOST_WAYS = 10 };
typedef struct {
    lk_backend_kind backend;
    const char *isa;
} lk_test_way;
size_t lk_test_ways(lk_test_way ways[LK_TEST_MOST_WAYS]);

#endif
