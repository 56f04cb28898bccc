#include "cbir/strip.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "cbir/picture_write.h"
#include "cbir/text.h"
#include "cbir/tile.h"

/* Bluish green and vermilion of Okabe and Ito's palette, which colour-blind people tell apart; the marks
 * differ in shape. */
static const lk_colour paper = {{255, 255, 255}}, query_ground = {{222, 230, 241}}, ink = {{24, 24, 28}},
                       faint = {{92, 92, 100}}, grey = {{160, 160, 166}}, blue = {{0, 90, 160}},
                       green = {{0, 142, 104}}, orange = {{213, 94, 0}};

enum { FRAME = 5, NAME_PIXELS = 24, LINE_PIXELS = 17, NAME_HEIGHT = 32, LINE_HEIGHT = 24, MARK = 30 };

/* A strip on its way. */
typedef struct {
    const lk_strip *strip;
    lk_image *canvas;
    bool told_of_glyphs;
} painter;

static void note(const lk_strip *strip, const char *text)
{
    if (strip->note) strip->note(strip->context, text);
}

/* Says, once a strip, that the text has characters that no font here has. */
static lk_status look_for_glyphs(painter *p, const char *text, size_t *missing)
{
    const lk_status status = lk_text_missing(text, missing);
    if (status || !*missing || p->told_of_glyphs) return status;
    char line[512];
    snprintf(line, sizeof line,
             "no font on this machine can draw all of \"%.200s\": boxes stand for what is missing, or an "
             "English name "
             "alone (for Chinese, Debian has fonts-wqy-zenhei and fonts-noto-cjk)",
             text);
    p->told_of_glyphs = true;
    note(p->strip, line);
    return LK_OK;
}

static lk_status write_text(painter *p, lk_box box, const lk_text_style *style, const char *text)
{
    size_t missing = 0;
    const lk_status status = look_for_glyphs(p, text, &missing);
    return status ? status : lk_text_draw(p->canvas, box, style, text);
}

/* The names; the English one alone where no font can draw the other. */
static lk_status write_names(painter *p, lk_box box, const lk_strip_tile *tile)
{
    const lk_text_style style = {.pixels = NAME_PIXELS, .bold = true, .colour = ink};
    char text[512];
    size_t missing = 0;
    lk_strip_names(tile, text, sizeof text);
    const lk_status status = look_for_glyphs(p, text, &missing);
    if (status) return status;
    return lk_text_draw(p->canvas, box, &style, missing && tile->english ? tile->english : text);
}

static void draw_mark(lk_image *canvas, lk_box title, lk_strip_mark mark)
{
    const float x = (float)(title.x + title.width) - MARK / 2.0F, y = (float)title.y + MARK / 2.0F;
    const lk_stroke disc = {x, y, x, y, MARK - 2};
    const lk_stroke strokes[2][2] = {{{x - 7, y, x - 2, y + 6, 4}, {x - 2, y + 6, x + 7, y - 6, 4}},
                                     {{x - 6, y - 6, x + 6, y + 6, 4}, {x - 6, y + 6, x + 6, y - 6, 4}}};
    if (mark == LK_MARK_NONE) return;
    lk_canvas_stroke(canvas, &disc, mark == LK_MARK_RIGHT ? green : orange);
    for (size_t i = 0; i < 2; i++) lk_canvas_stroke(canvas, &strokes[mark != LK_MARK_RIGHT][i], paper);
}

static lk_status draw_title(painter *p, size_t tile)
{
    const lk_strip_tile *about = tile ? &p->strip->hits[tile - 1] : &p->strip->query;
    const lk_box title = lk_strip_title(p->strip, tile);
    const lk_text_style style = {.pixels = LINE_PIXELS, .colour = faint};
    char line[64] = "query";
    if (tile) {
        const int length = snprintf(line, sizeof line, "%zu.   ", tile);
        lk_strip_score(p->strip, tile - 1, line + length, sizeof line - (size_t)length);
    }
    draw_mark(p->canvas, title, about->mark);
    const lk_status status =
        write_names(p, (lk_box){title.x, title.y, title.width - MARK - 6, NAME_HEIGHT}, about);
    return status ? status
                  : write_text(p, (lk_box){title.x, title.y + NAME_HEIGHT - 2, title.width, LINE_HEIGHT},
                               &style, line);
}

