#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "cbir/cli/cli.h"
#include "cbir/recipe.h"

enum { SIZE = 0x100, SHORTER, CROP, MEAN, STD, FAST_DECODE, MAP, STRICT, BATCH };
enum { BACKEND = 0x110, PRECISION, ISA, DEVICE, TF32 };

static bool parse_number(const char *text, const char **end, size_t *value)
{
    char *stop;
    if (*text < '0' || *text > '9') return false; /* strtoul takes blanks and signs */
    *value = strtoul(text, &stop, 10);
    *end = stop;
    return stop - text <= 18;
}

size_t cli_number(struct argp_state *state, const char *option, const char *text, size_t least, size_t most)
{
    const char *end = text;
    size_t value = 0;
    if (!parse_number(text, &end, &value) || *end || value < least || value > most)
        argp_error(state, "%s: '%s' is not a whole number from %zu to %zu", option, text, least, most);
    return value;
}

lk_batch_norm_mode cli_batch_norm(struct argp_state *state, const char *text)
{
    if (!strcmp(text, "batch")) return LK_BATCH_NORM_BATCH;
    if (strcmp(text, "running") != 0) argp_error(state, "--bn: '%s' is neither running nor batch", text);
    return LK_BATCH_NORM_RUNNING;
}

void cli_texts_add(struct argp_state *state, cli_texts *texts, const char *text)
{
    void *items = texts->items;
    if (!lk_grow(&items, &texts->capacity, texts->count + 1, sizeof *texts->items))
        argp_failure(state, CLI_FAILURE + LK_ERROR_MEMORY, 0, "out of memory");
    texts->items = items;
    texts->items[texts->count++] = text;
}

void cli_texts_close(cli_texts *texts)
{
    lk_free(texts->items);
    *texts = (cli_texts){0};
}

lk_status cli_read_sources(const cli_texts *sources, const cli_texts *maps, lk_list *list)
{
    lk_status status = LK_OK;
    lk_path_map *texts = lk_allocate_array(maps->count, sizeof *texts);
    if (!texts) return lk_fail(LK_ERROR_MEMORY, "out of memory");
    for (size_t i = 0; i < maps->count; i++) texts[i].text = maps->items[i];
    const lk_list_options how = {texts, maps->count};
    for (size_t i = 0; !status && i < sources->count; i++) {
        const char *source = sources->items[i];
        if (strcmp(source, "-") != 0) status = lk_list_add_source(list, source, &how);
        else status = lk_list_add_stream(list, stdin, "standard input", &how);
    }
    if (!status && !list->count) status = lk_fail(LK_ERROR_EMPTY, "standard input: no picture is listed");
    lk_free(texts);
    return status;
}

/* ------------------------------------------------------------------ What pictures go through */

/* "227" or "HEIGHTxWIDTH" */
static void parse_size(struct argp_state *state, const char *text, cli_input_options *options)
{
    const char *end = text;
    bool ok = parse_number(text, &end, &options->height);
    options->width = options->height;
    if (ok && *end == 'x') ok = parse_number(end + 1, &end, &options->width);
    if (!ok || *end || options->height < 32 || options->height > 1024 || options->width < 32 ||
        options->width > 1024)
        argp_error(state, "--size: '%s' is neither N nor HEIGHTxWIDTH, from 32 to 1024", text);
}

/* "0.485,0.456,0.406" */
static void parse_channels(struct argp_state *state, const char *option, const char *text, float values[3])
{
    const char *at = text;
    bool ok = true;
    for (size_t i = 0; ok && i < 3; i++) {
        char *end;
        values[i] = strtof(at, &end);
        ok = end != at && isfinite(values[i]) && *end == (i < 2 ? ',' : 0);
        at = end + 1;
    }
    if (!ok) argp_error(state, "%s: '%s' is not three numbers R,G,B", option, text);
}

static const struct argp_option input_options[] = {
    {NULL, 0, NULL, 0, "Input (the model file says how; these change it):", 10},
    {"size", SIZE, "N", 0, "Resize straight to N x N pixels (or HEIGHTxWIDTH), 32 to 1024", 0},
    {"resize-shorter", SHORTER, "N", 0, "Resize the shorter side to N, then cut from the centre", 0},
    {"crop", CROP, "N", 0, "The side of the square that --resize-shorter cuts", 0},
    {"mean", MEAN, "R,G,B", 0, "Subtract this from pixels of 0 to 1", 0},
    {"std", STD, "R,G,B", 0, "Divide by this after that", 0},
    {"fast-decode", FAST_DECODE, NULL, 0, "Decode large JPEGs at 1/2, 1/4 or 1/8 of their size: other pixels",
     0},
    {0}};

