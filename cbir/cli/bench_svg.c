/* Two pictures of what was measured: a roofline, and a bar a row. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "cbir/cli/bench.h"

typedef struct {
    FILE *out;
    const bench_options *o;
    const bench_table *table;
    const bench_machine *machine;
} drawing;

/* Told apart in grey and by most who see few colours (Okabe and Ito). */
static const char *const colours[] = {"#0072b2", "#e69f00", "#009e73", "#d55e00",
                                      "#cc79a7", "#56b4e9", "#000000"};
#define COLOURS (sizeof colours / sizeof *colours)

/* ------------------------------------------------------------------ What both share */

static void put_text(FILE *out, const char *text)
{
    for (; *text; text++)
        if (*text == '&') fputs("&amp;", out);
        else if (*text == '<') fputs("&lt;", out);
        else if (*text == '>') fputs("&gt;", out);
        else if (*text == '"') fputs("&quot;", out);
        else fputc((unsigned char)*text < ' ' ? '?' : *text, out); /* XML knows no control characters */
}

/* Of any bytes. */
static void put_path(FILE *out, const char *path)
{
    json_t *text = cli_json_text(path);
    put_text(out, text ? json_string_value(text) : "?");
    json_decref(text);
}

static void begin(const drawing *d, int width, int height, const char *title)
{
    fprintf(
        d->out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
        "font-family=\"sans-serif\" font-size=\"11\">\n"
        "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n<text x=\"16\" y=\"24\" font-size=\"15\">",
        width, height, width, height);
    put_text(d->out, title);
    fputs(": ", d->out);
    put_path(d->out, d->o->model ? d->o->model : d->o->sweep ? d->o->sweep : d->table->rows[0].layers[0]);
    fprintf(d->out,
            "</text>\n<text x=\"16\" y=\"42\" fill=\"#555\">batch %zu, %zu thread%s, %s; the least of %zu "
            "runs</text>\n",
            d->o->batch, d->table->threads, d->table->threads == 1 ? "" : "s",
            d->o->cold ? "cold caches" : "warm", d->table->repeat);
}

/* What a row's colour stands for: the backend, or what the kernel runs on. */
static const char *series_of(const bench_row *row)
{
    const char *isa = strstr(row->kernel, "__");
    return row->variant && isa ? isa + 2 : row->backend;
}

/* How many series were before that of row `index`, which is `*is_new`. */
static size_t series_index(const bench_table *table, size_t index, bool *is_new)
{
    size_t count = 0;
    for (size_t i = 0; i <= index; i++) {
        size_t first = 0;
        while (strcmp(series_of(&table->rows[first]), series_of(&table->rows[i])) != 0) first++;
        if (!strcmp(series_of(&table->rows[first]), series_of(&table->rows[index]))) {
            *is_new = first == index;
            return count;
        }
        count += first == i;
    }
    return count;
}

static const char *colour_of(const bench_table *table, size_t index)
{
    bool is_new;
    return colours[series_index(table, index, &is_new) % COLOURS];
}

static void draw_legend(const drawing *d, double x, double y)
{
    for (size_t i = 0; i < d->table->count; i++) {
        bool is_new;
        const size_t series = series_index(d->table, i, &is_new);
        if (!is_new) continue;
        const double at = y + 18 * (double)series;
        fprintf(d->out,
                "<rect x=\"%.1f\" y=\"%.1f\" width=\"10\" height=\"10\" fill=\"%s\"/><text x=\"%.1f\" "
                "y=\"%.1f\">",
                x, at - 9, colours[series % COLOURS], x + 16, at);
        put_text(d->out, series_of(&d->table->rows[i]));
        fputs("</text>\n", d->out);
    }
}

/* Number, layers, kernel, figures: shown where the pointer rests. */
static void put_title(const drawing *d, const bench_row *row, const bench_figures *f)
{
    fputs("<title>", d->out);
    for (size_t i = 0; i < row->layer_count; i++) {
        if (i) fputs(" + ", d->out);
        put_text(d->out, row->layers[i]);
    }
    fputs("\n", d->out);
    put_text(d->out, row->kernel);
    fprintf(d->out, "\n%.4f ms, %.1f GFLOP/s, %.1f GB/s</title>", f->min_ms, f->gflops, f->gbs);
}

