/* What classes make of a retrieval: means a class, and whose items the first hits of a class are. */
#ifndef LK_CBIR_CLASSES_H
#define LK_CBIR_CLASSES_H

#include "cbir/profile.h"

/* The distinct labels of queries and gallery together, rising. */
typedef struct lk_classes {
    long *labels; /* [count] */
    size_t count;
    size_t *queries, *items; /* [count]: how many have the label */
} lk_classes;

/* LK_ERROR_MEMORY. */
lk_status lk_classes_open(const long *query_labels, size_t queries, const long *item_labels, size_t items,
                          lk_classes *classes);
void lk_classes_close(lk_classes *classes); /* takes a zeroed one */

/* The place of a label that there is. */
size_t lk_classes_find(const lk_classes *classes, long label);

/* shares [count][count], zeroed at first: adds a query of class `query`, whose first k hits fall in the classes of their
 * labels. `item_labels` are the judged items'. */
void lk_confusion_add(const lk_classes *classes, const lk_ranking *ranking, const long *item_labels, size_t query,
                      size_t k, double *shares);

/* Turns each row's counts into shares of its sum; a row of zeros stays. */
void lk_confusion_finish(const lk_classes *classes, double *shares);

#endif
