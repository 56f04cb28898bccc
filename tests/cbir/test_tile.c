/* What the strip and the report are made of, without text: tiles, strokes, encoders, and the report itself.
 */
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "cbir/picture_write.h"
#include "cbir/report.h"
#include "cbir/tile.h"
#include "support/images.h"
#include "tests/cbir/folder.h"

static const uint8_t *at(const lk_image *image, size_t x, size_t y)
{
    return image->pixels + (y * image->width + x) * 3;
}

static void pictures_fit_with_their_aspect_kept(void **state)
{
    (void)state;
    static const struct {
        size_t width, height;
        lk_box box;
    } cases[] = {
        {300, 200, {0, 0, 300, 200}},  {600, 200, {0, 50, 300, 100}},   {200, 400, {100, 0, 100, 200}},
        {30, 20, {0, 0, 300, 200}},    {1, 1, {50, 0, 200, 200}},       {1, 1000000, {149, 0, 1, 200}},
        {1000000, 1, {0, 99, 300, 1}}, {4000, 3000, {16, 0, 267, 200}}, {301, 200, {0, 0, 300, 199}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const lk_box box = lk_tile_place(cases[i].width, cases[i].height);
        assert_memory_equal(&box, &cases[i].box, sizeof box);
    }
}

static lk_image *noise(size_t width, size_t height)
{
    lk_image *image = NULL;
    uint8_t *pixels = lk_test_noise(7, width * height * 3);
    assert_int_equal(lk_image_from_rgb(pixels, width, height, &image), LK_OK);
    free(pixels);
    return image;
}

static void what_a_picture_leaves_of_its_tile_is_background(void **state)
{
    (void)state;
    lk_image *image = noise(150, 50), *tile = NULL, *wanted = NULL;
    assert_int_equal(lk_tile_of(image, &tile), LK_OK);
    assert_int_equal(lk_image_resize(image, 300, 100, &wanted), LK_OK);
    for (size_t y = 0; y < 200; y++)
        for (size_t x = 0; x < 300; x++)
            assert_memory_equal(at(tile, x, y),
                                y < 50 || y >= 150 ? lk_tile_background.rgb : at(wanted, x, y - 50), 3);
    lk_image_close(&wanted);
    lk_image_close(&tile);
    lk_image_close(&image);
}

/* A pixel of the tile is the mean of the sixteen that it stands for, each of two halvings rounded. */
static void large_pictures_are_averaged(void **state)
{
    (void)state;
    lk_image *image = noise(1200, 800), *tile = NULL;
    assert_int_equal(lk_tile_of(image, &tile), LK_OK);
    for (size_t y = 0; y < 200; y++)
        for (size_t x = 0; x < 300; x++)
            for (size_t c = 0; c < 3; c++) {
                double sum = 0;
                for (size_t i = 0; i < 16; i++) sum += at(image, 4 * x + i % 4, 4 * y + i / 4)[c];
                assert_true(fabs(at(tile, x, y)[c] - sum / 16) <= 1.5);
            }
    lk_image_close(&tile);
    lk_image_close(&image);
}

static void strokes_cover_what_they_cross_and_stay_on_the_canvas(void **state)
{
    (void)state;
    const lk_colour white = {{255, 255, 255}};
    lk_image *canvas = NULL;
    assert_int_equal(lk_image_create("canvas", 20, 20, &canvas), LK_OK);
    lk_canvas_stroke(canvas, &(lk_stroke){4, 10, 16, 10, 4}, white);
    for (size_t y = 0; y < 20; y++)
        for (size_t x = 5; x < 15; x++) assert_int_equal(*at(canvas, x, y), y >= 8 && y < 12 ? 255 : 0);
    assert_int_equal(*at(canvas, 1, 10), 0); /* the round end reaches to 2 */
    assert_int_equal(*at(canvas, 18, 9), 0);
    lk_canvas_stroke(canvas, &(lk_stroke){-50, -50, 90, 90, 3}, white);
    lk_canvas_fill(canvas, (lk_box){18, 18, 9, 9}, white);
    lk_canvas_fill(canvas, (lk_box){30, 0, 9, 9}, white);
    lk_canvas_copy(canvas, 15, 40, canvas);
    assert_int_equal(*at(canvas, 19, 19), 255);
    lk_image_close(&canvas);
}

/* ------------------------------------------------------------------ Files */

static void png_keeps_every_pixel_and_jpeg_nearly(void **state)
{
    (void)state;
    const test_folder folder = open_folder();
    lk_image *image = NULL, *back = NULL;
    assert_int_equal(lk_image_open("examples/pictures/house.png", &image), LK_OK);
    const size_t bytes = image->width * image->height * 3;
    assert_int_equal(lk_picture_write(image, path_in(&folder, "a.PNG")), LK_OK);
    assert_int_equal(lk_image_open(path_in(&folder, "a.PNG"), &back), LK_OK);
    assert_int_equal(back->width, image->width);
    assert_memory_equal(back->pixels, image->pixels, bytes);
    lk_image_close(&back);
    assert_int_equal(lk_picture_write(image, path_in(&folder, "a.jpeg")), LK_OK);
    assert_int_equal(lk_image_open(path_in(&folder, "a.jpeg"), &back), LK_OK);
    assert_int_equal(back->height, image->height);
    double error = 0;
    for (size_t i = 0; i < bytes; i++) error += abs(back->pixels[i] - image->pixels[i]);
    assert_true(error / (double)bytes < 3);
    lk_image_close(&back);
    lk_image_close(&image);
    close_folder(&folder);
}

static void other_endings_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"strip", "strip.gif", "strip.jpg.txt", "", "dir.png/strip"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_int_equal(lk_picture_check_name(names[i]), LK_ERROR_ARGUMENT);
    assert_int_equal(lk_picture_check_name("a.b/strip.Jpg"), LK_OK);
}

