/* Numbers and files for jansson, shared by what is written as JSON. */
#ifndef LK_CBIR_JSON_H
#define LK_CBIR_JSON_H

#include <jansson.h>
#include <stdbool.h>

/* Flags for json_dump*: sorted keys, so that equal content has equal bytes; nine digits, which tell all
 * floats apart. */
#define LK_JSON_FLAGS (JSON_SORT_KEYS | JSON_REAL_PRECISION(9))

/* A number that prints as the shortest decimal that reads back as this float: 0.485, not 0.485000014. NULL:
 * not finite, or no memory. */
json_t *lk_json_float(float value);

#endif
