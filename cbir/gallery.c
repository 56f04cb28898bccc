/* Reading a gallery. Opening maps every file that the manifest names and checks its size and header;
 * checksums are verify's. rows.jsonl is not read before a row is asked for: then the line starts of its
 * segment are found, in one pass. */
#include "cbir/gallery.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "cbir/gallery_parts.h"
#include "cbir/gallery_path.h"
#include "cbir/gallery_rows.h"
#include "cbir/json.h"

typedef struct {
    lk_mapping features, lines, raw;
    size_t first;
    size_t *offsets; /* [rows + 1] of the lines; NULL: not looked for yet */
} segment;

/* What grows while a gallery is read, behind a lock. */
typedef struct {
    pthread_mutex_t lock;
    lk_row **rows; /* [count]: those that were asked for; NULL until the first is */
} cache;

struct lk_gallery {
    char *path, *model_path, *projection_path, *recipe;
    lk_manifest manifest;
    segment *segments; /* [manifest.segment_count] */
    lk_block *blocks, *raw_blocks;
    lk_rows_set set, raw_set;
    uint8_t *out;
    size_t removed;
    cache *cache;
};

/* ------------------------------------------------------------------ Opening */

static lk_status no_memory(const char *path)
{
    return lk_fail(LK_ERROR_MEMORY, "%s: out of memory", path);
}

static lk_status map_part(const lk_gallery *g, const lk_segment_entry *entry, const char *file,
                          const lk_file_sum *sum, lk_mapping *mapping)
{
    char *path = lk_segment_path(g->path, entry->name, file);
    if (!path) return no_memory(g->path);
    const lk_status status = lk_map_sized(path, sum, mapping);
    lk_free(path);
    return status;
}

static lk_status map_matrix(const lk_gallery *g, const lk_segment_entry *entry, const char *file,
                            const lk_file_sum *sum, const lk_npy *wanted, lk_mapping *mapping,
                            const unsigned char **data)
{
    char *path = lk_segment_path(g->path, entry->name, file);
    if (!path) return no_memory(g->path);
    lk_status status = lk_map_sized(path, sum, mapping);
    if (!status) status = lk_check_matrix(mapping, path, wanted, data);
    lk_free(path);
    return status;
}

static lk_status open_segment(lk_gallery *g, size_t i, size_t first)
{
    const lk_segment_entry *entry = &g->manifest.segments[i];
    const lk_npy features = lk_segment_features(&g->manifest, entry),
                 raw = lk_segment_raw(&g->manifest, entry);
    segment *s = &g->segments[i];
    const unsigned char *data = NULL;
    s->first = first;
    lk_status status = map_matrix(g, entry, "features.npy", &entry->features, &features, &s->features, &data);
    if (status) return status;
    g->blocks[i] = (lk_block){.count = entry->rows, .first = first};
    if (g->manifest.bits) g->blocks[i].codes = data;
    else g->blocks[i].rows = (const float *)(const void *)data; /* lk_check_matrix saw that it is aligned */
    if (g->manifest.raw_dim) {
        status = map_matrix(g, entry, "raw.npy", &entry->raw, &raw, &s->raw, &data);
        if (status) return status;
        g->raw_blocks[i] =
            (lk_block){.rows = (const float *)(const void *)data, .count = entry->rows, .first = first};
    }
    return map_part(g, entry, "rows.jsonl", &entry->lines, &s->lines);
}

static lk_status open_deleted(lk_gallery *g)
{
    char name[32];
    lk_mapping file;
    if (!g->manifest.deleted.count) return LK_OK;
    lk_deleted_name(&g->manifest.deleted, name);
    char *path = lk_join_path(g->path, name);
    g->out = lk_allocate(g->manifest.rows / 8 + 1, 1);
    lk_status status =
        path && g->out ? lk_map_sized(path, &g->manifest.deleted.sum, &file) : no_memory(g->path);
    if (!status) {
        status = lk_read_deleted(file.bytes, file.size, path, g->manifest.rows, g->out, &g->removed);
        lk_unmap(&file);
    }
    if (!status && g->removed != g->manifest.deleted.count)
        status = lk_fail(LK_ERROR_FORMAT, "%s: it removes %zu rows; the manifest says %zu", path, g->removed,
                         g->manifest.deleted.count);
    lk_free(path);
    return status;
}

