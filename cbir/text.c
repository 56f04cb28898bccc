#include "cbir/text.h"

#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"

#ifndef LK_HAVE_PANGO

static lk_status absent(void)
{
    return lk_fail(LK_ERROR_BACKEND,
                   "this likeness was built without text on pictures: install Pango's headers "
                   "(Debian: libpango1.0-dev), configure and build it anew");
}

lk_status lk_text_load(void)
{
    return absent();
}

lk_status lk_text_draw(lk_image *canvas, lk_box box, const lk_text_style *style, const char *text)
{
    (void)canvas, (void)box, (void)style, (void)text;
    return absent();
}

lk_status lk_text_missing(const char *text, size_t *missing)
{
    (void)text, (void)missing;
    return absent();
}

#else

#include <dlfcn.h>
#include <pthread.h>

#include <pango/pangocairo.h>

#define LIBRARY "libpangocairo-1.0.so.0"

/* The functions used: their types are the headers', their addresses are looked up by name. Cairo's and GLib's
 * come from the libraries that Pango itself is linked with. */
#define FUNCTIONS(F)                            \
    F(cairo_create)                             \
    F(cairo_destroy)                            \
    F(cairo_format_stride_for_width)            \
    F(cairo_image_surface_create_for_data)      \
    F(cairo_move_to)                            \
    F(cairo_status)                             \
    F(cairo_surface_destroy)                    \
    F(cairo_surface_flush)                      \
    F(g_free)                                   \
    F(g_object_unref)                           \
    F(g_utf8_make_valid)                        \
    F(pango_cairo_create_layout)                \
    F(pango_cairo_show_layout)                  \
    F(pango_context_set_language)               \
    F(pango_font_description_free)              \
    F(pango_font_description_from_string)       \
    F(pango_font_description_set_absolute_size) \
    F(pango_font_description_set_weight)        \
    F(pango_language_from_string)               \
    F(pango_layout_context_changed)             \
    F(pango_layout_get_context)                 \
    F(pango_layout_get_pixel_size)              \
    F(pango_layout_get_unknown_glyphs_count)    \
    F(pango_layout_set_alignment)               \
    F(pango_layout_set_ellipsize)               \
    F(pango_layout_set_font_description)        \
    F(pango_layout_set_height)                  \
    F(pango_layout_set_single_paragraph_mode)   \
    F(pango_layout_set_text)                    \
    F(pango_layout_set_width)                   \
    F(pango_layout_set_wrap)

/* Written once, under pthread_once, and only read after that. */
static struct {
#define F(name) __typeof__(&(name)) name;
    FUNCTIONS(F)
#undef F
    bool loaded;
    char reason[256];
} lib;

static bool find_all(void *library)
{
    static const struct {
        const char *name;
        void *slot;
    } wanted[] = {
#define F(name) {#name, &lib.name},
        FUNCTIONS(F)
#undef F
    };
    for (size_t i = 0; i < LK_COUNT(wanted); i++) {
        void *symbol = dlsym(library, wanted[i].name);
        if (!symbol) return false;
        memcpy(wanted[i].slot, &symbol, sizeof symbol); /* POSIX lets an object pointer be a function's */
    }
    return true;
}

/* A box's coverage, which Cairo draws on, and the text laid out for it. */
typedef struct {
    uint8_t *coverage; /* [height][stride] */
    int stride;
    cairo_surface_t *surface;
    cairo_t *cairo;
    PangoLayout *layout;
} sheet;

static void close_sheet(sheet *s)
{
    if (s->layout) lib.g_object_unref(s->layout);
    if (s->cairo) lib.cairo_destroy(s->cairo);
    if (s->surface) lib.cairo_surface_destroy(s->surface);
    lk_free(s->coverage);
}

static void set_font(const sheet *s, const lk_text_style *style)
{
    PangoFontDescription *font = lib.pango_font_description_from_string("sans-serif");
    lib.pango_font_description_set_absolute_size(font, (double)style->pixels * PANGO_SCALE);
    lib.pango_font_description_set_weight(font, style->bold ? PANGO_WEIGHT_BOLD : PANGO_WEIGHT_NORMAL);
    lib.pango_layout_set_font_description(s->layout, font);
    lib.pango_font_description_free(font);
    lib.pango_context_set_language(lib.pango_layout_get_context(s->layout),
                                   lib.pango_language_from_string("zh-cn"));
    lib.pango_layout_context_changed(s->layout);
}

