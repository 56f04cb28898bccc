/* A .npz archive of any bytes: every member is loaded. */
#include <stdint.h>

#include "base/memory.h"
#include "cbir/npz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    lk_npz *npz = NULL;
    if (lk_npz_parse(bytes, size, "archive", &npz) != LK_OK) return 0;
    for (size_t i = 0; i < lk_npz_count(npz) && i < 16; i++) {
        lk_npz_array loaded;
        if (lk_npz_load(npz, i, &loaded) == LK_OK) lk_free(loaded.memory);
    }
    lk_npz_close(&npz);
    return 0;
}
