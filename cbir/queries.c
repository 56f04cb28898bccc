#include "cbir/queries.h"

#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "cbir/gallery_parts.h"
#include "cbir/npy.h"

void lk_queries_close(lk_queries *queries)
{
    lk_free(queries->values);
    lk_free(queries->codes);
    lk_list_close(&queries->list);
    *queries = (lk_queries){0};
}

const void *lk_queries_row(const lk_queries *queries, size_t index)
{
    if (queries->values) return queries->values + index * queries->dim;
    return queries->codes + index * lk_hash_bytes(queries->dim);
}

/* What a query of the gallery, or of the floats beside its bits, must be. */
typedef struct {
    bool bits;
    size_t dim;
} kind;

static kind kind_of(const lk_gallery *gallery, bool raw)
{
    const lk_manifest *m = lk_gallery_manifest(gallery); /* the blocks do not tell where there are none */
    return raw ? (kind){false, m->raw_dim} : (kind){m->bits, m->dim};
}

static lk_status no_memory(void)
{
    return lk_fail(LK_ERROR_MEMORY, "out of memory for the queries");
}

static lk_status reserve(lk_queries *queries, size_t count, bool bits)
{
    size_t values;
    if (!lk_multiply(count, queries->dim, &values)) return no_memory();
    if (bits) queries->codes = lk_allocate_array(count, lk_hash_bytes(queries->dim));
    else queries->values = lk_allocate_array(values, sizeof *queries->values);
    return queries->values || queries->codes ? LK_OK : no_memory();
}

/* ------------------------------------------------------------------ Pictures */

/* What is handed through an extraction. */
typedef struct {
    const lk_queries_options *options;
    const lk_list *list;
    const lk_recipe *recipe;
    lk_queries *queries;
    float *prepared, *sorted; /* [dim], under a hash */
} embedding;

static lk_status keep_item(embedding *e, size_t index)
{
    lk_list *kept = &e->queries->list;
    void *items = kept->items;
    if (!lk_grow(&items, &kept->capacity, kept->count + 1, sizeof *kept->items)) return no_memory();
    kept->items = items;
    lk_list_item item = e->list->items[index];
    item.path = lk_copy_text(item.path);
    if (!item.path) return no_memory();
    kept->items[kept->count++] = item;
    return LK_OK;
}

static lk_status on_row(void *context, size_t index, const float *values)
{
    embedding *e = context;
    lk_queries *q = e->queries;
    const lk_hash *hash = &e->recipe->hash;
    const lk_status status = keep_item(e, index);
    if (status) return status;
    if (q->values) {
        memcpy(q->values + q->count++ * q->dim, values, q->dim * sizeof *values);
        return LK_OK;
    }
    memcpy(e->prepared, values, q->dim * sizeof *values);
    lk_hash_prepare(hash, e->prepared, q->dim);
    lk_hash_pack(e->prepared, q->dim, lk_hash_threshold(hash, e->prepared, q->dim, e->sorted),
                 q->codes + q->count++ * lk_hash_bytes(q->dim));
    return LK_OK;
}

static void on_bad(void *context, size_t index, const lk_error *error)
{
    const embedding *e = context;
    e->queries->skipped++;
    if (e->options->bad) e->options->bad(e->options->context, e->list->items[index].path, error);
}

static lk_status embed_all(embedding *e, const lk_embedder *embedder)
{
    const bool bits = e->recipe->hash.kind != LK_HASH_NONE;
    lk_queries *q = e->queries;
    q->dim = e->recipe->length;
    lk_status status = reserve(q, e->list->count, bits);
    if (!status && bits) {
        e->prepared = lk_allocate_array(q->dim, sizeof *e->prepared);
        e->sorted = lk_allocate_array(q->dim, sizeof *e->sorted);
        if (!e->prepared || !e->sorted) status = no_memory();
    }
    const lk_extract_calls calls = {.context = e, .row = on_row, .bad = on_bad};
    if (!status) status = lk_embed(embedder, e->list, &e->options->embed, &calls);
    if (!status && !q->count)
        status = lk_fail(LK_ERROR_EMPTY, "none of the %zu query pictures could be read", e->list->count);
    lk_free(e->prepared);
    lk_free(e->sorted);
    return status;
}

