/* Text on pictures, of any script, by Pango and Cairo. They are loaded when the first text is asked for, so a
 * process that draws none pays nothing and needs neither. Built without their headers, every call here fails
 * and says so. */
#ifndef LK_CBIR_TEXT_H
#define LK_CBIR_TEXT_H

#include "cbir/canvas.h"

/* LK_ERROR_BACKEND: this build or this machine lacks Pango, or has no font at all; the message says what to
 * install. */
lk_status lk_text_load(void);

typedef struct lk_text_style {
    size_t pixels; /* the letters' size: their em */
    bool bold, centred;
    bool wrapped; /* over as many lines as the box holds; else one line. What does not fit ends in an ellipsis
                   */
    lk_colour colour;
} lk_text_style;

/* Draws UTF-8 (what is not becomes U+FFFD) within the box, in its middle from top to bottom. Simplified
 * Chinese forms are preferred where one character has several. LK_ERROR_BACKEND, LK_ERROR_MEMORY. */
lk_status lk_text_draw(lk_image *canvas, lk_box box, const lk_text_style *style, const char *text);

/* How many characters of the text no font here can draw: lk_text_draw would show a box for each. */
lk_status lk_text_missing(const char *text, size_t *missing);

#endif