/* Instead of a picture: a tile that says why there is none. */
static lk_status draw_placeholder(painter *p, lk_box box, const char *headline, const char *reason)
{
    const lk_text_style bold = {.pixels = 20, .bold = true, .centred = true, .colour = ink},
                        small = {.pixels = 14, .centred = true, .wrapped = true, .colour = faint};
    lk_canvas_fill(p->canvas, box, lk_tile_background);
    const lk_stroke lines[] = {{(float)box.x + 8, (float)box.y + 8, (float)(box.x + box.width) - 8,
                                (float)(box.y + box.height) - 8, 2},
                               {(float)box.x + 8, (float)(box.y + box.height) - 8,
                                (float)(box.x + box.width) - 8, (float)box.y + 8, 2}};
    for (size_t i = 0; i < 2; i++) lk_canvas_stroke(p->canvas, &lines[i], grey);
    const lk_box words = {box.x + 20, box.y + 50, box.width - 40, 100};
    lk_canvas_fill(p->canvas, words, lk_tile_background);
    lk_status status =
        write_text(p, (lk_box){words.x, words.y, words.width, *reason ? 30 : 100}, &bold, headline);
    if (!status && *reason)
        status = write_text(p, (lk_box){words.x + 4, words.y + 30, words.width - 8, 66}, &small, reason);
    return status;
}

/* The message without the path that it begins with, for which the tile has no room. */
static const char *reason_of(const char *message, const char *path)
{
    const size_t length = strlen(path);
    return !strncmp(message, path, length) && !strncmp(message + length, ": ", 2) ? message + length + 2
                                                                                  : message;
}

static lk_status draw_picture(painter *p, lk_box box, const char *path)
{
    lk_image *tile = NULL;
    if (!path) return draw_placeholder(p, box, "no picture", "");
    const lk_status status = lk_tile_open(path, &tile);
    if (!status) {
        lk_canvas_copy(p->canvas, box.x, box.y, tile);
        lk_image_close(&tile);
        return LK_OK;
    }
    if (status == LK_ERROR_MEMORY) return status;
    const lk_error error = lk_error_take(status); /* drawing may fail too, with a message of its own */
    note(p->strip, error.text);
    return draw_placeholder(p, box, "cannot be read", reason_of(error.text, path));
}

static lk_status draw_tile(painter *p, size_t tile)
{
    const lk_strip_tile *about = tile ? &p->strip->hits[tile - 1] : &p->strip->query;
    const lk_box box = lk_strip_picture(p->strip, tile);
    const lk_colour frame = !tile                          ? blue
                            : about->mark == LK_MARK_RIGHT ? green
                            : about->mark == LK_MARK_WRONG ? orange
                                                           : grey;
    lk_canvas_frame(p->canvas, box, FRAME, frame);
    const lk_status status = draw_title(p, tile);
    return status ? status : draw_picture(p, box, about->path);
}

/* The ground that sets the query apart, and under its picture what came of it. */
static lk_status draw_query_ground(painter *p)
{
    const lk_box title = lk_strip_title(p->strip, 0), picture = lk_strip_picture(p->strip, 0);
    const lk_text_style style = {.pixels = LINE_PIXELS, .colour = ink};
    char text[96];
    lk_canvas_fill(p->canvas, (lk_box){0, 0, picture.width + 2 * title.x, p->canvas->height}, query_ground);
    lk_strip_sum(p->strip, text, sizeof text);
    return write_text(
        p, (lk_box){picture.x, picture.y + picture.height + FRAME + 2, picture.width, LINE_HEIGHT + 4},
        &style, text);
}

lk_status lk_strip_draw(const lk_strip *strip, lk_image **image)
{
    size_t width, height;
    painter p = {.strip = strip};
    lk_strip_size(strip, &width, &height);
    lk_status status = lk_text_load();
    if (!status) status = lk_image_create("the strip", width, height, &p.canvas);
    if (status) return status;
    lk_canvas_fill(p.canvas, (lk_box){0, 0, width, height}, paper);
    status = draw_query_ground(&p);
    for (size_t tile = 0; !status && tile <= strip->hit_count; tile++) status = draw_tile(&p, tile);
    if (status) lk_image_close(&p.canvas);
    else *image = p.canvas;
    return status;
}

lk_status lk_strip_check(const char *path)
{
    const lk_status status = lk_picture_check_name(path);
    return status ? status : lk_text_load();
}

lk_status lk_strip_write(const lk_strip *strip, const char *path)
{
    lk_image *image = NULL;
    lk_status status = lk_strip_check(path);
    if (!status) status = lk_strip_draw(strip, &image);
    if (!status) status = lk_picture_write(image, path);
    lk_image_close(&image);
    return status;
}
