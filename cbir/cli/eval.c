/* likeness eval: how good a retrieval is, in every metric that has a name. */
#include "cbir/cli/eval.h"
#include "cbir/cli/embed.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"

enum {
    JSON = 0x100,
    GALLERY_FEATURES,
    GALLERY_LABELS,
    LABELS,
    INFO,
    RUN,
    QRELS,
    METRIC,
    BITS,
    RADIUS,
    TIES,
    EMPTY,
    LEAVE,
    BOOTSTRAP,
    SEED,
    PER_CLASS,
    CONFUSION,
    CURVE,
    PROTOCOL,
    WRITE_RUN,
    WRITE_QRELS,
    DEPTH,
    TIMING,
    GROWTH,
    MODEL
};

static const struct argp_option argp_options[] = {
    {NULL, 0, NULL, 0, "What is judged:", 4},
    {"labels", LABELS, "LIST", 0, "The list that labels the rows of Q.npy", 0},
    {"gallery-features", GALLERY_FEATURES, "G.npy", 0, "Features made elsewhere instead of a gallery", 0},
    {"gallery-labels", GALLERY_LABELS, "LIST", 0, "The list that labels the rows of G.npy", 0},
    {"info", INFO, "FILE", 0, "A dataset_info.json: names of the classes; every label must be in it", 0},
    {"run", RUN, "RUN", 0, "Judge a TREC run file, with --qrels, instead", 0},
    {"qrels", QRELS, "QRELS", 0, "The TREC judgements of --run", 0},
    {"model", MODEL, "MODEL", 0,
     "The model file for query pictures, where it is not where the gallery says; it must be the same", 0},
    {NULL, 0, NULL, 0, "How:", 5},
    {"metric", METRIC, "NAME", 0, "cosine (the default), inner, l2, or hamming (the default for bits)", 0},
    {"bits", BITS, "N", 0, "With packed bits: only the first N of a row count (all)", 0},
    {"k", 'k', "K,K...", 0, "The k of all metrics @k (1,5,10)", 0},
    {"radius", RADIUS, "R,R...", 0, "The r of P@H≤r and R@H≤r, with --metric hamming (2)", 0},
    {"ties", TIES, "RULE", 0,
     "Items of equal score: index (the lower first, the default), best, worst, expected (the mean over all "
     "orders), trec "
     "(name, descending)",
     0},
    {"empty", EMPTY, "RULE", 0, "A query that finds nothing in mAP@k/found: skip (the default) or zero", 0},
    {"leave-one-out", LEAVE, NULL, 0, "Take a query that is in the gallery out of its own ranking", 0},
    {"protocol", PROTOCOL, "NAME", 0, "study: print the reference study's line as it would, and nothing else",
     0},
    {NULL, 0, NULL, 0, "What is shown:", 6},
    {"bootstrap", BOOTSTRAP, "N", 0, "Draws for the 95 % intervals (1000); 0: none", 0},
    {"seed", SEED, "S", 0, "Of the draws (1)", 0},
    {"per-class", PER_CLASS, NULL, 0, "A row for each class of queries", 0},
    {"confusion", CONFUSION, NULL, 0, "Whose items the first hits of each class are, up to the largest k", 0},
    {"curve", CURVE, "KIND", 0, "A precision-recall curve: rank, radius, 11pt, or threshold", 0},
    {"timing", TIMING, NULL, 0, "Time of a query: decode, preprocess, forward, search", 0},
    {"growth", GROWTH, NULL, 0, "Time of a search over a growing gallery, and the exponent that fits it", 0},
    {"json", JSON, NULL, 0, "Print one JSON document", 0},
    {NULL, 0, NULL, 0, "Output:", 7},
    {"write-run", WRITE_RUN, "FILE", 0, "Write the rankings as a TREC run", 0},
    {"write-qrels", WRITE_QRELS, "FILE", 0, "Write who is relevant as TREC qrels", 0},
    {"depth", DEPTH, "N", 0, "Ranks a query in --write-run (1000); 0: all", 0},
    {0}};

/* A word's place in a list; else a usage error that names the option and the words. */
static size_t choose(struct argp_state *state, const char *option, const char *text, const char *const *words)
{
    char all[128] = "";
    size_t i = 0;
    for (; words[i]; i++) {
        if (!strcmp(text, words[i])) return i;
        const size_t used = strlen(all);
        snprintf(all + used, sizeof all - used, "%s%s", i ? ", " : "", words[i]);
    }
    argp_error(state, "%s: '%s' is none of %s", option, text, all);
    return 0;
}

static void read_numbers(struct argp_state *state, const char *option, const char *text, size_t least,
                         eval_numbers *numbers)
{
    const char *at = text;
    numbers->count = 0;
    while (numbers->count < EVAL_MAX_NUMBERS) {
        char *end;
        const size_t value = strtoul(at, &end, 10);
        if (*at < '0' || *at > '9' || end - at > 9 || value < least || (*end && *end != ',')) break;
        numbers->items[numbers->count++] = value;
        if (!*end) return;
        at = end + 1;
    }
    argp_error(state, "%s: '%s' is not a list of at most %d whole numbers from %zu on", option, text,
               EVAL_MAX_NUMBERS, least);
}