/* The gallery's recipe, if it has one; else the caller's. */
static lk_status settle_recipe(const lk_gallery *gallery, const lk_queries_options *options,
                               lk_recipe *recipe)
{
    const char *text = lk_gallery_recipe(gallery);
    if (text) return lk_recipe_parse(text, strlen(text), lk_gallery_folder(gallery), recipe);
    if (!options->recipe)
        return lk_fail(LK_ERROR_NOT_FOUND,
                       "%s: its features were made elsewhere: say --model and --feature, or bring features",
                       lk_gallery_folder(gallery));
    *recipe = *options->recipe;
    return LK_OK;
}

/* The asked-for recipe leaves open what only the model can tell; once settled it must be the gallery's. */
static lk_status check_asked(const lk_gallery *gallery, const lk_model *model,
                             const lk_queries_options *options)
{
    if (!options->recipe || !lk_gallery_recipe(gallery)) return LK_OK;
    lk_recipe asked = *options->recipe;
    lk_embedder *embedder = NULL;
    const bool f16 = asked.precision == LK_PRECISION_F16; /* which the reference has not */
    const lk_embedder_options how = {.backend = f16 ? LK_BACKEND_CUDA : LK_BACKEND_REFERENCE,
                                     .projection = options->projection};
    lk_status status = lk_embedder_open(model, &asked, 1, &how, &embedder);
    lk_embedder_close(&embedder);
    return status ? status : lk_gallery_check_recipe(gallery, &asked, "the query");
}

static lk_status check_fits(const lk_gallery *gallery, const lk_recipe *recipe, kind wanted)
{
    if (recipe->hash.kind != LK_HASH_NONE && recipe->hash.whole_matrix)
        return lk_fail(LK_ERROR_UNSUPPORTED,
                       "%s: its hash takes the threshold over a whole matrix, which one query has not",
                       lk_gallery_folder(gallery));
    if ((recipe->hash.kind != LK_HASH_NONE) != wanted.bits)
        return lk_fail(LK_ERROR_MISMATCH, "%s has %s, and the query has %s", lk_gallery_folder(gallery),
                       wanted.bits ? "packed bits" : "values",
                       wanted.bits ? "values: say --hash as they were made" : "bits");
    if (recipe->length != wanted.dim)
        return lk_fail(LK_ERROR_MISMATCH, "%s has rows of %zu values, and the query has %zu",
                       lk_gallery_folder(gallery), wanted.dim, recipe->length);
    return LK_OK;
}

lk_status lk_queries_open_model(const lk_gallery *gallery, const char *path, lk_model **model)
{
    return path && !lk_gallery_recipe(gallery) ? lk_model_open(path, model)
                                               : lk_gallery_open_model(gallery, path, model);
}

lk_status lk_queries_embed(const lk_gallery *gallery, const lk_list *list, const lk_queries_options *options,
                           lk_queries *queries)
{
    lk_recipe recipe;
    lk_model *model = NULL;
    lk_embedder *embedder = NULL;
    lk_queries made = {0};
    lk_projection own = {0};
    lk_embedder_options how = {.backend = options->backend,
                               .isa = options->isa,
                               .device = options->device,
                               .tf32 = options->tf32,
                               .batch = options->batch,
                               .projection = options->projection};
    lk_status status = settle_recipe(gallery, options, &recipe);
    if (!status && !how.projection && *recipe.projection_sha256 && lk_gallery_projection(gallery)) {
        status = lk_projection_open(lk_gallery_projection(gallery), &own);
        how.projection = &own;
    }
    if (!status) status = lk_queries_open_model(gallery, options->model, &model);
    if (!status) status = check_asked(gallery, model, options);
    if (options->raw) recipe.hash = (lk_hash){0}, recipe.length = 0;
    if (!status) status = lk_embedder_open(model, &recipe, 1, &how, &embedder);
    if (!status && options->note) options->note(options->context, lk_embedder_note(embedder));
    if (!status) status = check_fits(gallery, &recipe, kind_of(gallery, options->raw));
    embedding e = {.options = options, .list = list, .recipe = &recipe, .queries = &made};
    if (!status) status = embed_all(&e, embedder);
    lk_embedder_close(&embedder);
    lk_projection_close(&own);
    lk_model_close(&model);
    if (status) lk_queries_close(&made);
    else *queries = made;
    return status;
}

/* ------------------------------------------------------------------ Features */

