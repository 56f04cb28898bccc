/* The options that say what is made of a picture; shared by the commands that turn pictures into vectors. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cbir/cli/cli.h"

enum { FEATURE = 0x200, FUSE, WEIGHTS, PART_L2, PROJECT, SOFTMAX, L2, BN, HASH, NO_SIGMOID, SCOPE, KEEP_RAW };

static const struct argp_option feature_options[] = {
    {NULL, 0, NULL, 0, "Feature:", 1},
    {"feature", FEATURE, "NAME[:avg|:max]", 0,
     "logits, pooled (the default), or a layer by its Paddle name: flattened, or the mean or largest of each "
     "channel; may "
     "be repeated",
     0},
    {"fuse", FUSE, "HOW", 0, "series: the features one behind the other in one vector; parallel: added", 0},
    {"weights", WEIGHTS, "A,B...", 0, "With --fuse: multiply the features by these first", 0},
    {"part-l2", PART_L2, NULL, 0, "With --fuse: divide each feature by its length, before its weight", 0},
    {"project", PROJECT, "W.npy", 0,
     "Multiply the vector by this matrix [outputs][inputs]: a 1x1 convolution", 0},
    {"softmax", SOFTMAX, NULL, 0, "Softmax of each vector", 0},
    {"l2", L2, NULL, 0, "Divide each vector by its length, after the softmax", 0},
    {"hash", HASH, "THRESHOLD", 0,
     "Keep bits: 1 where the sigmoid of a value is at least the vector's mean, its median, or this number",
     0},
    {"no-sigmoid", NO_SIGMOID, NULL, 0, "With --hash: the value itself, not its sigmoid", 0},
    {"hash-scope", SCOPE, "SCOPE", 0,
     "With --hash: the threshold over each image's own vector (image, the default), or over all of the "
     "matrix, as the study's "
     "code has it (matrix)",
     0},
    {"keep-raw", KEEP_RAW, NULL, 0, "With --hash: keep the values beside the bits", 0},
    {"bn", BN, "MODE", 0, "Batch norm by running statistics (the default), or by batch: each picture's own",
     0},
    {0}};

/* "features.17:max" */
static void add_feature(struct argp_state *state, cli_feature_options *o, const char *text)
{
    const char *colon = strchr(text, ':');
    const size_t length = colon ? (size_t)(colon - text) : strlen(text);
    if (o->part_count == LK_MAX_PARTS) argp_error(state, "--feature: at most %d", LK_MAX_PARTS);
    lk_part *part = &o->parts[o->part_count++];
    *part = (lk_part){.weight = 1};
    if (!length || length >= sizeof part->feature) argp_error(state, "--feature: '%s' is no name", text);
    memcpy(part->feature, text, length);
    if (!colon) return;
    if (!strcmp(colon, ":avg")) part->pooling = LK_POOLING_AVERAGE;
    else if (!strcmp(colon, ":max")) part->pooling = LK_POOLING_MAX;
    else argp_error(state, "--feature: '%s' is neither :avg nor :max", colon);
}

static void read_weights(struct argp_state *state, cli_feature_options *o, const char *text)
{
    const char *at = text;
    for (o->weight_count = 0; o->weight_count < LK_MAX_PARTS;) {
        char *end;
        const float weight = strtof(at, &end);
        if (end == at || !isfinite(weight) || (*end && *end != ',')) break;
        o->weights[o->weight_count++] = weight;
        if (!*end) return;
        at = end + 1;
    }
    argp_error(state, "--weights: '%s' is not a list of at most %d numbers", text, LK_MAX_PARTS);
}

static void read_hash(struct argp_state *state, cli_feature_options *o, const char *text)
{
    char *end;
    o->hash.kind = LK_HASH_FIXED;
    o->hash.threshold = strtof(text, &end);
    if (!strcmp(text, "mean")) o->hash.kind = LK_HASH_MEAN;
    else if (!strcmp(text, "median")) o->hash.kind = LK_HASH_MEDIAN;
    else if (end == text || *end || !isfinite(o->hash.threshold))
        argp_error(state, "--hash: '%s' is neither mean, median nor a number", text);
    if (o->hash.kind != LK_HASH_FIXED) o->hash.threshold = 0;
}

