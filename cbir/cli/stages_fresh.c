/* A fresh trace: one picture through one session, every layer a feature of its plan. */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "cbir/cli/layer_table.h"
#include "cbir/cli/stages.h"
#include "cbir/picture_reader.h"

enum { DECODED, RESIZED, INPUT, FIRST_LAYER };

typedef struct {
    stages base; /* first, so that the one is the other */
    const stage_recipe *recipe;
    layer_table table;
    const char **names; /* [features]: of the plan's features, the table's texts */
    size_t features;
    lk_picture_reader *reader;
    const lk_image *picture; /* the reader's */
    lk_image *fitted;
    float *input; /* kept aside: a run may overwrite the session's */
    lk_plan *plan;
    lk_pool *pool;
    lk_session *session;
} fresh;

static const fresh *of(const stages *s)
{
    return (const fresh *)s;
}

static void close_fresh(stages *s)
{
    fresh *f = (fresh *)s;
    lk_session_close(&f->session);
    lk_pool_close(&f->pool);
    lk_plan_close(&f->plan);
    lk_image_close(&f->fitted);
    lk_picture_reader_close(&f->reader);
    lk_free(f->names);
    layer_table_close(&f->table);
    lk_free(f->input);
    lk_free(f);
}

/* ------------------------------------------------------------------ Which features */

/* The length of "features.17" in "features.17.conv.1.1"; the whole name for what lies in no numbered block.
 */
static size_t block_length(const char *name)
{
    const char *end = strncmp(name, "features.", 9) ? NULL : strchr(name + 9, '.');
    return end ? (size_t)(end - name) : strlen(name);
}

/* The plain plan has every layer; the folded one keeps its blocks' ends, and what comes after them. */
static lk_status choose_features(fresh *f)
{
    f->names = lk_allocate_array(f->table.count, sizeof *f->names);
    if (!f->names) return lk_fail(LK_ERROR_MEMORY, "out of memory for the names of the stages");
    for (size_t i = 0; i < f->table.count; i++) {
        layer_row *row = &f->table.rows[i];
        if (!strncmp(row->type, "Dropout", 7)) continue; /* does nothing */
        if (f->recipe->fused) row->name[block_length(row->name)] = 0;
        if (!f->features || strcmp(f->names[f->features - 1], row->name) != 0)
            f->names[f->features++] = row->name;
    }
    return LK_OK;
}

/* ------------------------------------------------------------------ The run */

static lk_status read_picture(fresh *f)
{
    const lk_preprocessing *p = &f->recipe->preprocessing;
    const size_t values = p->height * p->width * 3;
    lk_status status = lk_picture_reader_open(p, &f->reader);
    if (!status) status = lk_picture_reader_load(f->reader, f->recipe->picture_path, &f->picture);
    if (!status) status = lk_image_fit(p, f->picture, &f->fitted);
    if (status) return status;
    f->input = lk_allocate_array(values, sizeof *f->input);
    if (!f->input) return lk_fail(LK_ERROR_MEMORY, "out of memory for the input");
    status = lk_preprocess(p, f->picture, f->input);
    if (!status) memcpy(lk_session_input(f->session, 0), f->input, values * sizeof *f->input);
    return status;
}

static lk_status run(fresh *f)
{
    lk_plan_options options = f->recipe->plan;
    const lk_preprocessing *p = &f->recipe->preprocessing;
    lk_status status = layer_table_open(f->recipe->model, p->height, p->width, &f->table);
    if (!status) status = choose_features(f);
    options.height = p->height;
    options.width = p->width;
    options.plain = !f->recipe->fused;
    options.features = f->names;
    options.feature_count = f->features;
    if (!status) status = lk_plan_open(f->recipe->model, &options, &f->plan);
    if (!status && f->recipe->threads != 1) status = lk_pool_open(f->recipe->threads, &f->pool);
    if (!status) status = lk_session_share(f->plan, f->pool, &f->session);
    if (!status) status = read_picture(f);
    return status ? status : lk_session_run(f->session, 1);
}

/* ------------------------------------------------------------------ The stages */

