/* likeness gallery and verify: what a gallery holds, and whether it is whole. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "cbir/cli/gallery.h"
#include "cbir/gallery_failures.h"
#include "cbir/gallery_parts.h"
#include "cbir/gallery_verify.h"

enum { JSON = 0x100, FAILED, PICTURES };

typedef struct {
    const char *gallery;
    bool json, failed, pictures;
} options;

static error_t parse(int key, char *argument, struct argp_state *state)
{
    options *o = state->input;
    switch (key) {
    case JSON:
        o->json = true;
        return 0;
    case FAILED:
        o->failed = true;
        return 0;
    case PICTURES:
        o->pictures = true;
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

/* ------------------------------------------------------------------ gallery */

/* Rows of one label. */
typedef struct {
    long label;
    size_t rows;
} label_count;

typedef struct {
    const options *o;
    lk_gallery *gallery;
    lk_failures failures;
    label_count *labels; /* by label, rising */
    size_t label_count, label_capacity, unlabelled;
} summary;

static int by_label(const void *a, const void *b)
{
    const long x = ((const label_count *)a)->label, y = ((const label_count *)b)->label;
    return (x > y) - (x < y);
}

/* Adds one to a label's count. Rows of a label mostly stand together: the last one found is looked at first.
 */
static lk_status count_row(void *context, size_t index, const lk_gallery_row *row)
{
    summary *s = context;
    void *labels = s->labels;
    if (lk_gallery_is_removed(s->gallery, index)) return LK_OK;
    if (!row->has_label) {
        s->unlabelled++;
        return LK_OK;
    }
    const label_count one = {row->label, 1};
    label_count *found =
        s->label_count ? bsearch(&one, s->labels, s->label_count, sizeof one, by_label) : NULL;
    if (found) {
        found->rows++;
        return LK_OK;
    }
    if (!lk_grow(&labels, &s->label_capacity, s->label_count + 1, sizeof one))
        return lk_fail(LK_ERROR_MEMORY, "%s: out of memory", s->o->gallery);
    s->labels = labels;
    s->labels[s->label_count++] = one;
    qsort(s->labels, s->label_count, sizeof one, by_label);
    return LK_OK;
}

static uint64_t bytes_of(const lk_manifest *m)
{
    uint64_t bytes = m->deleted.sum.bytes + m->failed.sum.bytes;
    for (size_t i = 0; i < m->segment_count; i++)
        bytes += m->segments[i].features.bytes + m->segments[i].lines.bytes + m->segments[i].raw.bytes;
    return bytes;
}

/* "pooled", or where the features come from. */
static void feature_title(const summary *s, char *title, size_t size)
{
    lk_recipe recipe;
    const char *text = lk_gallery_recipe(s->gallery);
    if (text && !lk_recipe_parse(text, strlen(text), s->o->gallery, &recipe))
        lk_recipe_title(&recipe, title, size);
    else snprintf(title, size, text ? "by a recipe that this Likeness cannot read" : "made elsewhere");
}

static void print_labels(const summary *s)
{
    for (size_t i = 0; i < s->label_count; i++) {
        const char *name = lk_gallery_label_name(s->gallery, s->labels[i].label),
                   *english = lk_gallery_label_english(s->gallery, s->labels[i].label);
        printf("  label %ld: %zu rows", s->labels[i].label, s->labels[i].rows);
        if (name) printf(", %s", name);
        if (english) printf(" (%s)", english);
        putchar('\n');
    }
    if (s->unlabelled) printf("  without a label: %zu rows\n", s->unlabelled);
}

static void print(const summary *s)
{
    char title[160];
    const lk_manifest *m = lk_gallery_manifest(s->gallery);
    const size_t count = lk_gallery_count(s->gallery), alive = lk_gallery_alive(s->gallery);
    feature_title(s, title, sizeof title);
    printf("Rows: %zu of %zu %s", alive, m->dim, m->bits ? "bits" : "values");
    if (m->raw_dim) printf(", with %zu values beside", m->raw_dim);
    if (count != alive) printf("; %zu removed", count - alive);
    printf("\nFeature: %s\n", title);
    if (m->model_path) printf("Model: %s, SHA-256 %s\n", m->model_path, m->model_sha256);
    printf("Segments: %zu, %" PRIu64 " bytes\n", m->segment_count, bytes_of(m));
    if (*m->task.kind && !m->task.finished)
        printf("Unfinished: %s, %zu of %zu pictures; the same command goes on\n", m->task.kind, m->task.done,
               m->task.items);
    if (m->failed.count) printf("Failed: %zu pictures\n", m->failed.count);
    printf("Labels: %zu\n", s->label_count);
    print_labels(s);
}

static void print_failed(const summary *s)
{
    for (size_t i = 0; i < s->failures.count; i++)
        printf("%s\t%s\n", s->failures.rows[i]->about.path,
               s->failures.rows[i]->reason ? s->failures.rows[i]->reason : "");
}

static json_t *labels_json(const summary *s)
{
    json_t *labels = json_array();
    for (size_t i = 0; i < s->label_count; i++) {
        const long label = s->labels[i].label;
        json_array_append_new(labels, json_pack("{s:I, s:I, s:s?, s:s?}", "label", (json_int_t)label, "rows",
                                                (json_int_t)s->labels[i].rows, "name",
                                                lk_gallery_label_name(s->gallery, label), "english",
                                                lk_gallery_label_english(s->gallery, label)));
    }
    return labels;
}

