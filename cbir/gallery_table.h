/* A hash table from 64-bit keys to numbers; a key may have any number of them. Who looks up checks that what the number stands
 * for is what was meant: different texts may share a key. */
#ifndef LK_CBIR_GALLERY_TABLE_H
#define LK_CBIR_GALLERY_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Entries in the order they were added, chained within their buckets, the last one first: adding takes the same time however
 * many have the same key. */
typedef struct lk_table {
    struct lk_table_entry {
        uint64_t key;
        size_t value, next; /* next: an entry's place plus one; 0: the last of its chain */
    } *entries;
    size_t count, capacity;
    size_t *buckets, bucket_count; /* a power of two, or 0; a bucket is as `next` */
} lk_table;

bool lk_table_add(lk_table *table, uint64_t key, size_t value); /* false: no memory, and nothing changed */
void lk_table_close(lk_table *table);

/* The numbers of a key, those added last first: begin with *at = 0, call until false. */
bool lk_table_next(const lk_table *table, uint64_t key, size_t *at, size_t *value);

uint64_t lk_text_key(const char *text); /* FNV-1a, 64 bits */

#endif
