/* A hash table from 64-bit keys to numbers; a key may have several. Who looks up checks that what the number stands for is what
 * was meant: different texts may share a key. */
#ifndef LK_CBIR_GALLERY_TABLE_H
#define LK_CBIR_GALLERY_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct lk_table {
    struct lk_table_slot {
        uint64_t key;
        size_t value; /* plus one; 0: empty */
    } *slots;
    size_t capacity, count; /* capacity is a power of two, or 0 */
} lk_table;

bool lk_table_add(lk_table *table, uint64_t key, size_t value); /* false: no memory, and nothing changed */
void lk_table_close(lk_table *table);

/* The numbers of a key, in the order they were added: begin with *at = 0, call until false. */
bool lk_table_next(const lk_table *table, uint64_t key, size_t *at, size_t *value);

uint64_t lk_text_key(const char *text); /* FNV-1a, 64 bits */

#endif
