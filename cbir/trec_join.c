/* A run meets its judgements. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "cbir/trec.h"

/* The lines of one query. */
typedef struct {
    const lk_trec_line *lines;
    size_t count;
} part;

static part next_part(const lk_trec *trec, const part *before)
{
    const lk_trec_line *end = trec->lines + trec->count,
                       *start = before ? before->lines + before->count : trec->lines;
    part p = {start, 0};
    while (start + p.count < end &&
           (start[p.count].query == start->query || !strcmp(start[p.count].query, start->query)))
        p.count++;
    return p;
}

/* Walks both by query: below 0 where the run's query stands before the qrels', 0 where both are at one. */
static int compare_parts(const part *run, const part *qrels)
{
    if (!run->count || !qrels->count) return run->count ? -1 : 1;
    return strcmp(run->lines->query, qrels->lines->query);
}

lk_trec_match lk_trec_compare(const lk_trec *run, const lk_trec *qrels)
{
    lk_trec_match match = {0};
    part r = next_part(run, NULL), q = next_part(qrels, NULL);
    while (r.count || q.count) {
        const int order = compare_parts(&r, &q);
        match.both += !order;
        match.run_only += order < 0;
        match.qrels_only += order > 0;
        if (r.count > match.longest) match.longest = r.count;
        if (order <= 0) r = next_part(run, &r);
        if (order >= 0) q = next_part(qrels, &q);
    }
    return match;
}

/* What is handed to the visitor, and the query's relevant documents by name. */
typedef struct {
    float *scores;
    uint8_t *relevant;
    const char **names;
    const char **wanted; /* of the qrels */
    size_t wanted_count;
} arrays;

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void take_wanted(arrays *a, const part *qrels)
{
    a->wanted_count = 0;
    for (size_t i = 0; i < qrels->count; i++)
        if (qrels->lines[i].relevance > 0) a->wanted[a->wanted_count++] = qrels->lines[i].document;
    qsort(a->wanted, a->wanted_count, sizeof *a->wanted, by_name);
}

static lk_judged judge(arrays *a, const part *run)
{
    size_t found = 0;
    for (size_t i = 0; i < run->count; i++) {
        a->scores[i] = run->lines[i].score;
        a->names[i] = run->lines[i].document;
        a->relevant[i] =
            bsearch(&a->names[i], a->wanted, a->wanted_count, sizeof *a->wanted, by_name) != NULL;
        found += a->relevant[i];
    }
    return (lk_judged){.scores = a->scores,
                       .relevant = a->relevant,
                       .names = a->names,
                       .count = run->count,
                       .relevant_unranked = a->wanted_count - found};
}

lk_status lk_trec_join(const lk_trec *run, const lk_trec *qrels, lk_trec_visit *visit, void *context)
{
    lk_status status = LK_OK;
    const size_t longest = lk_trec_compare(run, qrels).longest;
    arrays a = {.scores = lk_allocate_array(longest + 1, sizeof *a.scores),
                .relevant = lk_allocate_array(longest + 1, sizeof *a.relevant),
                .names = lk_allocate_array(longest + 1, sizeof *a.names),
                .wanted = lk_allocate_array(qrels->count + 1, sizeof *a.wanted)};
    if (!a.scores || !a.relevant || !a.names || !a.wanted) {
        status = lk_fail(LK_ERROR_MEMORY, "out of memory for a ranking of %zu documents", longest);
        goto done;
    }
    part r = next_part(run, NULL), q = next_part(qrels, NULL);
    while (!status && r.count && q.count) {
        const int order = compare_parts(&r, &q);
        if (!order) {
            take_wanted(&a, &q);
            const lk_judged judged = judge(&a, &r);
            status = visit(context, r.lines->query, &judged);
        }
        if (order <= 0) r = next_part(run, &r);
        if (order >= 0) q = next_part(qrels, &q);
    }
done:
    lk_free(a.scores);
    lk_free(a.relevant);
    lk_free(a.names);
    lk_free(a.wanted);
    return status;
}
