/* rows.jsonl or failed-*.jsonl of any bytes: a row that is taken can be written, and is read back as the same
 * line. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cbir/gallery_rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool condition)
{
    if (!condition) abort();
}

static void check(const char *line, size_t length, size_t number)
{
    lk_row *row = NULL, *again = NULL;
    char *written = NULL, *twice = NULL;
    if (lk_row_parse(line, length, "rows", number, &row)) return;
    require(!lk_row_format(&row->about, row->reason, &written));
    require(!lk_row_parse(written, strlen(written), "written", 1, &again));
    require(!lk_row_format(&again->about, again->reason, &twice));
    require(!strcmp(written, twice));
    require(!row->about.path == !again->about.path && row->about.label == again->about.label);
    require(!row->about.path || !strcmp(row->about.path, again->about.path));
    lk_free(twice);
    lk_free(written);
    lk_free(again);
    lk_free(row);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    size_t rows = 0, *offsets = NULL;
    for (size_t i = 0; i < size; i++) rows += bytes[i] == '\n';
    if (lk_row_offsets(bytes, size, rows, "rows", &offsets)) return 0;
    for (size_t i = 0; i < rows; i++)
        check((const char *)bytes + offsets[i], offsets[i + 1] - offsets[i], i + 1);
    lk_free(offsets);
    return 0;
}
