#include "engine/model.h"

#include <sha256.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "engine/draft.h"

static lk_status open_network(lk_model *model)
{
    lk_padding_rule padding;
    double epsilon = 0;
    lk_status status = lk_model_read_metadata(model, &padding, &epsilon);
    if (!status) status = lk_graph_open(model->file, 3, &model->graph);
    if (status) return status;
    lk_graph_set_padding(model->graph, padding);
    lk_graph_set_epsilon(model->graph, epsilon);
    if (model->quantization.activations) lk_graph_set_quantization(model->graph, &model->quantization);
    lk_mobilenet_v2(model->graph, &model->architecture);
    status = lk_graph_finish(model->graph);
    return status || !model->quantization.activations
               ? status
               : lk_draft_check_quantization(model->graph, &model->quantization);
}

lk_status lk_model_on(lk_safetensors *file, lk_model **model)
{
    lk_model *opened = lk_allocate_array(1, sizeof *opened);
    if (!opened) {
        lk_fail(LK_ERROR_MEMORY, "%s: out of memory", lk_safetensors_path(file));
        lk_safetensors_close(&file);
        return LK_ERROR_MEMORY;
    }
    opened->file = file;
    const lk_status status = open_network(opened);
    if (status) lk_model_close(&opened);
    else *model = opened;
    return status;
}

lk_status lk_model_open(const char *path, lk_model **model)
{
    lk_safetensors *file = NULL;
    const lk_status status = lk_safetensors_open(path, &file);
    return status ? status : lk_model_on(file, model);
}

void lk_model_close(lk_model **model)
{
    lk_model *closed = *model;
    if (!closed) return;
    lk_graph_close(&closed->graph);
    json_decref(closed->quantization.activations);
    json_decref(closed->description);
    json_decref(closed->labels);
    json_decref(closed->labels_english);
    lk_safetensors_close(&closed->file);
    lk_free(closed);
    *model = NULL;
}

const lk_preprocessing *lk_model_preprocessing(const lk_model *model)
{
    return &model->preprocessing;
}

const char *lk_model_architecture(const lk_model *model)
{
    return model->architecture.name;
}

lk_precision lk_model_precision(const lk_model *model)
{
    return model->quantization.activations ? LK_PRECISION_INT8 : LK_PRECISION_F32;
}

double lk_model_scale(const lk_model *model)
{
    return model->architecture.scale;
}

size_t lk_model_classes(const lk_model *model)
{
    return model->architecture.classes;
}

const char *lk_model_label(const lk_model *model, size_t class_index)
{
    return json_string_value(json_array_get(model->labels, class_index));
}

const char *lk_model_label_english(const lk_model *model, size_t class_index)
{
    return json_string_value(json_array_get(model->labels_english, class_index));
}

const char *lk_model_metadata(const lk_model *model, const char *key)
{
    return lk_safetensors_metadata(model->file, key);
}

void lk_model_sha256(const lk_model *model, char digits[65])
{
    const lk_mapping *bytes = lk_safetensors_bytes(model->file);
    SHA256Data(bytes->bytes, bytes->size, digits);
}