static lk_status open_files(lk_gallery *g)
{
    const lk_manifest *m = &g->manifest;
    g->segments = lk_allocate_array(m->segment_count, sizeof *g->segments);
    g->blocks = lk_allocate_array(m->segment_count, sizeof *g->blocks);
    g->raw_blocks = m->raw_dim ? lk_allocate_array(m->segment_count, sizeof *g->raw_blocks) : NULL;
    if (!g->segments || !g->blocks || (m->raw_dim && !g->raw_blocks)) return no_memory(g->path);
    lk_status status = LK_OK;
    for (size_t i = 0, first = 0; !status && i < m->segment_count; first += m->segments[i++].rows)
        status = open_segment(g, i, first);
    if (!status) status = open_deleted(g);
    g->set = (lk_rows_set){g->blocks, m->segment_count, m->dim, g->out};
    g->raw_set = (lk_rows_set){g->raw_blocks, m->segment_count, m->raw_dim, g->out};
    return status;
}

static lk_status open_texts(lk_gallery *g)
{
    const lk_manifest *m = &g->manifest;
    if (m->model_path && !(g->model_path = lk_picture_path(g->path, m->model_path)))
        return no_memory(g->path);
    if (m->projection_path && !(g->projection_path = lk_picture_path(g->path, m->projection_path)))
        return no_memory(g->path);
    if (!m->recipe) return LK_OK;
    const size_t flags = LK_JSON_FLAGS | JSON_INDENT(2), length = json_dumpb(m->recipe, NULL, 0, flags);
    g->recipe = lk_allocate(length + 1, 1);
    if (!g->recipe || json_dumpb(m->recipe, g->recipe, length, flags) != length) return no_memory(g->path);
    return LK_OK;
}

static lk_status open_once(const char *path, lk_gallery **gallery)
{
    lk_gallery *g = lk_allocate_array(1, sizeof *g);
    if (!g) return no_memory(path);
    g->path = lk_copy_text(path);
    g->cache = lk_allocate_array(1, sizeof *g->cache);
    if (g->cache) pthread_mutex_init(&g->cache->lock, NULL);
    lk_status status = g->path && g->cache ? lk_manifest_open(path, &g->manifest) : no_memory(path);
    if (!status) status = open_texts(g);
    if (!status) status = open_files(g);
    if (status) lk_gallery_close(&g);
    else *gallery = g;
    return status;
}

/* False when the manifest has been replaced since the one of CRC-32 `before`; *before is set to what it is
 * now. */
static bool manifest_stays(const char *path, uint32_t *before)
{
    lk_manifest now;
    uint32_t sum = 0;
    if (lk_manifest_open(path, &now)) return true;
    for (size_t i = 0; i < now.segment_count; i++) sum = sum * 31 + now.segments[i].lines.crc32;
    sum = sum * 31 + now.deleted.sum.crc32;
    lk_manifest_close(&now);
    const bool stays = sum == *before;
    *before = sum;
    return stays;
}

/* Between a reader's look at the manifest and its opening of the files, a writer may have replaced the one
 * and removed the others: then the new manifest is tried, as long as it changes. */
lk_status lk_gallery_open(const char *path, lk_gallery **gallery)
{
    uint32_t seen = 0;
    lk_status status = open_once(path, gallery);
    for (size_t tries = 0; status == LK_ERROR_IO && tries < 100; tries++) {
        const lk_error error = lk_error_take(status);
        if (manifest_stays(path, &seen)) return lk_error_restore(&error);
        status = open_once(path, gallery);
    }
    return status;
}

static void close_cache(cache *c, size_t count)
{
    for (size_t i = 0; c->rows && i < count; i++) lk_free(c->rows[i]);
    lk_free(c->rows);
    pthread_mutex_destroy(&c->lock);
    lk_free(c);
}

