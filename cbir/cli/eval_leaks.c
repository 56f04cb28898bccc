/* Queries that are in the gallery themselves, by path or by the picture's hash, and those that have a double
 * there: the same picture under another path, or, where pictures are not known, the very same floats. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "cbir/cli/eval.h"

static int compare_texts(const char *a, const char *b)
{
    if (!a || !b) return (a != NULL) - (b != NULL);
    return strcmp(a, b);
}

static int by_text(const void *a, const void *b, void *texts)
{
    const uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    const char *const *text = texts;
    const int order = compare_texts(text[left], text[right]);
    return order ? order : (left > right) - (left < right);
}

static int by_print(const void *a, const void *b, void *prints)
{
    const uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    const uint64_t *print = prints;
    const int order = (print[left] > print[right]) - (print[left] < print[right]);
    return order ? order : (left > right) - (left < right);
}

/* The bytes of a row in one number: a multiplication for each eight of them, after Fowler, Noll and Vo. */
static uint64_t fingerprint(const void *row, size_t bytes)
{
    uint64_t hash = 0xCBF29CE484222325U, word;
    const unsigned char *at = row;
    for (; bytes >= sizeof word; bytes -= sizeof word, at += sizeof word) {
        memcpy(&word, at, sizeof word);
        hash = (hash ^ word) * 0x9E3779B97F4A7C15U;
        hash ^= hash >> 29; /* a product's low bits know nothing of the high ones */
    }
    for (; bytes; bytes--) hash = (hash ^ *at++) * 0x100000001B3U;
    return hash;
}

static uint32_t *sorted_rows(size_t count, int (*compare)(const void *, const void *, void *),
                             const void *context)
{
    uint32_t *rows = lk_allocate_array(count + 1, sizeof *rows);
    if (!rows) return NULL;
    for (size_t i = 0; i < count; i++) rows[i] = (uint32_t)i;
    qsort_r(rows, count, sizeof *rows, compare, (void *)(size_t)context);
    return rows;
}

/* The first of the sorted rows whose text is not below `text`. */
static size_t first_text(const uint32_t *rows, size_t count, const char *const *texts, const char *text)
{
    size_t low = 0, high = count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (compare_texts(texts[rows[middle]], text) < 0) low = middle + 1;
        else high = middle;
    }
    return low;
}

static size_t first_print(const uint32_t *rows, size_t count, const uint64_t *prints, uint64_t print)
{
    size_t low = 0, high = count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (prints[rows[middle]] < print) low = middle + 1;
        else high = middle;
    }
    return low;
}

static void make_prints(eval_leaks *leaks)
{
    size_t at = 0;
    for (size_t b = 0; b < leaks->gallery->rows.block_count; b++) {
        const lk_block *block = &leaks->gallery->rows.blocks[b];
        for (size_t i = 0; i < block->count; i++)
            leaks->prints[at++] =
                fingerprint((const unsigned char *)block->rows + i * leaks->row_bytes, leaks->row_bytes);
    }
}

static const char *path_of(const eval_side *side, size_t at)
{
    return side->paths && side->paths[at] ? side->paths[at] : side->names[at];
}

/* Bits are short: equal ones are no sign of equal pictures, so only floats get fingerprints. */
lk_status eval_leaks_open(const eval_side *gallery, bool resolve, eval_leaks *leaks)
{
    const size_t count = gallery->count;
    *leaks = (eval_leaks){.gallery = gallery, .row_bytes = gallery->rows.dim * sizeof(float)};
    bool made = true;
    if (resolve) {
        made = (leaks->paths = lk_allocate_array(count + 1, sizeof *leaks->paths)) != NULL;
        for (size_t i = 0; made && i < count; i++) leaks->paths[i] = realpath(path_of(gallery, i), NULL);
    }
    const char *const *names =
        resolve ? (const char *const *)leaks->paths : (const char *const *)gallery->names;
    made = made && (leaks->by_name = sorted_rows(count, by_text, names)) != NULL;
    if (gallery->hashes)
        made = made && (leaks->by_hash = sorted_rows(count, by_text, gallery->hashes)) != NULL;
    if (!gallery->is_bits) {
        made = made && (leaks->prints = lk_allocate_array(count + 1, sizeof *leaks->prints)) != NULL;
        if (made) make_prints(leaks);
        made = made && (leaks->by_print = sorted_rows(count, by_print, leaks->prints)) != NULL;
    }
    return made ? LK_OK : lk_fail(LK_ERROR_MEMORY, "out of memory to look for queries in the gallery");
}

