#include "cbir/ranking.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "cbir/score_sort.h"

lk_status lk_ranking_open(size_t capacity, lk_ranking *ranking)
{
    lk_ranking r = {.capacity = capacity};
    if (capacity > UINT32_MAX)
        return lk_fail(LK_ERROR_LIMIT, "%zu items are more than a ranking holds, %u", capacity, UINT32_MAX);
    const size_t room = capacity ? capacity : 1;
    r.order = lk_allocate_array(room, sizeof *r.order);
    r.relevant = lk_allocate_array(room, sizeof *r.relevant);
    r.groups = lk_allocate_array(room, sizeof *r.groups);
    r.keys = lk_allocate_array(room, sizeof *r.keys);
    r.spare = lk_allocate_array(room, sizeof *r.spare);
    if (!r.order || !r.relevant || !r.groups || !r.keys || !r.spare) {
        lk_ranking_close(&r);
        return lk_fail(LK_ERROR_MEMORY, "out of memory for a ranking of %zu items", capacity);
    }
    *ranking = r;
    return LK_OK;
}

void lk_ranking_close(lk_ranking *ranking)
{
    lk_free(ranking->order);
    lk_free(ranking->relevant);
    lk_free(ranking->groups);
    lk_free(ranking->keys);
    lk_free(ranking->spare);
    *ranking = (lk_ranking){0};
}

/* Key above, index below, in rising order of index: a stable sort by key keeps that. Junk is left out. */
static size_t fill_keys(uint64_t *keys, const lk_judged *judged)
{
    size_t count = 0;
    for (size_t i = 0; i < judged->count; i++) {
        keys[count] = (uint64_t)lk_score_key(judged->scores[i]) << 32 | i;
        count += !judged->junk || !judged->junk[i];
    }
    return count;
}

static void sort_items(lk_ranking *ranking)
{
    uint64_t *sorted = lk_sort_keys(ranking->keys, ranking->spare, ranking->count);
    if (sorted == ranking->keys) return;
    ranking->spare = ranking->keys;
    ranking->keys = sorted;
}

static void find_groups(lk_ranking *ranking)
{
    size_t groups = 0;
    for (size_t start = 0, end; start < ranking->count; start = end) {
        for (end = start + 1; end < ranking->count; end++)
            if (ranking->keys[end] >> 32 != ranking->keys[start] >> 32) break;
        ranking->groups[groups++] = (lk_tie_group){.start = (uint32_t)start, .end = (uint32_t)end};
    }
    ranking->group_count = groups;
}

static void reverse(uint32_t *items, size_t count)
{
    for (size_t i = 0; i < count / 2; i++) {
        const uint32_t item = items[i];
        items[i] = items[count - 1 - i];
        items[count - 1 - i] = item;
    }
}

/* Relevant items to the front or to the back, each kind in its order. */
static void part(uint32_t *items, size_t count, uint32_t *aside, const uint8_t *relevant, uint8_t first)
{
    size_t kept = 0, moved = 0;
    for (size_t i = 0; i < count; i++)
        if (relevant[items[i]] == first) items[kept++] = items[i];
        else aside[moved++] = items[i];
    memcpy(items + kept, aside, moved * sizeof *items);
}

static int by_name_descending(const void *a, const void *b, void *names)
{
    const uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    const char *const *name = names;
    const int order = strcmp(name[right], name[left]);
    return order ? order : (left > right) - (left < right);
}

static void order_group(lk_ranking *ranking, const lk_tie_group *group, const lk_judged *judged, lk_ties ties)
{
    uint32_t *items = ranking->order + group->start;
    const size_t count = group->end - group->start;
    switch (ties) {
    case LK_TIES_BEST:
    case LK_TIES_WORST:
        part(items, count, (uint32_t *)ranking->spare, judged->relevant, ties == LK_TIES_BEST);
        break;
    case LK_TIES_TREC:
        qsort_r(items, count, sizeof *items, by_name_descending, (void *)(size_t)judged->names);
        break;
    case LK_TIES_STUDY:
        reverse(items, count);
        break;
    case LK_TIES_INDEX:
    case LK_TIES_EXPECTED:
        break;
    }
}

void lk_ranking_make(lk_ranking *ranking, const lk_judged *judged, lk_ties ties)
{
    ranking->count = fill_keys(ranking->keys, judged);
    sort_items(ranking);
    find_groups(ranking);
    for (size_t i = 0; i < ranking->count; i++) ranking->order[i] = (uint32_t)ranking->keys[i];
    for (size_t g = 0; g < ranking->group_count; g++)
        if (ranking->groups[g].end - ranking->groups[g].start > 1)
            order_group(ranking, &ranking->groups[g], judged, ties);
    ranking->found = 0;
    for (size_t i = 0; i < ranking->count; i++)
        ranking->found += ranking->relevant[i] = judged->relevant[ranking->order[i]];
    for (size_t g = 0; g < ranking->group_count; g++) {
        lk_tie_group *group = &ranking->groups[g];
        for (size_t i = group->start; i < group->end; i++) group->relevant += ranking->relevant[i];
    }
    ranking->total = ranking->found + judged->relevant_unranked;
}
