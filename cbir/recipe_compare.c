/* What sets two recipes apart, and what a recipe is called. */
#include <string.h>

#include "base/error.h"
#include "cbir/recipe.h"

static lk_status differ(const char *field, const char *a, const char *b)
{
    return lk_fail(LK_ERROR_MISMATCH, "made by different recipes: %s is %s in one and %s in the other", field,
                   a, b);
}

static lk_status differ_in_switch(const char *field, bool a)
{
    return differ(field, a ? "on" : "off", a ? "off" : "on");
}

static lk_status compare_preprocessing(const lk_preprocessing *a, const lk_preprocessing *b)
{
    char left[64], right[64];
    if (a->height != b->height || a->width != b->width || a->resize != b->resize ||
        (a->resize == LK_RESIZE_SHORTER && a->shorter != b->shorter)) {
        snprintf(left, sizeof left, "%zux%zu (shorter side %zu)", a->width, a->height,
                 a->resize == LK_RESIZE_SHORTER ? a->shorter : 0);
        snprintf(right, sizeof right, "%zux%zu (shorter side %zu)", b->width, b->height,
                 b->resize == LK_RESIZE_SHORTER ? b->shorter : 0);
        return differ("the input's size", left, right);
    }
    if (a->fast_decode != b->fast_decode) return differ_in_switch("fast decoding", a->fast_decode);
    for (size_t i = 0; i < 6; i++) {
        const float x = i < 3 ? a->mean[i] : a->std[i - 3], y = i < 3 ? b->mean[i] : b->std[i - 3];
        if (x == y) continue;
        snprintf(left, sizeof left, "%.9g", (double)x);
        snprintf(right, sizeof right, "%.9g", (double)y);
        return differ(i < 3 ? "the mean" : "the std", left, right);
    }
    return LK_OK;
}

static bool same_parts(const lk_recipe *a, const lk_recipe *b)
{
    bool same = a->part_count == b->part_count && (a->part_count == 1 || a->fusion == b->fusion);
    for (size_t i = 0; same && i < a->part_count; i++) {
        const lk_part *x = &a->parts[i], *y = &b->parts[i];
        same = !strcmp(x->feature, y->feature) && x->pooling == y->pooling && x->l2 == y->l2 &&
               x->weight == y->weight;
    }
    return same;
}

static bool same_hash(const lk_hash *a, const lk_hash *b)
{
    if (a->kind != b->kind || a->kind == LK_HASH_NONE) return a->kind == b->kind;
    if (a->kind == LK_HASH_FIXED && a->threshold != b->threshold) return false;
    return a->sigmoid == b->sigmoid && a->whole_matrix == b->whole_matrix;
}

static const char *hash_text(const lk_hash *h, char text[64])
{
    static const char *const names[] = {[LK_HASH_NONE] = "none",
                                        [LK_HASH_MEAN] = "mean",
                                        [LK_HASH_MEDIAN] = "median",
                                        [LK_HASH_FIXED] = "fixed"};
    snprintf(text, 64, "%s %.9g%s%s", names[h->kind], h->kind == LK_HASH_FIXED ? (double)h->threshold : 0,
             h->sigmoid ? " of sigmoid" : "", h->whole_matrix ? " over the matrix" : "");
    return text;
}

lk_status lk_recipe_compare(const lk_recipe *a, const lk_recipe *b)
{
    char left[256], right[256];
    if (strcmp(a->model_sha256, b->model_sha256) != 0)
        return differ("the model's SHA-256", a->model_sha256, b->model_sha256);
    const lk_status status = compare_preprocessing(&a->preprocessing, &b->preprocessing);
    if (status) return status;
    if (!same_parts(a, b)) {
        lk_recipe_title(a, left, sizeof left);
        lk_recipe_title(b, right, sizeof right);
        return differ("the feature", left, right);
    }
    if (strcmp(a->projection_sha256, b->projection_sha256) != 0)
        return differ("the projection's SHA-256", *a->projection_sha256 ? a->projection_sha256 : "none",
                      *b->projection_sha256 ? b->projection_sha256 : "none");
    if (a->softmax != b->softmax) return differ_in_switch("softmax", a->softmax);
    if (a->l2 != b->l2) return differ_in_switch("l2", a->l2);
    if (!same_hash(&a->hash, &b->hash))
        return differ("the hash", hash_text(&a->hash, left), hash_text(&b->hash, right));
    if (a->batch_norm != b->batch_norm)
        return a->batch_norm == LK_BATCH_NORM_BATCH ? differ("batch norm", "batch", "running")
                                                    : differ("batch norm", "running", "batch");
    if (a->precision != b->precision)
        return differ("the precision", lk_precision_name(a->precision), lk_precision_name(b->precision));
    if (a->length != b->length)
        return lk_fail(LK_ERROR_MISMATCH, "made by different recipes: %zu and %zu values a picture",
                       a->length, b->length);
    return LK_OK;
}

void lk_recipe_title(const lk_recipe *recipe, char *title, size_t size)
{
    static const char *const endings[] = {
        [LK_POOLING_FLAT] = "", [LK_POOLING_AVERAGE] = "-avg", [LK_POOLING_MAX] = "-max"};
    size_t used = 0;
    *title = '\0';
    for (size_t i = 0; i < recipe->part_count && used < size; i++) {
        const lk_part *p = &recipe->parts[i];
        used += (size_t)snprintf(title + used, size - used, "%s",
                                 i ? recipe->fusion == LK_FUSION_SERIES ? "," : "+" : "");
        if (used < size && p->weight != 1)
            used += (size_t)snprintf(title + used, size - used, "%g*", (double)p->weight);
        if (used < size)
            used += (size_t)snprintf(title + used, size - used, "%s%s%s", p->feature, endings[p->pooling],
                                     p->l2 ? "-l2" : "");
    }
}

lk_vector_rule lk_recipe_rule(const lk_recipe *recipe, const lk_projection *projection)
{
    return (lk_vector_rule){.parts = recipe->parts,
                            .part_count = recipe->part_count,
                            .fusion = recipe->fusion,
                            .projection = projection,
                            .softmax = recipe->softmax,
                            .l2 = recipe->l2};
}