/* The forms are: a gallery and queries; features and lists; a run and qrels. */
static void check(struct argp_state *state, const eval_options *o)
{
    if (o->run || o->qrels) {
        if (!o->run || !o->qrels) argp_error(state, "--run and --qrels go together");
        if (o->gallery || o->gallery_features || o->labels)
            argp_error(state, "--run is judged alone, without a gallery");
        if (o->study || o->timing || o->growth || o->per_class || o->confusion || o->leave_one_out ||
            o->has_metric)
            argp_error(state,
                       "a run has neither features nor classes: only metrics and curves can be had from it");
        return;
    }
    if (!o->gallery) argp_error(state, "which gallery?");
    if (!o->queries) argp_error(state, "which queries?");
    if (o->gallery_features && (o->feature.given || cli_input_given(&o->input)))
        argp_error(state, "--gallery-features are as they are: no option can shape them");
    if (!o->gallery_features != !o->gallery_labels)
        argp_error(state, "--gallery-features and --gallery-labels go together");
    if (o->study && (o->has_ties || o->leave_one_out || (o->has_metric && o->metric != LK_METRIC_COSINE)))
        argp_error(state, "--protocol study has its own metric, ties and ranking");
    if (o->study && (o->json || o->per_class || o->confusion || o->has_curve || o->timing || o->growth))
        argp_error(state, "--protocol study prints its one line alone");
}

static void finish(struct argp_state *state, eval_options *o)
{
    if (o->gallery_features && o->gallery && !o->queries) { /* the one argument is the queries */
        o->queries = o->gallery;
        o->gallery = o->gallery_features;
    } else if (o->gallery_features && o->gallery) {
        argp_error(state, "--gallery-features stands for the gallery; what is '%s'?", o->gallery);
    }
    if (o->study) o->ties = LK_TIES_STUDY;
    check(state, o);
    if (o->has_curve && o->curve == LK_CURVE_11PT && o->ties == LK_TIES_EXPECTED)
        argp_error(state, "--curve 11pt has no expected value over ties");
}

