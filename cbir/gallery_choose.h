/* Which pictures of a list a gallery lacks: `add` embeds those alone.
 *
 *     path and content as in a row that is alive      there already; a new label makes it another content
 *     the path of a row, but other content            embedded; the old row goes when the new one is in
 *     another path, the content of a row              there already, unless duplicates are asked for
 *     cannot be read                                  embedded, which fails and is listed
 */
#ifndef LK_CBIR_GALLERY_CHOOSE_H
#define LK_CBIR_GALLERY_CHOOSE_H

#include <stdatomic.h>

#include "cbir/gallery.h"
#include "cbir/gallery_path.h"
#include "cbir/gallery_table.h"
#include "cbir/list.h"

typedef struct lk_chosen {
    char *path; /* relative to the gallery */
    uint64_t bytes;
    char sha256[65]; /* empty: the file could not be read */
} lk_chosen;

typedef struct lk_choice {
    lk_list list;      /* the items to embed, their paths those of the list they come from */
    lk_chosen *chosen; /* [list.count] */
    size_t capacity;
    size_t there;          /* items that the gallery has */
    lk_table paths, texts; /* of rows below base that are alive, and behind them of what is chosen: by path, by content */
    size_t base;
    lk_relative relative;
} lk_choice;

typedef struct lk_choose_options {
    size_t base;     /* rows of the gallery that count */
    bool duplicates; /* the same content under another path is wanted again */
    const atomic_int *interrupt;
} lk_choose_options;

/* The choice borrows the list's paths. LK_ERROR_INTERRUPTED, LK_ERROR_MEMORY, LK_ERROR_FORMAT (of the gallery's rows). */
lk_status lk_choose(const lk_gallery *gallery, const lk_list *list, const lk_choose_options *options, lk_choice *choice);
void lk_choice_close(lk_choice *choice);

/* The rows below base, alive when the choice was made, that have this path: begin with *at = 0, call until false. */
bool lk_choice_row(const lk_choice *choice, const lk_gallery *gallery, const char *path, size_t *at, size_t *row);

#endif
