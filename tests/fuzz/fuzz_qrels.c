/* Judgements of any bytes: their lines are in order, no document is there twice, and a fixed run meets them.
 */
#include <stdlib.h>
#include <string.h>

#include "cbir/trec.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool condition)
{
    if (!condition) abort();
}

static lk_status look(void *context, const char *query, const lk_judged *judged)
{
    size_t *visits = context;
    size_t found = 0;
    for (size_t i = 0; i < judged->count; i++) found += judged->relevant[i] && judged->names[i] && *query;
    require(found <= judged->count);
    (*visits)++;
    return LK_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const char ranked[] = "q Q0 a 1 3 t\nq Q0 b 2 2 t\nr Q0 a 1 1 t\n";
    lk_trec run = {0}, qrels = {0};
    size_t visits = 0;
    if (lk_trec_parse(ranked, sizeof ranked - 1, "ranked", LK_TREC_RUN, &run) == LK_OK &&
        lk_trec_parse(bytes, size, "qrels", LK_TREC_QRELS, &qrels) == LK_OK) {
        for (size_t i = 1; i < qrels.count; i++) {
            const int order = strcmp(qrels.lines[i - 1].query, qrels.lines[i].query);
            require(order < 0 || (!order && qrels.lines[i - 1].number < qrels.lines[i].number));
        }
        require(lk_trec_join(&run, &qrels, look, &visits) == LK_OK);
        require(visits == lk_trec_compare(&run, &qrels).both);
    }
    lk_trec_close(&run);
    lk_trec_close(&qrels);
    return 0;
}
