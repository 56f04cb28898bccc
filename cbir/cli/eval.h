/* likeness eval, in files: its options, the two sides that are compared, the judging, and what is said of it. */
#ifndef LK_CBIR_CLI_EVAL_H
#define LK_CBIR_CLI_EVAL_H

#include "base/file.h"
#include "cbir/classes.h"
#include "cbir/cli/cli.h"
#include "cbir/curve.h"
#include "cbir/gallery.h"
#include "cbir/info_file.h"
#include "cbir/list.h"
#include "cbir/metrics.h"
#include "cbir/queries.h"
#include "cbir/search.h"
#include "cbir/study.h"

enum { EVAL_MAX_NUMBERS = 32 };

typedef struct {
    size_t items[EVAL_MAX_NUMBERS];
    size_t count;
} eval_numbers;

typedef struct {
    const char *command;           /* for messages: "likeness eval" */
    const char *gallery, *queries; /* the gallery's is gallery_features, if they are given */
    const char *gallery_features, *gallery_labels, *labels, *info, *model;
    const char *run, *qrels, *write_run, *write_qrels;
    lk_metric metric;
    bool has_metric;
    eval_numbers ks, radii;
    size_t bits;
    lk_ties ties;
    bool has_ties, empty_is_zero, leave_one_out, per_class, confusion, has_curve, json, study, timing, growth;
    lk_curve_kind curve;
    lk_bootstrap_options bootstrap; /* draws 0: no intervals */
    size_t depth;                   /* of a run that is written */
    cli_feature_options feature;
    cli_input_options input;
    cli_run_options running;
    cli_reading_options reading;
} eval_options;

/* The gallery, or the queries. Rows count by place: 0 to count - 1 in the order of the blocks. */
typedef struct {
    const char *source; /* for messages */
    size_t count;
    lk_rows_set rows;
    bool is_bits;
    long *labels;        /* [count] */
    const char **names;  /* [count]: paths as the list or the gallery has them, or row numbers */
    const char **hashes; /* [count], SHA-256 of the pictures, NULL where unknown; or NULL: all unknown */
    char **paths;        /* [count]: as they can be opened; NULL: as the names */
    uint8_t *gone;       /* [count]: removed rows of a gallery; NULL: none */
    lk_gallery *opened;
    size_t skipped; /* pictures that could not be read: they have no row */

    /* What the above lies in. */
    lk_block block; /* the one block of features that are no gallery's */
    lk_list list;
    lk_queries embedded;
    lk_mapping file;
    void *memory;
    char **texts; /* [count], of names or hashes */
} eval_side;

void eval_side_close(eval_side *side);

/* Room for the labels and names of `count` rows. LK_ERROR_MEMORY. */
lk_status eval_side_reserve(eval_side *side, size_t count);

/* FEATURES.npy and the list that labels its rows. */
lk_status eval_side_features(const eval_options *o, const char *path, const char *labels, eval_side *side);

/* A gallery, as either side. */
lk_status eval_side_gallery(const eval_options *o, const char *path, eval_side *side);

/* Queries for a gallery: another gallery, features with a list, or pictures that are embedded by the gallery's recipe. */
lk_status eval_side_queries(const eval_options *o, const eval_side *gallery, eval_side *side);

/* The labels of a list, which has `count` items. LK_ERROR_MISMATCH, LK_ERROR_FORMAT (an item without a label). */
lk_status eval_side_label(const eval_options *o, const char *labels, size_t count, eval_side *side);

/* The pair: metric and lengths agree, and all labels are in the info file if one is given. */
lk_status eval_sides_check(const eval_options *o, const eval_side *gallery, const eval_side *queries,
                           lk_metric *metric);

/* Says which row, counted from 1 as lines are, made lk_index_open or lk_index_scores fail with `status`; returns it. */
lk_status eval_side_blame(const eval_side *side, lk_metric metric, lk_status status);

/* Names of classes: from --info, or from the gallery. */
typedef struct {
    lk_info_file *info;
    const lk_gallery *gallery;
} eval_labels;

