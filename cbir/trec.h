/* TREC's run and qrels files, as trec_eval reads and writes them.
 *
 *     run    query Q0 document rank score tag     (rank and tag are not used: the score decides)
 *     qrels  query iteration document relevance   (relevant: above 0)
 *
 * Fields are parted by blanks; blank lines and a CR before the line end are passed over. */
#ifndef LK_CBIR_TREC_H
#define LK_CBIR_TREC_H

#include <stdio.h>

#include "cbir/ranking.h"

typedef struct lk_trec_line {
    const char *query, *document;
    float score;   /* of a run */
    long relevance; /* of qrels */
    size_t number; /* of the line in the file, from 1 */
} lk_trec_line;

/* The lines by query, byte by byte; those of a query in the file's order. */
typedef struct lk_trec {
    lk_trec_line *lines;
    size_t count, capacity;
    char *text; /* the file, cut into fields */
} lk_trec;

typedef enum lk_trec_kind { LK_TREC_RUN, LK_TREC_QRELS } lk_trec_kind;

/* A document that stands twice under a query, a score that is no finite float32, and a line with too few or too many
 * fields are LK_ERROR_FORMAT, named by line; LK_ERROR_EMPTY; LK_ERROR_IO; LK_ERROR_MEMORY. */
lk_status lk_trec_open(const char *path, lk_trec_kind kind, lk_trec *trec);

/* The same from bytes in memory; `name` stands in error messages. */
lk_status lk_trec_parse(const void *bytes, size_t size, const char *name, lk_trec_kind kind, lk_trec *trec);
void lk_trec_close(lk_trec *trec); /* takes a zeroed one */

/* How many queries stand in both, and in one of the two only: these have no ranking, or no judgement. */
typedef struct lk_trec_match {
    size_t both, run_only, qrels_only;
    size_t longest; /* the most documents that the run ranks for a query */
} lk_trec_match;
lk_trec_match lk_trec_compare(const lk_trec *run, const lk_trec *qrels);

/* Calls `visit` for each query that stands in both, in order of their names. Documents that the qrels do not name are
 * not relevant; relevant ones that the run does not rank are judged.relevant_unranked. The judged arrays last for the
 * call. LK_ERROR_MEMORY, or what visit returns. */
typedef lk_status lk_trec_visit(void *context, const char *query, const lk_judged *judged);
lk_status lk_trec_join(const lk_trec *run, const lk_trec *qrels, lk_trec_visit *visit, void *context);

/* A name as one field: blanks, control characters and % become %XX; an empty one becomes %. False: the stream failed. */
bool lk_trec_write_name(FILE *stream, const char *name);

/* The first `depth` ranks of a query; and a line for each relevant item that is not junk. Ranks count from 1, scores
 * have nine digits, so that they read back as the same float32. */
bool lk_trec_write_run(FILE *stream, const char *query, const lk_ranking *ranking, const lk_judged *judged,
                       size_t depth);
bool lk_trec_write_qrels(FILE *stream, const char *query, const lk_judged *judged);

#endif
