/* The study's line: its arithmetic on small rankings, and all four lines of the golden features in ../shared.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "cbir/list.h"
#include "cbir/npz.h"
#include "cbir/search.h"
#include "cbir/study.h"
#include "tests/cbir/judged.h"

#define GOLDEN "../shared/golden/study_zodiac_photos"
#define PHOTOS "../shared/zodiac_photos/"

static void add(lk_study *study, const char *relevant, const float *scores)
{
    test_ranking r;
    lk_ranking ranking;
    rank_word(&r, relevant);
    if (scores) memcpy(r.scores, scores, r.judged.count * sizeof *scores);
    assert_int_equal(lk_ranking_open(MOST_ITEMS, &ranking), LK_OK);
    lk_ranking_make(&ranking, &r.judged, LK_TIES_STUDY);
    assert_int_equal(lk_study_add(study, &ranking, r.scores), LK_OK);
    lk_ranking_close(&ranking);
}

static void its_first_number_reads_the_second_hit(void **state)
{
    (void)state;
    lk_study study = {0};
    char line[160];
    add(&study, "r . r r . . . . . . r", NULL);
    add(&study, ". r . . . . . . . . .", NULL);
    add(&study, ". . . . . . . . . . .", NULL); /* nothing is relevant: counted as 0 */
    lk_study_line(&study, line);
    assert_string_equal(line, "评估完毕,模型的 mAP@1 = 33.33%, mAP@5 = 26.67%, mAP@10 = 13.33%。");
    assert_near("precision at 1", study.first_sum, 1, 0);
    assert_int_equal(study.tied[0] + study.tied[1] + study.tied[2], 0);
}

/* Equal scores: the higher index first. Whether it matters is told by the bounds. */
static void ties_at_the_cut_leave_bounds(void **state)
{
    (void)state;
    lk_study study = {0};
    add(&study, "r. . . . . .", NULL); /* ranks: ., r, … : the second hit is r */
    assert_near("mAP@1", study.sums[0], 1, 0);
    assert_near("low", study.bounds[0].low, 0, 0);
    assert_near("high", study.bounds[0].high, 1, 0);
    assert_int_equal(study.tied[0], 1);
    assert_int_equal(study.tied[1], 0); /* both lie within the first five in any order */
    study = (lk_study){0};
    const float close[] = {0.9F, 0.8F, 0.7F, 0.600004F, 0.6F, 0.599999F, 0.5F};
    add(&study, "r..r.r.", close);
    assert_near("mAP@5", study.sums[1], 0.4, 1e-15);
    assert_near("low", study.bounds[1].low, 0.4, 1e-15); /* of .600004 r, .6 ., .599999 r two are in */
    assert_near("high", study.bounds[1].high, 0.6, 1e-15);
    assert_int_equal(study.tied[1], 1);
    assert_int_equal(study.tied[2], 0);
}

static void one_item_has_no_second_hit(void **state)
{
    (void)state;
    test_ranking r;
    lk_study study = {0};
    lk_ranking ranking;
    rank_word(&r, "r");
    assert_int_equal(lk_ranking_open(1, &ranking), LK_OK);
    lk_ranking_make(&ranking, &r.judged, LK_TIES_STUDY);
    assert_int_equal(lk_study_add(&study, &ranking, r.scores), LK_ERROR_ARGUMENT);
    lk_ranking_close(&ranking);
    assert_int_equal(study.queries, 0);
}

/* ---- the golden features */

static float *golden(const lk_npz *npz, const char *feature, const char *side, size_t shape[2])
{
    char name[64];
    size_t index;
    lk_npz_array loaded;
    snprintf(name, sizeof name, "%s_%s", feature, side);
    assert_true(lk_npz_find(npz, name, &index));
    assert_int_equal(lk_npz_load(npz, index, &loaded), LK_OK);
    float *values = malloc(loaded.array.count * sizeof *values);
    assert_non_null(values);
    assert_int_equal(lk_npy_floats(&loaded.array, 0, loaded.array.count, values), LK_OK);
    memcpy(shape, loaded.array.shape, 2 * sizeof *shape);
    free(loaded.memory);
    return values;
}

