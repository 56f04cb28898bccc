/* The names of classes as a gallery keeps them: a dataset_info.json within its manifest. */
#include <stdio.h>

#include "base/error.h"
#include "cbir/gallery_write.h"
#include "cbir/info_file.h"

typedef const char *name_of(const void *source, size_t class_index);

static const char *model_name(const void *source, size_t class_index)
{
    return lk_model_label(source, class_index);
}

static const char *model_english(const void *source, size_t class_index)
{
    return lk_model_label_english(source, class_index);
}

static const char *info_name(const void *source, size_t class_index)
{
    return lk_info_file_label(source, class_index);
}

static const char *info_english(const void *source, size_t class_index)
{
    return lk_info_file_label_english(source, class_index);
}

/* Sets `key` to a dictionary of the names that there are; to nothing if there are none. False: no memory. */
static bool put_names(json_t *labels, const char *key, const void *source, name_of *name, size_t classes)
{
    char number[24];
    json_t *dictionary = json_object();
    bool ok = dictionary;
    for (size_t i = 0; ok && i < classes; i++) {
        const char *text = name(source, i);
        snprintf(number, sizeof number, "%zu", i);
        if (text) ok = !json_object_set_new(dictionary, number, json_string(text));
    }
    if (ok && json_object_size(dictionary)) return !json_object_set_new(labels, key, dictionary);
    json_decref(dictionary);
    return ok;
}

static lk_status collect(const void *source, name_of *name, name_of *english, size_t classes, json_t **labels)
{
    json_t *made = json_object();
    if (!made || !put_names(made, "label_dict", source, name, classes) ||
        !put_names(made, "label_dict_en", source, english, classes)) {
        json_decref(made);
        return lk_fail(LK_ERROR_MEMORY, "out of memory for %zu labels", classes);
    }
    if (json_object_size(made)) *labels = made;
    else json_decref(made);
    return LK_OK;
}

lk_status lk_labels_of_model(const lk_model *model, json_t **labels)
{
    return collect(model, model_name, model_english, lk_model_classes(model), labels);
}

lk_status lk_labels_of_info(const lk_info_file *info, json_t **labels)
{
    return collect(info, info_name, info_english, lk_info_file_classes(info), labels);
}