/* ------------------------------------------------------------------ The roofline */

enum { PLOT_LEFT = 70, PLOT_TOP = 60, PLOT_WIDTH = 720, PLOT_HEIGHT = 440, PLOT_LEGEND = 200 };

/* Both axes in powers of two. */
typedef struct {
    double x_from, x_to, y_from, y_to;
} axes;

static double place_x(const axes *a, double intensity)
{
    return PLOT_LEFT + PLOT_WIDTH * (log2(intensity) - a->x_from) / (a->x_to - a->x_from);
}

static double place_y(const axes *a, double gflops)
{
    return PLOT_TOP + PLOT_HEIGHT * (a->y_to - log2(gflops)) / (a->y_to - a->y_from);
}

static bool is_point(const bench_row *row)
{
    return row->multiply_adds && row->ns[0] && !row->is_whole;
}

static axes find_axes(const drawing *d)
{
    const double cores = (double)d->table->threads, peak = d->machine->gflops * cores;
    axes a = {0, 4, 0, 4};
    if (peak > 0 && d->machine->memory_gbs > 0)
        a.x_to = log2(d->machine->gflops / d->machine->memory_gbs) + 1;
    if (peak > 0 && d->machine->second_gbs > 0)
        a.x_from = fmin(0, log2(d->machine->gflops / d->machine->second_gbs) - 1);
    if (peak > 0) a.y_to = log2(peak) + 0.5, a.y_from = a.y_to - 4;
    for (size_t i = 0; i < d->table->count; i++) {
        if (!is_point(&d->table->rows[i])) continue;
        const bench_figures f = bench_figures_of(&d->table->rows[i], d->table, d->machine, d->o->cold);
        a.x_from = fmin(a.x_from, log2(f.intensity) - 0.5), a.x_to = fmax(a.x_to, log2(f.intensity) + 0.5);
        a.y_from = fmin(a.y_from, log2(f.gflops) - 0.5), a.y_to = fmax(a.y_to, log2(f.gflops) + 0.5);
    }
    return (axes){floor(a.x_from), ceil(a.x_to), floor(a.y_from), ceil(a.y_to)};
}

static void draw_axes(const drawing *d, const axes *a)
{
    const int bottom = PLOT_TOP + PLOT_HEIGHT, right = PLOT_LEFT + PLOT_WIDTH;
    for (int power = (int)a->x_from; power <= (int)a->x_to; power++) {
        const double x = place_x(a, exp2(power));
        fprintf(d->out,
                "<path d=\"M%.1f %d V%d\" stroke=\"#ddd\"/>"
                "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%g</text>\n",
                x, PLOT_TOP, bottom, x, bottom + 16, exp2(power));
    }
    for (int power = (int)a->y_from; power <= (int)a->y_to; power++) {
        const double y = place_y(a, exp2(power));
        fprintf(d->out,
                "<path d=\"M%d %.1f H%d\" stroke=\"#ddd\"/>"
                "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%g</text>\n",
                PLOT_LEFT, y, right, PLOT_LEFT - 6, y + 4, exp2(power));
    }
    fprintf(d->out,
            "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">operations a byte of maps and weights</text>\n"
            "<text transform=\"translate(18 %d) rotate(-90)\" text-anchor=\"middle\">GFLOP/s</text>\n",
            PLOT_LEFT + PLOT_WIDTH / 2, bottom + 38, PLOT_TOP + PLOT_HEIGHT / 2);
}

