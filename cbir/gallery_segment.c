#include "cbir/gallery_segment.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "cbir/gallery_folder.h"
#include "cbir/gallery_parts.h"

static lk_status write_failed(const lk_segment_file *file)
{
    return lk_fail(LK_ERROR_IO, "%s: cannot write: %s", file->path,
                   errno ? strerror(errno) : "an earlier write failed");
}

static lk_status open_file(const char *gallery, const char *name, lk_segment_file *file)
{
    file->path = lk_segment_path(gallery, "new", name);
    if (!file->path) return lk_fail(LK_ERROR_MEMORY, "%s: out of memory", gallery);
    file->sum = (lk_file_sum){.crc32 = (uint32_t)crc32_z(0, NULL, 0)};
    file->stream = fopen(file->path, "wbxe");
    return file->stream ? LK_OK : write_failed(file);
}

/* The header as it is for the rows so far; *sum becomes the whole file's. It keeps its length of 128 bytes
 * for any matrix. */
static lk_status write_header(lk_segment_file *file, const lk_npy *type, lk_file_sum *sum)
{
    char header[LK_NPY_HEADER_MAX];
    const size_t length = lk_npy_header(type, header);
    errno = 0;
    if (fseeko(file->stream, 0, SEEK_SET) || fwrite(header, 1, length, file->stream) != length)
        return write_failed(file);
    const uLong start = crc32_z(0, (const unsigned char *)header, length);
    sum->crc32 = (uint32_t)crc32_combine(start, file->sum.crc32, (z_off_t)file->sum.bytes);
    sum->bytes = length + file->sum.bytes;
    return LK_OK;
}

static lk_status append(lk_segment_file *file, const void *bytes, size_t size)
{
    errno = 0;
    if (fwrite(bytes, 1, size, file->stream) != size) return write_failed(file);
    file->sum.crc32 = (uint32_t)crc32_z(file->sum.crc32, bytes, size);
    file->sum.bytes += size;
    return LK_OK;
}

lk_status lk_segment_open(const char *gallery, const lk_manifest *manifest, lk_segment_writer *writer)
{
    lk_file_sum sum;
    const lk_segment_entry none = {0};
    lk_segment_writer w = {.gallery = gallery,
                           .features_type = lk_segment_features(manifest, &none),
                           .raw_type = lk_segment_raw(manifest, &none)};
    lk_status status = lk_make_segment_folder(gallery);
    if (!status) status = open_file(gallery, "features.npy", &w.features);
    if (!status) status = write_header(&w.features, &w.features_type, &sum);
    if (!status) status = open_file(gallery, "rows.jsonl", &w.lines);
    if (!status && manifest->raw_dim) status = open_file(gallery, "raw.npy", &w.raw);
    if (!status && manifest->raw_dim) status = write_header(&w.raw, &w.raw_type, &sum);
    if (status) lk_segment_discard(&w);
    else *writer = w;
    return status;
}

size_t lk_segment_count(const lk_segment_writer *writer)
{
    return writer->features_type.shape[0];
}

lk_status lk_segment_add(lk_segment_writer *writer, const lk_segment_rows *rows)
{
    const lk_npy *f = &writer->features_type, *r = &writer->raw_type;
    lk_status status = append(&writer->features, rows->features, rows->count * f->shape[1] * f->item_bytes);
    if (!status && writer->raw.stream)
        status = append(&writer->raw, rows->raw, rows->count * r->shape[1] * r->item_bytes);
    if (!status) status = append(&writer->lines, rows->lines, rows->lines_size);
    if (status) return status;
    writer->features_type.shape[0] += rows->count;
    writer->raw_type.shape[0] += rows->count;
    return LK_OK;
}

static lk_status sync_file(lk_segment_file *file)
{
    errno = 0;
    lk_status status = LK_OK;
    if (fflush(file->stream) || ferror(file->stream) || fsync(fileno(file->stream)))
        status = write_failed(file);
    if (fclose(file->stream) && !status) status = write_failed(file);
    file->stream = NULL;
    return status;
}

