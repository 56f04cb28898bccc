/* Extraction against the plain way: one picture, one session, one after another. The fixture network at 32 x
 * 32 pixels and the decoder's test pictures; bad ones among them. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cbir/extract.h"
#include "support/images.h"
#include "support/network.h"
#include "tests/cbir/folder.h"

enum { LENGTH = 12, MOST = 64 };

static const char *const good[] = {"baseline_420.jpg",  "rgb_8.png",           "cmyk.jpg",
                                   "orientation_6.jpg", "grey_16.png",         "size_16x16.jpg",
                                   "size_1x40.jpg",     "progressive_444.jpg", "palette_4.png",
                                   "rgb_alpha_8.png",   "restarts.jpg"};

/* What the calls brought, in their order. */
typedef struct {
    size_t count, rows[MOST], bad_count, bad[MOST], done;
    float values[MOST][LENGTH];
    char reason[512];
    size_t stop_after; /* rows until `row` fails; 0: never */
    atomic_int interrupt;
    size_t interrupt_after; /* items until the interrupt is set; 0: never */
} record;

static lk_status on_row(void *context, size_t index, const float *values)
{
    record *r = context;
    assert_true(r->count < MOST);
    r->rows[r->count] = index;
    memcpy(r->values[r->count++], values, sizeof r->values[0]);
    return r->count == r->stop_after ? lk_fail(LK_ERROR_IO, "the disk is full") : LK_OK;
}

static void on_bad(void *context, size_t index, const lk_error *error)
{
    record *r = context;
    r->bad[r->bad_count++] = index;
    memcpy(r->reason, error->text, sizeof r->reason);
}

static void on_progress(void *context, size_t done)
{
    record *r = context;
    assert_int_equal(done, r->done + 1); /* every item, in order */
    r->done = done;
    if (done == r->interrupt_after) atomic_store(&r->interrupt, 2);
}

typedef struct {
    test_folder folder;
    lk_model *model;
    lk_list list;
    size_t bad[3];
} fixture;

/* Eleven good pictures three times over, an empty file, a missing one and a text among them. */
static int set_up(void **state)
{
    static fixture f;
    char lines[8192] = "";
    f = (fixture){.folder = open_folder(), .bad = {4, 20, 35}};
    for (size_t i = 0; i < 36; i++) {
        char line[256];
        if (i == 4) snprintf(line, sizeof line, "%s\n", put_text(&f.folder, "empty.jpg", ""));
        else if (i == 20) snprintf(line, sizeof line, "%s\n", path_in(&f.folder, "missing.jpg"));
        else if (i == 35) snprintf(line, sizeof line, "%s\n", put_text(&f.folder, "text.png", "no picture"));
        else snprintf(line, sizeof line, LK_TEST_IMAGES "%s\n", good[i % 11]);
        strcat(lines, line);
    }
    const lk_list_text text = {.bytes = lines, .size = strlen(lines), .name = "list"};
    assert_int_equal(lk_list_add_text(&f.list, &text, NULL), LK_OK);
    assert_int_equal(lk_model_open(LK_TEST_MODEL, &f.model), LK_OK);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    lk_list_close(&f->list);
    lk_model_close(&f->model);
    close_folder(&f->folder);
    return 0;
}

static lk_preprocessing small(const fixture *f)
{
    lk_preprocessing p = *lk_model_preprocessing(f->model);
    p.height = p.width = 32;
    return p;
}

/* The logits, under `rule`'s softmax and length, or as they are when it is NULL. */
static lk_status extract_as(const fixture *f, lk_extract_options options, const lk_vector_rule *rule,
                            record *r)
{
    static const char *const logits[] = {"logits"};
    const lk_preprocessing p = small(f);
    const lk_plan_options how = {.backend = LK_BACKEND_REFERENCE,
                                 .height = 32,
                                 .width = 32,
                                 .batch = options.batch,
                                 .features = logits,
                                 .feature_count = 1,
                                 .pixels = &p};
    static const lk_part part = {.feature = "logits", .weight = 1};
    lk_vector_rule whole = rule ? *rule : (lk_vector_rule){0};
    whole.parts = &part, whole.part_count = 1;
    lk_vectorizer vector;
    lk_plan *plan = NULL;
    assert_int_equal(lk_plan_open(f->model, &how, &plan), LK_OK);
    assert_int_equal(lk_vectorizer_init(&vector, &whole, plan, 0), LK_OK);
    options.plan = plan;
    options.vectors = &vector, options.vector_count = 1;
    options.preprocessing = &p;
    options.interrupt = &r->interrupt;
    const lk_extract_calls calls = {r, on_row, on_bad, on_progress};
    const lk_status status = lk_extract(&f->list, &options, &calls);
    lk_plan_close(&plan);
    return status;
}

static lk_status extract(const fixture *f, lk_extract_options options, record *r)
{
    return extract_as(f, options, NULL, r);
}

