#include "cbir/recipe.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "cbir/json.h"

enum { FORMAT_VERSION = 1 };

static const char *resize_name(lk_resize_rule rule)
{
    return rule == LK_RESIZE_SHORTER ? "shorter" : "exact";
}

static const char *batch_norm_name(lk_batch_norm_mode mode)
{
    return mode == LK_BATCH_NORM_BATCH ? "batch" : "running";
}

static json_t *pack_preprocessing(const lk_preprocessing *p)
{
    json_t *json =
        json_pack("{s:I, s:I, s:s, s:[o,o,o], s:[o,o,o]}", "height", (json_int_t)p->height, "width",
                  (json_int_t)p->width, "resize", resize_name(p->resize), "mean", lk_json_float(p->mean[0]),
                  lk_json_float(p->mean[1]), lk_json_float(p->mean[2]), "std", lk_json_float(p->std[0]),
                  lk_json_float(p->std[1]), lk_json_float(p->std[2]));
    if (json && p->resize == LK_RESIZE_SHORTER)
        json_object_set_new(json, "shorter", json_integer((json_int_t)p->shorter));
    return json;
}

lk_status lk_recipe_write(const lk_recipe *r, FILE *stream, const char *name)
{
    json_t *json =
        json_pack("{s:i, s:s, s:o, s:s, s:I, s:b, s:b, s:s, s:s}", "format_version", FORMAT_VERSION,
                  "model_sha256", r->model_sha256, "preprocessing", pack_preprocessing(&r->preprocessing),
                  "feature", r->feature, "length", (json_int_t)r->length, "softmax", r->softmax, "l2", r->l2,
                  "batch_norm", batch_norm_name(r->batch_norm), "precision", "f32");
    if (!json) return lk_fail(LK_ERROR_MEMORY, "%s: out of memory", name);
    errno = 0;
    const bool written =
        !json_dumpf(json, stream, LK_JSON_FLAGS | JSON_INDENT(2)) && putc('\n', stream) != EOF;
    const int reason = errno;
    json_decref(json);
    return written ? LK_OK : lk_fail(LK_ERROR_IO, "%s: cannot write: %s", name, strerror(reason));
}

/* What json_unpack fills: jansson's own types, the texts still the JSON's. */
typedef struct {
    int version;
    const char *sha256, *feature, *resize, *batch_norm, *precision;
    json_int_t length, height, width, shorter;
    double mean[3], std[3];
    int softmax, l2;
} fields;

static lk_status unpack(json_t *json, const char *name, fields *f)
{
    json_error_t error;
    f->shorter = 0;
    if (json_unpack_ex(
            json, &error, 0,
            "{s:i, s:s, s:{s:I, s:I, s:s, s?:I, s:[F,F,F!], s:[F,F,F!]}, s:s, s:I, s:b, s:b, s:s, s:s}",
            "format_version", &f->version, "model_sha256", &f->sha256, "preprocessing", "height", &f->height,
            "width", &f->width, "resize", &f->resize, "shorter", &f->shorter, "mean", &f->mean[0],
            &f->mean[1], &f->mean[2], "std", &f->std[0], &f->std[1], &f->std[2], "feature", &f->feature,
            "length", &f->length, "softmax", &f->softmax, "l2", &f->l2, "batch_norm", &f->batch_norm,
            "precision", &f->precision))
        return lk_fail(LK_ERROR_FORMAT, "%s: not a recipe: %s", name, error.text);
    if (f->version != FORMAT_VERSION)
        return lk_fail(LK_ERROR_UNSUPPORTED, "%s: recipe format %d; this Likeness reads %d", name, f->version,
                       FORMAT_VERSION);
    if (strcmp(f->precision, "f32") != 0)
        return lk_fail(LK_ERROR_UNSUPPORTED, "%s: precision '%.20s'; this Likeness knows f32", name,
                       f->precision);
    return LK_OK;
}

