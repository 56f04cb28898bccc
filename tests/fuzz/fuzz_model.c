/* Model files: container, metadata, network. */
#include <stddef.h>
#include <stdint.h>

#include "engine/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const lk_mapping bytes = {data, size};
    lk_safetensors *file = NULL;
    lk_model *model = NULL;
    if (lk_safetensors_parse(&bytes, "fuzzed", &file) == LK_OK && lk_model_on(file, &model) == LK_OK) {
        char digits[65];
        lk_model_sha256(model, digits);
    }
    lk_model_close(&model);
    return 0;
}
