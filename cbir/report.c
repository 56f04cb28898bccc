#include "cbir/report.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "cbir/picture_write.h"
#include "cbir/tile.h"

struct lk_report {
    lk_output output;
};

/* The strip's own colours; marks are characters, so that nothing rests on colour alone. */
static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>Likeness: "
    "search</title>\n<style>\n"
    "body { font: 15px/1.4 sans-serif; color: #18181c; margin: 20px; }\n"
    "section { display: flex; flex-wrap: wrap; gap: 16px; margin-bottom: 28px; border-top: 1px solid "
    "#a0a0a6; "
    "padding-top: 16px; }\n"
    "figure { margin: 0; width: 310px; }\nfigcaption b { font-size: 20px; }\n"
    "figcaption span { color: #5c5c64; }\nfigcaption i { float: right; font: bold 20px sans-serif; }\n"
    "img, .none { box-sizing: border-box; width: 310px; height: 210px; border: 5px solid #a0a0a6; display: "
    "block; }\n"
    ".none { background: #e8e8e8; padding: 60px 20px; text-align: center; overflow: hidden; }\n"
    ".query { background: #dee6f1; padding: 10px; } .query img, .query .none { border-color: #005aa0; }\n"
    ".right img, .right .none { border-color: #008e68; } .right i { color: #008e68; }\n"
    ".wrong img, .wrong .none { border-color: #d55e00; } .wrong i { color: #d55e00; }\n"
    "</style>\n";

/* Text for an element or a quoted attribute. Bytes that are no UTF-8 are the browser's to replace. */
static void put_escaped(FILE *to, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '&':
            fputs("&amp;", to);
            break;
        case '<':
            fputs("&lt;", to);
            break;
        case '>':
            fputs("&gt;", to);
            break;
        case '"':
            fputs("&quot;", to);
            break;
        default:
            fputc(*text, to);
        }
    }
}

static void put_base64(FILE *to, const unsigned char *bytes, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3) {
        const unsigned a = bytes[i], b = i + 1 < size ? bytes[i + 1] : 0, c = i + 2 < size ? bytes[i + 2] : 0;
        fputc(digits[a >> 2], to);
        fputc(digits[(a & 3) << 4 | b >> 4], to);
        fputc(i + 1 < size ? digits[(b & 15) << 2 | c >> 6] : '=', to);
        fputc(i + 2 < size ? digits[c & 63] : '=', to);
    }
}

/* The tile as a JPEG in the page. */
static lk_status put_tile(FILE *to, const lk_image *tile, const char *path)
{
    char *bytes = NULL; /* the C library's memory, as open_memstream has it */
    size_t size = 0;
    FILE *jpeg = open_memstream(&bytes, &size);
    if (!jpeg) return lk_fail(LK_ERROR_MEMORY, "%s: out of memory", path);
    lk_status status = lk_jpeg_write(tile, jpeg, path);
    if (fclose(jpeg) && !status) status = lk_fail(LK_ERROR_MEMORY, "%s: out of memory", path);
    if (!status) {
        fputs("<img alt=\"", to);
        put_escaped(to, path);
        fputs("\" src=\"data:image/jpeg;base64,", to);
        put_base64(to, (const unsigned char *)bytes, size);
        fputs("\">\n", to);
    }
    free(bytes);
    return status;
}

static lk_status put_picture(FILE *to, const lk_strip *strip, const char *path)
{
    lk_image *tile = NULL;
    lk_status status = path ? lk_tile_open(path, &tile) : LK_OK;
    if (status == LK_ERROR_MEMORY) return status;
    if (tile) {
        status = put_tile(to, tile, path);
        lk_image_close(&tile);
        return status;
    }
    if (path && strip->note) strip->note(strip->context, lk_error_message());
    fputs("<div class=\"none\">", to);
    put_escaped(to, path ? lk_error_message() : "no picture");
    fputs("</div>\n", to);
    return LK_OK;
}

static lk_status put_figure(FILE *to, const lk_strip *strip, size_t tile)
{
    static const char *const classes[] = {"unknown", "right", "wrong"}, *const marks[] = {
                                                                            "", "<i>\xE2\x9C\x93</i>",
                                                                            "<i>\xE2\x9C\x97</i>"};
    const lk_strip_tile *about = tile ? &strip->hits[tile - 1] : &strip->query;
    char text[512];
    lk_strip_names(about, text, sizeof text);
    fprintf(to, "<figure class=\"%s\"><figcaption>%s<b>", tile ? classes[about->mark] : "query",
            tile ? marks[about->mark] : "");
    put_escaped(to, text);
    fputs("</b><br><span>", to);
    if (tile) lk_strip_score(strip, tile - 1, text, sizeof text);
    else lk_strip_sum(strip, text, sizeof text);
    if (tile) fprintf(to, "%zu. &ensp;%s</span></figcaption>\n", tile, text);
    else fprintf(to, "query: %s</span></figcaption>\n", text);
    const lk_status status = put_picture(to, strip, about->path);
    fputs("</figure>\n", to);
    return status;
}

lk_status lk_report_open(const char *path, lk_report **report)
{
    lk_report *opened = lk_allocate_array(1, sizeof *opened);
    if (!opened) return lk_fail(LK_ERROR_MEMORY, "%s: out of memory", path);
    const lk_status status = lk_output_open(path, &opened->output);
    if (status) {
        lk_free(opened);
        return status;
    }
    fputs(head, opened->output.stream);
    *report = opened;
    return LK_OK;
}

lk_status lk_report_add(lk_report *report, const lk_strip *strip)
{
    FILE *to = report->output.stream;
    lk_status status = LK_OK;
    fputs("<section>\n", to);
    for (size_t tile = 0; !status && tile <= strip->hit_count; tile++) status = put_figure(to, strip, tile);
    fputs("</section>\n", to);
    return status;
}

lk_status lk_report_commit(lk_report **report)
{
    fputs("</html>\n", (*report)->output.stream);
    const lk_status status = lk_output_commit(&(*report)->output);
    lk_free(*report);
    *report = NULL;
    return status;
}

void lk_report_discard(lk_report **report)
{
    if (*report) lk_output_discard(&(*report)->output);
    lk_free(*report);
    *report = NULL;
}
