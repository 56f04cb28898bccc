#include "cbir/recipe.h"

#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "cbir/json.h"

/* Names as they stand in the file, by the numbers of their enums. */
static const char *const resize_names[] = {[LK_RESIZE_EXACT] = "exact", [LK_RESIZE_SHORTER] = "shorter"};
static const char *const norm_names[] = {
    [LK_BATCH_NORM_RUNNING] = "running", [LK_BATCH_NORM_BATCH] = "batch"};
static const char *const pooling_names[] = {
    [LK_POOLING_FLAT] = "flat", [LK_POOLING_AVERAGE] = "average", [LK_POOLING_MAX] = "max"};
static const char *const fusion_names[] = {[LK_FUSION_SERIES] = "series", [LK_FUSION_PARALLEL] = "parallel"};
static const char *const hash_names[] = {
    [LK_HASH_NONE] = "none", [LK_HASH_MEAN] = "mean", [LK_HASH_MEDIAN] = "median", [LK_HASH_FIXED] = "fixed"};

enum { FORMAT_VERSION = 1 };

/* ------------------------------------------------------------------ to JSON */

static json_t *pack_preprocessing(const lk_preprocessing *p)
{
    json_t *json =
        json_pack("{s:I, s:I, s:s, s:[o,o,o], s:[o,o,o]}", "height", (json_int_t)p->height, "width",
                  (json_int_t)p->width, "resize", resize_names[p->resize], "mean", lk_json_float(p->mean[0]),
                  lk_json_float(p->mean[1]), lk_json_float(p->mean[2]), "std", lk_json_float(p->std[0]),
                  lk_json_float(p->std[1]), lk_json_float(p->std[2]));
    if (json && p->resize == LK_RESIZE_SHORTER)
        json_object_set_new(json, "shorter", json_integer((json_int_t)p->shorter));
    if (json && p->fast_decode) json_object_set_new(json, "fast_decode", json_true());
    return json;
}

static json_t *pack_parts(const lk_recipe *r)
{
    json_t *parts = json_array();
    for (size_t i = 0; i < r->part_count; i++) {
        const lk_part *p = &r->parts[i];
        json_array_append_new(parts, json_pack("{s:s, s:s, s:b, s:o}", "feature", p->feature, "pooling",
                                               pooling_names[p->pooling], "l2", p->l2, "weight",
                                               lk_json_float(p->weight)));
    }
    return parts;
}

static json_t *pack_hash(const lk_hash *h)
{
    if (h->kind == LK_HASH_NONE) return json_null();
    json_t *json = json_pack("{s:s, s:b, s:s}", "threshold", hash_names[h->kind], "sigmoid", h->sigmoid,
                             "scope", h->whole_matrix ? "matrix" : "image");
    if (json && h->kind == LK_HASH_FIXED) json_object_set_new(json, "value", lk_json_float(h->threshold));
    return json;
}

json_t *lk_recipe_to_json(const lk_recipe *r)
{
    return json_pack("{s:i, s:s, s:o, s:o, s:s, s:o, s:I, s:b, s:b, s:o, s:s, s:s}", "format_version",
                     FORMAT_VERSION, "model_sha256", r->model_sha256, "preprocessing",
                     pack_preprocessing(&r->preprocessing), "parts", pack_parts(r), "fusion",
                     fusion_names[r->fusion], "projection_sha256",
                     *r->projection_sha256 ? json_string(r->projection_sha256) : json_null(), "length",
                     (json_int_t)r->length, "softmax", r->softmax, "l2", r->l2, "hash", pack_hash(&r->hash),
                     "batch_norm", norm_names[r->batch_norm], "precision", lk_precision_name(r->precision));
}

lk_status lk_recipe_write(const lk_recipe *recipe, FILE *stream, const char *name)
{
    json_t *json = lk_recipe_to_json(recipe);
    if (!json) return lk_fail(LK_ERROR_MEMORY, "%s: out of memory", name);
    errno = 0;
    const bool written =
        !json_dumpf(json, stream, LK_JSON_FLAGS | JSON_INDENT(2)) && putc('\n', stream) != EOF;
    const int reason = errno;
    json_decref(json);
    return written ? LK_OK : lk_fail(LK_ERROR_IO, "%s: cannot write: %s", name, strerror(reason));
}