/* The slope of one bandwidth up to the peak. */
static void draw_roof(const drawing *d, const axes *a, const char *name, double bandwidth)
{
    const double cores = (double)d->table->threads, peak = d->machine->gflops * cores,
                 slope = bandwidth * cores;
    if (!(peak > 0) || !(slope > 0)) return;
    const double low = fmax(exp2(a->x_from), exp2(a->y_from) / slope), ridge = peak / slope;
    if (low >= ridge) return;
    fprintf(d->out,
            "<path d=\"M%.1f %.1f L%.1f %.1f H%d\" stroke=\"#333\" stroke-width=\"1.5\" fill=\"none\"/>\n",
            place_x(a, low), place_y(a, low * slope), place_x(a, ridge), place_y(a, peak),
            PLOT_LEFT + PLOT_WIDTH);
    const double middle = sqrt(low * ridge), x = place_x(a, middle), y = place_y(a, middle * slope);
    const double angle = atan2(place_y(a, peak) - y, place_x(a, ridge) - x) * 180 / acos(-1.0);
    fprintf(
        d->out,
        "<text transform=\"translate(%.1f %.1f) rotate(%.1f)\" text-anchor=\"middle\">%s, %.1f GB/s</text>\n",
        x, y - 6, angle, name, slope);
}

static void draw_points(const drawing *d, const axes *a)
{
    for (size_t i = 0; i < d->table->count; i++) {
        const size_t index = d->table->rows[i].told;
        const bench_row *row = &d->table->rows[index];
        if (!is_point(row)) continue;
        const bench_figures f = bench_figures_of(row, d->table, d->machine, d->o->cold);
        const double x = place_x(a, f.intensity), y = place_y(a, f.gflops);
        fprintf(d->out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" fill=\"%s\" fill-opacity=\"0.75\">", x, y,
                colour_of(d->table, index));
        put_title(d, row, &f);
        fprintf(d->out, "</circle><text x=\"%.1f\" y=\"%.1f\" font-size=\"8\" fill=\"#555\">%zu</text>\n",
                x + 5, y - 3, i + 1);
    }
}

static void draw_roofline(const drawing *d)
{
    const double peak = d->machine->gflops * (double)d->table->threads;
    const axes a = find_axes(d);
    begin(d, PLOT_LEFT + PLOT_WIDTH + PLOT_LEGEND, PLOT_TOP + PLOT_HEIGHT + 56, "Roofline");
    draw_axes(d, &a);
    draw_roof(d, &a, "L2", d->machine->second_gbs);
    draw_roof(d, &a, "L3", d->machine->last_gbs);
    draw_roof(d, &a, "memory", d->machine->memory_gbs);
    if (peak > 0)
        fprintf(d->out, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.1f GFLOP/s</text>\n",
                PLOT_LEFT + PLOT_WIDTH - 4, place_y(&a, peak) - 5, peak);
    draw_points(d, &a);
    draw_legend(d, PLOT_LEFT + PLOT_WIDTH + 20, PLOT_TOP + 12);
    fputs("</svg>\n", d->out);
}

/* ------------------------------------------------------------------ The bars */

enum { BAR_LEFT = 330, BAR_TOP = 62, BAR_WIDTH = 420, BAR_STEP = 16, BAR_RIGHT = 310, BAR_LEGEND = 150 };

/* By the median: one slow moment in the 95th percentile would make all bars small. */
static double longest_ms(const drawing *d)
{
    double longest = 0;
    for (size_t i = 0; i < d->table->count; i++) {
        const bench_row *row = &d->table->rows[i];
        if (row->is_whole) continue;
        longest = fmax(longest, bench_figures_of(row, d->table, d->machine, d->o->cold).median_ms);
    }
    return longest > 0 ? longest : 1;
}

/* The layers; of a shape, whose text stands above its rows, the kernel. */
static void put_label(const drawing *d, const bench_row *row)
{
    const char *kernel = row->kernel;
    for (size_t i = 0; !row->variant && i < row->layer_count; i++) {
        if (i) fputs(" + ", d->out);
        put_text(d->out, row->layers[i]);
    }
    if (row->variant) put_text(d->out, strncmp(kernel, "lk_", 3) ? kernel : kernel + 3);
}

/* The least time as a bar, a line from it to the 95th percentile, as far as there is room, a tick at the
 * median. */