static error_t parse_shown(int key, char *argument, struct argp_state *state)
{
    static const char *const curves[] = {"rank", "radius", "11pt", "threshold", NULL};
    eval_options *o = state->input;
    switch (key) {
    case BOOTSTRAP:
        o->bootstrap.draws = cli_number(state, "--bootstrap", argument, 0, 1000000);
        return 0;
    case SEED:
        o->bootstrap.seed = cli_number(state, "--seed", argument, 0, SIZE_MAX);
        return 0;
    case PER_CLASS:
        o->per_class = true;
        return 0;
    case CONFUSION:
        o->confusion = true;
        return 0;
    case CURVE:
        o->curve = (lk_curve_kind)choose(state, "--curve", argument, curves);
        o->has_curve = true;
        return 0;
    case TIMING:
        o->timing = true;
        return 0;
    case GROWTH:
        o->growth = true;
        return 0;
    case JSON:
        o->json = true;
        return 0;
    case WRITE_RUN:
        o->write_run = argument;
        return 0;
    case WRITE_QRELS:
        o->write_qrels = argument;
        return 0;
    case DEPTH:
        o->depth = cli_number(state, "--depth", argument, 0, SIZE_MAX);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse_how(int key, char *argument, struct argp_state *state)
{
    static const char *const metrics[] = {"cosine", "inner", "l2", "hamming", NULL};
    static const char *const rules[] = {"index", "best", "worst", "expected", "trec", NULL};
    static const char *const empties[] = {"skip", "zero", NULL}, *const protocols[] = {"study", NULL};
    eval_options *o = state->input;
    switch (key) {
    case METRIC:
        o->metric = (lk_metric)choose(state, "--metric", argument, metrics);
        o->has_metric = true;
        return 0;
    case BITS:
        o->bits = cli_number(state, "--bits", argument, 1, LK_SEARCH_MAX_DIM);
        return 0;
    case 'k':
        read_numbers(state, "--k", argument, 1, &o->ks);
        return 0;
    case RADIUS:
        read_numbers(state, "--radius", argument, 0, &o->radii);
        return 0;
    case TIES:
        o->ties = (lk_ties)choose(state, "--ties", argument, rules);
        o->has_ties = true;
        return 0;
    case EMPTY:
        o->empty_is_zero = choose(state, "--empty", argument, empties) == 1;
        return 0;
    case LEAVE:
        o->leave_one_out = true;
        return 0;
    case PROTOCOL:
        choose(state, "--protocol", argument, protocols);
        o->study = true;
        return 0;
    default:
        return parse_shown(key, argument, state);
    }
}

static void take_argument(struct argp_state *state, eval_options *o, const char *argument)
{
    if (!o->gallery) o->gallery = argument;
    else if (!o->queries) o->queries = argument;
    else argp_error(state, "one gallery and one set of queries; what is '%s'?", argument);
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    eval_options *o = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &o->feature;
        state->child_inputs[1] = &o->input;
        state->child_inputs[2] = &o->running;
        state->child_inputs[3] = &o->reading;
        return 0;
    case MODEL:
        o->model = argument;
        return 0;
    case LABELS:
        o->labels = argument;
        return 0;
    case GALLERY_FEATURES:
        o->gallery_features = argument;
        return 0;
    case GALLERY_LABELS:
        o->gallery_labels = argument;
        return 0;
    case INFO:
        o->info = argument;
        return 0;
    case RUN:
        o->run = argument;
        return 0;
    case QRELS:
        o->qrels = argument;
        return 0;
    case ARGP_KEY_ARG:
        take_argument(state, o, argument);
        return 0;
    case ARGP_KEY_END:
        finish(state, o);
        return 0;
    default:
        return parse_how(key, argument, state);
    }
}

static lk_status open_sides(const eval_options *o, eval_side *gallery, eval_side *queries)
{
    if (o->gallery_features) {
        const lk_status status = eval_side_features(o, o->gallery_features, o->gallery_labels, gallery);
        return status ? status : eval_side_features(o, o->queries, o->labels, queries);
    }
    const lk_status status = eval_side_gallery(o, o->gallery, gallery);
    return status ? status : eval_side_queries(o, gallery, queries);
}

static lk_status evaluate_sides(const eval_options *o, eval_results *results)
{
    eval_side gallery = {0}, queries = {0};
    lk_status status = o->info ? lk_info_file_open(o->info, &results->labels.info) : LK_OK;
    if (!status) status = open_sides(o, &gallery, &queries);
    results->labels.gallery = gallery.opened;
    if (!status && o->info) status = eval_labels_check(&results->labels, o->info, &gallery);
    if (!status && o->info) status = eval_labels_check(&results->labels, o->info, &queries);
    if (!status) status = eval_sides_check(o, &gallery, &queries, &results->metric);
    if (!status) status = eval_judge(o, &gallery, &queries, results);
    if (!status && o->timing) status = eval_measure_pictures(o, &gallery, &queries, results);
    if (!status && (o->timing || o->growth)) status = eval_measure_search(o, &gallery, &queries, results);
    if (!status && !o->study && !o->json) eval_print(o, results);
    if (!status && o->json) status = eval_print_json(o, results); /* names of labels may be the gallery's */
    eval_side_close(&gallery);
    eval_side_close(&queries);
    return status;
}

static int run(const eval_options *o)
{
    eval_results results = {0};
    lk_status status;
    if (o->run) {
        status = eval_trec(o, &results);
        if (!status && o->json) status = eval_print_json(o, &results);
        else if (!status) eval_print(o, &results);
    } else {
        status = evaluate_sides(o, &results);
        if (!status && o->study) eval_print_study(o, &results);
    }
    const int code = cli_report(o->command, status);
    const bool skipped = results.skipped > 0;
    eval_results_close(&results);
    return code || !skipped ? code : CLI_SKIPPED;
}

int cli_eval(int argc, char **argv)
{
    static const struct argp_child children[] = {{&cli_feature_argp, 0, NULL, 0},
                                                 {&cli_input_argp, 0, NULL, 0},
                                                 {&cli_run_argp, 0, NULL, 0},
                                                 {&cli_reading_argp, 0, NULL, 0},
                                                 {0}};
    static const struct argp argp = {
        .options = argp_options,
        .parser = parse,
        .args_doc = "GALLERY QUERIES\n--gallery-features G.npy --gallery-labels LIST Q.npy --labels LIST\n"
                    "--run RUN --qrels QRELS",
        .doc =
            "Ranks the gallery for each query and measures the rankings: an item is relevant when it has the "
            "query's label. QUERIES is a gallery, pictures in a list (embedded by the gallery's recipe), or "
            "Q.npy with --labels. Every metric stands under its own name with its definition; "
            "docs/metrics.md "
            "says more.\v"
            "Examples:\n"
            "  likeness eval zoo.gallery test.txt\n"
            "  likeness eval --gallery-features g.npy --gallery-labels trainval.txt \\\n"
            "      q.npy --labels test.txt --per-class\n"
            "  likeness eval --run theirs.run --qrels truth.qrels --ties trec --json",
        .children = children};
    eval_options o = {.command = argv[0],
                      .ks = {{1, 5, 10}, 3},
                      .radii = {{2}, 1},
                      .bootstrap = {1000, 1, 0.95},
                      .depth = 1000,
                      .running = {.threads = 1}};
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    const int code = run(&o);
    cli_texts_close(&o.reading.maps);
    return code;
}