/* ------------------------------------------------------------------ from JSON */

/* The number of `text` among names; false when it is none of them. */
static bool find_name(const char *text, const char *const *names, size_t count, int *number)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(text, names[i])) {
            *number = (int)i;
            return true;
        }
    return false;
}

static const char *const precision_names[] = {[LK_PRECISION_AUTO] = "auto",
                                              [LK_PRECISION_F32] = "f32",
                                              [LK_PRECISION_BF16] = "bf16",
                                              [LK_PRECISION_INT8] = "int8"};

const char *lk_precision_name(lk_precision precision)
{
    return precision_names[precision];
}

bool lk_precision_from_name(const char *name, lk_precision *precision)
{
    int found;
    if (!find_name(name, precision_names, LK_COUNT(precision_names), &found) || found == LK_PRECISION_AUTO)
        return false;
    *precision = (lk_precision)found;
    return true;
}

static bool is_digest(const char *text)
{
    return strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

static bool is_side(json_int_t side)
{
    return side > 0 && side <= 1 << 20;
}

static lk_status malformed(const char *name, const char *fault)
{
    return lk_fail(LK_ERROR_FORMAT, "%s: not a recipe: %s", name, fault);
}

static lk_status unknown(const char *name, const char *what, const char *text)
{
    return lk_fail(LK_ERROR_UNSUPPORTED, "%s: %s '%.20s' is unknown to this Likeness", name, what, text);
}

static lk_status read_preprocessing(json_t *json, const char *name, lk_preprocessing *p)
{
    json_error_t error;
    json_int_t height, width, shorter = 0;
    const char *resize;
    double mean[3], std[3];
    int rule, fast_decode = 0;
    if (json_unpack_ex(json, &error, 0, "{s:I, s:I, s:s, s?:I, s?:b, s:[F,F,F!], s:[F,F,F!]}", "height",
                       &height, "width", &width, "resize", &resize, "shorter", &shorter, "fast_decode",
                       &fast_decode, "mean", &mean[0], &mean[1], &mean[2], "std", &std[0], &std[1], &std[2]))
        return malformed(name, error.text);
    if (!find_name(resize, resize_names, LK_COUNT(resize_names), &rule))
        return unknown(name, "resize", resize);
    if (!is_side(height) || !is_side(width) || (rule == LK_RESIZE_SHORTER && !is_side(shorter)))
        return malformed(name, "a size that cannot be");
    *p = (lk_preprocessing){.height = (size_t)height,
                            .width = (size_t)width,
                            .resize = (lk_resize_rule)rule,
                            .fast_decode = fast_decode};
    if (rule == LK_RESIZE_SHORTER) p->shorter = (size_t)shorter;
    for (size_t i = 0; i < 3; i++) p->mean[i] = (float)mean[i], p->std[i] = (float)std[i];
    return LK_OK;
}

static lk_status read_part(json_t *json, const char *name, lk_part *part)
{
    json_error_t error;
    const char *feature, *pooling;
    int l2, number;
    double weight;
    if (json_unpack_ex(json, &error, 0, "{s:s, s:s, s:b, s:F}", "feature", &feature, "pooling", &pooling,
                       "l2", &l2, "weight", &weight))
        return malformed(name, error.text);
    if (!find_name(pooling, pooling_names, LK_COUNT(pooling_names), &number))
        return unknown(name, "pooling", pooling);
    if (strlen(feature) >= sizeof part->feature)
        return lk_fail(LK_ERROR_LIMIT, "%s: its feature's name is too long", name);
    *part = (lk_part){.pooling = (lk_pooling)number, .l2 = l2, .weight = (float)weight};
    strcpy(part->feature, feature);
    return LK_OK;
}

static lk_status read_parts(json_t *json, const char *name, lk_recipe *r)
{
    r->part_count = json_array_size(json);
    if (!r->part_count || r->part_count > LK_MAX_PARTS)
        return malformed(name, "it has no parts, or too many");
    lk_status status = LK_OK;
    for (size_t i = 0; !status && i < r->part_count; i++)
        status = read_part(json_array_get(json, i), name, &r->parts[i]);
    return status;
}

static lk_status read_hash(json_t *json, const char *name, lk_hash *hash)
{
    json_error_t error;
    const char *threshold, *scope;
    int sigmoid, kind;
    double value = 0;
    if (json_is_null(json)) return LK_OK;
    if (json_unpack_ex(json, &error, 0, "{s:s, s:b, s:s, s?:F}", "threshold", &threshold, "sigmoid", &sigmoid,
                       "scope", &scope, "value", &value))
        return malformed(name, error.text);
    if (!find_name(threshold, hash_names, LK_COUNT(hash_names), &kind) || kind == LK_HASH_NONE)
        return unknown(name, "threshold", threshold);
    const bool matrix = !strcmp(scope, "matrix");
    if (!matrix && strcmp(scope, "image") != 0) return unknown(name, "scope", scope);
    *hash = (lk_hash){
        .kind = (lk_hash_kind)kind, .threshold = (float)value, .sigmoid = sigmoid, .whole_matrix = matrix};
    return LK_OK;
}

/* The members that are texts and numbers. */
static lk_status read_rest(json_t *json, const char *name, lk_recipe *r)
{
    json_error_t error;
    const char *sha256, *fusion, *batch_norm, *precision, *projection;
    int version, softmax, l2, fusion_number, norm_number;
    json_int_t length;
    if (json_unpack_ex(json, &error, 0, "{s:i, s:s, s:s, s:I, s:b, s:b, s:s, s:s}", "format_version",
                       &version, "model_sha256", &sha256, "fusion", &fusion, "length", &length, "softmax",
                       &softmax, "l2", &l2, "batch_norm", &batch_norm, "precision", &precision))
        return malformed(name, error.text);
    if (version != FORMAT_VERSION)
        return lk_fail(LK_ERROR_UNSUPPORTED, "%s: recipe format %d; this Likeness reads %d", name, version,
                       FORMAT_VERSION);
    if (!lk_precision_from_name(precision, &r->precision)) return unknown(name, "precision", precision);
    if (!find_name(fusion, fusion_names, LK_COUNT(fusion_names), &fusion_number))
        return unknown(name, "fusion", fusion);
    if (!find_name(batch_norm, norm_names, LK_COUNT(norm_names), &norm_number))
        return unknown(name, "batch norm", batch_norm);
    projection = json_string_value(json_object_get(json, "projection_sha256"));
    if (!is_digest(sha256) || (projection && !is_digest(projection)))
        return malformed(name, "a SHA-256 that is none");
    if (length <= 0) return malformed(name, "a length that cannot be");
    strcpy(r->model_sha256, sha256);
    if (projection) strcpy(r->projection_sha256, projection);
    r->fusion = (lk_fusion)fusion_number;
    r->batch_norm = (lk_batch_norm_mode)norm_number;
    r->softmax = softmax;
    r->l2 = l2;
    r->length = (size_t)length;
    return LK_OK;
}

lk_status lk_recipe_from_json(json_t *json, const char *name, lk_recipe *recipe)
{
    lk_recipe r = {.part_count = 0};
    lk_status status = read_rest(json, name, &r);
    if (!status) status = read_preprocessing(json_object_get(json, "preprocessing"), name, &r.preprocessing);
    if (!status) status = read_parts(json_object_get(json, "parts"), name, &r);
    if (!status) status = read_hash(json_object_get(json, "hash"), name, &r.hash);
    if (!status) *recipe = r;
    return status;
}

lk_status lk_recipe_parse(const void *bytes, size_t size, const char *name, lk_recipe *recipe)
{
    json_t *json = NULL;
    lk_status status = lk_json_parse(size ? bytes : "", size, name, &json);
    if (!status) status = lk_recipe_from_json(json, name, recipe);
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