/* One of two words. */
static bool second_of(struct argp_state *state, const char *option, const char *text, const char *first,
                      const char *second)
{
    if (strcmp(text, first) != 0 && strcmp(text, second) != 0)
        argp_error(state, "%s: '%s' is neither %s nor %s", option, text, first, second);
    return !strcmp(text, second);
}

static void finish(struct argp_state *state, cli_feature_options *o)
{
    if (!o->part_count) add_feature(state, o, "pooled");
    if (!o->fuse && (o->weight_count || o->part_l2))
        argp_error(state, "--weights and --part-l2 go with --fuse");
    if (o->weight_count && o->weight_count != o->part_count)
        argp_error(state, "--weights: %zu for %zu features", o->weight_count, o->part_count);
    if (!o->fuse && o->projection && o->part_count > 1)
        argp_error(state, "--project needs one vector: --fuse the features");
    if (o->hash.kind == LK_HASH_NONE && (o->keep_raw || o->hash.whole_matrix || !o->hash.sigmoid))
        argp_error(state, "--no-sigmoid, --hash-scope and --keep-raw go with --hash");
    for (size_t i = 0; i < o->part_count; i++) o->parts[i].l2 = o->part_l2;
}

static error_t parse_feature(int key, char *argument, struct argp_state *state)
{
    cli_feature_options *o = state->input;
    if (key >= FEATURE && key <= KEEP_RAW) o->given = true;
    switch (key) {
    case ARGP_KEY_INIT:
        o->hash.sigmoid = true;
        return 0;
    case FEATURE:
        add_feature(state, o, argument);
        return 0;
    case FUSE:
        o->fuse = true;
        o->fusion = second_of(state, "--fuse", argument, "series", "parallel") ? LK_FUSION_PARALLEL
                                                                               : LK_FUSION_SERIES;
        return 0;
    case WEIGHTS:
        read_weights(state, o, argument);
        return 0;
    case PART_L2:
        o->part_l2 = true;
        return 0;
    case PROJECT:
        o->projection = argument;
        return 0;
    case SOFTMAX:
        o->softmax = true;
        return 0;
    case L2:
        o->l2 = true;
        return 0;
    case HASH:
        read_hash(state, o, argument);
        return 0;
    case NO_SIGMOID:
        o->hash.sigmoid = false;
        return 0;
    case SCOPE:
        o->hash.whole_matrix = second_of(state, "--hash-scope", argument, "image", "matrix");
        return 0;
    case KEEP_RAW:
        o->keep_raw = true;
        return 0;
    case BN:
        o->batch_norm = cli_batch_norm(state, argument);
        return 0;
    case ARGP_KEY_END:
        finish(state, o);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp cli_feature_argp = {.options = feature_options, .parser = parse_feature};

void cli_recipes(const cli_feature_options *o, const lk_preprocessing *preprocessing, lk_precision precision,
                 lk_recipe *recipes, size_t *count)
{
    *count = o->fuse ? 1 : o->part_count;
    for (size_t r = 0; r < *count; r++) {
        recipes[r] = (lk_recipe){.preprocessing = *preprocessing,
                                 .batch_norm = o->batch_norm,
                                 .precision = precision,
                                 .part_count = o->fuse ? o->part_count : 1,
                                 .fusion = o->fusion,
                                 .softmax = o->softmax,
                                 .l2 = o->l2,
                                 .hash = o->hash};
        memcpy(recipes[r].parts, &o->parts[r], recipes[r].part_count * sizeof *o->parts);
        for (size_t i = 0; o->weight_count && i < o->part_count; i++)
            recipes[r].parts[i].weight = o->weights[i];
    }
}
