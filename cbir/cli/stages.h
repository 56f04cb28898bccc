/* The stages from pixels to logits: made afresh by a model, or read from a trace folder or a golden .npz. */
#ifndef LK_CBIR_CLI_STAGES_H
#define LK_CBIR_CLI_STAGES_H

#include "cbir/npy.h"
#include "engine/likeness.h"

/* How a stage's values lie. */
typedef enum {
    STAGE_HWC, /* pictures and maps: [height][width][channels] */
    STAGE_VECTOR,
    STAGE_BY_SHAPE /* a golden's: NCHW or NHWC, told by the shape of what it is compared with */
} stage_layout;

/* One stage's values; `memory` is freed by stage_free. */
typedef struct {
    lk_npy array;
    void *memory;
} stage_values;

void stage_free(stage_values *values);

/* A row of stages. Made by one of the opens below; the calls are the source's own. */
typedef struct stages stages;
struct stages {
    size_t count;
    const char *source; /* what the messages call it */
    const char *(*name)(const stages *s, size_t index);
    stage_layout (*layout)(const stages *s, size_t index);
    lk_status (*load)(const stages *s, size_t index, stage_values *values);
    bool (*photo)(const stages *s, char *text, size_t size); /* the picture's file name, if it is known */
    void (*close)(stages *s);
};

void stages_close(stages **s); /* takes NULL */

/* What a fresh trace is made with. */
typedef struct {
    const char *model_path, *picture_path;
    const lk_model *model;
    lk_preprocessing preprocessing;
    lk_plan_options plan; /* height, width and features are filled in */
    size_t threads;
    bool fused; /* the folded plan's blocks instead of each layer of the plain one */
} stage_recipe;

lk_status stages_open_fresh(const stage_recipe *recipe, stages **s);
lk_status stages_open_folder(const char *path, stages **s); /* a folder with trace.json */
lk_status stages_open_npz(const char *path, stages **s);

/* A folder or a .npz, told apart by what it is. */
lk_status stages_open_path(const char *path, stages **s);

/* Writes every stage as NAME.npy, then trace.json, into `folder`, which is made when it is missing. On
 * failure what was written is removed again. */
lk_status stages_write(const stages *s, const stage_recipe *recipe, const char *folder);

#endif
