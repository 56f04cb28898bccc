/* The strip: a query and its hits, side by side in one picture, as the study shows them.
 *
 *     const lk_strip_tile hits[] = {{"gallery/a.jpg", "马", "horse", 0.98F, LK_MARK_RIGHT},
 *                                   {"gallery/b.jpg", "牛", "ox", 0.91F, LK_MARK_WRONG}};
 *     const lk_strip strip = {.query = {.path = "q.jpg", .name = "马", .english = "horse"},
 *                             .hits = hits, .hit_count = 2, .metric = LK_METRIC_COSINE};
 *     lk_status status = lk_strip_check("out.jpg");            // early: the ending, and whether text can be
 * drawn here if (!status) status = lk_strip_write(&strip, "out.jpg"); // .jpg, .jpeg or .png
 *
 * The query stands apart on the left, on a ground of its own; the hits follow in rows, each titled with its
 * label's names, rank and score. Right hits have a check mark in a green disc and a green frame, wrong ones a
 * cross and an orange frame. Pictures are 300 x 200 tiles with their aspect kept (tile.h). Pango draws the
 * text and is loaded for it alone (text.h). */
#ifndef LK_CBIR_STRIP_H
#define LK_CBIR_STRIP_H

#include "cbir/canvas.h"
#include "cbir/search.h"

typedef enum lk_strip_mark {
    LK_MARK_NONE, /* not judged: the query, and hits where one of the two labels is unknown */
    LK_MARK_RIGHT,
    LK_MARK_WRONG
} lk_strip_mark;

/* One picture of the strip. All texts are UTF-8 and stay the caller's; any may be NULL. */
typedef struct lk_strip_tile {
    const char *path; /* the picture's file; NULL: there is none (a row of features), and the tile says so */
    const char *name; /* the label's name as the data set has it, often Chinese */
    const char *english; /* and in English; without either name the title is the file's */
    float score;         /* of a hit, by the strip's metric */
    lk_strip_mark mark;  /* of a hit */
} lk_strip_tile;

typedef struct lk_strip {
    lk_strip_tile query;
    const lk_strip_tile *hits; /* [hit_count], nearest first; 0 hits are a strip too */
    size_t hit_count;
    lk_metric metric;
    size_t columns; /* hits a row; 0: five */
    /* Told, as one line, of each picture that cannot be read (its tile says it too) and, once, of characters
     * that no font has. May be NULL. */
    void (*note)(void *context, const char *text);
    void *context;
} lk_strip;

/* Whether a strip could be written under this name on this machine: to ask before the work. LK_ERROR_ARGUMENT
 * (the name's ending), LK_ERROR_BACKEND (no Pango, or no font; the message says what to install). */
lk_status lk_strip_check(const char *path);

/* Draws the strip and writes it, whole or not at all. A picture that cannot be read is no failure: see note.
 * Errors of lk_strip_check; LK_ERROR_LIMIT (too many hits for one picture), LK_ERROR_IO, LK_ERROR_MEMORY. */
lk_status lk_strip_write(const lk_strip *strip, const char *path);

/* The same into memory. The image is the caller's. */
lk_status lk_strip_draw(const lk_strip *strip, lk_image **image);

/* Where things are. Tile 0 is the query, tile i the i-th hit. */
void lk_strip_size(const lk_strip *strip, size_t *width, size_t *height);
lk_box lk_strip_picture(const lk_strip *strip,
                        size_t tile); /* LK_TILE_WIDTH x LK_TILE_HEIGHT, without its frame */
lk_box lk_strip_title(const lk_strip *strip, size_t tile); /* text, and at its right end the mark */

/* What both the strip and the report say of a tile. "马 horse"; "0.9832", "123 bits"; "Of 10 hits 7 are
 * right". */
void lk_strip_names(const lk_strip_tile *tile, char *text, size_t size);
void lk_strip_score(const lk_strip *strip, size_t hit, char *text, size_t size);
void lk_strip_sum(const lk_strip *strip, char *text, size_t size);

#endif
