#include "cbir/cli/output_matrix.h"

#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"

static lk_status no_memory(const char *path)
{
    return lk_fail(LK_ERROR_MEMORY, "%s: out of memory", path);
}

char *outputs_join(const char *head, size_t head_length, const char *tail)
{
    char *text = lk_allocate(head_length + strlen(tail) + 1, 1);
    if (!text) return NULL;
    memcpy(text, head, head_length);
    strcpy(text + head_length, tail);
    return text;
}

lk_status outputs_open_beside(const char *stem, const char *ending, lk_output *output)
{
    char *path = outputs_join(stem, strlen(stem), ending);
    if (!path) return no_memory(stem);
    lk_output_clear(path);
    const lk_status status = lk_output_open(path, output);
    lk_free(path);
    return status;
}

/* STEM + ending as a matrix of floats, or of bytes. */
static lk_status open_matrix(const char *stem, const char *ending, size_t columns, bool bytes,
                             lk_npy_writer *writer)
{
    char *path = outputs_join(stem, strlen(stem), ending);
    if (!path) return no_memory(stem);
    lk_output_clear(path);
    const lk_status status =
        bytes ? lk_npy_writer_open_bytes(path, columns, writer) : lk_npy_writer_open(path, columns, writer);
    lk_free(path);
    return status;
}

/* The study's name for this side and feature, beside OUT. */
static lk_status open_study(output_matrix *m, const outputs_options *options)
{
    const lk_recipe *r = m->recipe;
    char title[160], name[64];
    lk_recipe_title(r, title, sizeof title);
    const bool logits = !strcmp(title, "logits");
    if ((!logits && strcmp(title, "pooled") != 0) || r->hash.kind != LK_HASH_NONE)
        return lk_fail(LK_ERROR_ARGUMENT,
                       "--study-names: the study has names for logits and pooled only, not for %s%s", title,
                       r->hash.kind != LK_HASH_NONE ? " as bits" : "");
    snprintf(name, sizeof name, "Features_%s_%s", options->study_side,
             logits ? "Classify" : "AdaptiveAvgPool2D-6");
    const char *slash = strrchr(options->path, '/');
    char *stem = outputs_join(options->path, slash ? (size_t)(slash - options->path) + 1 : 0, name);
    if (!stem) return no_memory(options->path);
    const lk_status status = open_matrix(stem, ".npy", m->values, false, &m->study);
    m->has_study = !status;
    lk_free(stem);
    return status;
}

static lk_status open_stem(output_matrix *m, const outputs_options *options)
{
    const size_t length = strlen(options->path) - strlen(".npy");
    char ending[192] = "";
    if (options->count > 1) {
        ending[0] = '-';
        lk_recipe_title(m->recipe, ending + 1, sizeof ending - 1);
    }
    m->stem = outputs_join(options->path, length, ending);
    return m->stem ? LK_OK : no_memory(options->path);
}

static lk_status open_hash(output_matrix *m)
{
    m->prepared = lk_allocate_array(m->values, sizeof *m->prepared);
    m->sorted = lk_allocate_array(m->values, sizeof *m->sorted);
    m->bits = lk_allocate(lk_hash_bytes(m->values), 1);
    return m->prepared && m->sorted && m->bits ? LK_OK : no_memory(m->stem);
}

lk_status output_matrix_open(output_matrix *m, const outputs_options *options, size_t index)
{
    *m = (output_matrix){.recipe = &options->recipes[index], .values = options->values[index]};
    const bool hashed = m->recipe->hash.kind != LK_HASH_NONE;
    lk_status status = open_stem(m, options);
    if (!status)
        status =
            open_matrix(m->stem, ".npy", hashed ? lk_hash_bytes(m->values) : m->values, hashed, &m->matrix);
    if (!status) status = outputs_open_beside(m->stem, ".recipe.json", &m->recipe_file);
    if (!status && hashed) status = open_hash(m);
    if (!status && hashed && options->keep_raw) {
        status = open_matrix(m->stem, ".raw.npy", m->values, false, &m->raw);
        m->has_raw = !status;
    }
    if (!status && options->study_side) status = open_study(m, options);
    return status;
}

