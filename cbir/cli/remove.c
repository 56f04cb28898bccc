/* likeness remove and compact: rows out of a gallery. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "cbir/cli/cli.h"
#include "cbir/gallery_remove.h"

enum { JSON = 0x100, LABEL, MISSING };

typedef struct {
    const char *gallery;
    cli_texts paths, labels;
    bool missing, json;
} options;

static const struct argp_option remove_options[] = {
    {"label", LABEL, "L", 0, "Remove the rows of this label, a number or a name; may be repeated", 0},
    {"missing", MISSING, NULL, 0, "Remove the rows whose picture does not exist any more", 0},
    {"json", JSON, NULL, 0, "Print what was done as JSON", 0},
    {0}};

static error_t parse_remove(int key, char *argument, struct argp_state *state)
{
    options *o = state->input;
    switch (key) {
    case LABEL:
        cli_texts_add(state, &o->labels, argument);
        return 0;
    case MISSING:
        o->missing = true;
        return 0;
    case JSON:
        o->json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (o->gallery) cli_texts_add(state, &o->paths, argument);
        else o->gallery = argument;
        return 0;
    case ARGP_KEY_END:
        if (!o->gallery) argp_error(state, "which gallery?");
        if (!o->paths.count && !o->labels.count && !o->missing)
            argp_error(state, "which rows? paths, --label L, or --missing");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* A label's number, or the number that has this name, in the first language or in English. */
static lk_status find_label(const lk_manifest *manifest, const options *o, const char *text, long *label)
{
    static const char *const dictionaries[] = {"label_dict", "label_dict_en"};
    char *end;
    *label = strtol(text, &end, 10);
    if (end != text && !*end) return LK_OK;
    for (size_t i = 0; i < 2; i++) {
        const char *number;
        json_t *name;
        json_object_foreach(json_object_get(manifest->labels, dictionaries[i]), number, name)
        {
            if (!json_is_string(name) || strcmp(json_string_value(name), text) != 0) continue;
            *label = strtol(number, NULL, 10);
            return LK_OK;
        }
    }
    return lk_fail(LK_ERROR_NOT_FOUND, "%s: it has no label '%s'", o->gallery, text);
}

static lk_status read_labels(const options *o, long *labels)
{
    lk_manifest manifest;
    lk_status status = lk_manifest_open(o->gallery, &manifest);
    if (status) return status;
    for (size_t i = 0; !status && i < o->labels.count; i++)
        status = find_label(&manifest, o, o->labels.items[i], &labels[i]);
    lk_manifest_close(&manifest);
    return status;
}

static lk_status print(const char *gallery, bool json, const char *what, size_t count, const char *words)
{
    if (json)
        return cli_json_print(
            json_pack("{s:o, s:I}", "gallery", cli_json_text(gallery), what, (json_int_t)count), false);
    printf("%s: %zu %s\n", gallery, count, words);
    return LK_OK;
}

static lk_status remove_rows(const options *o)
{
    size_t removed = 0;
    long *labels = lk_allocate_array(o->labels.count, sizeof *labels);
    lk_status status = labels ? read_labels(o, labels) : lk_fail(LK_ERROR_MEMORY, "out of memory");
    const lk_remove_options how = {.paths = o->paths.items,
                                   .path_count = o->paths.count,
                                   .labels = labels,
                                   .label_count = o->labels.count,
                                   .missing = o->missing};
    if (!status) status = lk_gallery_remove(o->gallery, &how, &removed);
    lk_free(labels);
    return status ? status : print(o->gallery, o->json, "removed", removed, "rows removed");
}

int cli_remove(int argc, char **argv)
{
    static const struct argp argp = {
        .options = remove_options,
        .parser = parse_remove,
        .args_doc = "GALLERY [PATH...]",
        .doc = "Removes rows from a gallery: those of the pictures named, by their paths from here or as the "
               "gallery has "
               "them. The pictures themselves stay. Their space is given back by `likeness compact'.\v"
               "Examples:\n"
               "  likeness remove gallery photos/blurred.jpg\n"
               "  likeness remove gallery --missing --label rat"};
    options o = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    const lk_status status = remove_rows(&o);
    cli_texts_close(&o.paths);
    cli_texts_close(&o.labels);
    return cli_report(argv[0], status);
}

/* ------------------------------------------------------------------ compact */

static const struct argp_option compact_options[] = {
    {"json", JSON, NULL, 0, "Print what was done as JSON", 0}, {0}};

static error_t parse_compact(int key, char *argument, struct argp_state *state)
{
    options *o = state->input;
    switch (key) {
    case JSON:
        o->json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (o->gallery) argp_error(state, "one gallery at a time; what is '%s'?", argument);
        o->gallery = argument;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "which gallery?");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static lk_status compact(const options *o)
{
    lk_gallery_writer *writer = NULL;
    bool done = false;
    size_t rows = 0;
    lk_status status = lk_gallery_writer_open(o->gallery, &writer);
    if (!status) status = lk_gallery_compact(writer, &done);
    if (!status) rows = writer->manifest.rows;
    lk_gallery_writer_close(&writer);
    if (status) return status;
    return print(o->gallery, o->json, "rows", rows,
                 done ? "rows in one segment" : "rows; there was nothing to compact");
}

int cli_compact(int argc, char **argv)
{
    static const struct argp argp = {
        .options = compact_options,
        .parser = parse_compact,
        .args_doc = "GALLERY",
        .doc = "Writes the rows of a gallery that are not removed into one segment, one plain .npy file. The "
               "old segments go "
               "when the new one is complete, so both need room for a while. Readers are not disturbed."};
    options o = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    return cli_report(argv[0], compact(&o));
}
