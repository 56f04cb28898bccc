#include "engine/quantization.h"

#include "base/error.h"

static lk_status bad_layer(const lk_quantization *quantization, const char *layer, const char *fault)
{
    return lk_fail(LK_ERROR_FORMAT, "%s: metadata quantization: activation %.100s: %s", quantization->path,
                   layer, fault);
}

static lk_status check_activation(const lk_quantization *quantization, const char *layer, const json_t *entry)
{
    const json_t *scale = json_object_get(entry, "scale"), *zero = json_object_get(entry, "zero");
    const double value = json_number_value(scale);
    if (!json_is_number(scale) || !(value >= LK_LEAST_SCALE && value <= LK_MOST_SCALE))
        return bad_layer(quantization, layer, "scale is not a number from 1e-9 to 1e9");
    if (!json_is_integer(zero) || json_integer_value(zero) < 0 || json_integer_value(zero) > 255)
        return bad_layer(quantization, layer, "zero is not a whole number from 0 to 255");
    return LK_OK;
}

lk_status lk_quantization_read(const json_t *json, const char *path, lk_quantization *quantization)
{
    json_t *activations = json_object_get(json, "activations");
    if (!json_is_object(activations))
        return lk_fail(LK_ERROR_FORMAT, "%s: metadata quantization: needs activations", path);
    *quantization = (lk_quantization){.path = path, .activations = json_incref(activations)};
    const char *layer;
    json_t *entry;
    json_object_foreach(activations, layer, entry)
    {
        const lk_status status = check_activation(quantization, layer, entry);
        if (status) return status;
    }
    return LK_OK;
}

void lk_quantization_find(const lk_quantization *quantization, const char *layer, lk_affine *real)
{
    const json_t *entry = json_object_get(quantization->activations, layer);
    if (!entry) return;
    real->scale = json_number_value(json_object_get(entry, "scale"));
    real->zero = (int32_t)json_integer_value(json_object_get(entry, "zero"));
}

lk_status lk_quantization_lacks(const lk_quantization *quantization, const char *layer)
{
    return bad_layer(quantization, layer, "missing");
}
