/* Two traces of the same picture, stage by stage. */
#ifndef LK_CBIR_CLI_COMPARE_H
#define LK_CBIR_CLI_COMPARE_H

#include <stdbool.h>

#include "cbir/cli/stages.h"

/* A stage that both have. */
typedef struct {
    const char *name;  /* the fresh side's */
    double difference; /* the largest; NaN or infinite where one side alone is */
    double magnitude;  /* the largest of the other side's values */
    size_t at;         /* where the largest difference is, in the fresh side's order */
    bool departs;      /* difference > tolerance * magnitude */
} stage_difference;

typedef struct {
    stage_difference *stages; /* in the fresh side's order */
    size_t count;
    const stage_difference *first; /* that departs; NULL: none */
} comparison;

/* Sets each stage of `ours` against the stage of that name in `theirs`. A golden's "pooled" is pool2d_avg,
 * "logits" is classifier.1, and a block's name means its last layer. LK_ERROR_MISMATCH when they have no
 * stage in common, or one of another shape. */
lk_status compare_stages(const stages *ours, const stages *theirs, double tolerance, comparison *result);
void comparison_close(comparison *result);

#endif
