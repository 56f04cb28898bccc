/* The strip's geometry, and its words. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cbir/strip.h"
#include "cbir/tile.h"

enum { MARGIN = 20, GAP = 20, TITLE = 60, SUM = 40 };

static size_t columns_of(const lk_strip *strip)
{
    const size_t most = strip->columns ? strip->columns : 5;
    return strip->hit_count < most ? strip->hit_count : most;
}

static size_t rows_of(const lk_strip *strip)
{
    const size_t columns = columns_of(strip);
    return columns ? (strip->hit_count - 1) / columns + 1 : 1;
}

/* MARGIN query MARGIN | GAP hit GAP hit … MARGIN; a row is a title over a tile. */
void lk_strip_size(const lk_strip *strip, size_t *width, size_t *height)
{
    const size_t columns = columns_of(strip), rows = rows_of(strip);
    *width = MARGIN + LK_TILE_WIDTH + MARGIN + columns * (GAP + LK_TILE_WIDTH) + (columns ? MARGIN : 0);
    *height = MARGIN + rows * (TITLE + LK_TILE_HEIGHT) + (rows - 1) * GAP + (rows == 1 ? SUM : MARGIN);
}

lk_box lk_strip_title(const lk_strip *strip, size_t tile)
{
    lk_box box = {MARGIN, MARGIN, LK_TILE_WIDTH, TITLE};
    if (tile == 0) return box;
    const size_t column = (tile - 1) % columns_of(strip), row = (tile - 1) / columns_of(strip);
    box.x += LK_TILE_WIDTH + MARGIN + GAP + column * (LK_TILE_WIDTH + GAP);
    box.y += row * (TITLE + LK_TILE_HEIGHT + GAP);
    return box;
}

lk_box lk_strip_picture(const lk_strip *strip, size_t tile)
{
    const lk_box title = lk_strip_title(strip, tile);
    return (lk_box){title.x, title.y + TITLE, LK_TILE_WIDTH, LK_TILE_HEIGHT};
}

void lk_strip_names(const lk_strip_tile *tile, char *text, size_t size)
{
    const char *path = tile->path ? tile->path : "", *slash = strrchr(path, '/');
    if (tile->name && tile->english && strcmp(tile->name, tile->english) != 0)
        snprintf(text, size, "%s %s", tile->name, tile->english);
    else if (tile->name || tile->english) snprintf(text, size, "%s", tile->name ? tile->name : tile->english);
    else snprintf(text, size, "%s", slash ? slash + 1 : path);
}

void lk_strip_score(const lk_strip *strip, size_t hit, char *text, size_t size)
{
    const double score = (double)strip->hits[hit].score;
    if (strip->metric == LK_METRIC_HAMMING) snprintf(text, size, "%.0f bits", score);
    else if (strip->metric == LK_METRIC_COSINE) snprintf(text, size, "%.4f", score);
    else snprintf(text, size, "%.5g", score);
}

void lk_strip_sum(const lk_strip *strip, char *text, size_t size)
{
    static const char *const metrics[] = {"by cosine", "by inner product", "by squared distance",
                                          "by Hamming distance"};
    size_t right = 0, judged = 0;
    for (size_t i = 0; i < strip->hit_count; i++) {
        right += strip->hits[i].mark == LK_MARK_RIGHT;
        judged += strip->hits[i].mark != LK_MARK_NONE;
    }
    const char *metric = metrics[strip->metric];
    if (strip->hit_count == 0) snprintf(text, size, "no hits %s", metric);
    else if (judged == 0)
        snprintf(text, size, "%zu %s %s", strip->hit_count, strip->hit_count == 1 ? "hit" : "hits", metric);
    else snprintf(text, size, "%zu of %zu right, %s", right, judged, metric);
}
