/* A model made ready to turn pictures into vectors by one recipe or several, in one pass over the pictures. */
#ifndef LK_CBIR_EMBEDDER_H
#define LK_CBIR_EMBEDDER_H

#include "cbir/extract.h"
#include "cbir/recipe.h"

typedef struct lk_embedder_options {
    lk_backend_kind backend;
    const char *isa;                 /* this and the next two as in lk_plan_options */
    size_t device;
    bool tf32;
    size_t batch;                    /* pictures a run; 0 is 1 */
    const lk_projection *projection; /* for recipes that have one; NULL: none */
} lk_embedder_options;

typedef struct lk_embedder lk_embedder;

/* Makes a plan for all the recipes' features. The recipes must agree on preprocessing and batch norm. What a recipe leaves
 * open is filled in: an empty model_sha256, a length of 0, an empty projection_sha256 where a projection is given; a
 * feature's name becomes its one name. What it states must hold: a recipe from a file or a gallery is checked.
 * `recipes`, the model and the projection must outlive the embedder. LK_ERROR_MISMATCH (another model, projection or
 * length than the recipe says, or recipes that do not agree), LK_ERROR_ARGUMENT, and lk_plan_open's. */
lk_status lk_embedder_open(const lk_model *model, lk_recipe *recipes, size_t count,
                           const lk_embedder_options *options, lk_embedder **embedder);
void lk_embedder_close(lk_embedder **embedder);

size_t lk_embedder_values(const lk_embedder *embedder, size_t recipe); /* floats before a hash */
size_t lk_embedder_row(const lk_embedder *embedder);                   /* floats of all vectors of a picture */

const char *lk_embedder_note(const lk_embedder *embedder);             /* lk_plan_note of its plan */

typedef struct lk_embed_options {
    size_t threads; /* 0: as many as the machine has processors */
    bool strict;    /* the first bad picture ends it, with that picture's error */
    const atomic_int *interrupt; /* as in lk_extract_options; NULL: none */
} lk_embed_options;

/* The pictures of a list: calls->row gets each one's vectors, recipe by recipe, one behind the other, as floats (a hash is
 * the caller's to apply: lk_hash_prepare and so on). Otherwise as lk_extract. */
lk_status lk_embed(const lk_embedder *embedder, const lk_list *list, const lk_embed_options *options,
                   const lk_extract_calls *calls);

#endif
