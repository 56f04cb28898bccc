/* likeness search, in files: its options and queries, and what is said of the hits. */
#ifndef LK_CBIR_CLI_SEARCH_H
#define LK_CBIR_CLI_SEARCH_H

#include "cbir/cli/cli.h"
#include "cbir/exclude.h"
#include "cbir/gallery.h"
#include "cbir/queries.h"

typedef struct {
    const char *command, *gallery;
    const char *model, *random, *copy_to, *strip, *html;
    cli_texts sources, filters;
    size_t k;
    uint64_t seed;
    bool has_seed, has_metric, exclude_self, json, paths_only, ended_by_nul, join;
    lk_metric metric;
    float threshold;
    bool has_threshold;
    float weights[LK_MAX_PARTS]; /* --join */
    size_t weight_count;
    cli_feature_options feature;
    cli_input_options input;
    cli_run_options run;
    cli_reading_options reading;
} search_options;

/* A search from its queries to its hits. Zeroed but for o and gallery, filled by the calls below, closed. */
typedef struct {
    const search_options *o;
    lk_gallery *gallery;
    lk_queries queries;
    lk_rows_set rows; /* of the gallery, but for those that the filter leaves out */
    uint8_t *bitmap;
    lk_pool *pool;
    lk_index *index;
    lk_metric metric;
    bool raw; /* the floats beside the gallery's bits are searched */
    lk_twins twins;
    size_t k; /* asked of the index: more than the user's where the query itself is left out */
    lk_hit *hits;
    size_t *found;
} search;

/* Takes the metric that is asked for, and the rows that it compares. Then embeds or reads the queries, and joins them if asked to. */
lk_status search_open_queries(search *s);

/* The hits of all queries. */
lk_status search_find(search *s);
void search_close(search *s); /* the gallery too */

/* All hits: hits [queries->count][k], found [queries->count]. */
typedef struct {
    const search_options *o;
    const lk_gallery *gallery;
    const lk_queries *queries;
    const lk_hit *hits;
    const size_t *found;
    size_t k; /* room for hits a query */
    lk_metric metric;
} search_results;

/* Prints them in the form that the options ask for. LK_ERROR_FORMAT (a damaged row), LK_ERROR_MEMORY. */
lk_status search_print(const search_results *results);

/* Copies the hits' pictures to the folder as qQQQQ_rRRR_NAME; makes it when it is missing. LK_ERROR_IO. */
lk_status search_copy(const search_results *results, const char *folder);

/* Draws the one query and its hits into a picture; shows all queries in an HTML file. lk_strip_write's errors,
 * lk_report_open's. */
lk_status search_strip(const search_results *results, const char *path);
lk_status search_html(const search_results *results, const char *path);

/* What a query is called: its picture's path, or "row N". */
void search_query_name(const search_results *results, size_t query, char *name, size_t size);

/* A label's name for people: Chinese or whatever the gallery has, else English, else its number, else nothing. */
void search_label(const lk_gallery *gallery, const lk_gallery_row *row, char *text, size_t size);

#endif
