#include "cbir/info_file.h"

#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"

/* Names are held as one string each; the arrays are as long as the largest index asks for. */
struct lk_info_file {
    char **names, **english;
    size_t classes;
};

static bool parse_index(const char *key, size_t *index)
{
    size_t value = 0;
    if (!*key) return false;
    for (const char *c = key; *c; c++) {
        if (*c < '0' || *c > '9' || c - key > 8) return false;
        value = value * 10 + (size_t)(*c - '0');
    }
    *index = value;
    return true;
}

/* The number of classes that a dictionary's keys ask for, at least *classes. */
static lk_status count_classes(json_t *dict, const char *which, const char *name, size_t *classes)
{
    const char *key;
    json_t *value;
    if (!json_is_object(dict)) return lk_fail(LK_ERROR_FORMAT, "%s: '%s' is not an object", name, which);
    json_object_foreach(dict, key, value)
    {
        size_t index;
        if (!parse_index(key, &index))
            return lk_fail(LK_ERROR_FORMAT, "%s: '%s' has the key '%.40s', which is not a class index", name,
                           which, key);
        if (index >= LK_INFO_MAX_CLASSES)
            return lk_fail(LK_ERROR_LIMIT, "%s: '%s' names class %zu; the limit is %zu classes", name, which,
                           index, LK_INFO_MAX_CLASSES);
        if (!json_is_string(value))
            return lk_fail(LK_ERROR_FORMAT, "%s: the name of class %zu in '%s' is not a string", name, index,
                           which);
        if (index >= *classes) *classes = index + 1;
    }
    return LK_OK;
}

/* Every key was checked by count_classes. False: no memory. */
static bool copy_names(json_t *dict, char **names)
{
    const char *key;
    json_t *value;
    json_object_foreach(dict, key, value)
    {
        size_t index = 0;
        parse_index(key, &index);
        if (names[index]) continue; /* "7" and "07" are one class: the first stands */
        names[index] = lk_copy_text(json_string_value(value));
        if (!names[index]) return false;
    }
    return true;
}

static lk_status fill(json_t *root, const char *name, lk_info_file *info)
{
    json_t *labels = json_object_get(root, "label_dict"), *english = json_object_get(root, "label_dict_en");
    if (!json_is_object(root) || !labels) return lk_fail(LK_ERROR_FORMAT, "%s: it has no 'label_dict'", name);
    lk_status status = count_classes(labels, "label_dict", name, &info->classes);
    if (!status && english) status = count_classes(english, "label_dict_en", name, &info->classes);
    if (status) return status;
    info->names = lk_allocate_array(info->classes, sizeof *info->names);
    info->english = lk_allocate_array(info->classes, sizeof *info->english);
    if (!info->names || !info->english || !copy_names(labels, info->names) ||
        (english && !copy_names(english, info->english)))
        return lk_fail(LK_ERROR_MEMORY, "%s: out of memory", name);
    return LK_OK;
}

lk_status lk_info_file_parse(const void *bytes, size_t size, const char *name, lk_info_file **info)
{
    const char *text = bytes;
    if (size >= 3 && !memcmp(text, "\xEF\xBB\xBF", 3)) text += 3, size -= 3;
    json_t *root = NULL;
    lk_status status = lk_json_parse(size ? text : "", size, name, &root);
    if (status) return status;
    lk_info_file *opened = lk_allocate_array(1, sizeof *opened);
    status = opened ? fill(root, name, opened) : lk_fail(LK_ERROR_MEMORY, "%s: out of memory", name);
    json_decref(root);
    if (status) lk_info_file_close(&opened);
    else *info = opened;
    return status;
}

lk_status lk_info_file_open(const char *path, lk_info_file **info)
{
    lk_mapping file;
    lk_status status = lk_map_file(path, &file);
    if (status) return status;
    status = lk_info_file_parse(file.bytes, file.size, path, info);
    lk_unmap(&file);
    return status;
}

static void free_names(char **names, size_t count)
{
    for (size_t i = 0; names && i < count; i++) lk_free(names[i]);
    lk_free(names);
}

void lk_info_file_close(lk_info_file **info)
{
    if (!*info) return;
    free_names((*info)->names, (*info)->classes);
    free_names((*info)->english, (*info)->classes);
    lk_free(*info);
    *info = NULL;
}

size_t lk_info_file_classes(const lk_info_file *info)
{
    return info->classes;
}

const char *lk_info_file_label(const lk_info_file *info, size_t class_index)
{
    return class_index < info->classes ? info->names[class_index] : NULL;
}

const char *lk_info_file_label_english(const lk_info_file *info, size_t class_index)
{
    return class_index < info->classes ? info->english[class_index] : NULL;
}