const char *eval_label_name(const eval_labels *labels, long label); /* NULL: it has none */
lk_status eval_labels_check(const eval_labels *labels, const char *file, const eval_side *side);

/* Which gallery rows are the query itself, or its double. */
typedef struct {
    uint32_t *by_name, *by_hash, *by_print; /* [rows] of the gallery, sorted */
    uint64_t *prints;                       /* of the gallery's rows */
    char **paths;                           /* as names, but resolved; NULL where that is not possible */
    const eval_side *gallery;
    size_t row_bytes;
    size_t own, doubles; /* queries that have such a row */
} eval_leaks;

lk_status eval_leaks_open(const eval_side *gallery, bool resolve, eval_leaks *leaks);
void eval_leaks_close(eval_leaks *leaks);

/* Counts the query of place `at` and, for leave-one-out, sets junk where a gallery row is the query itself. `vector` is
 * its row. */
void eval_leaks_look(eval_leaks *leaks, const eval_side *queries, size_t at, const void *vector, uint8_t *junk);

/* Milliseconds of one stage, over queries. */
typedef struct {
    double mean, median, p95;
} eval_times;

enum { EVAL_DECODE, EVAL_PREPROCESS, EVAL_FORWARD, EVAL_SEARCH, EVAL_STAGES };

/* T(n): one query's search over the first n rows, and the exponent of n that fits best. */
enum { EVAL_SIZES = 8 };
typedef struct {
    size_t count, rows[EVAL_SIZES];
    double ms[EVAL_SIZES];
    double exponent;
} eval_growth;

/* All that came of it. Zeroed, filled, shown, closed. */
typedef struct {
    lk_evaluation *evaluation;
    double *means;           /* [columns] */
    lk_interval *intervals;  /* [columns]; NULL: none */
    lk_classes classes;
    uint32_t *rows, *row_class; /* [queries]: rows of the evaluation by class, and each one's class */
    double *class_means;        /* [classes][columns] */
    double *confusion;          /* [classes][classes] */
    size_t confusion_k;
    lk_curve *curve;
    lk_curve_point *points;
    size_t point_count;
    lk_study study;
    lk_output run, qrels;
    size_t queries, items, dim;
    lk_metric metric;
    size_t own, doubles, skipped;
    bool from_run;
    size_t run_only, qrels_only;
    bool has_stage[EVAL_STAGES];
    eval_times times[EVAL_STAGES];
    eval_growth growth;
    eval_labels labels;
} eval_results;

void eval_results_close(eval_results *results);

/* Opens what the options ask for, for rankings of at most `items`. */
lk_status eval_results_open(const eval_options *o, size_t items, eval_results *results);

/* Adds one query's evaluation, curve, run and qrels. `added` says whether it has a row. */
lk_status eval_results_add(const eval_options *o, eval_results *results, const char *query, const lk_judged *judged,
                           bool *added);

/* Means, intervals, points of the curve; the written files appear. */
lk_status eval_results_finish(const eval_options *o, eval_results *results);

lk_status eval_judge(const eval_options *o, const eval_side *gallery, const eval_side *queries,
                     eval_results *results);
lk_status eval_trec(const eval_options *o, eval_results *results);
/* Decoding, preprocessing and the forward pass of the query pictures, one at a time, by the gallery's recipe. */
lk_status eval_measure_pictures(const eval_options *o, const eval_side *gallery, const eval_side *queries,
                                eval_results *results);
lk_status eval_measure_search(const eval_options *o, const eval_side *gallery, const eval_side *queries,
                              eval_results *results);

double eval_now_ms(void);

/* Sorts `ms`; its mean, median and 95th percentile. */
eval_times eval_times_of(double *ms, size_t count);

const char *eval_metric_name(lk_metric metric);
const char *eval_ties_name(lk_ties ties);
const char *eval_curve_name(lk_curve_kind kind);
const char *eval_stage_name(size_t stage);

void eval_print(const eval_options *o, const eval_results *results);
lk_status eval_print_json(const eval_options *o, const eval_results *results);
void eval_print_study(const eval_options *o, const eval_results *results);

#endif
