#include "cbir/cli/compare.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

/* ------------------------------------------------------------------ Which stages go together */

static bool is_alias(const char *ours, const char *theirs)
{
    return !strcmp(ours, theirs) || (!strcmp(ours, "pool2d_avg") && !strcmp(theirs, "pooled")) ||
           (!strcmp(ours, "pooled") && !strcmp(theirs, "pool2d_avg")) ||
           (!strcmp(ours, "classifier.1") && !strcmp(theirs, "logits")) ||
           (!strcmp(ours, "logits") && !strcmp(theirs, "classifier.1"));
}

static bool lies_in(const char *layer, const char *block)
{
    const size_t length = strlen(block);
    return !strncmp(layer, block, length) && layer[length] == '.';
}

/* Whether `block` is the name of a block that ends with our stage `index`, and no stage's of ours. */
static bool ends_block(const stages *ours, size_t index, const char *block)
{
    if (!lies_in(ours->name(ours, index), block)) return false;
    for (size_t i = 0; i < ours->count; i++)
        if (!strcmp(ours->name(ours, i), block) || (i > index && lies_in(ours->name(ours, i), block)))
            return false;
    return true;
}

static bool find_partner(const stages *ours, size_t index, const stages *theirs, size_t *partner)
{
    for (size_t i = 0; i < theirs->count; i++) {
        if (!is_alias(ours->name(ours, index), theirs->name(theirs, i))) continue;
        *partner = i;
        return true;
    }
    for (size_t i = 0; i < theirs->count; i++) {
        if (!ends_block(ours, index, theirs->name(theirs, i)) &&
            !ends_block(theirs, i, ours->name(ours, index)))
            continue;
        *partner = i;
        return true;
    }
    return false;
}

/* ------------------------------------------------------------------ Shapes */

/* Height, width and channels; a vector is a map of one pixel. */
typedef struct {
    size_t h, w, c;
} map_shape;

/* The sides of an array of up to four dimensions, a leading batch of one left out. False: of more than one
 * picture. */
static bool sides_of(const lk_npy *array, size_t sides[3])
{
    const size_t skip = array->dims == 4 || (array->dims == 2 && array->shape[0] == 1);
    if (array->dims > 4 || array->dims - skip == 2 || (skip && array->shape[0] != 1)) return false;
    for (size_t i = 0; i < 3; i++) sides[i] = i + skip < array->dims ? array->shape[i + skip] : 1;
    return true;
}

static bool our_shape(const lk_npy *array, stage_layout layout, map_shape *shape)
{
    size_t sides[3];
    if (!sides_of(array, sides)) return false;
    *shape =
        layout == STAGE_HWC ? (map_shape){sides[0], sides[1], sides[2]} : (map_shape){1, 1, array->count};
    return true;
}

/* Whether their array is laid out as channels, rows, columns (*chw), given the shape that it must have. Where
 * both readings fit, a golden's is Paddle's: NCHW. */
static bool their_order(const lk_npy *array, stage_layout layout, const map_shape *s, bool *chw)
{
    size_t sides[3];
    if (!sides_of(array, sides)) return false;
    *chw = layout == STAGE_BY_SHAPE && sides[0] == s->c && sides[1] == s->h && sides[2] == s->w;
    if (*chw || (sides[0] == s->h && sides[1] == s->w && sides[2] == s->c)) return true;
    return s->h == 1 && s->w == 1 && array->count == s->c; /* a vector, however many ones its shape has */
}

