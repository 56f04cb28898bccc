#include "cbir/gallery_failures.h"

#include <errno.h>
#include <string.h>
#include <zlib.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "cbir/gallery_parts.h"
#include "cbir/gallery_path.h"

/* The place of a path among the failures; false: it is not there. */
static bool find(const lk_failures *failures, const char *path, size_t *place)
{
    for (size_t at = 0; lk_table_next(&failures->paths, lk_text_key(path), &at, place);)
        if (failures->rows[*place] && !strcmp(failures->rows[*place]->about.path, path)) return true;
    return false;
}

/* Takes the row over, on failure too. */
static lk_status put(lk_failures *failures, lk_row *row)
{
    size_t place;
    void *rows = failures->rows;
    if (find(failures, row->about.path, &place)) {
        lk_free(failures->rows[place]);
        failures->rows[place] = row;
        return LK_OK;
    }
    if (!lk_grow(&rows, &failures->capacity, failures->count + 1, sizeof *failures->rows))
        goto short_of_memory;
    failures->rows = rows;
    if (!lk_table_add(&failures->paths, lk_text_key(row->about.path), failures->count)) goto short_of_memory;
    failures->rows[failures->count++] = row;
    return LK_OK;
short_of_memory:
    lk_free(row);
    return lk_fail(LK_ERROR_MEMORY, "out of memory for the list of failed pictures");
}

static lk_status read_lines(const lk_mapping *file, const lk_side_file *about, const char *path,
                            lk_failures *failures)
{
    size_t *offsets = NULL;
    lk_status status = lk_row_offsets(file->bytes, file->size, about->count, path, &offsets);
    for (size_t i = 0; !status && i < about->count; i++) {
        lk_row *row = NULL;
        status = lk_row_parse((const char *)file->bytes + offsets[i], offsets[i + 1] - offsets[i], path,
                              i + 1, &row);
        if (!status && !row->about.path) {
            lk_free(row);
            status = lk_fail(LK_ERROR_FORMAT, "%s:%zu: a failure without a path", path, i + 1);
        } else if (!status) {
            status = put(failures, row);
        }
    }
    lk_free(offsets);
    return status;
}

lk_status lk_failures_read(const char *gallery, const lk_side_file *about, lk_failures *failures)
{
    char name[32];
    lk_mapping file;
    if (!about->count) return LK_OK;
    lk_failed_name(about, name);
    char *path = lk_join_path(gallery, name);
    lk_status status = path ? lk_map_sized(path, &about->sum, &file)
                            : lk_fail(LK_ERROR_MEMORY, "%s: out of memory", gallery);
    if (!status) {
        status = read_lines(&file, about, path, failures);
        lk_unmap(&file);
    }
    lk_free(path);
    return status;
}

lk_status lk_failures_put(lk_failures *failures, const lk_gallery_row *about, const char *reason)
{
    char *line = NULL;
    lk_row *row = NULL;
    size_t place;
    lk_status status = lk_row_format(about, reason, &line);
    /* through its line and back: a block of its own, with the reason as it will be read again */
    if (!status) status = lk_row_parse(line, strlen(line), "failures", 1, &row);
    lk_free(line);
    if (status) return status;
    if (find(failures, row->about.path, &place) && row->reason && failures->rows[place]->reason &&
        !strcmp(row->reason, failures->rows[place]->reason)) {
        lk_free(row);
        return LK_OK;
    }
    failures->changed = true;
    return put(failures, row);
}

bool lk_failures_drop(lk_failures *failures, const char *path)
{
    size_t place;
    if (!find(failures, path, &place)) return false;
    lk_free(failures->rows[place]);
    failures->rows[place] = NULL;
    failures->changed = true;
    return true;
}

/* Each line to `stream`, if that is not NULL; what they come to is added up in *side. */
static lk_status write_lines(const lk_failures *failures, const lk_output *output, lk_side_file *side)
{
    lk_status status = LK_OK;
    *side = (lk_side_file){.sum.crc32 = (uint32_t)crc32_z(0, NULL, 0)};
    for (size_t i = 0; !status && i < failures->count; i++) {
        char *line = NULL;
        if (!failures->rows[i]) continue;
        status = lk_row_format(&failures->rows[i]->about, failures->rows[i]->reason, &line);
        if (status) return status;
        const size_t length = strlen(line);
        errno = 0;
        if (output && fwrite(line, 1, length, output->stream) != length)
            status = lk_fail(LK_ERROR_IO, "%s: cannot write: %s", output->path, strerror(errno));
        side->sum.crc32 = (uint32_t)crc32_z(side->sum.crc32, (const unsigned char *)line, length);
        side->sum.bytes += length;
        side->count++;
        lk_free(line);
    }
    return status;
}

lk_status lk_failures_write(const lk_failures *failures, const char *gallery, lk_side_file *file)
{
    char name[32];
    lk_side_file side;
    lk_output output = {0};
    lk_status status = write_lines(failures, NULL, &side); /* the name comes first */
    if (status) return status;
    if (!side.count) {
        *file = side;
        return LK_OK;
    }
    lk_failed_name(&side, name);
    char *path = lk_join_path(gallery, name);
    status = path ? lk_output_open(path, &output) : lk_fail(LK_ERROR_MEMORY, "%s: out of memory", gallery);
    if (!status) status = write_lines(failures, &output, &side);
    if (!status) status = lk_output_commit(&output);
    else if (output.stream) lk_output_discard(&output);
    lk_free(path);
    if (!status) *file = side;
    return status;
}

void lk_failures_close(lk_failures *failures)
{
    for (size_t i = 0; i < failures->count; i++) lk_free(failures->rows[i]);
    lk_free(failures->rows);
    lk_table_close(&failures->paths);
    *failures = (lk_failures){0};
}
