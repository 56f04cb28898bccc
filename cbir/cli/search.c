/* likeness search: the gallery's pictures that are most like a query. */
#include "cbir/cli/search.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cbir/strip.h"

enum {
    JSON = 0x100,
    MODEL,
    METRIC,
    THRESHOLD,
    FILTER,
    EXCLUDE_SELF,
    JOIN,
    RANDOM,
    SEED,
    COPY_TO,
    PATHS_ONLY,
    STRIP,
    HTML
};

static const struct argp_option argp_options[] = {
    {NULL, 0, NULL, 0, "Search:", 4},
    {"top", 'k', "N", 0, "Hits a query (10)", 0},
    {"metric", METRIC, "NAME", 0,
     "cosine (the default), inner, l2; hamming for bits (their default; another compares the values beside "
     "them)",
     0},
    {"threshold", THRESHOLD, "X", 0, "Only hits at least as near as this", 0},
    {"filter", FILTER, "label=L", 0, "Only rows of this label, a number or a name; may be repeated", 0},
    {"exclude-self", EXCLUDE_SELF, NULL, 0, "Leave out rows whose picture is the query's, byte for byte", 0},
    {"join", JOIN, "W,W...", OPTION_ARG_OPTIONAL,
     "Make one query of all pictures: the sum of their vectors, each over its length, times its weight (1); "
     "all must be readable",
     0},
    {NULL, 0, NULL, 0, "Queries:", 5},
    {"random", RANDOM, "LIST", 0, "One picture of the list, by chance, as the study picks it", 0},
    {"seed", SEED, "N", 0, "With --random: the same picture each time", 0},
    {"model", MODEL, "MODEL", 0,
     "The model file, where it is not where the gallery says; it must be the same", 0},
    {NULL, 0, NULL, 0, "Output:", 6},
    {"json", JSON, NULL, 0, "A JSON document a query, each on one line", 0},
    {"paths-only", PATHS_ONLY, NULL, 0, "Only the hits' paths, a line each", 0},
    {"null", '0', NULL, 0, "With --paths-only: a NUL byte behind each instead of a line end", 0},
    {"strip", STRIP, "OUT.jpg", 0, "Draw the query and its hits, right and wrong marked: .jpg or .png", 0},
    {"html", HTML, "OUT.html", 0, "All queries and hits in one file for a browser, pictures included", 0},
    {"copy-to", COPY_TO, "FOLDER", 0, "Copy the hits' pictures there, named by query and rank", 0},
    {0}};

static void read_metric(struct argp_state *state, search_options *o, const char *text)
{
    static const char *const names[] = {"cosine", "inner", "l2", "hamming"};
    for (int i = 0; i < 4; i++)
        if (!strcmp(text, names[i])) {
            o->metric = (lk_metric)i;
            o->has_metric = true;
            return;
        }
    argp_error(state, "--metric: '%s' is none of cosine, inner, l2, hamming", text);
}

static void read_threshold(struct argp_state *state, search_options *o, const char *text)
{
    char *end;
    o->threshold = strtof(text, &end);
    o->has_threshold = true;
    if (end == text || *end || !isfinite(o->threshold))
        argp_error(state, "--threshold: '%s' is no number", text);
}

static void read_join(struct argp_state *state, search_options *o, const char *text)
{
    o->join = true;
    for (const char *at = text; at && o->weight_count < LK_MAX_PARTS;) {
        char *end;
        const float weight = strtof(at, &end);
        if (end == at || !isfinite(weight) || (*end && *end != ',')) break;
        o->weights[o->weight_count++] = weight;
        if (!*end) return;
        at = end + 1;
    }
    if (text) argp_error(state, "--join: '%s' is not a list of at most %d numbers", text, LK_MAX_PARTS);
}

static void check(struct argp_state *state, const search_options *o)
{
    if (!o->gallery) argp_error(state, "which gallery?");
    if (!o->random == !o->sources.count)
        argp_error(
            state,
            o->random
                ? "--random picks the query; what are the others?"
                : "which query? pictures, FEATURES.npy, - for paths from standard input, or --random LIST");
    if (o->has_seed && !o->random) argp_error(state, "--seed goes with --random");
    if (o->ended_by_nul && !o->paths_only) argp_error(state, "-0 goes with --paths-only");
    if (o->json && o->paths_only) argp_error(state, "--json or --paths-only?");
}

