/* What an evaluation says to people: tables with each metric's definition beside it. */
#include <math.h>
#include <string.h>

#include "cbir/cli/eval.h"

const char *eval_metric_name(lk_metric metric)
{
    static const char *const names[] = {"cosine", "inner", "l2", "hamming"};
    return names[metric];
}

const char *eval_ties_name(lk_ties ties)
{
    static const char *const names[] = {"index", "best", "worst", "expected", "trec", "study"};
    return names[ties];
}

const char *eval_curve_name(lk_curve_kind kind)
{
    static const char *const names[] = {"rank", "radius", "11pt", "threshold"};
    return names[kind];
}

const char *eval_stage_name(size_t stage)
{
    static const char *const names[] = {"decode", "preprocess", "forward", "search"};
    return names[stage];
}

static void print_number(double value)
{
    if (isnan(value)) fputs("       –", stdout);
    else printf("%8.6f", value);
}

static void print_head(const eval_options *o, const eval_results *r)
{
    const size_t without = lk_evaluation_without_relevant(r->evaluation);
    if (r->from_run)
        printf("%zu queries in both %s and %s; ties: %s\n", r->queries, o->run, o->qrels,
               eval_ties_name(o->ties));
    else
        printf("%zu queries, %zu gallery items, %zu %s, %s; ties: %s\n", r->queries, r->items, r->dim,
               r->metric == LK_METRIC_HAMMING ? "bits" : "values", eval_metric_name(r->metric),
               eval_ties_name(o->ties));
    if (r->skipped) printf("- not read and left out: %zu more\n", r->skipped);
    if (without)
        printf("- without any relevant item in the %s: %zu; they are in no mean\n",
               r->from_run ? "qrels" : "gallery", without);
    if (r->run_only) printf("- in the run alone, without a judgement: %zu more; left out\n", r->run_only);
    if (r->qrels_only) printf("- in the qrels alone, without a ranking: %zu more; left out\n", r->qrels_only);
    if (r->own)
        printf("- in the gallery themselves: %zu; %s\n", r->own,
               o->leave_one_out ? "taken out of their own rankings"
                                : "leakage, which raises every number; --leave-one-out takes them out");
    if (r->doubles)
        printf("- with a double in the gallery, the same picture or features: %zu; leakage\n", r->doubles);
    for (size_t i = 0; !r->from_run && i < o->ks.count; i++)
        if (o->ks.items[i] > r->items)
            printf("- k = %zu is more than the gallery has items: P@k still divides by k\n", o->ks.items[i]);
}

static void print_metrics(const eval_options *o, const eval_results *r)
{
    const size_t columns = lk_evaluation_columns(r->evaluation);
    putchar('\n');
    cli_print_padded("metric", 18);
    fputs("mean    ", stdout);
    if (r->intervals) fputs("   95 % interval    ", stdout);
    puts("  of each query");
    for (size_t c = 0; c < columns; c++) {
        const lk_column *column = lk_evaluation_column(r->evaluation, c);
        cli_print_padded(column->name, 18);
        print_number(r->means[c]);
        if (r->intervals && isnan(r->intervals[c].low)) printf("  %18s", "");
        else if (r->intervals) printf("  %8.6f – %8.6f", r->intervals[c].low, r->intervals[c].high);
        printf("  %s\n", lk_measures[column->measure].definition);
    }
    if (r->intervals)
        printf("The intervals: %zu bootstrap draws over queries, seed %llu.\n", o->bootstrap.draws,
               (unsigned long long)o->bootstrap.seed);
}

/* The columns that a class's row has room for. */
static size_t class_columns(const eval_options *o, const eval_results *r, size_t columns[4])
{
    char names[4][32];
    size_t count = 0, k = o->ks.count ? o->ks.items[o->ks.count - 1] : 1;
    snprintf(names[0], sizeof names[0], "P@%zu", o->ks.count ? o->ks.items[0] : 1);
    snprintf(names[1], sizeof names[1], "P@%zu", k);
    snprintf(names[2], sizeof names[2], "recall@%zu", k);
    snprintf(names[3], sizeof names[3], "mAP");
    for (size_t i = 0; i < 4; i++) count += lk_evaluation_find(r->evaluation, names[i], &columns[count]);
    return count;
}

static void print_class_name(const eval_results *r, size_t index)
{
    char text[96];
    const char *name = eval_label_name(&r->labels, r->classes.labels[index]);
    snprintf(text, sizeof text, "%ld%s%s", r->classes.labels[index], name ? " " : "", name ? name : "");
    cli_print_padded(text, 18);
}