static error_t parse_input(int key, char *argument, struct argp_state *state)
{
    cli_input_options *options = state->input;
    switch (key) {
    case SIZE:
        parse_size(state, argument, options);
        return 0;
    case SHORTER:
        options->shorter = cli_number(state, "--resize-shorter", argument, 32, 65536);
        return 0;
    case CROP:
        options->crop = cli_number(state, "--crop", argument, 32, 1024);
        return 0;
    case MEAN:
        parse_channels(state, "--mean", argument, options->mean);
        options->has_mean = true;
        return 0;
    case STD:
        parse_channels(state, "--std", argument, options->std);
        for (size_t i = 0; i < 3; i++)
            if (!(options->std[i] > 0)) argp_error(state, "--std: '%s' is not above 0", argument);
        options->has_std = true;
        return 0;
    case FAST_DECODE:
        options->fast_decode = true;
        return 0;
    case ARGP_KEY_END:
        if (options->crop && !options->shorter) argp_error(state, "--crop goes with --resize-shorter");
        if (options->height && options->shorter)
            argp_error(state, "--size and --resize-shorter exclude each other");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp cli_input_argp = {.options = input_options, .parser = parse_input};

lk_status cli_preprocessing(const lk_preprocessing *own, const cli_input_options *options,
                            lk_preprocessing *preprocessing)
{
    lk_preprocessing p = *own;
    if (options->height) {
        p.height = options->height;
        p.width = options->width;
        p.resize = LK_RESIZE_EXACT;
        p.shorter = 0;
    }
    if (options->shorter) {
        p.resize = LK_RESIZE_SHORTER;
        p.shorter = options->shorter;
        if (options->crop) p.height = p.width = options->crop;
    }
    if (p.resize == LK_RESIZE_SHORTER && (p.shorter < p.height || p.shorter < p.width))
        return lk_fail(LK_ERROR_ARGUMENT,
                       "--resize-shorter %zu is smaller than the %zux%zu that is cut; give --crop", p.shorter,
                       p.width, p.height);
    if (options->has_mean) memcpy(p.mean, options->mean, sizeof p.mean);
    if (options->has_std) memcpy(p.std, options->std, sizeof p.std);
    if (options->fast_decode) p.fast_decode = true;
    *preprocessing = p;
    return LK_OK;
}

/* ------------------------------------------------------------------ How the network is run */

static const struct argp_option run_options[] = {
    {NULL, 0, NULL, 0, "Running:", 20},
    {"backend", BACKEND, "NAME", 0,
     "auto (the fastest), cuda (a GPU), native, openblas or reference (plain C)", 0},
    {"precision", PRECISION, "NAME", 0,
     "f32, bf16, int8 or, with cuda, f16 (the model file's, or the gallery's)", 0},
    {"isa", ISA, "NAME", 0,
     "Use no instructions above these: portable, avx2, avxvnni, avx512, avx512vnni, avx512vpopcntdq or "
     "avx512bf16; on arm64 neon or neondot",
     0},
    {"device", DEVICE, "N", 0, "Which GPU, with cuda, from 0", 0},
    {"tf32", TF32, NULL, 0, "With cuda in f32: tensor cores, which round factors to 10 fraction bits", 0},
    {"threads", 't', "N", 0, "Threads; 0: one a processor (the default of extract; else 1)", 0},
    {0}};

static lk_backend_kind parse_backend(struct argp_state *state, const char *text)
{
    if (!strcmp(text, "reference")) return LK_BACKEND_REFERENCE;
    if (!strcmp(text, "openblas")) return LK_BACKEND_OPENBLAS;
    if (!strcmp(text, "native")) return LK_BACKEND_NATIVE;
    if (!strcmp(text, "cuda")) return LK_BACKEND_CUDA;
    if (strcmp(text, "auto") != 0)
        argp_error(state, "--backend: '%s' is none of auto, cuda, native, openblas, reference", text);
    return LK_BACKEND_AUTO;
}

/* Each once, in the order in which they are named. */
static void add_backend(cli_run_options *options)
{
    const lk_backend_kind named = options->has_backend ? options->backend : LK_BACKEND_NATIVE;
    for (size_t i = 0; i < options->backend_count; i++)
        if (options->backends[i] == named) return;
    options->backends[options->backend_count++] = named;
}

static error_t parse_run(int key, char *argument, struct argp_state *state)
{
    cli_run_options *options = state->input;
    switch (key) {
    case BACKEND:
        options->backend = parse_backend(state, argument);
        options->has_backend = options->backend != LK_BACKEND_AUTO;
        add_backend(options);
        return 0;
    case PRECISION:
        if (!lk_precision_from_name(argument, &options->precision))
            argp_error(state, "--precision: '%s' is none of f32, bf16, int8, f16", argument);
        return 0;
    case ISA:
        options->isa = argument;
        return 0;
    case DEVICE:
        options->device = cli_number(state, "--device", argument, 0, 1023);
        return 0;
    case TF32:
        options->tf32 = true;
        return 0;
    case 't':
        options->threads = cli_number(state, "--threads", argument, 0, 1024);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp cli_run_argp = {.options = run_options, .parser = parse_run};

/* ------------------------------------------------------------------ How many pictures are read */

static const struct argp_option reading_options[] = {
    {NULL, 0, NULL, 0, "Pictures:", 2},
    {"map", MAP, "OLD=NEW", 0, "Paths that begin with OLD begin with NEW instead; may be repeated", 0},
    {"strict", STRICT, NULL, 0, "Stop at the first picture that cannot be read", 0},
    {NULL, 0, NULL, 0, NULL, 20},
    {"batch", BATCH, "N", 0, "Pictures a run of the network (1)", 20},
    {0}};

static error_t parse_reading(int key, char *argument, struct argp_state *state)
{
    cli_reading_options *options = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        options->batch = 1;
        return 0;
    case MAP:
        if (lk_path_map_check(argument)) argp_error(state, "--map: %s", lk_error_message());
        cli_texts_add(state, &options->maps, argument);
        return 0;
    case STRICT:
        options->strict = true;
        return 0;
    case BATCH:
        options->batch = cli_number(state, "--batch", argument, 1, 1024);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp cli_reading_argp = {.options = reading_options, .parser = parse_reading};