static void set_lines(const sheet *s, lk_box box, const lk_text_style *style)
{
    lib.pango_layout_set_width(s->layout, (int)box.width * PANGO_SCALE);
    lib.pango_layout_set_wrap(s->layout, PANGO_WRAP_WORD_CHAR);
    lib.pango_layout_set_ellipsize(s->layout, PANGO_ELLIPSIZE_END);
    /* 0 is one line, however high */
    lib.pango_layout_set_height(s->layout, style->wrapped ? (int)box.height * PANGO_SCALE : 0);
    lib.pango_layout_set_single_paragraph_mode(s->layout, !style->wrapped);
    lib.pango_layout_set_alignment(s->layout, style->centred ? PANGO_ALIGN_CENTER : PANGO_ALIGN_LEFT);
}

static lk_status open_sheet(lk_box box, const lk_text_style *style, const char *text, sheet *s)
{
    sheet opened = {.stride = lib.cairo_format_stride_for_width(CAIRO_FORMAT_A8, (int)box.width)};
    opened.coverage = lk_allocate_array(box.height, (size_t)opened.stride);
    if (!opened.coverage) return lk_fail(LK_ERROR_MEMORY, "out of memory for text on a picture");
    opened.surface = lib.cairo_image_surface_create_for_data(opened.coverage, CAIRO_FORMAT_A8, (int)box.width,
                                                             (int)box.height, opened.stride);
    opened.cairo = lib.cairo_create(opened.surface);
    if (lib.cairo_status(opened.cairo) != CAIRO_STATUS_SUCCESS) {
        close_sheet(&opened);
        return lk_fail(LK_ERROR_MEMORY, "out of memory for text on a picture");
    }
    opened.layout = lib.pango_cairo_create_layout(opened.cairo);
    char *valid = lib.g_utf8_make_valid(text, -1); /* Pango complains about the rest, on standard error */
    set_font(&opened, style);
    set_lines(&opened, box, style);
    lib.pango_layout_set_text(opened.layout, valid, -1);
    lib.g_free(valid);
    *s = opened;
    return LK_OK;
}

static lk_status count_missing(const char *text, size_t *missing)
{
    sheet s;
    /* wide enough for any label: what an ellipsis stands for would not be counted */
    const lk_status status = open_sheet((lk_box){0, 0, 16000, 1}, &(lk_text_style){.pixels = 8}, text, &s);
    if (status) return status;
    *missing = (size_t)lib.pango_layout_get_unknown_glyphs_count(s.layout);
    close_sheet(&s);
    return LK_OK;
}

/* Pango itself draws boxes without a word where there is no font at all. */
static bool has_fonts(void)
{
    size_t missing = 0;
    return count_missing("a", &missing) || !missing;
}

static void load(void)
{
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (!library || !find_all(library))
        snprintf(lib.reason, sizeof lib.reason,
                 "text on pictures needs Pango, which cannot be loaded (Debian: libpangocairo-1.0-0): %.120s",
                 dlerror());
    else if (!has_fonts())
        snprintf(
            lib.reason, sizeof lib.reason,
            "there is no font for text on pictures; install some (Debian: fonts-dejavu-core, and for Chinese "
            "fonts-wqy-zenhei or fonts-noto-cjk)");
    else lib.loaded = true;
}

lk_status lk_text_load(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    return lib.loaded ? LK_OK : lk_fail(LK_ERROR_BACKEND, "%s", lib.reason);
}

lk_status lk_text_draw(lk_image *canvas, lk_box box, const lk_text_style *style, const char *text)
{
    sheet s;
    lk_status status = lk_text_load();
    if (!status) status = open_sheet(box, style, text, &s);
    if (status) return status;
    int width, height;
    lib.pango_layout_get_pixel_size(s.layout, &width, &height);
    lib.cairo_move_to(s.cairo, 0, ((int)box.height - height) / 2);
    lib.pango_cairo_show_layout(s.cairo, s.layout);
    lib.cairo_surface_flush(s.surface);
    lk_canvas_cover(canvas, box, s.coverage, (size_t)s.stride, style->colour);
    close_sheet(&s);
    return LK_OK;
}

lk_status lk_text_missing(const char *text, size_t *missing)
{
    const lk_status status = lk_text_load();
    return status ? status : count_missing(text, missing);
}

#endif
