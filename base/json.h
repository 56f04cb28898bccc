/* JSON from files, by jansson: one way to parse, whose failures are told apart. */
#ifndef LK_BASE_JSON_H
#define LK_BASE_JSON_H

#include <jansson.h>

#include "engine/likeness.h"

/* Parses `size` bytes of UTF-8; a key that stands twice in an object is refused. `where` begins the message.
 * LK_ERROR_FORMAT, LK_ERROR_MEMORY. The result is the caller's, to json_decref. */
lk_status lk_json_parse(const char *text, size_t size, const char *where, json_t **json);

#endif
