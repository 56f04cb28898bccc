/* The study's dataset_info.json: the names of the classes. */
#ifndef LK_CBIR_INFO_FILE_H
#define LK_CBIR_INFO_FILE_H

#include <stddef.h>

#include "engine/likeness.h"

/* Class indices reach as far as this; a file cannot ask for more memory by one large number. */
#define LK_INFO_MAX_CLASSES ((size_t)65536)

typedef struct lk_info_file lk_info_file;

/* Reads {"label_dict": {"0": "name", …}, "label_dict_en": {…}}; other entries are passed over, label_dict_en
 * may be absent. LK_ERROR_IO, LK_ERROR_FORMAT, LK_ERROR_LIMIT, LK_ERROR_MEMORY. */
lk_status lk_info_file_open(const char *path, lk_info_file **info);

/* The same from bytes in memory; `name` stands in error messages. */
lk_status lk_info_file_parse(const void *bytes, size_t size, const char *name, lk_info_file **info);
void lk_info_file_close(lk_info_file **info);

size_t lk_info_file_classes(const lk_info_file *info); /* the largest index plus one */

/* UTF-8, the file's own; NULL for a class without a name. */
const char *lk_info_file_label(const lk_info_file *info, size_t class_index);
const char *lk_info_file_label_english(const lk_info_file *info, size_t class_index);

#endif
