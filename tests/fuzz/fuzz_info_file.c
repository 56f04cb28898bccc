/* A dataset_info.json of any bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cbir/info_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    lk_info_file *info = NULL;
    size_t length = 0; /* every name is read to its end */
    if (lk_info_file_parse(bytes, size, "info", &info) != LK_OK) return 0;
    for (size_t i = 0; i <= lk_info_file_classes(info); i++) {
        const char *label = lk_info_file_label(info, i), *english = lk_info_file_label_english(info, i);
        length += (label ? strlen(label) : 0) + (english ? strlen(english) : 0);
    }
    lk_info_file_close(&info);
    if (length > size) abort(); /* names are no longer than the file */
    return 0;
}
