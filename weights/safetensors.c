#include "weights/safetensors.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"

struct lk_safetensors {
    char *path;
    lk_mapping bytes; /* owned (mapped by us) when `mapped` */
    bool mapped;
    json_t *header; /* keeps the names and metadata strings that tensors and callers point to */
    lk_tensor *tensors;
    size_t count;
    const lk_tensor **by_name; /* the same, sorted by name */
};

static const struct {
    const char *name;
    lk_dtype dtype;
} dtypes[] = {{"F32", LK_F32}, {"F16", LK_F16}, {"BF16", LK_BF16}, {"F64", LK_F64},
              {"U8", LK_U8},   {"I8", LK_I8},   {"I32", LK_I32},   {"I64", LK_I64}};

static lk_status read_dtype(const lk_safetensors *file, json_t *entry, lk_tensor *tensor)
{
    const char *text = json_string_value(json_object_get(entry, "dtype"));
    if (!text) return lk_fail(LK_ERROR_FORMAT, "%s: tensor %s has no dtype", file->path, tensor->name);
    for (size_t i = 0; i < LK_COUNT(dtypes); i++) {
        if (strcmp(text, dtypes[i].name)) continue;
        tensor->dtype = dtypes[i].dtype;
        return LK_OK;
    }
    return lk_fail(LK_ERROR_UNSUPPORTED, "%s: tensor %s has dtype %.16s, which Likeness does not read",
                   file->path, tensor->name, text);
}

/* A JSON number that is a size; false for any other thing. */
static bool as_size(const json_t *number, size_t *size)
{
    if (!json_is_integer(number) || json_integer_value(number) < 0) return false;
    *size = (size_t)json_integer_value(number);
    return true;
}

static lk_status read_shape(const lk_safetensors *file, json_t *entry, lk_tensor *tensor)
{
    json_t *shape = json_object_get(entry, "shape");
    if (!json_is_array(shape) || json_array_size(shape) > LK_TENSOR_MAX_RANK)
        return lk_fail(LK_ERROR_FORMAT, "%s: tensor %s has no shape of at most %d dimensions", file->path,
                       tensor->name, LK_TENSOR_MAX_RANK);
    tensor->rank = json_array_size(shape);
    tensor->count = 1;
    for (size_t i = 0; i < tensor->rank; i++)
        if (!as_size(json_array_get(shape, i), &tensor->shape[i]) ||
            !lk_multiply(tensor->count, tensor->shape[i], &tensor->count))
            return lk_fail(LK_ERROR_FORMAT, "%s: tensor %s has an impossible shape", file->path,
                           tensor->name);
    return LK_OK;
}

static lk_status read_range(const lk_safetensors *file, json_t *entry, size_t data, lk_tensor *tensor)
{
    json_t *offsets = json_object_get(entry, "data_offsets");
    size_t begin, end, bytes;
    if (json_array_size(offsets) != 2 || !as_size(json_array_get(offsets, 0), &begin) ||
        !as_size(json_array_get(offsets, 1), &end) || begin > end)
        return lk_fail(LK_ERROR_FORMAT, "%s: tensor %s has no sound data_offsets", file->path, tensor->name);
    if (end > file->bytes.size - data)
        return lk_fail(LK_ERROR_FORMAT,
                       "%s: cut short: tensor %s ends at byte %zu of the data, which has %zu", file->path,
                       tensor->name, end, file->bytes.size - data);
    if (!lk_multiply(tensor->count, lk_dtype_bytes(tensor->dtype), &bytes) || bytes != end - begin)
        return lk_fail(LK_ERROR_FORMAT, "%s: tensor %s has %zu bytes, but its shape needs %zu", file->path,
                       tensor->name, end - begin, bytes);
    tensor->bytes = file->bytes.bytes + data + begin;
    return LK_OK;
}

static int order_by_place(const void *a, const void *b)
{
    const lk_tensor *left = a, *right = b;
    if (left->bytes != right->bytes) return left->bytes < right->bytes ? -1 : 1;
    return (left->count > right->count) -
           (left->count < right->count); /* empty ones before what stands there */
}

static int order_by_name(const void *a, const void *b)
{
    const lk_tensor *const *left = a, *const *right = b;
    return strcmp((*left)->name, (*right)->name);
}

/* The format allows no byte of data that is nobody's or two tensors'. */
static lk_status check_cover(const lk_safetensors *file, size_t data)
{
    const unsigned char *place = file->bytes.bytes + data;
    for (size_t i = 0; i < file->count; i++) {
        const lk_tensor *tensor = &file->tensors[i];
        if (tensor->bytes != place)
            return lk_fail(LK_ERROR_FORMAT, "%s: tensor %s leaves a gap or overlaps another", file->path,
                           tensor->name);
        place += tensor->count * lk_dtype_bytes(tensor->dtype);
    }
    const size_t unused = (size_t)(file->bytes.bytes + file->bytes.size - place);
    if (unused) return lk_fail(LK_ERROR_FORMAT, "%s: %zu bytes after the last tensor", file->path, unused);
    return LK_OK;
}