void eval_leaks_close(eval_leaks *leaks)
{
    for (size_t i = 0; leaks->paths && i < leaks->gallery->count; i++) free(leaks->paths[i]);
    lk_free(leaks->paths);
    lk_free(leaks->by_name);
    lk_free(leaks->by_hash);
    lk_free(leaks->by_print);
    lk_free(leaks->prints);
    *leaks = (eval_leaks){0};
}

static bool take(const eval_leaks *leaks, uint32_t row, uint8_t *junk)
{
    if (leaks->gallery->gone && leaks->gallery->gone[row]) return false;
    if (junk) junk[row] = 1;
    return true;
}

static bool same_row(const char *a, const char *b)
{
    return a && b && !strcmp(a, b);
}

/* All rows under the query's own path. */
static bool find_own(const eval_leaks *leaks, const char *name, uint8_t *junk)
{
    bool found = false;
    char *resolved = leaks->paths ? realpath(name, NULL) : NULL;
    const char *const *texts = leaks->paths ? (const char *const *)leaks->paths : leaks->gallery->names;
    const char *wanted = leaks->paths ? resolved : name;
    const size_t count = leaks->gallery->count;
    for (size_t i = wanted ? first_text(leaks->by_name, count, texts, wanted) : count;
         i < count && same_row(texts[leaks->by_name[i]], wanted); i++)
        found |= take(leaks, leaks->by_name[i], junk);
    if (leaks->paths && !resolved) { /* pictures that are not there are told apart by how they are written */
        for (size_t i = 0; i < count; i++)
            if (!leaks->paths[i] && same_row(path_of(leaks->gallery, i), name))
                found |= take(leaks, (uint32_t)i, junk);
    }
    free(resolved);
    return found;
}

/* Rows with the query's picture, of which the first is the query itself when its path is not in the gallery.
 */
static size_t count_by_hash(const eval_leaks *leaks, const char *hash, bool *own, uint8_t *junk)
{
    size_t same = 0;
    const size_t count = leaks->gallery->count;
    for (size_t i = first_text(leaks->by_hash, count, leaks->gallery->hashes, hash);
         i < count && same_row(leaks->gallery->hashes[leaks->by_hash[i]], hash); i++) {
        const bool there = take(leaks, leaks->by_hash[i], *own ? NULL : junk);
        *own |= there;
        same += there;
    }
    return same;
}

static size_t count_by_print(const eval_leaks *leaks, const void *vector)
{
    size_t same = 0;
    const uint64_t print = fingerprint(vector, leaks->row_bytes);
    const size_t count = leaks->gallery->count;
    for (size_t i = first_print(leaks->by_print, count, leaks->prints, print);
         i < count && leaks->prints[leaks->by_print[i]] == print; i++)
        same += take(leaks, leaks->by_print[i], NULL);
    return same;
}

void eval_leaks_look(eval_leaks *leaks, const eval_side *queries, size_t at, const void *vector,
                     uint8_t *junk)
{
    size_t same = 0;
    bool own = find_own(leaks, path_of(queries, at), junk);
    if (leaks->by_hash && queries->hashes && queries->hashes[at])
        same = count_by_hash(leaks, queries->hashes[at], &own, junk);
    else if (leaks->by_print) same = count_by_print(leaks, vector);
    leaks->own += own;
    leaks->doubles += same > own;
}