static void print_classes(const eval_options *o, const eval_results *r)
{
    size_t columns[4];
    const size_t count = class_columns(o, r, columns), all = lk_evaluation_columns(r->evaluation);
    putchar('\n');
    cli_print_padded("class", 18);
    fputs("queries  items", stdout);
    for (size_t i = 0; i < count; i++)
        printf("  %10s", lk_evaluation_column(r->evaluation, columns[i])->name);
    putchar('\n');
    for (size_t c = 0; c < r->classes.count; c++) {
        if (!r->classes.queries[c]) continue;
        print_class_name(r, c);
        printf("%7zu %6zu", r->classes.queries[c], r->classes.items[c]);
        for (size_t i = 0; i < count; i++) {
            fputs("    ", stdout);
            print_number(r->class_means[c * all + columns[i]]);
        }
        putchar('\n');
    }
}

static void print_confusion(const eval_results *r)
{
    printf("\nOf the first %zu hits of each class (row), the share that belongs to each class (column), in "
           "%%:\n",
           r->confusion_k);
    cli_print_padded("", 18);
    for (size_t c = 0; c < r->classes.count; c++) printf(" %5ld", r->classes.labels[c]);
    putchar('\n');
    for (size_t row = 0; row < r->classes.count; row++) {
        if (!r->classes.queries[row]) continue;
        print_class_name(r, row);
        for (size_t c = 0; c < r->classes.count; c++)
            printf(" %5.1f", 100 * r->confusion[row * r->classes.count + c]);
        putchar('\n');
    }
}

static void print_curve(const eval_options *o, const eval_results *r)
{
    static const char *const said[] = {
        "by rank: means over queries of recall@k and P@k",
        "by Hamming radius: means over queries of R@H≤r and P@H≤r",
        "11-point interpolated: mean over queries of the largest P where recall is at least so much",
        "pooled: recall and precision of all pairs that score at least so much"};
    static const char *const at[] = {"k", "radius", "level", "score"};
    printf("\nPrecision-recall curve %s\n%12s      recall   precision\n", said[o->curve], at[o->curve]);
    for (size_t i = 0; i < r->point_count; i++)
        printf("%12.9g    %8.6f    %8.6f\n", r->points[i].at, r->points[i].recall, r->points[i].precision);
}

static void print_times(const eval_options *o, const eval_results *r)
{
    printf("\n%-18s    mean  median     p95   ms a query, one at a time\n", "time");
    for (size_t s = 0; s < EVAL_STAGES; s++)
        if (r->has_stage[s])
            printf("%-18s%8.3f%8.3f%8.3f\n", eval_stage_name(s), r->times[s].mean, r->times[s].median,
                   r->times[s].p95);
    if (!o->growth) return;
    printf("\n%-18s%8s\n", "T(n): gallery rows", "ms");
    for (size_t i = 0; i < r->growth.count; i++) printf("%-18zu%8.4f\n", r->growth.rows[i], r->growth.ms[i]);
    printf("T(n) grows as n to the power of %.2f\n", r->growth.exponent);
}

void eval_print(const eval_options *o, const eval_results *results)
{
    print_head(o, results);
    print_metrics(o, results);
    if (o->per_class) print_classes(o, results);
    if (o->confusion) print_confusion(results);
    if (o->has_curve) print_curve(o, results);
    if (o->timing || o->growth) print_times(o, results);
}

/* ---- the study's line, and what is to be known about it */

void eval_print_study(const eval_options *o, const eval_results *results)
{
    static const char *const names[LK_STUDY_CUTS] = {"mAP@1", "mAP@5", "mAP@10"};
    char line[160];
    const lk_study *study = &results->study;
    const double queries = (double)study->queries;
    lk_study_line(study, line);
    puts(line);
    fprintf(stderr,
            "%s: the study's line, as it prints it; its \"mAP@k\" is no mAP but the mean precision of the "
            "first k hits\n"
            "%s: its \"mAP@1\" reads the second hit alone; precision at 1 is %.2f%%\n",
            o->command, o->command, 100 * study->first_sum / queries);
    for (size_t c = 0; c < LK_STUDY_CUTS; c++)
        if (study->tied[c])
            fprintf(
                stderr,
                "%s: %s lies between %.2f%% and %.2f%%: that of %zu queries depends on the order of cosines "
                "within 1e-5 of each other at the cut\n",
                o->command, names[c], 100 * study->bounds[c].low / queries,
                100 * study->bounds[c].high / queries, study->tied[c]);
}