static void judge_query(const lk_list *gallery, long label, const float *scores, lk_ranking *ranking,
                        lk_study *study)
{
    uint8_t *relevant = malloc(gallery->count + 1);
    assert_non_null(relevant);
    for (size_t i = 0; i < gallery->count; i++) relevant[i] = gallery->items[i].label == label;
    lk_ranking_make(ranking, &(lk_judged){.scores = scores, .relevant = relevant, .count = gallery->count},
                    LK_TIES_STUDY);
    assert_int_equal(lk_study_add(study, ranking, scores), LK_OK);
    free(relevant);
}

static void make_line(const lk_npz *npz, const char *feature, bool softmax, char line[160])
{
    size_t q[2], g[2];
    lk_list queries = {0}, gallery = {0};
    float *query = golden(npz, feature, "query", q), *rows = golden(npz, feature, "gallery", g);
    for (size_t i = 0; softmax && i < q[0]; i++) lk_softmax(query + i * q[1], q[1]);
    for (size_t i = 0; softmax && i < g[0]; i++) lk_softmax(rows + i * g[1], g[1]);
    assert_int_equal(lk_list_add_source(&queries, PHOTOS "test.txt", NULL), LK_OK);
    assert_int_equal(lk_list_add_source(&gallery, PHOTOS "trainval.txt", NULL), LK_OK);
    assert_int_equal(queries.count, q[0]);
    assert_int_equal(gallery.count, g[0]);
    const lk_block block = {.rows = rows, .count = g[0]};
    const lk_rows_set set = {.blocks = &block, .block_count = 1, .dim = g[1]};
    const lk_search_options options = {.metric = LK_METRIC_COSINE, .k = 1, .threshold = -INFINITY};
    lk_index *index = NULL;
    lk_ranking ranking;
    lk_study study = {0};
    float *scores = malloc((g[0] + 1) * sizeof *scores);
    assert_non_null(scores);
    assert_int_equal(lk_index_open(&set, &options, &index), LK_OK);
    assert_int_equal(lk_ranking_open(g[0], &ranking), LK_OK);
    for (size_t i = 0; i < q[0]; i++) {
        assert_int_equal(lk_index_scores(index, query + i * q[1], 1, scores), LK_OK);
        judge_query(&gallery, queries.items[i].label, scores, &ranking, &study);
    }
    lk_study_line(&study, line);
    free(scores);
    lk_ranking_close(&ranking);
    lk_index_close(&index);
    lk_list_close(&queries);
    lk_list_close(&gallery);
    free(query);
    free(rows);
}

static void all_four_lines_come_out_digit_for_digit(void **state)
{
    (void)state;
    static const struct {
        const char *line, *feature;
        bool softmax;
    } cases[] = {{"semantic", "semantic", false},
                 {"semantic_softmax", "semantic", true},
                 {"pooled_eval", "pooled_eval", false},
                 {"pooled_as_listed", "pooled_as_listed", false}};
    if (access(GOLDEN ".npz", R_OK)) {
        print_message("the four golden lines: not compared, there is no " GOLDEN ".npz\n");
        skip();
    }
    lk_npz *npz = NULL;
    json_t *wanted = json_load_file(GOLDEN ".json", 0, NULL);
    assert_non_null(wanted);
    assert_int_equal(lk_npz_open(GOLDEN ".npz", &npz), LK_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char line[160];
        const json_t *lines = json_object_get(json_object_get(wanted, "lines"), cases[i].line);
        make_line(npz, cases[i].feature, cases[i].softmax, line);
        assert_string_equal(line, json_string_value(json_object_get(lines, "stable_sort")));
    }
    lk_npz_close(&npz);
    json_decref(wanted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_first_number_reads_the_second_hit),
        cmocka_unit_test(ties_at_the_cut_leave_bounds),
        cmocka_unit_test(one_item_has_no_second_hit),
        cmocka_unit_test(all_four_lines_come_out_digit_for_digit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
