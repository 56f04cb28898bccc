/* The __metadata__ of a model file (docs/model_file.md): strings, structured ones JSON. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/json.h"
#include "engine/model.h"

#define MAX_CLASSES 1000000
#define MAX_SCALE 8.0

static lk_status bad_entry(const lk_model *model, const char *key, const char *fault)
{
    return lk_fail(LK_ERROR_FORMAT, "%s: metadata %s: %s", lk_safetensors_path(model->file), key, fault);
}

static const char *entry(const lk_model *model, const char *key)
{
    return lk_safetensors_metadata(model->file, key);
}

/* The entry's JSON; *json stays NULL when the file has no such entry. */
static lk_status read_json(const lk_model *model, const char *key, json_t **json)
{
    const char *text = entry(model, key);
    if (!text) return LK_OK;
    char where[512];
    snprintf(where, sizeof where, "%s: metadata %s", lk_safetensors_path(model->file), key);
    return lk_json_parse(text, strlen(text), where, json);
}

static lk_status check_version(const lk_model *model)
{
    const char *version = entry(model, "format_version"), *form = entry(model, "weights_form");
    if (!version)
        return bad_entry(model, "format_version",
                         "missing: not a Likeness model file (likeness-convert makes them)");
    if (strcmp(version, "1") != 0 && strcmp(version, "2") != 0)
        return lk_fail(LK_ERROR_UNSUPPORTED, "%s: format_version %.16s; this Likeness reads 1 and 2",
                       lk_safetensors_path(model->file), version);
    if (form && strcmp(form, "unfolded") != 0 && strcmp(form, "int8") != 0)
        return lk_fail(LK_ERROR_UNSUPPORTED, "%s: weights_form %.16s; this Likeness reads unfolded and int8",
                       lk_safetensors_path(model->file), form);
    return LK_OK;
}

/* Of int8 files only. */
static lk_status read_quantization(lk_model *model)
{
    const char *form = entry(model, "weights_form");
    if (!form || strcmp(form, "int8") != 0) return LK_OK;
    json_t *json = NULL;
    lk_status status = read_json(model, "quantization", &json);
    if (!status && !json) status = bad_entry(model, "quantization", "missing");
    if (!status) status = lk_quantization_read(json, lk_safetensors_path(model->file), &model->quantization);
    json_decref(json);
    return status;
}

static lk_status read_architecture(lk_model *model)
{
    lk_status status = read_json(model, "architecture", &model->description);
    if (status) return status;
    lk_architecture *a = &model->architecture;
    const json_t *scale = json_object_get(model->description, "scale"),
                 *classes = json_object_get(model->description, "num_classes");
    a->name = json_string_value(json_object_get(model->description, "name"));
    if (!a->name || !json_is_number(scale) || !json_is_integer(classes))
        return bad_entry(model, "architecture", "needs name, scale and num_classes");
    if (strcmp(a->name, "mobilenet_v2"))
        return lk_fail(LK_ERROR_UNSUPPORTED, "%s: architecture %.64s; this Likeness knows mobilenet_v2",
                       lk_safetensors_path(model->file), a->name);
    a->scale = json_number_value(scale);
    if (!(a->scale > 0 && a->scale <= MAX_SCALE))
        return bad_entry(model, "architecture", "scale is out of range");
    if (json_integer_value(classes) < 0 || json_integer_value(classes) > MAX_CLASSES)
        return bad_entry(model, "architecture", "num_classes is out of range");
    a->classes = (size_t)json_integer_value(classes);
    return LK_OK;
}

static bool read_side(const json_t *number, size_t *side)
{
    const json_int_t value = json_integer_value(number);
    if (!json_is_integer(number) || value < (json_int_t)LK_MIN_SIDE || value > (json_int_t)LK_MAX_SIDE)
        return false;
    *side = (size_t)value;
    return true;
}