static void a_jpeg_has_a_longest_side(void **state)
{
    (void)state;
    const test_folder folder = open_folder();
    lk_image *image = NULL;
    assert_int_equal(lk_image_create("long", 65501, 1, &image), LK_OK);
    assert_int_equal(lk_picture_write(image, path_in(&folder, "a.jpg")), LK_ERROR_LIMIT);
    assert_non_null(strstr(lk_error_message(), "65501 x 1"));
    assert_int_equal(access(path_in(&folder, "a.jpg"), F_OK), -1);
    assert_int_equal(lk_picture_write(image, path_in(&folder, "a.png")), LK_OK);
    lk_image_close(&image);
    close_folder(&folder);
}

static lk_status write_report(const char *path, const lk_strip *strip)
{
    lk_report *report = NULL;
    lk_status status = lk_report_open(path, &report);
    if (!status) status = lk_report_add(report, strip);
    if (!status) return lk_report_commit(&report);
    lk_report_discard(&report);
    return status;
}

/* A limit on the size of files stands in for a full disk: a write fails in the same way. */
static void a_full_disk_leaves_the_old_file(void **state)
{
    (void)state;
    static const char *const names[] = {"a.jpg", "a.png", "a.html"};
    const test_folder folder = open_folder();
    const lk_strip strip = {.query = {.path = "examples/pictures/house.png"}};
    lk_image *image = noise(300, 300);
    struct rlimit old;
    getrlimit(RLIMIT_FSIZE, &old);
    signal(SIGXFSZ, SIG_IGN);
    for (size_t i = 0; i < 3; i++) {
        const char *path = put_text(&folder, names[i], "old");
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &(struct rlimit){2000, old.rlim_max}), 0);
        const lk_status status = i < 2 ? lk_picture_write(image, path) : write_report(path, &strip);
        setrlimit(RLIMIT_FSIZE, &old);
        assert_int_equal(status, LK_ERROR_IO);
        assert_non_null(strstr(lk_error_message(), path));
        const lk_test_file file = lk_test_read(path);
        assert_int_equal(file.size, 3);
        free(file.bytes);
        unlink(path);
    }
    assert_int_equal(rmdir(folder.path), 0); /* nothing else was left there */
    lk_image_close(&image);
}

/* ------------------------------------------------------------------ The report */

static void count_notes(void *context, const char *text)
{
    assert_non_null(strstr(text, "missing.jpg"));
    ++*(size_t *)context;
}

static size_t occurrences(const char *text, const char *wanted)
{
    size_t count = 0;
    for (; (text = strstr(text, wanted)); text += strlen(wanted)) count++;
    return count;
}

static void a_report_holds_its_pictures_and_escapes_texts(void **state)
{
    (void)state;
    const test_folder folder = open_folder();
    const char *path = path_in(&folder, "report.html");
    size_t notes = 0;
    const lk_strip_tile hits[] = {
        {"examples/pictures/tree.jpg", "<script>\"&", NULL, 0.5F, LK_MARK_RIGHT},
        {"missing.jpg", "马", "horse", 0.25F, LK_MARK_WRONG},
        {NULL, NULL, NULL, 0.125F, LK_MARK_NONE},
    };
    const lk_strip strip = {.query = {.path = "examples/pictures/house.png"},
                            .hits = hits,
                            .hit_count = 3,
                            .note = count_notes,
                            .context = &notes};
    assert_int_equal(write_report(path, &strip), LK_OK);
    const lk_test_file file = lk_test_read(path);
    char *html = calloc(file.size + 1, 1);
    assert_non_null(html);
    memcpy(html, file.bytes, file.size);
    assert_int_equal(occurrences(html, "<figure class="), 4);
    assert_int_equal(occurrences(html, "src=\"data:image/jpeg;base64,/9j/"), 2);
    assert_non_null(strstr(html, "<b>&lt;script&gt;&quot;&amp;</b>"));
    assert_non_null(strstr(html, "<b>马 horse</b>"));
    assert_non_null(strstr(html, "query: 1 of 2 right, by cosine"));
    assert_int_equal(occurrences(html, "✓"), 1);
    assert_int_equal(occurrences(html, "✗"), 1);
    assert_int_equal(occurrences(html, "<script"), 0);
    assert_non_null(strstr(html, "missing.jpg: cannot open"));
    assert_non_null(strstr(html, "no picture"));
    assert_int_equal(notes, 1);
    free(html);
    free(file.bytes);
    close_folder(&folder);
}

static void a_report_that_is_discarded_leaves_nothing(void **state)
{
    (void)state;
    const test_folder folder = open_folder();
    lk_report *report = NULL;
    assert_int_equal(lk_report_open(path_in(&folder, "report.html"), &report), LK_OK);
    lk_report_discard(&report);
    lk_report_discard(&report);
    assert_int_equal(rmdir(folder.path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures_fit_with_their_aspect_kept),
        cmocka_unit_test(what_a_picture_leaves_of_its_tile_is_background),
        cmocka_unit_test(large_pictures_are_averaged),
        cmocka_unit_test(strokes_cover_what_they_cross_and_stay_on_the_canvas),
        cmocka_unit_test(png_keeps_every_pixel_and_jpeg_nearly),
        cmocka_unit_test(other_endings_are_refused),
        cmocka_unit_test(a_jpeg_has_a_longest_side),
        cmocka_unit_test(a_full_disk_leaves_the_old_file),
        cmocka_unit_test(a_report_holds_its_pictures_and_escapes_texts),
        cmocka_unit_test(a_report_that_is_discarded_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
