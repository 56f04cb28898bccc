#include "cbir/gallery_table.h"

#include "base/checked.h"
#include "base/memory.h"

/* Keys may be hashes that someone chose; mixing spreads them. The finalizer of MurmurHash3. */
static size_t bucket_of(const lk_table *table, uint64_t key)
{
    key = (key ^ key >> 33) * 0xFF51AFD7ED558CCD;
    key = (key ^ key >> 33) * 0xC4CEB9FE1A85EC53;
    return (key ^ key >> 33) & (table->bucket_count - 1);
}

static void link_entry(lk_table *table, size_t place)
{
    struct lk_table_entry *entry = &table->entries[place];
    size_t *bucket = &table->buckets[bucket_of(table, entry->key)];
    entry->next = *bucket;
    *bucket = place + 1;
}

static bool double_buckets(lk_table *table)
{
    const size_t count = table->bucket_count ? 2 * table->bucket_count : 64;
    size_t *buckets = lk_allocate_array(count, sizeof *buckets);
    if (!buckets) return false;
    lk_free(table->buckets);
    table->buckets = buckets;
    table->bucket_count = count;
    for (size_t i = 0; i < table->count; i++) link_entry(table, i);
    return true;
}

bool lk_table_add(lk_table *table, uint64_t key, size_t value)
{
    void *entries = table->entries;
    if (!lk_grow(&entries, &table->capacity, table->count + 1, sizeof *table->entries)) return false;
    table->entries = entries;
    if (table->count >= table->bucket_count && !double_buckets(table)) return false;
    table->entries[table->count] = (struct lk_table_entry){.key = key, .value = value};
    link_entry(table, table->count++);
    return true;
}

void lk_table_close(lk_table *table)
{
    lk_free(table->entries);
    lk_free(table->buckets);
    *table = (lk_table){0};
}

bool lk_table_next(const lk_table *table, uint64_t key, size_t *at, size_t *value)
{
    if (!table->bucket_count) return false;
    size_t place = *at ? table->entries[*at - 1].next : table->buckets[bucket_of(table, key)];
    while (place && table->entries[place - 1].key != key) place = table->entries[place - 1].next;
    if (!place) return false;
    *value = table->entries[place - 1].value;
    *at = place;
    return true;
}

uint64_t lk_text_key(const char *text)
{
    uint64_t key = 0xCBF29CE484222325;
    for (; *text; text++) key = (key ^ (unsigned char)*text) * 0x100000001B3;
    return key;
}
