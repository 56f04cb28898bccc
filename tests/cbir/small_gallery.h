/* A small gallery for tests: rows of 3 floats, or of 12 bits with 12 floats beside, whose values tell their number. */
#ifndef LK_TESTS_CBIR_GALLERY_H
#define LK_TESTS_CBIR_GALLERY_H

#include "cbir/gallery.h"
#include "cbir/gallery_write.h"
#include "tests/cbir/folder.h"

#define TEST_DIGEST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* Row `number`: its path, its label, its features. */
static inline lk_gallery_row test_row(size_t number, char path[40])
{
    snprintf(path, 40, "pictures/%zu.jpg", number);
    return (lk_gallery_row){.path = path, .has_label = number % 4, .label = (long)(number % 4), .bytes = number, .sha256 = TEST_DIGEST};
}

static inline lk_status add_rows(lk_gallery_writer *writer, size_t first, size_t end)
{
    lk_status status = LK_OK;
    for (size_t i = first; !status && i < end; i++) {
        char path[40];
        const lk_gallery_row row = test_row(i, path);
        const float n = (float)i, floats[12] = {n, n + 0.5f, -n};
        const uint8_t bits[2] = {(uint8_t)i, 0xF0};
        status = lk_gallery_writer_add(writer, &row, writer->manifest.bits ? (const void *)bits : floats,
                                       writer->manifest.raw_dim ? floats : NULL, i + 1);
    }
    return status;
}

/* Rows 0 to count - 1, in segments of 4. */
static inline lk_status make_gallery(const char *path, bool bits, size_t count)
{
    lk_gallery_writer *writer = NULL;
    json_t *labels = json_pack("{s:{s:s, s:s}, s:{s:s}}", "label_dict", "0", "鼠", "2", "虎", "label_dict_en", "0", "rat");
    const lk_gallery_about about = {
        .dim = bits ? 12 : 3, .bits = bits, .raw_dim = bits ? 12 : 0, .segment_rows = 4, .labels = labels};
    const lk_gallery_task task = {.kind = "test", .list_sha256 = TEST_DIGEST, .items = count};
    lk_status status = labels ? lk_gallery_writer_create(path, &about, &writer) : LK_ERROR_MEMORY;
    if (!status) status = lk_gallery_writer_begin(writer, &task);
    if (!status) status = add_rows(writer, writer->manifest.task.done, count);
    if (!status) writer->manifest.task.finished = true;
    if (!status) status = lk_gallery_writer_publish(writer);
    lk_gallery_writer_close(&writer);
    json_decref(labels);
    return status;
}

#endif
