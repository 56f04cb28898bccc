/* Pictures into a gallery: embedded by its recipe, resumable, each once. */
#ifndef LK_CBIR_GALLERY_INDEX_H
#define LK_CBIR_GALLERY_INDEX_H

#include "cbir/embedder.h"
#include "cbir/gallery_write.h"
#include "cbir/list.h"

typedef struct lk_gallery_index_options {
    const lk_embedder *embedder;
    const lk_recipe *recipe; /* the embedder's only one */
    size_t batch;            /* the embedder's; 0 is 1 */
    lk_embed_options embed;
    bool keep_raw;   /* of a recipe with a hash: the floats too */
    bool duplicates; /* add alone: the same content under another path is a row of its own */
} lk_gallery_index_options;

/* What is called as it goes on, from the calling thread. NULL functions are not called. */
typedef struct lk_gallery_index_calls {
    void *context;
    void (*bad)(void *context, const lk_list_item *item, const lk_error *error);
    void (*progress)(void *context, size_t done, size_t total);
} lk_gallery_index_calls;

typedef struct lk_gallery_index_result {
    size_t rows;    /* of the gallery that are alive */
    size_t added;   /* by this call */
    size_t there;   /* pictures of the list that the gallery had */
    size_t removed; /* rows that gave way to a newer content of their path */
    size_t failed;  /* pictures that could not be read, in this call */
    size_t resumed; /* items that an earlier call had dealt with */
} lk_gallery_index_result;

/* Makes a gallery of the list: a row for each line whose picture can be read, in the list's order, doubles too. When it is
 * there already and was made of the same list, what is missing is done. LK_ERROR_MISMATCH: of another list, or recipe.
 * LK_ERROR_INTERRUPTED: what was done is kept, and the same call goes on. *result is filled on failure too, as far as known.
 * Whenever a call ends or is killed, the same call again ends with the same bytes as one that ran through. */
lk_status lk_gallery_index(const char *path, const lk_list *list, const lk_gallery_about *about,
                           const lk_gallery_index_options *options, const lk_gallery_index_calls *calls,
                           lk_gallery_index_result *result);

/* Adds what the gallery lacks of the list (cbir/gallery_choose.h). Otherwise as above. */
lk_status lk_gallery_add(const char *path, const lk_list *list, const lk_gallery_index_options *options,
                         const lk_gallery_index_calls *calls, lk_gallery_index_result *result);

/* The gallery's failed pictures as a list, to be added again. LK_ERROR_EMPTY: there are none. */
lk_status lk_gallery_failed_list(const char *path, lk_list *list);

#endif
