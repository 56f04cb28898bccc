#include "cbir/gallery_choose.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "cbir/gallery_parts.h"

static lk_status no_memory(void)
{
    return lk_fail(LK_ERROR_MEMORY, "out of memory for the pictures of a gallery");
}

/* ------------------------------------------------------------------ What is there */

static lk_status note(lk_choice *c, const char *path, const char *sha256, size_t number)
{
    if (path && !lk_table_add(&c->paths, lk_text_key(path), number)) return no_memory();
    if (sha256 && *sha256 && !lk_table_add(&c->texts, lk_text_key(sha256), number)) return no_memory();
    return LK_OK;
}

static lk_status note_rows(lk_choice *c, const lk_gallery *gallery)
{
    lk_status status = LK_OK;
    for (size_t index = 0; !status && index < c->base; index++) {
        lk_row *row = NULL;
        if (lk_gallery_is_removed(gallery, index)) continue;
        status = lk_gallery_parse_row(gallery, index, &row);
        if (!status) status = note(c, row->about.path, row->about.sha256, index);
        lk_free(row);
    }
    return status;
}

bool lk_choice_row(const lk_choice *choice, const lk_gallery *gallery, const char *path, size_t *at,
                   size_t *row)
{
    while (lk_table_next(&choice->paths, lk_text_key(path), at, row)) {
        lk_row *there = NULL;
        if (*row >= choice->base || lk_gallery_parse_row(gallery, *row, &there)) continue;
        const bool same = there->about.path && !strcmp(there->about.path, path);
        lk_free(there);
        if (same) return true;
    }
    return false;
}

/* ------------------------------------------------------------------ Choosing */

typedef struct {
    const lk_gallery *gallery;
    const lk_choose_options *options;
    lk_choice *choice;
} choosing;

typedef enum { NEW, THERE, OTHER } relation; /* OTHER: the path is there, its content is another */

/* A row of the gallery, or what was chosen before, that may have the item's path or content. */
typedef struct {
    const char *path, *sha256;
    bool has_label;
    long label;
    lk_row *row; /* to lk_free */
} candidate;

static lk_status look_at(const choosing *c, size_t number, candidate *found)
{
    const lk_choice *choice = c->choice;
    *found = (candidate){0};
    if (number >= choice->base) {
        const size_t place = number - choice->base;
        const lk_list_item *item = &choice->list.items[place];
        found->path = choice->chosen[place].path;
        found->sha256 = choice->chosen[place].sha256;
        found->has_label = item->has_label;
        found->label = item->label;
        return LK_OK;
    }
    const lk_status status = lk_gallery_parse_row(c->gallery, number, &found->row);
    if (status) return status;
    const lk_gallery_row *about = &found->row->about;
    *found = (candidate){about->path, about->sha256, about->has_label, about->label, found->row};
    return LK_OK;
}

static bool same_text(const char *a, const char *b)
{
    return a && b && *a && !strcmp(a, b);
}

static bool same_label(const lk_list_item *item, const candidate *found)
{
    return !item->has_label || (found->has_label && found->label == item->label);
}

static lk_status relate_path(const choosing *c, const lk_chosen *one, const lk_list_item *item,
                             relation *related)
{
    size_t at = 0, number;
    candidate found;
    lk_status status = LK_OK;
    while (!status && *related != THERE &&
           lk_table_next(&c->choice->paths, lk_text_key(one->path), &at, &number)) {
        status = look_at(c, number, &found);
        if (status) break;
        if (same_text(found.path, one->path))
            *related = number >= c->choice->base ||
                               (same_text(found.sha256, one->sha256) && same_label(item, &found))
                           ? THERE
                           : OTHER;
        lk_free(found.row);
    }
    return status;
}

static lk_status relate_content(const choosing *c, const lk_chosen *one, relation *related)
{
    size_t at = 0, number;
    candidate found;
    lk_status status = LK_OK;
    while (!status && *related == NEW && *one->sha256 &&
           lk_table_next(&c->choice->texts, lk_text_key(one->sha256), &at, &number)) {
        status = look_at(c, number, &found);
        if (status) break;
        if (same_text(found.sha256, one->sha256)) *related = THERE;
        lk_free(found.row);
    }
    return status;
}

static lk_status take(choosing *c, const lk_list_item *item, const lk_chosen *one)
{
    lk_choice *choice = c->choice;
    void *items = choice->list.items, *chosen = choice->chosen;
    const size_t count = choice->list.count;
    if (!lk_grow(&items, &choice->list.capacity, count + 1, sizeof *item)) return no_memory();
    choice->list.items = items;
    if (!lk_grow(&chosen, &choice->capacity, count + 1, sizeof *one)) return no_memory();
    choice->chosen = chosen;
    const lk_status status = note(choice, one->path, one->sha256, choice->base + count);
    if (status) return status;
    choice->list.items[count] = *item;
    choice->chosen[count] = *one;
    choice->list.count++;
    return LK_OK;
}

static lk_status weigh(choosing *c, const lk_list_item *item)
{
    relation related = NEW;
    lk_chosen one = {.path = lk_relative_path(&c->choice->relative, item->path)};
    if (!one.path) return no_memory();
    if (lk_picture_digest(item->path, one.sha256, &one.bytes)) *one.sha256 = 0;
    lk_status status = relate_path(c, &one, item, &related);
    if (!status && related == NEW && !c->options->duplicates) status = relate_content(c, &one, &related);
    if (!status && related != THERE) {
        status = take(c, item, &one);
        if (!status) return LK_OK; /* the path is the choice's now */
    }
    if (related == THERE) c->choice->there++;
    lk_free(one.path);
    return status;
}

lk_status lk_choose(const lk_gallery *gallery, const lk_list *list, const lk_choose_options *options,
                    lk_choice *choice)
{
    lk_choice made = {.base = options->base};
    choosing c = {gallery, options, &made};
    lk_status status = lk_relative_open(lk_gallery_folder(gallery), &made.relative);
    if (!status) status = note_rows(&made, gallery);
    for (size_t i = 0; !status && i < list->count; i++) {
        if (options->interrupt && atomic_load(options->interrupt))
            status = lk_fail(LK_ERROR_INTERRUPTED, "interrupted");
        else status = weigh(&c, &list->items[i]);
    }
    if (status) lk_choice_close(&made);
    else *choice = made;
    return status;
}

void lk_choice_close(lk_choice *choice)
{
    for (size_t i = 0; i < choice->list.count; i++) lk_free(choice->chosen[i].path);
    lk_free(choice->list.items);
    lk_free(choice->chosen);
    lk_table_close(&choice->paths);
    lk_table_close(&choice->texts);
    lk_relative_close(&choice->relative);
    *choice = (lk_choice){0};
}
