/* Layers of the user's own: from --layer, or a file's lines, to a layer that can be run. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "cbir/cli/bench.h"

#define LARGEST ((size_t)1 << 20) /* of any number of a shape */

static const char header[] = "layer,h,w,c,out,kernel,stride,groups";
static const char *const layers[] = {"pointwise", "depthwise", "conv", "linear", "pool"};

/* ------------------------------------------------------------------ What a shape means */

static bool is(const bench_shape *s, const char *layer)
{
    return !strcmp(s->layer, layer);
}

/* An option that the kind of layer settles by itself may be given, if it says the same. */
static lk_status settle(const bench_shape *s, const char *option, size_t *value, size_t only)
{
    if (*value && *value != only)
        return lk_fail(LK_ERROR_ARGUMENT, "%s: %s is %zu here, not %zu", s->layer, option, only, *value);
    *value = only;
    return LK_OK;
}

/* What was not given. */
static lk_status complete(bench_shape *s)
{
    lk_status status = LK_OK;
    const bool has_kernel = s->kernel != 0;
    if (is(s, "pool")) {
        status = settle(s, "--out", &s->out, s->c);
        if (!status) status = settle(s, "--groups", &s->groups, 1);
        if (!status && !has_kernel && s->stride)
            status = lk_fail(LK_ERROR_ARGUMENT,
                             "pool: --stride needs --kernel; without it the whole map is averaged");
        if (!s->stride) s->stride = s->kernel;
    } else if (is(s, "depthwise")) {
        status = settle(s, "--out", &s->out, s->c);
        if (!status) status = settle(s, "--groups", &s->groups, s->c);
        if (!s->kernel) s->kernel = 3;
    } else if (!is(s, "conv")) {
        status = settle(s, "--kernel", &s->kernel, 1);
        if (!status) status = settle(s, "--stride", &s->stride, 1);
        if (!status) status = settle(s, "--groups", &s->groups, 1);
    }
    if (!status && !s->out) status = lk_fail(LK_ERROR_ARGUMENT, "%s: --out: how many channels?", s->layer);
    if (!s->kernel && is(s, "conv")) s->kernel = 3;
    if (!s->stride) s->stride = 1;
    if (!s->groups) s->groups = 1;
    if (s->pad == SIZE_MAX) s->pad = is(s, "pool") || !s->kernel ? 0 : (s->kernel - 1) / 2;
    return status;
}

static lk_status check(const bench_shape *s)
{
    if (s->c % s->groups || s->out % s->groups)
        return lk_fail(LK_ERROR_ARGUMENT, "%s: %zu groups do not divide %zu channels into %zu", s->layer,
                       s->groups, s->c, s->out);
    if (s->kernel > s->h + 2 * s->pad || s->kernel > s->w + 2 * s->pad)
        return lk_fail(LK_ERROR_ARGUMENT, "%s: a kernel of %zu is larger than the padded map, %zux%zu",
                       s->layer, s->kernel, s->h + 2 * s->pad, s->w + 2 * s->pad);
    if (s->pad && s->pad >= s->kernel)
        return lk_fail(LK_ERROR_ARGUMENT,
                       "%s: padding by %zu makes outputs of padding alone, with a kernel of %zu", s->layer,
                       s->pad, s->kernel);
    return LK_OK;
}

static size_t outputs(size_t in, const bench_shape *s)
{
    return (in + 2 * s->pad - s->kernel) / s->stride + 1;
}

static lk_conv2d conv2d(const bench_shape *s)
{
    lk_conv2d d = {.in_h = s->h,
                   .in_w = s->w,
                   .in_channels = s->c,
                   .out_channels = s->out,
                   .kernel_h = s->kernel,
                   .kernel_w = s->kernel,
                   .stride_h = s->stride,
                   .stride_w = s->stride,
                   .dilation_h = 1,
                   .dilation_w = 1,
                   .pad_top = s->pad,
                   .pad_left = s->pad,
                   .groups = s->groups,
                   .lo = s->lo,
                   .hi = s->hi};
    d.out_h = outputs(s->h, s), d.out_w = outputs(s->w, s);
    if (is(s, "linear")) { /* a kernel as large as the map, as the engine has it */
        d.kernel_h = s->h, d.kernel_w = s->w;
        d.out_h = d.out_w = 1;
    }
    return d;
}

static lk_pool2d pool2d(const bench_shape *s)
{
    if (!s->kernel)
        return (lk_pool2d){.kind = LK_POOL_ADAPTIVE_AVERAGE,
                           .in_h = s->h,
                           .in_w = s->w,
                           .channels = s->c,
                           .out_h = 1,
                           .out_w = 1};
    return (lk_pool2d){.kind = LK_POOL_MAX,
                       .in_h = s->h,
                       .in_w = s->w,
                       .channels = s->c,
                       .out_h = outputs(s->h, s),
                       .out_w = outputs(s->w, s),
                       .kernel_h = s->kernel,
                       .kernel_w = s->kernel,
                       .stride_h = s->stride,
                       .stride_w = s->stride,
                       .pad_top = s->pad,
                       .pad_left = s->pad};
}