static error_t parse_query(int key, char *argument, struct argp_state *state)
{
    search_options *o = state->input;
    switch (key) {
    case RANDOM:
        o->random = argument;
        return 0;
    case SEED:
        o->seed = cli_number(state, "--seed", argument, 0, SIZE_MAX);
        o->has_seed = true;
        return 0;
    case MODEL:
        o->model = argument;
        return 0;
    case ARGP_KEY_ARG:
        if (o->gallery) cli_texts_add(state, &o->sources, argument);
        else o->gallery = argument;
        return 0;
    case ARGP_KEY_END:
        check(state, o);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    search_options *o = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &o->feature;
        state->child_inputs[1] = &o->input;
        state->child_inputs[2] = &o->run;
        state->child_inputs[3] = &o->reading;
        return 0;
    case 'k':
        o->k = cli_number(state, "--top", argument, 1, 1000000);
        return 0;
    case METRIC:
        read_metric(state, o, argument);
        return 0;
    case THRESHOLD:
        read_threshold(state, o, argument);
        return 0;
    case FILTER:
        if (strncmp(argument, "label=", 6) != 0) argp_error(state, "--filter: '%s' is not label=L", argument);
        cli_texts_add(state, &o->filters, argument + 6);
        return 0;
    case EXCLUDE_SELF:
        o->exclude_self = true;
        return 0;
    case JOIN:
        read_join(state, o, argument);
        return 0;
    case JSON:
        o->json = true;
        return 0;
    case PATHS_ONLY:
        o->paths_only = true;
        return 0;
    case '0':
        o->ended_by_nul = true;
        return 0;
    case STRIP:
        o->strip = argument;
        return 0;
    case HTML:
        o->html = argument;
        return 0;
    case COPY_TO:
        o->copy_to = argument;
        return 0;
    default:
        return parse_query(key, argument, state);
    }
}

static lk_status show(const search *s)
{
    const search_results results = {.o = s->o,
                                    .gallery = s->gallery,
                                    .queries = &s->queries,
                                    .hits = s->hits,
                                    .found = s->found,
                                    .k = s->k,
                                    .metric = s->metric};
    lk_status status = search_print(&results);
    if (!status && s->o->strip) status = search_strip(&results, s->o->strip);
    if (!status && s->o->html) status = search_html(&results, s->o->html);
    if (!status && s->o->copy_to) status = search_copy(&results, s->o->copy_to);
    return status;
}

static int run(const search_options *o)
{
    search s = {.o = o};
    lk_status status = o->strip ? lk_strip_check(o->strip) : LK_OK;
    if (!status) status = lk_gallery_open(o->gallery, &s.gallery);
    if (!status) status = search_open_queries(&s);
    if (!status) status = search_find(&s);
    if (!status) status = show(&s);
    const size_t skipped = s.queries.skipped;
    search_close(&s);
    const int code = cli_report(o->command, status);
    return code || !skipped ? code : CLI_SKIPPED;
}

int cli_search(int argc, char **argv)
{
    static const struct argp_child children[] = {{&cli_feature_argp, 0, NULL, 0},
                                                 {&cli_input_argp, 0, NULL, 0},
                                                 {&cli_run_argp, 0, NULL, 0},
                                                 {&cli_reading_argp, 0, NULL, 0},
                                                 {0}};
    static const struct argp argp = {
        .options = argp_options,
        .parser = parse,
        .args_doc = "GALLERY QUERY...",
        .doc = "Finds the gallery's pictures that are most like each QUERY: a picture, a list, a folder, - "
               "for paths from standard "
               "input, or a FEATURES.npy. Pictures are embedded by the gallery's own recipe and model; "
               "options that ask for "
               "another are refused. The search is exact; among equals the lower row comes first.\v"
               "Examples:\n"
               "  likeness search zodiac.gallery photo.jpg --top 5\n"
               "  likeness search zodiac.gallery --random test.txt --seed 1 --json\n"
               "  likeness search zodiac.gallery a.jpg b.jpg --join=1,0.5 --filter label=tiger\n"
               "  likeness search zodiac.gallery photo.jpg --paths-only -0 | xargs -0 ls -l",
        .children = children};
    search_options o = {.command = argv[0], .k = 10};
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    const int code = run(&o);
    cli_texts_close(&o.sources);
    cli_texts_close(&o.reading.maps);
    cli_texts_close(&o.filters);
    return code;
}