static bool read_three(const json_t *array, float values[3])
{
    if (json_array_size(array) != 3) return false;
    for (size_t i = 0; i < 3; i++) {
        values[i] = (float)json_number_value(json_array_get(array, i));
        if (!json_is_number(json_array_get(array, i)) || !isfinite(values[i])) return false;
    }
    return true;
}

static lk_status fill_preprocessing(lk_model *model, const json_t *json)
{
    lk_preprocessing *p = &model->preprocessing;
    const json_t *size = json_object_get(json, "size");
    const char *rule = json_string_value(json_object_get(json, "resize"));
    if (json_array_size(size) != 2 || !read_side(json_array_get(size, 0), &p->height) ||
        !read_side(json_array_get(size, 1), &p->width))
        return bad_entry(model, "preprocess", "size is not two sides of 32 to 1024 pixels");
    if (!read_three(json_object_get(json, "mean"), p->mean) ||
        !read_three(json_object_get(json, "std"), p->std))
        return bad_entry(model, "preprocess", "mean or std is not three numbers");
    if (!(p->std[0] > 0 && p->std[1] > 0 && p->std[2] > 0))
        return bad_entry(model, "preprocess", "std is not above 0");
    if (rule && !strcmp(rule, "exact")) return LK_OK;
    if (!rule || strcmp(rule, "shorter"))
        return bad_entry(model, "preprocess", "resize is neither exact nor shorter");
    p->resize = LK_RESIZE_SHORTER;
    if (!read_side(json_object_get(json, "shorter"), &p->shorter) || p->shorter < p->height ||
        p->shorter < p->width)
        return bad_entry(model, "preprocess", "shorter is not a side of at least size");
    return LK_OK;
}

static lk_status read_preprocessing(lk_model *model)
{
    json_t *json = NULL;
    lk_status status = read_json(model, "preprocess", &json);
    if (!status) status = json ? fill_preprocessing(model, json) : bad_entry(model, "preprocess", "missing");
    json_decref(json);
    return status;
}

static lk_status read_labels(const lk_model *model, const char *key, json_t **labels)
{
    const lk_status status = read_json(model, key, labels);
    if (status || !*labels) return status;
    if (!json_is_array(*labels) || json_array_size(*labels) != model->architecture.classes)
        return bad_entry(model, key, "not one name a class");
    for (size_t i = 0; i < json_array_size(*labels); i++)
        if (!json_is_string(json_array_get(*labels, i)))
            return bad_entry(model, key, "a name is not a string");
    return LK_OK;
}

static lk_status read_padding(const lk_model *model, lk_padding_rule *padding)
{
    const char *text = entry(model, "padding");
    if (!text || !strcmp(text, "paddle")) *padding = LK_PADDING_PADDLE;
    else if (!strcmp(text, "keras-same")) *padding = LK_PADDING_KERAS_SAME;
    else return bad_entry(model, "padding", "neither paddle nor keras-same");
    return LK_OK;
}

static lk_status read_epsilon(const lk_model *model, double *epsilon)
{
    const char *text = entry(model, "bn_epsilon");
    char *end;
    if (!text && model->quantization.activations) return LK_OK; /* batch norms are gone */
    if (!text) return bad_entry(model, "bn_epsilon", "missing");
    *epsilon = strtod(text, &end);
    if (end == text || *end || !(*epsilon > 0 && *epsilon < 1))
        return bad_entry(model, "bn_epsilon", "not a number between 0 and 1");
    return LK_OK;
}

lk_status lk_model_read_metadata(lk_model *model, lk_padding_rule *padding, double *epsilon)
{
    lk_status status = check_version(model);
    if (!status) status = read_architecture(model);
    if (!status) status = read_preprocessing(model);
    if (!status) status = read_labels(model, "labels", &model->labels);
    if (!status) status = read_labels(model, "labels_en", &model->labels_english);
    if (!status) status = read_padding(model, padding);
    if (!status) status = read_quantization(model);
    if (!status) status = read_epsilon(model, epsilon);
    return status;
}