static void shape_text(const lk_npy *array, char *text, size_t size)
{
    size_t used = (size_t)snprintf(text, size, "[");
    for (size_t i = 0; i < array->dims && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%zu", i ? ", " : "", array->shape[i]);
    if (used < size) snprintf(text + used, size - used, "]");
}

static lk_status shapes_differ(const char *name, const lk_npy *ours, const lk_npy *theirs)
{
    char left[100], right[100];
    shape_text(ours, left, sizeof left);
    shape_text(theirs, right, sizeof right);
    return lk_fail(LK_ERROR_MISMATCH, "%s: shape %s against %s: another picture, or another --size", name,
                   left, right);
}

/* ------------------------------------------------------------------ Values */

static void take_value(stage_difference *d, float ours, float theirs, size_t at)
{
    const double magnitude = fabs((double)theirs);
    double difference = fabs((double)ours - (double)theirs);
    if (ours == theirs || (isnan(ours) && isnan(theirs))) difference = 0; /* infinities too */
    if (magnitude > d->magnitude) d->magnitude = magnitude;
    if (difference > d->difference || (isnan(difference) && !isnan(d->difference))) {
        d->difference = difference;
        d->at = at;
    }
}

static void compare_values(const float *ours, const float *theirs, const map_shape *s, bool chw,
                           stage_difference *d)
{
    const size_t pixels = s->h * s->w;
    for (size_t i = 0; i < pixels; i++)
        for (size_t c = 0; c < s->c; c++)
            take_value(d, ours[i * s->c + c], theirs[chw ? c * pixels + i : i * s->c + c], i * s->c + c);
}

static lk_status to_floats(const lk_npy *array, const char *name, float **values)
{
    float *floats = lk_allocate_array(array->count, sizeof *floats);
    if (!floats) return lk_fail(LK_ERROR_MEMORY, "%s: out of memory for %zu values", name, array->count);
    const lk_status status = lk_npy_floats(array, 0, array->count, floats);
    if (status) {
        lk_free(floats);
        return lk_fail_in(status, name);
    }
    *values = floats;
    return LK_OK;
}

static lk_status compare_arrays(const lk_npy *ours, const lk_npy *theirs, const map_shape *s, bool chw,
                                stage_difference *d)
{
    float *left = NULL, *right = NULL;
    lk_status status = to_floats(ours, d->name, &left);
    if (!status) status = to_floats(theirs, d->name, &right);
    if (!status) compare_values(left, right, s, chw, d);
    lk_free(right);
    lk_free(left);
    return status;
}

/* One pair of stages, loaded for as long as it takes. */
static lk_status compare_pair(const stages *ours, size_t i, const stages *theirs, size_t j,
                              stage_difference *d)
{
    stage_values left = {0}, right = {0};
    map_shape shape = {0};
    bool chw = false;
    d->name = ours->name(ours, i);
    lk_status status = ours->load(ours, i, &left);
    if (!status) status = theirs->load(theirs, j, &right);
    if (!status && (!our_shape(&left.array, ours->layout(ours, i), &shape) ||
                    !their_order(&right.array, theirs->layout(theirs, j), &shape, &chw)))
        status = shapes_differ(d->name, &left.array, &right.array);
    if (!status) status = compare_arrays(&left.array, &right.array, &shape, chw, d);
    stage_free(&right);
    stage_free(&left);
    return status;
}

lk_status compare_stages(const stages *ours, const stages *theirs, double tolerance, comparison *result)
{
    comparison made = {.stages = lk_allocate_array(ours->count, sizeof *made.stages)};
    if (!made.stages) return lk_fail(LK_ERROR_MEMORY, "out of memory for %zu stages", ours->count);
    lk_status status = LK_OK;
    for (size_t i = 0; !status && i < ours->count; i++) {
        stage_difference *d = &made.stages[made.count];
        size_t partner;
        if (!find_partner(ours, i, theirs, &partner)) continue;
        status = compare_pair(ours, i, theirs, partner, d);
        d->departs = !(d->difference <= tolerance * d->magnitude); /* NaN departs */
        if (d->departs && !made.first) made.first = d;
        made.count++;
    }
    if (!status && !made.count)
        status =
            lk_fail(LK_ERROR_MISMATCH, "%s: it has no stage in common with %s", theirs->source, ours->source);
    if (status) comparison_close(&made);
    else *result = made;
    return status;
}

void comparison_close(comparison *result)
{
    lk_free(result->stages);
    *result = (comparison){0};
}
