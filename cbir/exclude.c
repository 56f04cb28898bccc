#include "cbir/exclude.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"

typedef struct {
    const long *labels;
    size_t count;
    uint8_t *bitmap;
} label_filter;

static lk_status mark_other(void *context, size_t index, const lk_gallery_row *row)
{
    const label_filter *f = context;
    for (size_t i = 0; row->has_label && i < f->count; i++)
        if (row->label == f->labels[i]) return LK_OK;
    f->bitmap[index / 8] |= (uint8_t)(0x80u >> index % 8);
    return LK_OK;
}

lk_status lk_exclude_other_labels(const lk_gallery *gallery, const long *labels, size_t count,
                                  lk_rows_set *filtered, uint8_t **bitmap)
{
    const lk_rows_set *rows = lk_gallery_rows(gallery);
    const size_t bytes = lk_gallery_count(gallery) / 8 + 1;
    label_filter filter = {.labels = labels, .count = count, .bitmap = lk_allocate(bytes, 1)};
    if (!filter.bitmap)
        return lk_fail(LK_ERROR_MEMORY, "out of memory for %zu rows", lk_gallery_count(gallery));
    if (rows->out) memcpy(filter.bitmap, rows->out, (lk_gallery_count(gallery) + 7) / 8);
    const lk_status status = lk_gallery_each_row(gallery, 0, mark_other, &filter);
    if (status) {
        lk_free(filter.bitmap);
        return status;
    }
    filtered->out = *bitmap = filter.bitmap;
    return LK_OK;
}

static bool read_digest(const char *text, unsigned char digest[32])
{
    for (size_t i = 0; i < 64; i++) {
        const char c = text[i];
        if (!c) return false;
        const unsigned nibble = c >= 'a' ? (unsigned)(c - 'a') + 10 : (unsigned)(c - '0');
        digest[i / 2] = (unsigned char)((unsigned)digest[i / 2] << 4 | (nibble & 15));
    }
    return true;
}

static lk_status add_twin(void *context, size_t index, const lk_gallery_row *row)
{
    lk_twins *twins = context;
    struct lk_twin *twin = &twins->rows[twins->count];
    if (row->sha256 && read_digest(row->sha256, twin->digest)) {
        twin->index = index;
        twins->count++;
    }
    return LK_OK;
}

static int order(const void *a, const void *b)
{
    const struct lk_twin *left = a, *right = b;
    const int by_digest = memcmp(left->digest, right->digest, sizeof left->digest);
    return by_digest ? by_digest : (left->index > right->index) - (left->index < right->index);
}

lk_status lk_twins_open(const lk_gallery *gallery, lk_twins *twins)
{
    lk_twins opened = {.rows = lk_allocate_array(lk_gallery_count(gallery), sizeof *opened.rows)};
    if (!opened.rows)
        return lk_fail(LK_ERROR_MEMORY, "out of memory for %zu rows", lk_gallery_count(gallery));
    const lk_status status = lk_gallery_each_row(gallery, 0, add_twin, &opened);
    if (status) {
        lk_twins_close(&opened);
        return status;
    }
    qsort(opened.rows, opened.count, sizeof *opened.rows, order);
    *twins = opened;
    return LK_OK;
}

void lk_twins_close(lk_twins *twins)
{
    lk_free(twins->rows);
    *twins = (lk_twins){0};
}

size_t lk_twins_find(const lk_twins *twins, const char sha256[65], const struct lk_twin **first)
{
    struct lk_twin wanted = {.index = 0};
    if (!read_digest(sha256, wanted.digest)) return 0;
    size_t low = 0, high = twins->count;
    while (low < high) { /* the first that is not before the wanted digest */
        const size_t middle = low + (high - low) / 2;
        if (memcmp(twins->rows[middle].digest, wanted.digest, sizeof wanted.digest) < 0) low = middle + 1;
        else high = middle;
    }
    size_t count = 0;
    while (low + count < twins->count &&
           !memcmp(twins->rows[low + count].digest, wanted.digest, sizeof wanted.digest))
        count++;
    *first = twins->rows + low;
    return count;
}
