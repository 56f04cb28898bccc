#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "cbir/cli/search.h"

void search_query_name(const search_results *results, size_t query, char *name, size_t size)
{
    const lk_list *list = &results->queries->list;
    if (results->o->join && list->count) snprintf(name, size, "%zu pictures joined", list->count);
    else if (results->o->join) snprintf(name, size, "all rows joined");
    else if (query < list->count) snprintf(name, size, "%s", list->items[query].path);
    else snprintf(name, size, "row %zu", query);
}

void search_label(const lk_gallery *gallery, const lk_gallery_row *row, char *text, size_t size)
{
    *text = '\0';
    if (!row->has_label) return;
    const char *name = lk_gallery_label_name(gallery, row->label);
    if (!name) name = lk_gallery_label_english(gallery, row->label);
    if (name) snprintf(text, size, "%s", name);
    else snprintf(text, size, "%ld", row->label);
}

/* "<path>" as it can be opened from here; "row N" for a row without a picture. */
static char *row_path(const search_results *r, const lk_gallery_row *row, size_t index)
{
    char text[32];
    snprintf(text, sizeof text, "row %zu", index);
    return row->path ? lk_gallery_picture_path(r->gallery, row->path) : lk_copy_text(text);
}

static lk_status no_memory(void)
{
    return lk_fail(LK_ERROR_MEMORY, "out of memory for the hits");
}

/* ------------------------------------------------------------------ Lines */

static void print_row(const search_results *r, size_t rank, const lk_hit *hit, const lk_gallery_row *row,
                      const char *path)
{
    char label[128];
    search_label(r->gallery, row, label, sizeof label);
    printf(r->metric == LK_METRIC_HAMMING ? "%5zu  %9.0f  " : "%5zu  %9.6f  ", rank, (double)hit->score);
    cli_print_padded(label, 12);
    printf(" %s\n", path);
}

static json_t *hit_json(const search_results *r, size_t rank, const lk_hit *hit, const lk_gallery_row *row,
                        const char *path)
{
    char label[128];
    search_label(r->gallery, row, label, sizeof label);
    json_t *json =
        json_pack("{s:I, s:I, s:f, s:o}", "rank", (json_int_t)rank, "index", (json_int_t)hit->index, "score",
                  (double)hit->score, "path", row->path ? cli_json_text(path) : json_null());
    if (json && row->has_label) {
        json_object_set_new(json, "label", json_integer(row->label));
        json_object_set_new(json, "name",
                            lk_gallery_label_name(r->gallery, row->label) ||
                                    lk_gallery_label_english(r->gallery, row->label)
                                ? cli_json_text(label)
                                : json_null());
    }
    return json;
}

/* One hit, in its form. `array` is the query's JSON array, NULL for the other forms. */
static lk_status print_hit(const search_results *r, size_t rank, const lk_hit *hit, json_t *array)
{
    lk_gallery_row row;
    lk_status status = lk_gallery_row_at(r->gallery, hit->index, &row);
    if (status) return status;
    char *path = row_path(r, &row, hit->index);
    if (!path) return no_memory();
    if (array) {
        if (json_array_append_new(array, hit_json(r, rank, hit, &row, path))) status = no_memory();
    } else if (r->o->paths_only) {
        fputs(path, stdout);
        putchar(r->o->ended_by_nul ? '\0' : '\n');
    } else {
        print_row(r, rank, hit, &row, path);
    }
    lk_free(path);
    return status;
}

static lk_status print_query(const search_results *r, size_t query)
{
    char name[4096];
    search_query_name(r, query, name, sizeof name);
    json_t *array = r->o->json ? json_array() : NULL;
    if (r->o->json && !array) return no_memory();
    if (!r->o->json && !r->o->paths_only) printf("%s\n", name);
    lk_status status = LK_OK;
    for (size_t i = 0; !status && i < r->found[query]; i++)
        status = print_hit(r, i + 1, &r->hits[query * r->k + i], array);
    if (!r->o->json) return status;
    if (!status)
        return cli_json_print(json_pack("{s:o, s:o}", "query", cli_json_text(name), "hits", array), false);
    json_decref(array);
    return status;
}

lk_status search_print(const search_results *results)
{
    lk_status status = LK_OK;
    for (size_t q = 0; !status && q < results->queries->count; q++) status = print_query(results, q);
    return status;
}

/* ------------------------------------------------------------------ Copies */

static lk_status copy_file(const char *from, const char *to)
{
    lk_mapping bytes;
    lk_output output;
    lk_status status = lk_map_file(from, &bytes);
    if (status) return status;
    status = lk_output_open(to, &output);
    if (!status && fwrite(bytes.bytes, 1, bytes.size, output.stream) != bytes.size) {
        status = lk_fail(LK_ERROR_IO, "%s: cannot write: %s", to, strerror(errno));
        lk_output_discard(&output);
    }
    if (!status) status = lk_output_commit(&output);
    lk_unmap(&bytes);
    return status;
}

static lk_status copy_hit(const search_results *r, const char *folder, size_t query, size_t rank)
{
    lk_gallery_row row;
    const lk_status status = lk_gallery_row_at(r->gallery, r->hits[query * r->k + rank].index, &row);
    if (status || !row.path) return status;
    char *from = lk_gallery_picture_path(r->gallery, row.path), to[4096];
    if (!from) return no_memory();
    const char *slash = strrchr(from, '/');
    const int length =
        snprintf(to, sizeof to, "%s/q%04zu_r%03zu_%s", folder, query + 1, rank + 1, slash ? slash + 1 : from);
    const lk_status copied = (size_t)length < sizeof to
                                 ? copy_file(from, to)
                                 : lk_fail(LK_ERROR_LIMIT, "%s: the copy's name is too long", from);
    lk_free(from);
    return copied;
}

/* mkdir -p. */
static lk_status make_folder(const char *path)
{
    lk_status status = LK_OK;
    char *folder = lk_copy_text(path);
    if (!folder) return no_memory();
    for (char *at = folder; !status && at;) {
        at = strchr(at + 1, '/');
        if (at) *at = '\0';
        if (mkdir(folder, 0777) && errno != EEXIST)
            status = lk_fail(LK_ERROR_IO, "%s: cannot make this folder: %s", folder, strerror(errno));
        if (at) *at = '/';
    }
    lk_free(folder);
    return status;
}

lk_status search_copy(const search_results *results, const char *folder)
{
    lk_status status = LK_OK;
    status = make_folder(folder);
    for (size_t q = 0; !status && q < results->queries->count; q++)
        for (size_t i = 0; !status && i < results->found[q]; i++) status = copy_hit(results, folder, q, i);
    return status;
}
