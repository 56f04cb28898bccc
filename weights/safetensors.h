/* The model file's container, safetensors: an 8-byte little-endian length, a JSON header, and the tensors' bytes.
 * https://github.com/huggingface/safetensors#format */
#ifndef LK_WEIGHTS_SAFETENSORS_H
#define LK_WEIGHTS_SAFETENSORS_H

#include "base/file.h"
#include "base/tensor.h"

typedef struct lk_safetensors lk_safetensors;

/* The header of a file may not be longer than this, as the format's own reader has it. */
#define LK_SAFETENSORS_MAX_HEADER ((size_t)100000000)

/* Maps and checks a file: every tensor's range against its shape and against the file, without gap or overlap.
 * LK_ERROR_IO, LK_ERROR_FORMAT, LK_ERROR_UNSUPPORTED (a dtype that Likeness does not read), LK_ERROR_MEMORY. */
lk_status lk_safetensors_open(const char *path, lk_safetensors **file);
void lk_safetensors_close(lk_safetensors **file);

/* The same from bytes that the caller keeps alive; `name` stands in messages. */
lk_status lk_safetensors_parse(const lk_mapping *bytes, const char *name, lk_safetensors **file);

size_t lk_safetensors_count(const lk_safetensors *file);
const lk_tensor *lk_safetensors_tensor(const lk_safetensors *file, size_t index); /* in the order of their bytes */
const lk_tensor *lk_safetensors_find(const lk_safetensors *file, const char *name); /* NULL when there is none */
const char *lk_safetensors_metadata(const lk_safetensors *file, const char *key);   /* NULL when there is none */
const char *lk_safetensors_path(const lk_safetensors *file);
const lk_mapping *lk_safetensors_bytes(const lk_safetensors *file);

#endif