static lk_status check_metadata(const lk_safetensors *file)
{
    json_t *metadata = json_object_get(file->header, "__metadata__");
    if (metadata && !json_is_object(metadata))
        return lk_fail(LK_ERROR_FORMAT, "%s: __metadata__ is not an object", file->path);
    const char *key;
    json_t *value;
    json_object_foreach(metadata, key, value)
    {
        if (!json_is_string(value))
            return lk_fail(LK_ERROR_FORMAT, "%s: __metadata__ entry %.64s is not a string", file->path, key);
    }
    return LK_OK;
}

static lk_status read_tensors(lk_safetensors *file, size_t data)
{
    const size_t entries = json_object_size(file->header);
    file->tensors = lk_allocate_array(entries, sizeof *file->tensors);
    file->by_name = lk_allocate_array(entries, sizeof *file->by_name);
    if (!file->tensors || !file->by_name) return lk_fail(LK_ERROR_MEMORY, "%s: out of memory", file->path);
    const char *name;
    json_t *entry;
    json_object_foreach(file->header, name, entry)
    {
        if (!strcmp(name, "__metadata__")) continue;
        lk_tensor *tensor = &file->tensors[file->count];
        tensor->name = name;
        lk_status status = read_dtype(file, entry, tensor);
        if (!status) status = read_shape(file, entry, tensor);
        if (!status) status = read_range(file, entry, data, tensor);
        if (status) return status;
        file->count++;
    }
    qsort(file->tensors, file->count, sizeof *file->tensors, order_by_place);
    for (size_t i = 0; i < file->count; i++) file->by_name[i] = &file->tensors[i];
    qsort(file->by_name, file->count, sizeof *file->by_name, order_by_name);
    return check_cover(file, data);
}

static lk_status read_header(lk_safetensors *file)
{
    const lk_mapping *bytes = &file->bytes;
    if (bytes->size < 8)
        return lk_fail(LK_ERROR_FORMAT, "%s: not a model file: only %zu bytes", file->path, bytes->size);
    uint64_t length = 0;
    for (size_t i = 0; i < 8; i++) length |= (uint64_t)bytes->bytes[i] << 8 * i;
    if (length > LK_SAFETENSORS_MAX_HEADER || bytes->size < 9 || bytes->bytes[8] != '{')
        return lk_fail(LK_ERROR_FORMAT, "%s: not a model file (safetensors)", file->path);
    if (length > bytes->size - 8)
        return lk_fail(LK_ERROR_FORMAT, "%s: cut short: the header has %zu bytes of %llu", file->path,
                       bytes->size - 8, (unsigned long long)length);
    lk_status status =
        lk_json_parse((const char *)bytes->bytes + 8, (size_t)length, file->path, &file->header);
    if (status) return status;
    if (!json_is_object(file->header))
        return lk_fail(LK_ERROR_FORMAT, "%s: header: not an object", file->path);
    status = check_metadata(file);
    if (!status) status = read_tensors(file, 8 + (size_t)length);
    return status;
}

/* Takes over `bytes` when they are mapped, and unmaps them in failure too. */
static lk_status parse(lk_mapping bytes, bool mapped, const char *name, lk_safetensors **file)
{
    lk_status status;
    lk_safetensors *opened = lk_allocate_array(1, sizeof *opened);
    if (!opened) {
        if (mapped) lk_unmap(&bytes);
        return lk_fail(LK_ERROR_MEMORY, "%s: out of memory", name);
    }
    opened->bytes = bytes;
    opened->mapped = mapped;
    opened->path = lk_copy_text(name);
    if (opened->path) status = read_header(opened);
    else status = lk_fail(LK_ERROR_MEMORY, "%s: out of memory", name);
    if (status) lk_safetensors_close(&opened);
    else *file = opened;
    return status;
}

lk_status lk_safetensors_parse(const lk_mapping *bytes, const char *name, lk_safetensors **file)
{
    return parse(*bytes, false, name, file);
}

lk_status lk_safetensors_open(const char *path, lk_safetensors **file)
{
    lk_mapping bytes;
    const lk_status status = lk_map_file(path, &bytes);
    return status ? status : parse(bytes, true, path, file);
}

void lk_safetensors_close(lk_safetensors **file)
{
    lk_safetensors *closed = *file;
    if (!closed) return;
    json_decref(closed->header);
    lk_free(closed->tensors);
    lk_free(closed->by_name);
    lk_free(closed->path);
    if (closed->mapped) lk_unmap(&closed->bytes);
    lk_free(closed);
    *file = NULL;
}

size_t lk_safetensors_count(const lk_safetensors *file)
{
    return file->count;
}

const lk_tensor *lk_safetensors_tensor(const lk_safetensors *file, size_t index)
{
    return index < file->count ? &file->tensors[index] : NULL;
}

static int compare_name(const void *name, const void *entry)
{
    const lk_tensor *const *tensor = entry;
    return strcmp(name, (*tensor)->name);
}

const lk_tensor *lk_safetensors_find(const lk_safetensors *file, const char *name)
{
    const lk_tensor *const *found =
        bsearch(name, file->by_name, file->count, sizeof *file->by_name, compare_name);
    return found ? *found : NULL;
}

const char *lk_safetensors_metadata(const lk_safetensors *file, const char *key)
{
    return json_string_value(json_object_get(json_object_get(file->header, "__metadata__"), key));
}

const char *lk_safetensors_path(const lk_safetensors *file)
{
    return file->path;
}

const lk_mapping *lk_safetensors_bytes(const lk_safetensors *file)
{
    return &file->bytes;
}
