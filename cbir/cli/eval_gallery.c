/* A gallery as either side of an evaluation, and queries that are made for it. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "cbir/cli/embed.h"
#include "cbir/cli/eval.h"
#include "cbir/cli/gallery.h"
#include "cbir/gallery_rows.h"
#include "cbir/recipe.h"

static lk_status no_memory(const eval_side *side)
{
    return lk_fail(LK_ERROR_MEMORY, "%s: out of memory for %zu rows", side->source, side->count);
}

/* A row's place has its label, its path and hash, which are the gallery's own texts, and its path from here.
 */
static lk_status take_row(eval_side *side, size_t place, size_t index)
{
    lk_gallery_row row;
    const lk_status status = lk_gallery_row_at(side->opened, index, &row);
    if (status) return status;
    side->gone[place] = lk_gallery_is_removed(side->opened, index);
    side->labels[place] = row.label;
    side->hashes[place] = row.sha256;
    if (row.path) {
        side->names[place] = row.path;
        side->paths[place] = lk_gallery_picture_path(side->opened, row.path);
        if (!side->paths[place]) return no_memory(side);
    } else {
        char number[32];
        snprintf(number, sizeof number, "row-%zu", index);
        side->names[place] = side->texts[place] = lk_copy_text(number);
        if (!side->texts[place]) return no_memory(side);
    }
    if (!row.has_label && !side->gone[place])
        return lk_fail(LK_ERROR_FORMAT,
                       "%s: row %zu, %s, has no label, so nobody knows what is relevant to it", side->source,
                       index, side->names[place]);
    return LK_OK;
}

/* Whether floats are compared, of a gallery that has them beside its bits. */
static bool takes_raw(const eval_options *o, const lk_gallery *gallery)
{
    return lk_gallery_raw(gallery) && (o->has_metric ? o->metric != LK_METRIC_HAMMING : o->study);
}

lk_status eval_side_gallery(const eval_options *o, const char *path, eval_side *side)
{
    side->source = path;
    lk_status status = lk_gallery_open(path, &side->opened);
    if (status) return status;
    side->rows = *(takes_raw(o, side->opened) ? lk_gallery_raw(side->opened) : lk_gallery_rows(side->opened));
    size_t count = 0, place = 0;
    for (size_t b = 0; b < side->rows.block_count; b++) count += side->rows.blocks[b].count;
    if (!count) return lk_fail(LK_ERROR_EMPTY, "%s: a gallery without a row", path);
    side->is_bits = side->rows.blocks[0].codes != NULL;
    side->hashes = lk_allocate_array(count, sizeof *side->hashes);
    side->gone = lk_allocate_array(count, 1);
    side->paths = lk_allocate_array(count, sizeof *side->paths);
    side->texts = lk_allocate_array(count, sizeof *side->texts);
    status = eval_side_reserve(side, count);
    if (!side->hashes || !side->gone || !side->paths || !side->texts) status = no_memory(side);
    for (size_t b = 0; !status && b < side->rows.block_count; b++) {
        const lk_block *block = &side->rows.blocks[b];
        for (size_t i = 0; !status && i < block->count; i++)
            status = take_row(side, place++, block->first + i);
    }
    return status;
}

/* What was embedded or read becomes the one block. */
static void take_embedded(eval_side *side)
{
    const lk_queries *q = &side->embedded;
    side->block = (lk_block){.rows = q->values, .codes = q->codes, .count = q->count};
    side->rows = (lk_rows_set){.blocks = &side->block, .block_count = 1, .dim = q->dim};
    side->is_bits = q->codes != NULL;
    side->skipped = q->skipped;
}

static lk_status embed(const eval_options *o, const lk_gallery *gallery, const lk_list *list,
                       lk_queries *queries)
{
    const cli_embed_options how = {.command = o->command,
                                   .model = o->model,
                                   .feature = &o->feature,
                                   .input = &o->input,
                                   .run = &o->running,
                                   .batch = o->reading.batch,
                                   .strict = o->reading.strict,
                                   .raw = takes_raw(o, gallery)};
    return cli_embed_queries(gallery, list, &how, queries);
}

static lk_status check_labels(const char *source, const lk_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        if (!list->items[i].has_label)
            return lk_fail(LK_ERROR_FORMAT,
                           "%s: item %zu, %s, has no label, so nobody knows what is relevant to it", source,
                           i + 1, list->items[i].path);
    return LK_OK;
}

/* Labels, paths and the hashes of the pictures' bytes; a picture that cannot be hashed was embedded a moment
 * ago, and is only not looked for. */
static lk_status describe_pictures(eval_side *side)
{
    const lk_list *list = &side->embedded.list;
    lk_status status = eval_side_reserve(side, list->count);
    side->hashes = lk_allocate_array(list->count + 1, sizeof *side->hashes);
    side->texts = lk_allocate_array(list->count + 1, sizeof *side->texts);
    if (!status && (!side->hashes || !side->texts)) status = no_memory(side);
    for (size_t i = 0; !status && i < list->count; i++) {
        char digest[65];
        uint64_t bytes;
        side->labels[i] = list->items[i].label;
        side->names[i] = list->items[i].path;
        if (lk_picture_digest(list->items[i].path, digest, &bytes)) continue;
        side->hashes[i] = side->texts[i] = lk_copy_text(digest);
        if (!side->texts[i]) status = no_memory(side);
    }
    return status;
}

static lk_status embed_pictures(const eval_options *o, const eval_side *gallery, eval_side *side)
{
    lk_list list = {0};
    const cli_texts sources = {.items = &side->source, .count = 1};
    lk_status status = cli_read_sources(&sources, &o->reading.maps, &list);
    if (!status) status = check_labels(side->source, &list);
    if (!status) status = embed(o, gallery->opened, &list, &side->embedded);
    lk_list_close(&list);
    if (status) return status;
    take_embedded(side);
    return describe_pictures(side);
}

static lk_status check_recipes(const eval_side *gallery, const eval_side *queries)
{
    lk_recipe recipe;
    const char *text = lk_gallery_recipe(queries->opened);
    if (!text) return LK_OK; /* features made elsewhere: only their lengths can be compared */
    const lk_status status = lk_recipe_parse(text, strlen(text), queries->source, &recipe);
    return status ? status : lk_gallery_check_recipe(gallery->opened, &recipe, queries->source);
}

lk_status eval_side_queries(const eval_options *o, const eval_side *gallery, eval_side *side)
{
    const bool shaped = o->feature.given || cli_input_given(&o->input);
    lk_status status;
    side->source = o->queries;
    if (shaped && (cli_is_gallery(o->queries) || cli_is_features(o->queries)))
        return lk_fail(LK_ERROR_ARGUMENT, "%s: features are as they are: no option can shape them",
                       o->queries);
    if (cli_is_gallery(o->queries)) {
        status = eval_side_gallery(o, o->queries, side);
        return status ? status : check_recipes(gallery, side);
    }
    if (!cli_is_features(o->queries)) return embed_pictures(o, gallery, side);
    if (!o->labels)
        return lk_fail(LK_ERROR_ARGUMENT, "%s: which labels have its rows? --labels LIST", o->queries);
    status = lk_queries_read(gallery->opened, o->queries, takes_raw(o, gallery->opened), &side->embedded);
    if (status) return status;
    take_embedded(side);
    return eval_side_label(o, o->labels, side->block.count, side);
}
