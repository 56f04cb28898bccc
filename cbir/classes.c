#include "cbir/classes.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"

static int by_label(const void *a, const void *b)
{
    const long left = *(const long *)a, right = *(const long *)b;
    return (left > right) - (left < right);
}

static size_t count_distinct(long *sorted, size_t count)
{
    size_t distinct = 0;
    for (size_t i = 0; i < count; i++)
        if (!distinct || sorted[i] != sorted[distinct - 1]) sorted[distinct++] = sorted[i];
    return distinct;
}

lk_status lk_classes_open(const long *query_labels, size_t queries, const long *item_labels, size_t items,
                          lk_classes *classes)
{
    lk_classes c = {0};
    c.labels = lk_allocate_array(queries + items + 1, sizeof *c.labels);
    c.queries = lk_allocate_array(queries + items + 1, sizeof *c.queries);
    c.items = lk_allocate_array(queries + items + 1, sizeof *c.items);
    if (!c.labels || !c.queries || !c.items) {
        lk_classes_close(&c);
        return lk_fail(LK_ERROR_MEMORY, "out of memory for the classes of %zu items", queries + items);
    }
    for (size_t i = 0; i < queries; i++) c.labels[i] = query_labels[i];
    for (size_t i = 0; i < items; i++) c.labels[queries + i] = item_labels[i];
    qsort(c.labels, queries + items, sizeof *c.labels, by_label);
    c.count = count_distinct(c.labels, queries + items);
    for (size_t i = 0; i < queries; i++) c.queries[lk_classes_find(&c, query_labels[i])]++;
    for (size_t i = 0; i < items; i++) c.items[lk_classes_find(&c, item_labels[i])]++;
    *classes = c;
    return LK_OK;
}

void lk_classes_close(lk_classes *classes)
{
    lk_free(classes->labels);
    lk_free(classes->queries);
    lk_free(classes->items);
    *classes = (lk_classes){0};
}

size_t lk_classes_find(const lk_classes *classes, long label)
{
    size_t low = 0, high = classes->count;
    while (low + 1 < high) {
        const size_t middle = low + (high - low) / 2;
        if (classes->labels[middle] <= label) low = middle;
        else high = middle;
    }
    return low;
}

void lk_confusion_add(const lk_classes *classes, const lk_ranking *ranking, const long *item_labels,
                      size_t query, size_t k, double *shares)
{
    for (size_t i = 0; i < k && i < ranking->count; i++)
        shares[query * classes->count + lk_classes_find(classes, item_labels[ranking->order[i]])]++;
}

void lk_confusion_finish(const lk_classes *classes, double *shares)
{
    for (size_t row = 0; row < classes->count; row++) {
        double sum = 0;
        for (size_t c = 0; c < classes->count; c++) sum += shares[row * classes->count + c];
        for (size_t c = 0; sum > 0 && c < classes->count; c++) shares[row * classes->count + c] /= sum;
    }
}