static json_t *failed_json(const summary *s)
{
    json_t *failed = json_array();
    for (size_t i = 0; i < s->failures.count; i++) {
        const lk_row *row = s->failures.rows[i];
        json_array_append_new(
            failed, json_pack("{s:o, s:s?}", "path", cli_json_text(row->about.path), "reason", row->reason));
    }
    return failed;
}

static json_t *document(const summary *s)
{
    const lk_manifest *m = lk_gallery_manifest(s->gallery);
    const size_t count = lk_gallery_count(s->gallery), alive = lk_gallery_alive(s->gallery);
    json_t *json = json_pack(
        "{s:o, s:I, s:I, s:s, s:I, s:I, s:I, s:I, s:O?, s:o, s:o, s:I}", "gallery",
        cli_json_text(s->o->gallery), "rows", (json_int_t)alive, "removed", (json_int_t)(count - alive),
        "type", m->bits ? "bits" : "float32", "dim", (json_int_t)m->dim, "raw_dim", (json_int_t)m->raw_dim,
        "segments", (json_int_t)m->segment_count, "bytes", (json_int_t)bytes_of(m), "recipe", m->recipe,
        "labels", labels_json(s), "failed", failed_json(s), "unlabelled", (json_int_t)s->unlabelled);
    if (json && m->model_path)
        json_object_set_new(json, "model",
                            json_pack("{s:s, s:s}", "path", m->model_path, "sha256", m->model_sha256));
    if (json && *m->task.kind && !m->task.finished)
        json_object_set_new(json, "unfinished",
                            json_pack("{s:s, s:I, s:I}", "kind", m->task.kind, "items",
                                      (json_int_t)m->task.items, "done", (json_int_t)m->task.done));
    return json;
}

static lk_status describe(const options *o)
{
    summary s = {.o = o};
    lk_status status = lk_gallery_open(o->gallery, &s.gallery);
    if (!status) status = lk_failures_read(o->gallery, &lk_gallery_manifest(s.gallery)->failed, &s.failures);
    if (!status && !(o->failed && !o->json)) status = lk_gallery_each_row(s.gallery, 0, count_row, &s);
    if (!status && o->json) status = cli_json_print(document(&s), true);
    else if (!status && o->failed) print_failed(&s);
    else if (!status) print(&s);
    lk_failures_close(&s.failures);
    lk_gallery_close(&s.gallery);
    lk_free(s.labels);
    return status;
}

int cli_gallery(int argc, char **argv)
{
    static const struct argp_option argp_options[] = {
        {"failed", FAILED, NULL, 0,
         "Print the pictures that failed instead: path in the gallery, TAB, reason", 0},
        {"json", JSON, NULL, 0, "Print one JSON document", 0},
        {0}};
    static const struct argp argp = {
        .options = argp_options,
        .parser = parse,
        .args_doc = "GALLERY",
        .doc = "Prints what a gallery holds: rows, feature, model, segments, labels, failures.\v"
               "Example:\n"
               "  likeness gallery --json gallery | jq .recipe"};
    options o = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    return cli_report(argv[0], describe(&o));
}

lk_status gallery_describe(const char *path, bool json)
{
    const options o = {.gallery = path, .json = json};
    return describe(&o);
}

/* ------------------------------------------------------------------ verify */

static void on_fault(void *context, const char *text)
{
    fprintf(stderr, "%s: %s\n", (const char *)context, text);
}

static lk_status print_verified(const options *o, const lk_verify_result *r)
{
    if (o->json)
        return cli_json_print(json_pack("{s:o, s:I, s:I, s:I, s:I, s:I}", "gallery",
                                        cli_json_text(o->gallery), "files", (json_int_t)r->files, "rows",
                                        (json_int_t)r->rows, "faults", (json_int_t)r->faults, "missing",
                                        (json_int_t)r->missing, "changed", (json_int_t)r->changed),
                              false);
    printf("%s: %zu files, %zu rows: %s", o->gallery, r->files, r->rows, r->faults ? "damaged" : "sound");
    if (o->pictures) printf("; %zu pictures are missing, %zu have changed", r->missing, r->changed);
    putchar('\n');
    return LK_OK;
}

static int verify(const options *o, char *command)
{
    lk_verify_result result;
    const lk_verify_options how = {.pictures = o->pictures, .interrupt = cli_interrupt()};
    lk_status status = lk_gallery_verify(o->gallery, &how, on_fault, command, &result);
    const lk_error error = lk_error_take(status);
    if (!status || (status == LK_ERROR_FORMAT && result.files)) {
        const lk_status printed = print_verified(o, &result);
        if (printed) return cli_report(command, printed);
        if (status) return CLI_FAILURE + (int)status; /* each fault has had its line */
    }
    if (status) lk_error_restore(&error);
    if (!status && result.missing + result.changed)
        status = lk_fail(LK_ERROR_MISMATCH, "%s: its pictures are not those that were embedded", o->gallery);
    return cli_report(command, status);
}

int cli_verify(int argc, char **argv)
{
    static const struct argp_option argp_options[] = {
        {"pictures", PICTURES, NULL, 0, "Also compare each picture with the one that was embedded", 0},
        {"json", JSON, NULL, 0, "Print the sums as JSON", 0},
        {0}};
    static const struct argp argp = {.options = argp_options,
                                     .parser = parse,
                                     .args_doc = "GALLERY",
                                     .doc = "Reads all of a gallery and compares checksums, sizes and counts "
                                            "with its manifest. Each fault is a line that "
                                            "names the file and the rows; then the exit code is 14. With "
                                            "--pictures it is 21 when a picture is missing or "
                                            "has changed."};
    options o = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    return verify(&o, argv[0]);
}