static lk_status finish_files(lk_segment_writer *w, lk_segment_entry *entry)
{
    entry->rows = w->features_type.shape[0];
    entry->lines = w->lines.sum;
    lk_status status = write_header(&w->features, &w->features_type, &entry->features);
    if (!status && w->raw.stream) status = write_header(&w->raw, &w->raw_type, &entry->raw);
    if (!status) status = sync_file(&w->features);
    if (!status) status = sync_file(&w->lines);
    return status || !w->raw.stream ? status : sync_file(&w->raw);
}

static void close_file(lk_segment_file *file)
{
    if (file->stream) fclose(file->stream);
    lk_free(file->path);
    *file = (lk_segment_file){0};
}

static void close_files(lk_segment_writer *writer)
{
    close_file(&writer->features);
    close_file(&writer->lines);
    close_file(&writer->raw);
    *writer = (lk_segment_writer){0};
}

lk_status lk_segment_commit(lk_segment_writer *writer, const char *name, lk_segment_entry *entry)
{
    lk_segment_entry made = {0};
    lk_status status = finish_files(writer, &made);
    if (!status) status = lk_name_segment_folder(writer->gallery, name);
    if (status) {
        lk_segment_discard(writer);
        return status;
    }
    snprintf(made.name, sizeof made.name, "%s", name);
    close_files(writer);
    *entry = made;
    return LK_OK;
}

void lk_segment_discard(lk_segment_writer *writer)
{
    const char *gallery = writer->gallery;
    close_files(writer);
    if (gallery) lk_remove_segment_folder(gallery, "new");
}

/* ------------------------------------------------------------------ Reading one again */

static lk_status map_checked(const char *gallery, const char *segment, const char *file,
                             const lk_file_sum *sum, lk_mapping *mapping)
{
    char *path = lk_segment_path(gallery, segment, file);
    if (!path) return lk_fail(LK_ERROR_MEMORY, "%s: out of memory", gallery);
    lk_status status = lk_map_sized(path, sum, mapping);
    if (!status) status = lk_check_crc32(mapping, path, sum);
    lk_free(path);
    return status;
}

static lk_status view_matrix(const char *gallery, const char *segment, const char *file,
                             const lk_mapping *mapping, const lk_npy *wanted, const unsigned char **data)
{
    char *path = lk_segment_path(gallery, segment, file);
    if (!path) return lk_fail(LK_ERROR_MEMORY, "%s: out of memory", gallery);
    const lk_status status = lk_check_matrix(mapping, path, wanted, data);
    lk_free(path);
    return status;
}

lk_status lk_segment_view_open(const char *gallery, const lk_manifest *manifest,
                               const lk_segment_entry *entry, lk_segment_view *view)
{
    lk_segment_view v = {.rows.count = entry->rows};
    const lk_npy features = lk_segment_features(manifest, entry), raw = lk_segment_raw(manifest, entry);
    const unsigned char *data = NULL;
    lk_status status = map_checked(gallery, entry->name, "rows.jsonl", &entry->lines, &v.lines);
    if (!status) status = map_checked(gallery, entry->name, "features.npy", &entry->features, &v.features);
    if (!status) status = view_matrix(gallery, entry->name, "features.npy", &v.features, &features, &data);
    v.rows.features = data;
    if (!status && manifest->raw_dim) {
        status = map_checked(gallery, entry->name, "raw.npy", &entry->raw, &v.raw);
        if (!status) status = view_matrix(gallery, entry->name, "raw.npy", &v.raw, &raw, &data);
        v.rows.raw = (const float *)(const void *)data;
    }
    v.rows.lines = (const char *)v.lines.bytes;
    v.rows.lines_size = v.lines.size;
    if (status) lk_segment_view_close(&v);
    else *view = v;
    return status;
}

void lk_segment_view_close(lk_segment_view *view)
{
    lk_unmap(&view->features);
    lk_unmap(&view->lines);
    lk_unmap(&view->raw);
}
