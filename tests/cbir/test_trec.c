#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cbir/trec.h"

static lk_status parse(const char *text, lk_trec_kind kind, lk_trec *trec)
{
    return lk_trec_parse(text, strlen(text), "file", kind, trec);
}

static void fields_are_parted_by_any_blanks(void **state)
{
    (void)state;
    lk_trec run;
    assert_int_equal(
        parse("\n b Q0\td2 1  -1.5 tag\r\n\na Q0 d1 7 2e-3 tag\nb Q0 d1 2 9 t", LK_TREC_RUN, &run), LK_OK);
    assert_int_equal(run.count, 3);
    assert_string_equal(run.lines[0].query, "a"); /* by query, then as in the file */
    assert_string_equal(run.lines[1].document, "d2");
    assert_float_equal(run.lines[1].score, -1.5F, 0);
    assert_string_equal(run.lines[2].document, "d1");
    assert_int_equal(run.lines[2].number, 5);
    lk_trec_close(&run);
}

static void faults_name_the_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
        lk_trec_kind kind;
        lk_status status;
    } faults[] = {
        {"", "file: no line", LK_TREC_RUN, LK_ERROR_EMPTY},
        {"q Q0 d 1 2\n", "file:1: 5 fields; a line of a run has 6: query Q0 document rank score tag",
         LK_TREC_RUN, LK_ERROR_FORMAT},
        {"q 0 d 1\n\nq 0 e 1 x\n",
         "file:3: 5 fields; a line of qrels has 4: query iteration document relevance", LK_TREC_QRELS,
         LK_ERROR_FORMAT},
        {"q Q0 d 1 nan t\n", "file:1: the score 'nan' is not a finite float32", LK_TREC_RUN, LK_ERROR_FORMAT},
        {"q Q0 d 1 1e39 t\n", "file:1: the score '1e39' is not a finite float32", LK_TREC_RUN,
         LK_ERROR_FORMAT},
        {"q Q0 d 1 1x t\n", "file:1: the score '1x' is not a finite float32", LK_TREC_RUN, LK_ERROR_FORMAT},
        {"q 0 d yes\n", "file:1: the relevance 'yes' is not an integer", LK_TREC_QRELS, LK_ERROR_FORMAT},
        {"q 0 d 99999999999999999999\n", "file:1: the relevance '99999999999999999999' is not an integer",
         LK_TREC_QRELS, LK_ERROR_FORMAT},
        {"q 0 d 1\np 0 d 1\nq 0 d 0\n", "file:3: document d stands twice under query q", LK_TREC_QRELS,
         LK_ERROR_FORMAT},
    };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        lk_trec trec = {0};
        assert_int_equal(parse(faults[i].text, faults[i].kind, &trec), faults[i].status);
        assert_string_equal(lk_error_message(), faults[i].message);
        assert_null(trec.lines);
    }
    lk_trec trec = {0};
    assert_int_equal(lk_trec_parse("q 0 d\0 1\n", 9, "file", LK_TREC_QRELS, &trec), LK_ERROR_FORMAT);
    assert_string_equal(lk_error_message(), "file: not a text: it holds a zero byte");
}

typedef struct {
    char seen[256];
} log_of_queries;

static lk_status note(void *context, const char *query, const lk_judged *judged)
{
    log_of_queries *log = context;
    size_t used = strlen(log->seen);
    used += (size_t)snprintf(log->seen + used, sizeof log->seen - used, "%s:", query);
    for (size_t i = 0; i < judged->count; i++)
        used += (size_t)snprintf(log->seen + used, sizeof log->seen - used, "%s%s", judged->names[i],
                                 judged->relevant[i] ? "+" : "-");
    snprintf(log->seen + used, sizeof log->seen - used, "(%zu) ", judged->relevant_unranked);
    return LK_OK;
}

static void queries_of_one_file_only_are_counted(void **state)
{
    (void)state;
    lk_trec run, qrels;
    log_of_queries log = {""};
    assert_int_equal(parse("b Q0 y 1 1 t\na Q0 x 1 1 t\nb Q0 x 1 2 t\nd Q0 x 1 1 t\n", LK_TREC_RUN, &run),
                     LK_OK);
    assert_int_equal(
        parse("c 0 x 1\nb 0 z 2\nb 0 y 1\nb 0 x 0\nb 0 w -1\nd 0 z 1\ne 0 x 1\n", LK_TREC_QRELS, &qrels),
        LK_OK);
    const lk_trec_match match = lk_trec_compare(&run, &qrels);
    assert_int_equal(match.both, 2);
    assert_int_equal(match.run_only, 1);
    assert_int_equal(match.qrels_only, 2);
    assert_int_equal(match.longest, 2);
    assert_int_equal(lk_trec_join(&run, &qrels, note, &log), LK_OK);
    assert_string_equal(log.seen, "b:y+x-(1) d:x-(1) ");
    lk_trec_close(&run);
    lk_trec_close(&qrels);
}

static void what_is_written_reads_back(void **state)
{
    (void)state;
    const float scores[] = {0.1F, -1e-30F, 16777217.F, 0.1F};
    const uint8_t relevant[] = {1, 0, 1, 1}, junk[] = {0, 0, 0, 1};
    const char *const names[] = {"a b.jpg", "100%\t.jpg", "马.jpg", ""};
    const lk_judged judged = {
        .scores = scores, .relevant = relevant, .junk = junk, .names = names, .count = 4};
    char *text = NULL;
    size_t size = 0;
    lk_ranking ranking;
    lk_trec run, qrels;
    assert_int_equal(lk_ranking_open(4, &ranking), LK_OK);
    lk_ranking_make(&ranking, &judged, LK_TIES_INDEX);
    FILE *stream = open_memstream(&text, &size);
    assert_true(lk_trec_write_run(stream, "q 1", &ranking, &judged, 3));
    fclose(stream);
    assert_string_equal(text,
                        "q%201 Q0 马.jpg 1 16777216 likeness\nq%201 Q0 a%20b.jpg 2 0.100000001 likeness\n"
                        "q%201 Q0 100%25%09.jpg 3 -1e-30 likeness\n");
    assert_int_equal(parse(text, LK_TREC_RUN, &run), LK_OK);
    for (size_t i = 0; i < 3; i++) assert_float_equal(run.lines[i].score, scores[ranking.order[i]], 0);
    free(text);
    stream = open_memstream(&text, &size);
    assert_true(lk_trec_write_qrels(stream, "q 1", &judged));
    assert_true(lk_trec_write_name(stream, ""));
    fclose(stream);
    assert_string_equal(text, "q%201 0 a%20b.jpg 1\nq%201 0 马.jpg 1\n%");
    assert_int_equal(lk_trec_parse(text, size - 1, "file", LK_TREC_QRELS, &qrels), LK_OK);
    assert_int_equal(qrels.count, 2);
    free(text);
    lk_trec_close(&run);
    lk_trec_close(&qrels);
    lk_ranking_close(&ranking);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_parted_by_any_blanks),
        cmocka_unit_test(faults_name_the_line),
        cmocka_unit_test(queries_of_one_file_only_are_counted),
        cmocka_unit_test(what_is_written_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