/* Floats from before the hash are alike whatever the hash. */
static lk_status check_raw_recipe(const lk_gallery *gallery, const lk_recipe *recipe, const char *path)
{
    lk_recipe own;
    const char *text = lk_gallery_recipe(gallery), *folder = lk_gallery_folder(gallery);
    if (!text) return LK_OK;
    lk_status status = lk_recipe_parse(text, strlen(text), folder, &own);
    if (status) return status;
    own.hash = recipe->hash;
    own.length = lk_gallery_manifest(gallery)->raw_dim;
    status = lk_recipe_compare(&own, recipe);
    return status == LK_ERROR_MISMATCH ? lk_fail(status, "%s and %s: %s", folder, path, lk_error_message())
                                       : status;
}

static lk_status check_recipe_beside(const lk_gallery *gallery, const char *path, bool raw)
{
    const size_t length = strlen(path), stem = length > 4 ? length - 4 : length;
    lk_recipe recipe;
    char *beside = lk_allocate(stem + sizeof ".recipe.json", 1);
    if (!beside) return no_memory();
    memcpy(beside, path, stem);
    strcpy(beside + stem, ".recipe.json");
    lk_status status = LK_OK;
    if (access(beside, F_OK) == 0) {
        status = lk_recipe_open(beside, &recipe);
        if (!status)
            status = raw ? check_raw_recipe(gallery, &recipe, path)
                         : lk_gallery_check_recipe(gallery, &recipe, path);
    }
    lk_free(beside);
    return status;
}

static lk_status check_array(const lk_gallery *gallery, const char *path, const lk_npy *array, kind wanted)
{
    const bool bits = wanted.bits;
    const size_t columns = bits ? lk_hash_bytes(wanted.dim) : wanted.dim;
    if (array->dims != 2 || !array->shape[0])
        return lk_fail(LK_ERROR_FORMAT, "%s: not a matrix with rows", path);
    if ((array->type == LK_NPY_UINT8) != bits)
        return lk_fail(LK_ERROR_MISMATCH, "%s holds %s, and %s has %s", path, bits ? "values" : "packed bits",
                       lk_gallery_folder(gallery), bits ? "packed bits" : "values");
    if (array->shape[1] != columns)
        return lk_fail(LK_ERROR_MISMATCH, "%s has rows of %zu %s, and %s of %zu", path, array->shape[1],
                       bits ? "bytes" : "values", lk_gallery_folder(gallery), columns);
    return LK_OK;
}

/* Bits behind the last would count as differences. */
static lk_status check_spare_bits(const lk_queries *queries, const char *path)
{
    const size_t bytes = lk_hash_bytes(queries->dim), used = queries->dim % 8;
    for (size_t i = 0; used && i < queries->count; i++)
        if (queries->codes[i * bytes + bytes - 1] & 0xFFu >> used)
            return lk_fail(LK_ERROR_FORMAT, "%s: row %zu has bits behind the last of %zu", path, i,
                           queries->dim);
    return LK_OK;
}

lk_status lk_queries_read(const lk_gallery *gallery, const char *path, bool raw, lk_queries *queries)
{
    lk_mapping file;
    lk_npy array;
    const kind wanted = kind_of(gallery, raw);
    lk_queries made = {.dim = wanted.dim};
    lk_status status = check_recipe_beside(gallery, path, raw);
    if (!status) status = lk_map_file(path, &file);
    if (status) return status;
    status = lk_npy_parse(file.bytes, file.size, path, &array);
    if (!status) status = check_array(gallery, path, &array, wanted);
    if (!status) status = reserve(&made, array.shape[0], wanted.bits);
    if (!status) {
        made.count = array.shape[0];
        if (made.codes) {
            memcpy(made.codes, array.data, array.count);
            status = check_spare_bits(&made, path);
        } else status = lk_npy_floats(&array, 0, array.count, made.values);
    }
    lk_unmap(&file);
    if (status) lk_queries_close(&made);
    else *queries = made;
    return status;
}

lk_status lk_queries_join(lk_queries *queries, const float *weights)
{
    if (!queries->values) return lk_fail(LK_ERROR_ARGUMENT, "bits cannot be joined with weights");
    for (size_t i = 0; i < queries->count; i++) {
        float *row = queries->values + i * queries->dim;
        lk_l2_normalize(row, queries->dim);
        for (size_t c = 0; c < queries->dim; c++)
            queries->values[c] = (i ? queries->values[c] : 0) + weights[i] * row[c];
    }
    queries->count = 1;
    return LK_OK;
}