static void expected_row(const fixture *f, const char *path, float values[LENGTH])
{
    const lk_preprocessing p = small(f);
    const lk_plan_options how = {.backend = LK_BACKEND_REFERENCE, .height = 32, .width = 32};
    lk_session *session = NULL;
    lk_image *image = NULL;
    assert_int_equal(lk_session_open(f->model, &how, &session), LK_OK);
    assert_int_equal(lk_image_open(path, &image), LK_OK);
    assert_int_equal(lk_preprocess(&p, image, lk_session_input(session, 0)), LK_OK);
    assert_int_equal(lk_session_run(session, 1), LK_OK);
    assert_int_equal(lk_session_feature(session, 0, 0, values), LK_OK);
    lk_image_close(&image);
    lk_session_close(&session);
}

static void check_rows(const fixture *f, const record *r)
{
    size_t next = 0;
    assert_int_equal(r->count, 33);
    assert_int_equal(r->bad_count, 3);
    assert_memory_equal(r->bad, f->bad, sizeof f->bad);
    for (size_t i = 0; i < f->list.count; i++) {
        float wanted[LENGTH];
        if (i == f->bad[0] || i == f->bad[1] || i == f->bad[2]) continue;
        assert_int_equal(r->rows[next], i);
        expected_row(f, f->list.items[i].path, wanted);
        assert_memory_equal(r->values[next++], wanted, sizeof wanted);
    }
}

static void rows_are_the_plain_ways_whatever_the_threads(void **state)
{
    static const size_t threads[] = {1, 2, 3, 7, 0}, batches[] = {1, 4, 5, 64};
    for (size_t t = 0; t < sizeof threads / sizeof *threads; t++) {
        for (size_t b = 0; b < sizeof batches / sizeof *batches; b++) {
            record r = {0};
            assert_int_equal(
                extract(*state, (lk_extract_options){.threads = threads[t], .batch = batches[b]}, &r), LK_OK);
            check_rows(*state, &r);
            assert_int_equal(r.done, 36);
            assert_non_null(strstr(r.reason, "text.png"));
        }
    }
}

static void transforms_are_done_in_order(void **state)
{
    const fixture *f = *state;
    record r = {0};
    float wanted[LENGTH];
    assert_int_equal(
        extract_as(f, (lk_extract_options){0}, &(lk_vector_rule){.softmax = true, .l2 = true}, &r), LK_OK);
    expected_row(f, f->list.items[0].path, wanted);
    lk_softmax(wanted, LENGTH);
    lk_l2_normalize(wanted, LENGTH);
    assert_memory_equal(r.values[0], wanted, sizeof wanted);
}

static void strict_stops_at_the_first_bad_picture(void **state)
{
    for (size_t threads = 1; threads < 5; threads++) {
        record r = {0};
        assert_int_equal(extract(*state, (lk_extract_options){.threads = threads, .strict = true}, &r),
                         LK_ERROR_FORMAT);
        assert_non_null(strstr(lk_error_message(), "empty.jpg"));
        assert_int_equal(r.count, 4);
        assert_int_equal(r.bad_count, 0);
    }
}

static void a_failing_row_ends_it(void **state)
{
    record r = {.stop_after = 7};
    assert_int_equal(extract(*state, (lk_extract_options){.threads = 3}, &r), LK_ERROR_IO);
    assert_string_equal(lk_error_message(), "the disk is full");
    assert_int_equal(r.count, 7);
}

static void an_interrupt_ends_it(void **state)
{
    record before = {.interrupt = 2}, amid = {.interrupt_after = 6};
    assert_int_equal(extract(*state, (lk_extract_options){.threads = 2}, &before), LK_ERROR_INTERRUPTED);
    assert_int_equal(before.count, 0);
    assert_int_equal(extract(*state, (lk_extract_options){.threads = 2}, &amid), LK_ERROR_INTERRUPTED);
    assert_int_equal(amid.done, 6);
}

static void an_empty_list_has_no_rows(void **state)
{
    const fixture *f = *state;
    record r = {0};
    const fixture empty = {.model = f->model};
    assert_int_equal(extract(&empty, (lk_extract_options){.threads = 2}, &r), LK_OK);
    assert_int_equal(r.done, 0);
}

static void a_plan_of_floats_is_refused(void **state)
{
    const fixture *f = *state;
    const lk_preprocessing p = small(f);
    lk_plan *plan = NULL;
    assert_int_equal(lk_plan_open(f->model, &(lk_plan_options){.height = 32, .width = 32}, &plan), LK_OK);
    const lk_extract_options options = {.plan = plan, .preprocessing = &p};
    assert_int_equal(lk_extract(&f->list, &options, &(lk_extract_calls){0}), LK_ERROR_ARGUMENT);
    lk_plan_close(&plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_the_plain_ways_whatever_the_threads),
        cmocka_unit_test(a_plan_of_floats_is_refused),
        cmocka_unit_test(transforms_are_done_in_order),
        cmocka_unit_test(strict_stops_at_the_first_bad_picture),
        cmocka_unit_test(a_failing_row_ends_it),
        cmocka_unit_test(an_interrupt_ends_it),
        cmocka_unit_test(an_empty_list_has_no_rows),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