void lk_gallery_close(lk_gallery **gallery)
{
    lk_gallery *g = *gallery;
    if (!g) return;
    if (g->cache) close_cache(g->cache, g->manifest.rows);
    for (size_t i = 0; g->segments && i < g->manifest.segment_count; i++) {
        lk_unmap(&g->segments[i].features);
        lk_unmap(&g->segments[i].lines);
        lk_unmap(&g->segments[i].raw);
        lk_free(g->segments[i].offsets);
    }
    lk_free(g->segments);
    lk_free(g->blocks);
    lk_free(g->raw_blocks);
    lk_free(g->out);
    lk_free(g->recipe);
    lk_free(g->model_path);
    lk_free(g->projection_path);
    lk_free(g->path);
    lk_manifest_close(&g->manifest);
    lk_free(g);
    *gallery = NULL;
}

/* ------------------------------------------------------------------ What is in it */

const lk_manifest *lk_gallery_manifest(const lk_gallery *gallery)
{
    return &gallery->manifest;
}

size_t lk_gallery_count(const lk_gallery *gallery)
{
    return gallery->manifest.rows;
}

size_t lk_gallery_alive(const lk_gallery *gallery)
{
    return gallery->manifest.rows - gallery->removed;
}

const lk_rows_set *lk_gallery_rows(const lk_gallery *gallery)
{
    return &gallery->set;
}

const lk_rows_set *lk_gallery_raw(const lk_gallery *gallery)
{
    return gallery->manifest.raw_dim ? &gallery->raw_set : NULL;
}

bool lk_gallery_is_removed(const lk_gallery *gallery, size_t index)
{
    return gallery->out && index < gallery->manifest.rows && gallery->out[index / 8] << index % 8 & 0x80;
}

const char *lk_gallery_folder(const lk_gallery *gallery)
{
    return gallery->path;
}

char *lk_gallery_picture_path(const lk_gallery *gallery, const char *path)
{
    return lk_picture_path(gallery->path, path);
}

static const char *label_text(const lk_gallery *gallery, const char *dictionary, long label)
{
    char key[24];
    snprintf(key, sizeof key, "%ld", label);
    return json_string_value(json_object_get(json_object_get(gallery->manifest.labels, dictionary), key));
}

const char *lk_gallery_label_name(const lk_gallery *gallery, long label)
{
    return label_text(gallery, "label_dict", label);
}

const char *lk_gallery_label_english(const lk_gallery *gallery, long label)
{
    return label_text(gallery, "label_dict_en", label);
}

/* ------------------------------------------------------------------ Rows */

/* The segment that holds row `index`, which there is: the last whose first is not above it. */
static size_t segment_of(const lk_gallery *g, size_t index)
{
    size_t low = 0, high = g->manifest.segment_count;
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (g->segments[middle].first <= index) low = middle;
        else high = middle;
    }
    return low;
}

/* With the cache's lock held. */
static lk_status find_lines(const lk_gallery *g, size_t i)
{
    const lk_segment_entry *entry = &g->manifest.segments[i];
    segment *s = &g->segments[i];
    if (s->offsets) return LK_OK;
    char *path = lk_segment_path(g->path, entry->name, "rows.jsonl");
    if (!path) return no_memory(g->path);
    const lk_status status = lk_row_offsets(s->lines.bytes, s->lines.size, entry->rows, path, &s->offsets);
    lk_free(path);
    return status;
}

lk_status lk_gallery_line(const lk_gallery *gallery, size_t i, size_t index, const char **line,
                          size_t *length)
{
    pthread_mutex_lock(&gallery->cache->lock);
    const lk_status status = find_lines(gallery, i);
    pthread_mutex_unlock(&gallery->cache->lock);
    if (status) return status;
    const size_t *offsets = gallery->segments[i].offsets + index;
    *line = (const char *)gallery->segments[i].lines.bytes + offsets[0];
    *length = offsets[1] - offsets[0];
    return LK_OK;
}

