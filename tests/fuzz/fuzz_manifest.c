/* A manifest.json, and behind a NUL byte a deleted-*.json, of any bytes: names lead nowhere else, counts
 * agree, and a manifest that is taken can be closed. The indices of removed rows stay within their bits. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cbir/gallery_manifest.h"
#include "cbir/gallery_parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool condition)
{
    if (!condition) abort();
}

static void check(const lk_manifest *m)
{
    size_t rows = 0;
    for (size_t i = 0; i < m->segment_count; i++) {
        const char *name = m->segments[i].name;
        require(*name && strspn(name, "0123456789-") == strlen(name));
        require(m->segments[i].rows > 0);
        rows += m->segments[i].rows;
    }
    require(rows == m->rows && m->dim > 0 && m->dim <= LK_GALLERY_MAX_DIM && m->task.done <= m->task.items);
    require(!m->model_path || strlen(m->model_sha256) == 64);
}

static void check_deleted(const void *bytes, size_t size)
{
    enum { ROWS = 1000 };
    size_t count = 0, set = 0;
    uint8_t *out = lk_allocate(ROWS / 8, 1); /* exactly: a bit beyond is found */
    if (!lk_read_deleted(bytes, size, "deleted", ROWS, out, &count)) {
        for (size_t i = 0; i < ROWS; i++) set += out[i / 8] << i % 8 >> 7 & 1;
        require(set == count);
    }
    lk_free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    lk_manifest manifest;
    const uint8_t *end = size ? memchr(bytes, 0, size) : NULL;
    const size_t length = end ? (size_t)(end - bytes) : size;
    if (!lk_manifest_parse((const char *)bytes, length, "manifest", &manifest)) {
        check(&manifest);
        lk_manifest_close(&manifest);
    }
    lk_manifest_check_sum((const char *)bytes, length, "manifest");
    if (end) check_deleted(end + 1, size - length - 1);
    return 0;
}
