#include "cbir/gallery_parts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "cbir/gallery_path.h"

char *lk_segment_path(const char *gallery, const char *segment, const char *file)
{
    const size_t size = strlen(gallery) + strlen(segment) + strlen(file) + sizeof "/segments//";
    char *path = lk_allocate(size, 1);
    if (path) snprintf(path, size, "%s/segments/%s/%s", gallery, segment, file);
    return path;
}

lk_status lk_map_sized(const char *path, const lk_file_sum *sum, lk_mapping *mapping)
{
    lk_mapping file;
    const lk_status status = lk_map_file(path, &file);
    if (status) return status;
    if (file.size != sum->bytes) {
        const size_t size = file.size;
        lk_unmap(&file);
        return lk_fail(LK_ERROR_FORMAT, "%s: %zu bytes long; the manifest says %llu", path, size,
                       (unsigned long long)sum->bytes);
    }
    *mapping = file;
    return LK_OK;
}

lk_npy lk_segment_features(const lk_manifest *m, const lk_segment_entry *segment)
{
    return (lk_npy){.type = m->bits ? LK_NPY_UINT8 : LK_NPY_FLOAT32,
                    .item_bytes = m->bits ? 1 : sizeof(float),
                    .dims = 2,
                    .shape = {segment->rows, m->bits ? (m->dim + 7) / 8 : m->dim}};
}

lk_npy lk_segment_raw(const lk_manifest *m, const lk_segment_entry *segment)
{
    return (lk_npy){
        .type = LK_NPY_FLOAT32, .item_bytes = sizeof(float), .dims = 2, .shape = {segment->rows, m->raw_dim}};
}

lk_status lk_check_matrix(const lk_mapping *file, const char *path, const lk_npy *wanted,
                          const unsigned char **data)
{
    lk_npy array;
    const lk_status status = lk_npy_parse(file->bytes, file->size, path, &array);
    if (status) return status;
    if (array.type != wanted->type || array.dims != 2 || array.shape[0] != wanted->shape[0] ||
        array.shape[1] != wanted->shape[1])
        return lk_fail(LK_ERROR_FORMAT, "%s: not the %zu x %zu %s values that the manifest says", path,
                       wanted->shape[0], wanted->shape[1],
                       wanted->type == LK_NPY_UINT8 ? "uint8" : "float32");
    if ((size_t)(array.data - file->bytes) % LK_ALIGNMENT)
        return lk_fail(LK_ERROR_FORMAT, "%s: its values do not begin at a multiple of %zu", path,
                       LK_ALIGNMENT);
    *data = array.data;
    return LK_OK;
}

lk_status lk_read_deleted(const void *bytes, size_t size, const char *name, size_t rows, uint8_t *out,
                          size_t *count)
{
    json_t *json = NULL;
    lk_status status = lk_json_parse(size ? bytes : "", size, name, &json);
    if (status) return status;
    json_int_t before = -1;
    if (!json_is_array(json)) status = lk_fail(LK_ERROR_FORMAT, "%s: not an array", name);
    for (size_t i = 0; !status && i < json_array_size(json); i++) {
        const json_t *number = json_array_get(json, i);
        const json_int_t index = json_integer_value(number);
        if (!json_is_integer(number) || index <= before || (size_t)index >= rows)
            status = lk_fail(LK_ERROR_FORMAT, "%s: entry %zu is not the index of a row, above the one before",
                             name, i);
        else out[index / 8] |= (uint8_t)(0x80 >> index % 8);
        before = index;
    }
    if (!status) *count = json_array_size(json);
    json_decref(json);
    return status;
}

lk_status lk_check_crc32(const lk_mapping *file, const char *path, const lk_file_sum *sum)
{
    const uint32_t found = (uint32_t)crc32_z(crc32_z(0, NULL, 0), file->bytes, file->size);
    if (found == sum->crc32) return LK_OK;
    return lk_fail(LK_ERROR_FORMAT, "%s: damaged: its CRC-32 is %08x; the manifest says %08x", path, found,
                   sum->crc32);
}

/* "[3,17,20]": each number to `output`, if that is not NULL; what they come to is added up in *side. */
static lk_status write_indices(const uint8_t *out, size_t rows, const lk_output *output, lk_side_file *side)
{
    char text[32];
    *side = (lk_side_file){.sum.crc32 = (uint32_t)crc32_z(0, NULL, 0)};
    for (size_t i = 0; i <= rows; i++) {
        if (i < rows && !(out[i / 8] << i % 8 & 0x80)) continue;
        const int length = i < rows ? snprintf(text, sizeof text, "%c%zu", side->count ? ',' : '[', i)
                                    : snprintf(text, sizeof text, "]\n");
        errno = 0;
        if (output && fwrite(text, 1, (size_t)length, output->stream) != (size_t)length)
            return lk_fail(LK_ERROR_IO, "%s: cannot write: %s", output->path, strerror(errno));
        side->sum.crc32 = (uint32_t)crc32_z(side->sum.crc32, (const unsigned char *)text, (size_t)length);
        side->sum.bytes += (size_t)length;
        side->count += i < rows;
    }
    return LK_OK;
}

lk_status lk_write_deleted(const char *gallery, const uint8_t *out, size_t rows, lk_side_file *file)
{
    char name[32];
    lk_side_file side;
    lk_output output = {0};
    lk_status status = write_indices(out, rows, NULL, &side); /* the name comes first */
    if (!status && !side.count) *file = (lk_side_file){0};
    if (status || !side.count) return status;
    lk_deleted_name(&side, name);
    char *path = lk_join_path(gallery, name);
    status = path ? lk_output_open(path, &output) : lk_fail(LK_ERROR_MEMORY, "%s: out of memory", gallery);
    if (!status) status = write_indices(out, rows, &output, &side);
    if (!status) status = lk_output_commit(&output);
    else if (output.stream) lk_output_discard(&output);
    lk_free(path);
    if (!status) *file = side;
    return status;
}