void output_matrix_discard(output_matrix *m)
{
    lk_npy_writer_discard(&m->matrix);
    lk_npy_writer_discard(&m->raw);
    lk_npy_writer_discard(&m->study);
    lk_output_discard(&m->recipe_file);
    lk_free(m->prepared);
    lk_free(m->sorted);
    lk_free(m->bits);
    lk_free(m->held);
    lk_free(m->stem);
    *m = (output_matrix){0};
}

/* ------------------------------------------------------------------ Rows */

static lk_status add_bits(output_matrix *m, const float *prepared, float threshold)
{
    lk_hash_pack(prepared, m->values, threshold, m->bits);
    return lk_npy_writer_add(&m->matrix, m->bits);
}

/* Until the last row is known there is no threshold. */
static lk_status hold(output_matrix *m)
{
    void *held = m->held;
    size_t size;
    if (!lk_multiply(m->values, sizeof(float), &size) ||
        !lk_grow(&held, &m->held_capacity, m->held_rows + 1, size))
        return no_memory(m->stem);
    m->held = held;
    memcpy(m->held + m->held_rows++ * m->values, m->prepared, size);
    return LK_OK;
}

static lk_status add_hashed(output_matrix *m, const float *values)
{
    const lk_hash *hash = &m->recipe->hash;
    memcpy(m->prepared, values, m->values * sizeof *values);
    lk_hash_prepare(hash, m->prepared, m->values);
    if (hash->whole_matrix) return hold(m);
    return add_bits(m, m->prepared, lk_hash_threshold(hash, m->prepared, m->values, m->sorted));
}

lk_status output_matrix_add(output_matrix *m, const float *values)
{
    lk_status status =
        m->recipe->hash.kind == LK_HASH_NONE ? lk_npy_writer_add(&m->matrix, values) : add_hashed(m, values);
    if (!status && m->has_raw) status = lk_npy_writer_add(&m->raw, values);
    if (!status && m->has_study) status = lk_npy_writer_add(&m->study, values);
    return status;
}

/* ------------------------------------------------------------------ The end */

/* The rows that were held, now that the whole matrix is known. */
static lk_status add_held(output_matrix *m)
{
    const size_t count = m->held_rows * m->values;
    float *sorted = lk_allocate_array(count, sizeof *sorted);
    if (!sorted) return no_memory(m->stem);
    const float threshold = lk_hash_threshold(&m->recipe->hash, m->held, count, sorted);
    lk_free(sorted);
    lk_status status = LK_OK;
    for (size_t row = 0; !status && row < m->held_rows; row++)
        status = add_bits(m, m->held + row * m->values, threshold);
    return status;
}

static lk_status finish_writer(lk_npy_writer *writer)
{
    const lk_status status = lk_npy_writer_finish(writer);
    return status ? status : outputs_sync(&writer->output);
}

lk_status output_matrix_finish(output_matrix *m)
{
    lk_status status = m->held_rows ? add_held(m) : LK_OK;
    if (!status) status = lk_recipe_write(m->recipe, m->recipe_file.stream, m->recipe_file.path);
    if (!status) status = outputs_sync(&m->recipe_file);
    if (!status) status = finish_writer(&m->matrix);
    if (!status && m->has_raw) status = finish_writer(&m->raw);
    if (!status && m->has_study) status = finish_writer(&m->study);
    return status;
}

lk_status output_matrix_commit(output_matrix *m)
{
    lk_status status = lk_output_commit(&m->recipe_file);
    if (!status && m->has_raw) status = lk_npy_writer_commit(&m->raw);
    if (!status && m->has_study) status = lk_npy_writer_commit(&m->study);
    if (!status) status = lk_npy_writer_commit(&m->matrix);
    return status;
}
