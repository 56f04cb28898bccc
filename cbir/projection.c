#include <math.h>
#include <sha256.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "cbir/npy.h"
#include "cbir/vector.h"

static lk_status check_shape(const char *path, const lk_npy *array)
{
    bool matrix = array->dims == 2;
    if (array->dims == 4) matrix = array->shape[2] == 1 && array->shape[3] == 1;
    if (matrix && array->count) return LK_OK;
    return lk_fail(LK_ERROR_FORMAT, "%s: not a matrix [outputs][inputs]", path);
}

static lk_status read_weights(const char *path, const lk_npy *array, lk_projection *projection)
{
    projection->outputs = array->shape[0];
    projection->inputs = array->shape[1];
    projection->weights = lk_allocate_array(array->count, sizeof *projection->weights);
    if (!projection->weights) return lk_fail(LK_ERROR_MEMORY, "%s: out of memory", path);
    lk_status status = lk_npy_floats(array, 0, array->count, projection->weights);
    for (size_t i = 0; !status && i < array->count; i++)
        if (!isfinite(projection->weights[i]))
            status = lk_fail(LK_ERROR_FORMAT, "%s: value %zu is not a finite number", path, i);
    return status;
}

lk_status lk_projection_open(const char *path, lk_projection *projection)
{
    lk_mapping bytes;
    lk_npy array;
    lk_projection opened = {0};
    lk_status status = lk_map_file(path, &bytes);
    if (status) return status;
    status = lk_npy_parse(bytes.bytes, bytes.size, path, &array);
    if (!status) status = check_shape(path, &array);
    if (!status) status = read_weights(path, &array, &opened);
    if (!status && !(opened.path = lk_copy_text(path)))
        status = lk_fail(LK_ERROR_MEMORY, "%s: out of memory", path);
    if (!status) SHA256Data(bytes.bytes, bytes.size, opened.sha256);
    lk_unmap(&bytes);
    if (status) lk_projection_close(&opened);
    else *projection = opened;
    return status;
}

void lk_projection_close(lk_projection *projection)
{
    lk_free(projection->weights);
    lk_free(projection->path);
    *projection = (lk_projection){0};
}
