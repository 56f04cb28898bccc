/* A run file of any bytes against fixed judgements: every query is ranked by every rule, and every value lies
 * in 0 to 1. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cbir/metrics.h"
#include "cbir/trec.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool condition)
{
    if (!condition) abort();
}

static lk_status judge(void *context, const char *query, const lk_judged *judged)
{
    (void)query;
    lk_evaluation *evaluation = context;
    require(lk_evaluation_add(evaluation, judged) == LK_OK);
    const double *row = lk_evaluation_row(evaluation, lk_evaluation_queries(evaluation) - 1);
    for (size_t c = 0; c < lk_evaluation_columns(evaluation); c++)
        require(isnan(row[c]) || (row[c] >= 0 && row[c] <= 1 + 1e-9));
    return LK_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const char truth[] = "q 0 a 1\nq 0 b 1\nq 0 z 1\nr 0 a 1\nr 0 c 0\ns 0 b 2\n";
    static const size_t ks[] = {1, 2, 5, 1000};
    lk_trec run = {0}, qrels = {0};
    if (lk_trec_parse(truth, sizeof truth - 1, "truth", LK_TREC_QRELS, &qrels) == LK_OK &&
        lk_trec_parse(bytes, size, "run", LK_TREC_RUN, &run) == LK_OK) {
        const size_t longest = lk_trec_compare(&run, &qrels).longest;
        for (int ties = LK_TIES_INDEX; ties <= LK_TIES_STUDY; ties++) {
            const lk_evaluate_options options = {
                .ks = ks, .k_count = 4, .items = longest, .ties = (lk_ties)ties};
            lk_evaluation *evaluation = NULL;
            if (lk_evaluation_open(&options, &evaluation) == LK_OK)
                lk_trec_join(&run, &qrels, judge, evaluation);
            lk_evaluation_close(&evaluation);
        }
    }
    lk_trec_close(&run);
    lk_trec_close(&qrels);
    return 0;
}
