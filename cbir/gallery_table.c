#include "cbir/gallery_table.h"

#include "base/checked.h"
#include "base/memory.h"

/* Keys may be hashes that someone chose; mixing spreads them. The finalizer of MurmurHash3. */
static uint64_t mix(uint64_t key)
{
    key = (key ^ key >> 33) * 0xFF51AFD7ED558CCD;
    key = (key ^ key >> 33) * 0xC4CEB9FE1A85EC53;
    return key ^ key >> 33;
}

static void put(lk_table *table, uint64_t key, size_t value)
{
    size_t at = mix(key) & (table->capacity - 1);
    while (table->slots[at].value) at = (at + 1) & (table->capacity - 1);
    table->slots[at] = (struct lk_table_slot){key, value};
}

/* Slots in their order, so that numbers of one key keep theirs: from the first slot after an empty one. */
static bool grow(lk_table *table)
{
    lk_table larger = {.capacity = table->capacity ? 2 * table->capacity : 64, .count = table->count};
    size_t start = 0;
    larger.slots = lk_allocate_array(larger.capacity, sizeof *larger.slots);
    if (!larger.slots) return false;
    while (start < table->capacity && table->slots[start].value) start++;
    for (size_t i = 0; i < table->capacity; i++) {
        const struct lk_table_slot *slot = &table->slots[(start + i) & (table->capacity - 1)];
        if (slot->value) put(&larger, slot->key, slot->value);
    }
    lk_free(table->slots);
    *table = larger;
    return true;
}

bool lk_table_add(lk_table *table, uint64_t key, size_t value)
{
    if (table->count >= table->capacity / 2 && !grow(table)) return false;
    put(table, key, value + 1);
    table->count++;
    return true;
}

void lk_table_close(lk_table *table)
{
    lk_free(table->slots);
    *table = (lk_table){0};
}

bool lk_table_next(const lk_table *table, uint64_t key, size_t *at, size_t *value)
{
    if (!table->capacity) return false;
    for (size_t step = *at; step < table->capacity; step++) {
        const struct lk_table_slot *slot = &table->slots[(mix(key) + step) & (table->capacity - 1)];
        if (!slot->value) return false;
        if (slot->key != key) continue;
        *value = slot->value - 1;
        *at = step + 1;
        return true;
    }
    return false;
}

uint64_t lk_text_key(const char *text)
{
    uint64_t key = 0xCBF29CE484222325;
    for (; *text; text++) key = (key ^ (unsigned char)*text) * 0x100000001B3;
    return key;
}
