/* Queries for a gallery: pictures embedded by the gallery's own recipe, or features from a file, checked against it. */
#ifndef LK_CBIR_QUERIES_H
#define LK_CBIR_QUERIES_H

#include "cbir/embedder.h"
#include "cbir/gallery.h"

/* The queries' vectors, as the gallery's rows are. Zeroed, filled by one of the calls below, closed. */
typedef struct lk_queries {
    size_t count, dim;
    float *values;  /* [count][dim]; NULL for bits */
    uint8_t *codes; /* [count][(dim + 7) / 8]; NULL for floats */
    lk_list list;   /* [count]: the pictures; no items for features from a file without a list */
    size_t skipped; /* pictures that could not be read */
} lk_queries;

void lk_queries_close(lk_queries *queries);

/* One row: const float * or const uint8_t *, as lk_index_search takes it. */
const void *lk_queries_row(const lk_queries *queries, size_t index);

typedef struct lk_queries_options {
    const char *model;        /* instead of the gallery's own, which it must equal; NULL: the gallery's own */
    const lk_recipe *recipe;  /* what the caller asked for, which must equal the gallery's; for a gallery without one, what
                               * to do. NULL: the gallery's */
    const lk_projection *projection; /* NULL: the gallery's own, where its recipe has one */
    bool raw; /* floats, as they are before the hash, for lk_gallery_raw */
    lk_backend_kind backend;
    const char *isa;
    size_t device; /* this and the next as in lk_plan_options */
    bool tf32;
    size_t batch;
    lk_embed_options embed;
    void (*bad)(void *context, const char *path, const lk_error *error); /* a picture that is left out; may be NULL */
    void (*note)(void *context, const char *note); /* gets lk_plan_note, which may be NULL; may be NULL */
    void *context;
} lk_queries_options;

/* The model that embeds queries: the gallery's, or the one at `path` if that is not NULL, which must be the gallery's where
 * the gallery says what made its features. As lk_gallery_open_model. */
lk_status lk_queries_open_model(const lk_gallery *gallery, const char *path, lk_model **model);

/* Embeds the pictures of a list. LK_ERROR_MISMATCH when recipe, model or projection are not the gallery's, LK_ERROR_NOT_FOUND
 * when it says neither recipe nor model, LK_ERROR_EMPTY when no picture could be read, and lk_embed's. */
lk_status lk_queries_embed(const lk_gallery *gallery, const lk_list *list, const lk_queries_options *options,
                           lk_queries *queries);

/* Reads FEATURES.npy; a FEATURES.recipe.json beside it must be the gallery's. With `raw` they are floats for lk_gallery_raw, and
 * the hash may be another. LK_ERROR_MISMATCH for that, and for rows of another length or kind; LK_ERROR_FORMAT for bits
 * behind the last. */
lk_status lk_queries_read(const lk_gallery *gallery, const char *path, bool raw, lk_queries *queries);

/* One query from all: the sum of `weights` [count] times each vector, which is divided by its length first; as floats
 * only: LK_ERROR_ARGUMENT for bits. */
lk_status lk_queries_join(lk_queries *queries, const float *weights);

#endif