lk_status bench_shape_layer(const bench_shape *shape, lk_step *step)
{
    bench_shape s = *shape;
    lk_status status = complete(&s);
    if (!status) status = check(&s);
    if (status) return status;
    *step = (lk_step){.op = is(&s, "pool") ? LK_OP_POOL2D : LK_OP_CONV2D};
    if (step->op == LK_OP_POOL2D) step->layer.pool2d = pool2d(&s);
    else step->layer.conv2d = conv2d(&s);
    return LK_OK;
}

/* ------------------------------------------------------------------ A sweep's lines */

/* One field, and behind it. An empty one is not given. */
static bool read_field(char **at, size_t *value)
{
    char *end = *at;
    *value = 0;
    if (**at >= '0' && **at <= '9') {
        *value = strtoul(*at, &end, 10);
        if (!*value || *value > LARGEST) return false;
    }
    if (*end && *end != ',') return false;
    *at = *end ? end + 1 : end;
    return true;
}

static lk_status read_line(char *line, bench_shape *shape)
{
    size_t *const fields[] = {&shape->h,      &shape->w,      &shape->c,     &shape->out,
                              &shape->kernel, &shape->stride, &shape->groups};
    const size_t count = sizeof fields / sizeof *fields;
    char *at = strchr(line, ',');
    size_t commas = 0;
    for (const char *c = line; *c; c++) commas += *c == ',';
    if (commas != count) return lk_fail(LK_ERROR_ARGUMENT, "%zu fields, not %zu", commas + 1, count + 1);
    *at++ = 0;
    *shape = (bench_shape){.pad = SIZE_MAX, .lo = -INFINITY, .hi = INFINITY};
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++)
        if (!strcmp(line, layers[i])) shape->layer = layers[i];
    if (!shape->layer)
        return lk_fail(LK_ERROR_ARGUMENT, "'%s' is none of pointwise, depthwise, conv, linear, pool", line);
    for (size_t i = 0; i < count; i++) {
        const char *field = at;
        if (!read_field(&at, fields[i]) || (i < 3 && !*fields[i]))
            return lk_fail(LK_ERROR_ARGUMENT, "'%.*s' is not a whole number from 1 to %zu",
                           (int)strcspn(field, ","), field, LARGEST);
    }
    return LK_OK;
}

static lk_status add(bench_shapes *shapes, const bench_shape *shape)
{
    lk_step step;
    const lk_status status = bench_shape_layer(shape, &step);
    if (status) return status;
    void *items = shapes->items;
    if (!lk_grow(&items, &shapes->capacity, shapes->count + 1, sizeof *shapes->items))
        return lk_fail(LK_ERROR_MEMORY, "out of memory");
    shapes->items = items;
    shapes->items[shapes->count++] = *shape;
    return LK_OK;
}

/* `text` is cut up. */
static lk_status read_sweep(const char *path, char *text, bench_shapes *shapes)
{
    lk_status status = LK_OK;
    size_t number = 0;
    for (char *line = text, *next; !status && line; line = next) {
        next = strchr(line, '\n');
        if (next) *next++ = 0;
        line[strcspn(line, "\r")] = 0;
        number++;
        if (number == 1 && strcmp(line, header) != 0)
            return lk_fail(LK_ERROR_ARGUMENT, "%s: the first line is not '%s'", path, header);
        if (number == 1 || !*line) continue;
        bench_shape shape;
        status = read_line(line, &shape);
        if (!status) status = add(shapes, &shape);
    }
    char place[512];
    snprintf(place, sizeof place, "%s:%zu", path, number);
    if (status) return lk_fail_in(status, place);
    return shapes->count ? LK_OK : lk_fail(LK_ERROR_ARGUMENT, "%s: no shape below the header", path);
}

lk_status bench_shapes_read(const bench_options *o, bench_shapes *shapes)
{
    if (!o->sweep) return add(shapes, &o->shape);
    lk_mapping file;
    lk_status status = lk_map_file(o->sweep, &file);
    if (status) return status;
    char *text = lk_allocate(file.size + 1, 1);
    if (text && file.size) memcpy(text, file.bytes, file.size);
    if (!text) status = lk_fail(LK_ERROR_MEMORY, "out of memory for %s", o->sweep);
    else if (strlen(text) != file.size)
        status = lk_fail(LK_ERROR_FORMAT, "%s: no text: it holds a zero byte", o->sweep);
    else status = read_sweep(o->sweep, text, shapes);
    lk_free(text);
    lk_unmap(&file);
    return status;
}

void bench_shapes_close(bench_shapes *shapes)
{
    lk_free(shapes->items);
    *shapes = (bench_shapes){0};
}
