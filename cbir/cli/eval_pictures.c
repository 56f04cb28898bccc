/* How long a query picture takes before it is searched for: its decoding, preprocessing and forward pass. */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "cbir/cli/eval.h"
#include "cbir/picture_reader.h"
#include "cbir/recipe.h"

typedef struct {
    lk_recipe recipe;
    lk_model *model;
    lk_plan *plan;
    lk_session *session;
    lk_picture_reader *reader;
    lk_pool *pool;
    double *ms[EVAL_SEARCH]; /* [pictures] of each stage before the search */
} stopwatch;

static lk_status open_network(const eval_options *o, const lk_gallery *gallery, stopwatch *w)
{
    const char *text = lk_gallery_recipe(gallery), *features[LK_MAX_PARTS];
    lk_status status = lk_recipe_parse(text, strlen(text), lk_gallery_folder(gallery), &w->recipe);
    if (!status) status = lk_gallery_open_model(gallery, o->model, &w->model);
    for (size_t i = 0; !status && i < w->recipe.part_count; i++) features[i] = w->recipe.parts[i].feature;
    const lk_plan_options plan = {.backend = o->running.backend,
                                  .isa = o->running.isa,
                                  .batch_norm = w->recipe.batch_norm,
                                  .height = w->recipe.preprocessing.height,
                                  .width = w->recipe.preprocessing.width,
                                  .features = features,
                                  .feature_count = w->recipe.part_count,
                                  .precision = w->recipe.precision,
                                  .pixels = &w->recipe.preprocessing};
    if (!status) status = lk_plan_open(w->model, &plan, &w->plan);
    if (!status && o->running.threads != 1) status = lk_pool_open(o->running.threads, &w->pool);
    if (!status) status = lk_session_share(w->plan, w->pool, &w->session);
    if (!status) status = lk_picture_reader_open(&w->recipe.preprocessing, &w->reader);
    return status;
}

static lk_status time_picture(stopwatch *w, const char *path, size_t at)
{
    const lk_image *image;
    double times[EVAL_SEARCH + 1];
    times[0] = eval_now_ms();
    lk_status status = lk_picture_reader_load(w->reader, path, &image);
    times[1] = eval_now_ms();
    if (!status) status = lk_picture_reader_fit(w->reader, lk_session_pixels(w->session, 0));
    times[2] = eval_now_ms();
    if (!status) status = lk_session_run(w->session, 1);
    times[3] = eval_now_ms();
    for (size_t s = 0; s < EVAL_SEARCH; s++) w->ms[s][at] = times[s + 1] - times[s];
    return status;
}

lk_status eval_measure_pictures(const eval_options *o, const eval_side *gallery, const eval_side *queries,
                                eval_results *results)
{
    stopwatch w = {0};
    const lk_list *list = &queries->embedded.list;
    if (!gallery->opened || !list->count || !lk_gallery_recipe(gallery->opened)) return LK_OK;
    lk_status status = open_network(o, gallery->opened, &w);
    for (size_t s = 0; !status && s < EVAL_SEARCH; s++)
        if (!(w.ms[s] = lk_allocate_array(list->count, sizeof *w.ms[s])))
            status = lk_fail(LK_ERROR_MEMORY, "out of memory for %zu times", list->count);
    if (!status) status = time_picture(&w, list->items[0].path, 0); /* memory is touched: not counted */
    for (size_t i = 0; !status && i < list->count; i++) status = time_picture(&w, list->items[i].path, i);
    for (size_t s = 0; !status && s < EVAL_SEARCH; s++) {
        results->times[s] = eval_times_of(w.ms[s], list->count);
        results->has_stage[s] = true;
    }
    for (size_t s = 0; s < EVAL_SEARCH; s++) lk_free(w.ms[s]);
    lk_picture_reader_close(&w.reader);
    lk_session_close(&w.session);
    lk_pool_close(&w.pool);
    lk_plan_close(&w.plan);
    lk_model_close(&w.model);
    return status;
}