lk_status lk_gallery_parse_row(const lk_gallery *g, size_t index, lk_row **row)
{
    const char *line;
    size_t length;
    const size_t i = segment_of(g, index), within = index - g->segments[i].first;
    lk_status status = lk_gallery_line(g, i, within, &line, &length);
    if (status) return status;
    char *path = lk_segment_path(g->path, g->manifest.segments[i].name, "rows.jsonl");
    if (!path) return no_memory(g->path);
    status = lk_row_parse(line, length, path, within + 1, row);
    lk_free(path);
    return status;
}

static lk_status check_index(const lk_gallery *g, size_t index)
{
    if (index < g->manifest.rows) return LK_OK;
    return lk_fail(LK_ERROR_ARGUMENT, "%s: row %zu of %zu", g->path, index, g->manifest.rows);
}

lk_status lk_gallery_row_at(const lk_gallery *gallery, size_t index, lk_gallery_row *row)
{
    cache *c = gallery->cache;
    lk_row *parsed = NULL;
    lk_status status = check_index(gallery, index);
    if (status) return status;
    pthread_mutex_lock(&c->lock);
    if (!c->rows) c->rows = lk_allocate_array(gallery->manifest.rows, sizeof(lk_row *));
    const lk_row *known = c->rows ? c->rows[index] : NULL;
    if (!c->rows) status = no_memory(gallery->path);
    pthread_mutex_unlock(&c->lock);
    if (status || known) goto done;
    status = lk_gallery_parse_row(gallery, index, &parsed);
    if (status) return status;
    pthread_mutex_lock(&c->lock);
    if (!c->rows[index]) { /* else another thread was faster, and its texts are in use */
        c->rows[index] = parsed;
        parsed = NULL;
    }
    known = c->rows[index];
    pthread_mutex_unlock(&c->lock);
    lk_free(parsed);
done:
    if (!status) *row = known->about;
    return status;
}

lk_status lk_gallery_each_row(const lk_gallery *gallery, size_t first, lk_gallery_visit *visit, void *context)
{
    lk_status status = LK_OK;
    for (size_t index = first; !status && index < gallery->manifest.rows; index++) {
        lk_row *row = NULL;
        status = lk_gallery_parse_row(gallery, index, &row);
        if (!status) status = visit(context, index, &row->about);
        lk_free(row);
    }
    return status;
}

/* ------------------------------------------------------------------ Recipe and model */

const char *lk_gallery_recipe(const lk_gallery *gallery)
{
    return gallery->recipe;
}

const char *lk_gallery_projection(const lk_gallery *gallery)
{
    return gallery->projection_path;
}

lk_status lk_gallery_check_recipe(const lk_gallery *gallery, const lk_recipe *recipe, const char *query)
{
    lk_recipe own;
    char names[400];
    if (!gallery->recipe) return LK_OK;
    lk_status status = lk_recipe_parse(gallery->recipe, strlen(gallery->recipe), gallery->path, &own);
    if (!status) status = lk_recipe_compare(&own, recipe);
    snprintf(names, sizeof names, "%.190s and %.190s", gallery->path, query);
    return status == LK_ERROR_MISMATCH ? lk_fail_in(status, names) : status;
}

lk_status lk_gallery_open_model(const lk_gallery *gallery, const char *path, lk_model **model)
{
    char digits[65];
    lk_model *opened = NULL;
    const char *wanted = gallery->manifest.model_sha256;
    if (!gallery->model_path)
        return lk_fail(LK_ERROR_NOT_FOUND, "%s: it names no model: its features were made elsewhere",
                       gallery->path);
    if (!path) path = gallery->model_path;
    lk_status status = lk_model_open(path, &opened);
    if (status == LK_ERROR_IO && path == gallery->model_path)
        return lk_fail(status, "%s; if the model of %s is elsewhere, say where: --model", lk_error_message(),
                       gallery->path);
    if (status) return status;
    lk_model_sha256(opened, digits);
    if (strcmp(digits, wanted) != 0) {
        lk_model_close(&opened);
        return lk_fail(LK_ERROR_MISMATCH, "%s: not the model of %s: its SHA-256 is %s, the gallery's %s",
                       path, gallery->path, digits, wanted);
    }
    *model = opened;
    return LK_OK;
}