static const char *name_of(const stages *s, size_t index)
{
    static const char *const pictures[] = {"decoded_rgb_u8", "resized_rgb_u8", "input"};
    return index < FIRST_LAYER ? pictures[index] : of(s)->names[index - FIRST_LAYER];
}

static void chw_of(const fresh *f, size_t index, size_t chw[3])
{
    lk_plan_feature_shape(f->plan, index - FIRST_LAYER, chw);
}

/* The shape does not tell a vector from a map of one pixel; Paddle's pools give maps, its linear layers
 * vectors. */
static stage_layout layout_of(const stages *s, size_t index)
{
    size_t chw[3];
    if (index < FIRST_LAYER) return STAGE_HWC;
    chw_of(of(s), index, chw);
    return chw[1] == 1 && chw[2] == 1 ? STAGE_VECTOR : STAGE_HWC;
}

static void transpose(const float *chw, const size_t shape[3], float *hwc)
{
    const size_t pixels = shape[1] * shape[2];
    for (size_t c = 0; c < shape[0]; c++)
        for (size_t i = 0; i < pixels; i++) hwc[i * shape[0] + c] = chw[c * pixels + i];
}

static lk_status load_layer(const fresh *f, size_t index, stage_values *values)
{
    size_t chw[3];
    chw_of(f, index, chw);
    const size_t count = chw[0] * chw[1] * chw[2];
    float *paddle = lk_allocate_array(count, sizeof *paddle), *hwc = lk_allocate_array(count, sizeof *hwc);
    lk_status status = paddle && hwc
                           ? lk_session_feature(f->session, index - FIRST_LAYER, 0, paddle)
                           : lk_fail(LK_ERROR_MEMORY, "out of memory for a stage of %zu values", count);
    if (status) {
        lk_free(hwc);
        goto done;
    }
    transpose(paddle, chw, hwc);
    const bool vector = layout_of(&f->base, index) == STAGE_VECTOR;
    *values = (stage_values){{.type = LK_NPY_FLOAT32,
                              .item_bytes = sizeof *hwc,
                              .dims = vector ? 1 : 3,
                              .shape = {vector ? chw[0] : chw[1], chw[2], chw[0]},
                              .count = count,
                              .data = (const unsigned char *)hwc},
                             hwc};
done:
    lk_free(paddle);
    return status;
}

static lk_npy picture_array(const lk_image *image)
{
    const size_t width = lk_image_width(image), height = lk_image_height(image);
    return (lk_npy){.type = LK_NPY_UINT8,
                    .item_bytes = 1,
                    .dims = 3,
                    .shape = {height, width, 3},
                    .count = height * width * 3,
                    .data = lk_image_pixels(image)};
}

static lk_status load(const stages *s, size_t index, stage_values *values)
{
    const fresh *f = of(s);
    const lk_preprocessing *p = &f->recipe->preprocessing;
    if (index >= FIRST_LAYER) return load_layer(f, index, values);
    if (index != INPUT)
        *values = (stage_values){picture_array(index == DECODED ? f->picture : f->fitted), NULL};
    else
        *values = (stage_values){{.type = LK_NPY_FLOAT32,
                                  .item_bytes = sizeof(float),
                                  .dims = 3,
                                  .shape = {p->height, p->width, 3},
                                  .count = p->height * p->width * 3,
                                  .data = (const unsigned char *)f->input},
                                 NULL};
    return LK_OK;
}

static bool photo_of(const stages *s, char *text, size_t size)
{
    const char *path = of(s)->recipe->picture_path, *slash = strrchr(path, '/');
    snprintf(text, size, "%s", slash ? slash + 1 : path);
    return true;
}

lk_status stages_open_fresh(const stage_recipe *recipe, stages **s)
{
    fresh *f = lk_allocate_array(1, sizeof *f);
    if (!f) return lk_fail(LK_ERROR_MEMORY, "out of memory");
    f->base = (stages){.source = recipe->picture_path,
                       .name = name_of,
                       .layout = layout_of,
                       .load = load,
                       .photo = photo_of,
                       .close = close_fresh};
    f->recipe = recipe;
    const lk_status status = run(f);
    f->base.count = FIRST_LAYER + f->features;
    if (status) close_fresh(&f->base);
    else *s = &f->base;
    return status;
}
