/* The one name that a recipe holds for a feature. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cbir/recipe.h"

static bool is_block_of(const char *block, const char *layer)
{
    const size_t length = strlen(block);
    return length && !strncmp(block, layer, length) && layer[length] == '.';
}

/* "Conv2D-312": kind and counter, from 1. */
static bool part_counter(const char *asked, size_t *kind_length, size_t *number)
{
    const char *dash = strrchr(asked, '-');
    if (!dash || dash == asked || !dash[1] || strspn(dash + 1, "0123456789") != strlen(dash + 1) ||
        strlen(dash) > 10)
        return false;
    *kind_length = (size_t)(dash - asked);
    *number = strtoul(dash + 1, NULL, 10);
    return *number > 0;
}

static bool is_kind(const lk_layer *layer, const char *asked, size_t length)
{
    return strlen(layer->kind) == length && !strncmp(layer->kind, asked, length);
}

/* A counter of a later instance counts on from the one before: modulo the number of such layers. */
static const lk_layer *find_counter(const lk_summary *summary, const char *asked)
{
    size_t length, number, count = 0;
    if (!part_counter(asked, &length, &number)) return NULL;
    for (size_t i = 0; i < lk_summary_count(summary); i++)
        count += is_kind(lk_summary_layer(summary, i), asked, length);
    if (!count) return NULL;
    number = (number - 1) % count + 1;
    for (size_t i = 0; i < lk_summary_count(summary); i++) {
        const lk_layer *layer = lk_summary_layer(summary, i);
        if (is_kind(layer, asked, length) && layer->number == number) return layer;
    }
    return NULL;
}

static const char *find_name(const lk_summary *summary, const char *asked)
{
    if (!strcmp(asked, "pooled") || !strcmp(asked, "logits")) return asked;
    const lk_layer *counted = find_counter(summary, asked);
    if (counted) asked = counted->name;
    for (size_t i = 0; i < lk_summary_count(summary); i++) {
        const lk_layer *layer = lk_summary_layer(summary, i);
        if (!strcmp(layer->name, asked)) {
            if (!strcmp(layer->kind, "AdaptiveAvgPool2D")) return "pooled";
            return strcmp(layer->kind, "Linear") != 0 ? layer->name : "logits";
        }
        if (is_block_of(asked, layer->name)) return asked;
    }
    return NULL;
}

lk_status lk_feature_name(const lk_model *model, const char *asked, char *name, size_t size)
{
    lk_summary *summary = NULL;
    const lk_preprocessing *p = lk_model_preprocessing(model);
    lk_status status = lk_summary_open(model, p->height, p->width, &summary);
    if (status) return status;
    const char *found = find_name(summary, asked);
    if (!found)
        status = lk_fail(LK_ERROR_NOT_FOUND,
                         "the model has no layer or feature '%s'; `likeness info` lists them", asked);
    else if (strlen(found) >= size)
        status = lk_fail(LK_ERROR_LIMIT, "the feature's name '%.40s…' is too long", found);
    else memcpy(name, found, strlen(found) + 1);
    lk_summary_close(&summary);
    return status;
}
