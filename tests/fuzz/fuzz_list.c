/* A list file of any bytes, in either style, with a map: what is added can be written and read back as the
 * same list. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cbir/list.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool condition)
{
    if (!condition) abort();
}

static void check_round_trip(const lk_list *list)
{
    char *written = NULL;
    size_t length = 0;
    lk_list again = {0};
    FILE *stream = open_memstream(&written, &length);
    if (!stream) return;
    fputs("\xEF\xBB\xBF", stream); /* of two marks at the beginning, one is a path's */
    for (size_t i = 0; i < list->count; i++) require(lk_list_write_item(&list->items[i], stream));
    fclose(stream);
    const lk_list_text text = {.bytes = written, .size = length, .name = "again"};
    require(lk_list_add_text(&again, &text, NULL) == LK_OK && again.count == list->count);
    for (size_t i = 0; i < list->count; i++) {
        require(again.items[i].has_label == list->items[i].has_label);
        require(!again.items[i].has_label || again.items[i].label == list->items[i].label);
        require(!strcmp(again.items[i].path, list->items[i].path));
    }
    lk_list_close(&again);
    free(written);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const lk_path_map maps[] = {{"D:\\Data=/nowhere/data"}, {"/old/="}};
    const lk_list_options options = {maps, 2};
    for (lk_list_style style = LK_LIST_STUDY; style <= LK_LIST_PATHS; style++) {
        lk_list list = {0};
        const lk_list_text text = {.bytes = (const char *)bytes,
                                   .size = size,
                                   .name = "list",
                                   .folder = "/nowhere/",
                                   .style = style};
        if (lk_list_add_text(&list, &text, &options) == LK_OK) check_round_trip(&list);
        else require(list.count == 0);
        lk_list_close(&list);
    }
    return 0;
}
