#include "cbir/vector.h"

#include <string.h>

#include "base/checked.h"
#include "base/error.h"

static size_t part_length(const lk_plan *plan, size_t feature, const lk_part *part)
{
    size_t chw[3];
    lk_plan_feature_shape(plan, feature, chw);
    return part->pooling == LK_POOLING_FLAT ? lk_plan_feature_length(plan, feature) : chw[0];
}

lk_status lk_vectorizer_init(lk_vectorizer *vectorizer, const lk_vector_rule *rule, const lk_plan *plan,
                             size_t first)
{
    lk_vectorizer v = {.rule = *rule, .plan = plan, .first = first};
    size_t map = 0, fused = 0;
    for (size_t i = 0; i < rule->part_count; i++) {
        const size_t length = part_length(plan, first + i, &rule->parts[i]);
        if (lk_plan_feature_length(plan, first + i) > map) map = lk_plan_feature_length(plan, first + i);
        if (i && rule->fusion == LK_FUSION_PARALLEL && length != fused)
            return lk_fail(LK_ERROR_ARGUMENT, "%s has %zu values and %s %zu: they cannot be added",
                           rule->parts[0].feature, fused, rule->parts[i].feature, length);
        fused = rule->fusion == LK_FUSION_SERIES ? fused + length : length;
    }
    if (rule->projection && rule->projection->inputs != fused)
        return lk_fail(LK_ERROR_ARGUMENT, "%s: the projection takes %zu values, and the features have %zu",
                       rule->projection->path ? rule->projection->path : "a matrix", rule->projection->inputs,
                       fused);
    v.length = rule->projection ? rule->projection->outputs : fused;
    v.map = map;
    v.scratch = map + fused;
    *vectorizer = v;
    return LK_OK;
}

/* map [channels][pixels] → values [channels]; sums in double, so that their order does not matter much. */
static void pool(const float *map, size_t channels, size_t pixels, lk_pooling pooling, float *values)
{
    for (size_t c = 0; c < channels; c++, map += pixels) {
        double sum = 0;
        float largest = map[0];
        for (size_t p = 0; p < pixels; p++) {
            sum += (double)map[p];
            largest = map[p] > largest ? map[p] : largest;
        }
        values[c] = pooling == LK_POOLING_MAX ? largest : (float)(sum / (double)pixels);
    }
}

/* Part i of the picture into values; map is working memory. */
static lk_status take_part(const lk_vectorizer *v, const lk_session *session, size_t index, size_t i,
                           float *map, float *values)
{
    const lk_part *part = &v->rule.parts[i];
    const size_t length = part_length(v->plan, v->first + i, part);
    size_t chw[3];
    lk_plan_feature_shape(v->plan, v->first + i, chw);
    const lk_status status = lk_session_feature(session, v->first + i, index, map);
    if (status) return status;
    if (part->pooling == LK_POOLING_FLAT) memmove(values, map, length * sizeof *values);
    else pool(map, chw[0], chw[1] * chw[2], part->pooling, values);
    if (part->l2) lk_l2_normalize(values, length);
    for (size_t c = 0; part->weight != 1 && c < length; c++) values[c] *= part->weight;
    return LK_OK;
}

static lk_status fuse(const lk_vectorizer *v, const lk_session *session, size_t index, float *map,
                      float *fused)
{
    const lk_vector_rule *rule = &v->rule;
    if (rule->fusion == LK_FUSION_SERIES) {
        for (size_t i = 0; i < rule->part_count; i++) {
            const lk_status status = take_part(v, session, index, i, map, fused);
            if (status) return status;
            fused += part_length(v->plan, v->first + i, &rule->parts[i]);
        }
        return LK_OK;
    }
    /* Each part is made in the map's own memory (a part is never longer than its map) and then added. */
    const size_t length = part_length(v->plan, v->first, &rule->parts[0]);
    memset(fused, 0, length * sizeof *fused);
    for (size_t i = 0; i < rule->part_count; i++) {
        const lk_status status = take_part(v, session, index, i, map, map);
        if (status) return status;
        for (size_t c = 0; c < length; c++) fused[c] += map[c];
    }
    return LK_OK;
}

static void project(const lk_projection *projection, const float *x, float *y)
{
    for (size_t o = 0; o < projection->outputs; o++) {
        const float *w = projection->weights + o * projection->inputs;
        double sum = 0;
        for (size_t i = 0; i < projection->inputs; i++) sum += (double)w[i] * (double)x[i];
        y[o] = (float)sum;
    }
}

lk_status lk_vectorize(const lk_vectorizer *vectorizer, const lk_session *session, size_t index,
                       float *scratch, float *values)
{
    const lk_vector_rule *rule = &vectorizer->rule;
    float *fused = rule->projection ? scratch + vectorizer->map : values;
    const lk_status status = fuse(vectorizer, session, index, scratch, fused);
    if (status) return status;
    if (rule->projection) project(rule->projection, fused, values);
    if (rule->softmax) lk_softmax(values, vectorizer->length);
    if (rule->l2) lk_l2_normalize(values, vectorizer->length);
    return LK_OK;
}