static void draw_bar(const drawing *d, size_t place, double y, double longest)
{
    const size_t index = d->table->rows[place].told;
    const bench_row *row = &d->table->rows[index];
    const bench_figures f = bench_figures_of(row, d->table, d->machine, d->o->cold);
    const double wide = BAR_WIDTH * f.min_ms / longest, median = BAR_LEFT + BAR_WIDTH * f.median_ms / longest;
    const double end = BAR_LEFT + BAR_WIDTH * fmin(f.p95_ms / longest, 1), middle = y + BAR_STEP / 2.0 - 1;
    fprintf(d->out, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">", BAR_LEFT - 30, y + 11);
    put_label(d, row);
    fprintf(d->out,
            "</text><text x=\"%d\" y=\"%.1f\" text-anchor=\"end\" fill=\"#999\">%zu</text>"
            "<rect x=\"%d\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" fill=\"%s\">",
            BAR_LEFT - 6, y + 11, place + 1, BAR_LEFT, y, wide, BAR_STEP - 3, colour_of(d->table, index));
    put_title(d, row, &f);
    fprintf(d->out, "</rect><path d=\"M%.1f %.1f H%.1f M%.1f %.1f v6\" stroke=\"#333\" fill=\"none\"/>",
            BAR_LEFT + wide, middle, end, median, middle - 3);
    fprintf(d->out, "<text x=\"%.1f\" y=\"%.1f\" fill=\"#333\">%.4f ms, %.1f GFLOP/s", end + 6, y + 11,
            f.min_ms, f.gflops);
    if (f.of_limit > 0)
        fprintf(d->out, ", %.0f %% of what %s allow%s", 100 * f.of_limit, f.limit,
                strcmp(f.limit, "FLOPs") ? "s" : "");
    fputs("</text>\n", d->out);
}

static bool begins_shape(const bench_table *table, size_t index)
{
    const bench_row *row = &table->rows[index];
    return row->variant && (!index || row->layers[0] != row[-1].layers[0]);
}

static void draw_heading(const drawing *d, const char *shape, double y)
{
    fprintf(d->out, "<text x=\"16\" y=\"%.1f\" font-weight=\"bold\">", y + 11);
    put_text(d->out, shape);
    fputs("</text>\n", d->out);
}

static double line_y(size_t line)
{
    return BAR_TOP + BAR_STEP * (double)line;
}

static void draw_bars(const drawing *d)
{
    size_t bars = 0, lines = 0, series = 0;
    bool is_new;
    for (size_t i = 0; i < d->table->count; i++) {
        bars += !d->table->rows[i].is_whole;
        lines += begins_shape(d->table, i);
        series_index(d->table, i, &is_new);
        series += is_new;
    }
    lines += bars > series ? bars : series;
    const double longest = longest_ms(d);
    size_t line = 0;
    begin(d, BAR_LEFT + BAR_WIDTH + BAR_RIGHT + BAR_LEGEND, BAR_TOP + BAR_STEP * (int)lines + 16, "Layers");
    draw_legend(d, BAR_LEFT + BAR_WIDTH + BAR_RIGHT, BAR_TOP);
    for (size_t i = 0; i < bars; i++) {
        if (begins_shape(d->table, i)) draw_heading(d, d->table->rows[i].layers[0], line_y(line++));
        draw_bar(d, i, line_y(line++), longest);
    }
    fputs("</svg>\n", d->out);
}

/* ------------------------------------------------------------------ The files */

static lk_status write_one(const bench_options *o, const char *name, void (*draw)(const drawing *),
                           drawing *d)
{
    const size_t bytes = strlen(o->svg) + strlen(name) + 1;
    char *path = lk_allocate(bytes, 1);
    lk_output output = {0};
    if (!path) return lk_fail(LK_ERROR_MEMORY, "out of memory");
    snprintf(path, bytes, "%s%s", o->svg, name);
    lk_status status = lk_output_open(path, &output);
    if (!status) {
        d->out = output.stream;
        draw(d);
        status = lk_output_commit(&output);
    }
    lk_free(path);
    return status;
}

lk_status bench_write_svg(const bench_options *o, const bench_table *table, const bench_machine *machine)
{
    drawing d = {.o = o, .table = table, .machine = machine};
    const lk_status status = write_one(o, "-roofline.svg", draw_roofline, &d);
    return status ? status : write_one(o, "-layers.svg", draw_bars, &d);
}