static bool is_digest(const char *text)
{
    return strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

static bool is_side(json_int_t side)
{
    return side > 0 && side <= 1 << 20;
}

static lk_status accept(const fields *f, const char *name, lk_recipe *recipe)
{
    const bool shorter = !strcmp(f->resize, "shorter"), batch = !strcmp(f->batch_norm, "batch");
    lk_recipe r = {.softmax = f->softmax, .l2 = f->l2};
    if (!is_digest(f->sha256)) return lk_fail(LK_ERROR_FORMAT, "%s: 'model_sha256' is no SHA-256", name);
    if (!is_side(f->height) || !is_side(f->width) || (shorter && !is_side(f->shorter)) || f->length <= 0)
        return lk_fail(LK_ERROR_FORMAT, "%s: a size that cannot be", name);
    if ((!shorter && strcmp(f->resize, "exact") != 0) || (!batch && strcmp(f->batch_norm, "running") != 0))
        return lk_fail(LK_ERROR_UNSUPPORTED, "%s: resize '%.20s' or batch norm '%.20s' is unknown", name,
                       f->resize, f->batch_norm);
    if (strlen(f->feature) >= sizeof r.feature)
        return lk_fail(LK_ERROR_LIMIT, "%s: its feature's name is too long", name);
    strcpy(r.model_sha256, f->sha256);
    strcpy(r.feature, f->feature);
    r.length = (size_t)f->length;
    r.batch_norm = batch ? LK_BATCH_NORM_BATCH : LK_BATCH_NORM_RUNNING;
    r.preprocessing = (lk_preprocessing){.height = (size_t)f->height,
                                         .width = (size_t)f->width,
                                         .resize = shorter ? LK_RESIZE_SHORTER : LK_RESIZE_EXACT,
                                         .shorter = shorter ? (size_t)f->shorter : 0};
    for (size_t i = 0; i < 3; i++) {
        r.preprocessing.mean[i] = (float)f->mean[i];
        r.preprocessing.std[i] = (float)f->std[i];
    }
    *recipe = r;
    return LK_OK;
}

lk_status lk_recipe_parse(const void *bytes, size_t size, const char *name, lk_recipe *recipe)
{
    json_error_t error;
    json_t *json = json_loadb(size ? bytes : "", size, JSON_REJECT_DUPLICATES, &error);
    if (!json) return lk_fail(LK_ERROR_FORMAT, "%s:%d: not JSON: %s", name, error.line, error.text);
    fields f;
    lk_status status = unpack(json, name, &f);
    if (!status) status = accept(&f, name, recipe);
    json_decref(json);
    return status;
}

lk_status lk_recipe_open(const char *path, lk_recipe *recipe)
{
    lk_mapping file;
    lk_status status = lk_map_file(path, &file);
    if (status) return status;
    status = lk_recipe_parse(file.bytes, file.size, path, recipe);
    lk_unmap(&file);
    return status;
}

static lk_status differ(const char *field, const char *a, const char *b)
{
    return lk_fail(LK_ERROR_MISMATCH, "made by different recipes: %s is %s in one and %s in the other", field,
                   a, b);
}

static lk_status compare_preprocessing(const lk_preprocessing *a, const lk_preprocessing *b)
{
    char left[64], right[64];
    if (a->height != b->height || a->width != b->width || a->resize != b->resize ||
        (a->resize == LK_RESIZE_SHORTER && a->shorter != b->shorter)) {
        snprintf(left, sizeof left, "%zux%zu (%s %zu)", a->width, a->height, resize_name(a->resize),
                 a->shorter);
        snprintf(right, sizeof right, "%zux%zu (%s %zu)", b->width, b->height, resize_name(b->resize),
                 b->shorter);
        return differ("the input's size", left, right);
    }
    for (size_t i = 0; i < 6; i++) {
        const float x = i < 3 ? a->mean[i] : a->std[i - 3], y = i < 3 ? b->mean[i] : b->std[i - 3];
        if (x == y) continue;
        snprintf(left, sizeof left, "%.9g", (double)x);
        snprintf(right, sizeof right, "%.9g", (double)y);
        return differ(i < 3 ? "the mean" : "the std", left, right);
    }
    return LK_OK;
}

lk_status lk_recipe_compare(const lk_recipe *a, const lk_recipe *b)
{
    if (strcmp(a->model_sha256, b->model_sha256) != 0)
        return differ("the model's SHA-256", a->model_sha256, b->model_sha256);
    const lk_status status = compare_preprocessing(&a->preprocessing, &b->preprocessing);
    if (status) return status;
    if (strcmp(a->feature, b->feature) != 0) return differ("the feature", a->feature, b->feature);
    if (a->length != b->length)
        return lk_fail(LK_ERROR_MISMATCH, "made by different recipes: %zu and %zu values a picture",
                       a->length, b->length);
    if (a->softmax != b->softmax)
        return differ("softmax", a->softmax ? "on" : "off", b->softmax ? "on" : "off");
    if (a->l2 != b->l2) return differ("l2", a->l2 ? "on" : "off", b->l2 ? "on" : "off");
    if (a->batch_norm != b->batch_norm)
        return differ("batch norm", batch_norm_name(a->batch_norm), batch_norm_name(b->batch_norm));
    return LK_OK;
}
