/* Reading TREC files: the text is cut into fields in a copy of the file, so that names need no memory of
 * their own. */
#include "cbir/trec.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"

enum { RUN_FIELDS = 6, QRELS_FIELDS = 4, MOST_FIELDS = RUN_FIELDS };

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

/* Parts a line in place. Returns how many fields there are, of which MOST_FIELDS are kept. */
static size_t cut_fields(char *line, char *fields[MOST_FIELDS])
{
    size_t count = 0;
    for (char *at = line; *at;) {
        while (is_blank(*at)) *at++ = 0;
        if (!*at) break;
        if (count < MOST_FIELDS) fields[count] = at;
        count++;
        while (*at && !is_blank(*at)) at++;
    }
    return count;
}

static bool parse_score(const char *text, float *score)
{
    char *end;
    const double value = strtod(text, &end); /* as trec_eval: a double, rounded to float32 */
    if (end == text || *end || !(fabs(value) <= FLT_MAX)) return false;
    *score = (float)value;
    return true;
}

static bool parse_relevance(const char *text, long *relevance)
{
    char *end;
    errno = 0;
    *relevance = strtol(text, &end, 10);
    return end != text && !*end && !errno;
}

static lk_status parse_fields(char *const *fields, size_t count, lk_trec_kind kind, const char *name,
                              lk_trec_line *line)
{
    const size_t wanted = kind == LK_TREC_RUN ? RUN_FIELDS : QRELS_FIELDS;
    if (count != wanted)
        return lk_fail(LK_ERROR_FORMAT, "%s:%zu: %zu fields; a line of %s", name, line->number, count,
                       kind == LK_TREC_RUN ? "a run has 6: query Q0 document rank score tag"
                                           : "qrels has 4: query iteration document relevance");
    line->query = fields[0];
    line->document = fields[2];
    if (kind == LK_TREC_RUN && !parse_score(fields[4], &line->score))
        return lk_fail(LK_ERROR_FORMAT, "%s:%zu: the score '%.40s' is not a finite float32", name,
                       line->number, fields[4]);
    if (kind == LK_TREC_QRELS && !parse_relevance(fields[3], &line->relevance))
        return lk_fail(LK_ERROR_FORMAT, "%s:%zu: the relevance '%.40s' is not an integer", name, line->number,
                       fields[3]);
    return LK_OK;
}

/* Lines of one query mostly stand together: they then share the name, and comparing it is comparing a
 * pointer. */
static lk_status append(lk_trec *trec, lk_trec_line line)
{
    void *lines = trec->lines;
    if (trec->count && !strcmp(trec->lines[trec->count - 1].query, line.query))
        line.query = trec->lines[trec->count - 1].query;
    if (!lk_grow(&lines, &trec->capacity, trec->count + 1, sizeof line))
        return lk_fail(LK_ERROR_MEMORY, "out of memory for %zu lines", trec->count + 1);
    trec->lines = lines;
    trec->lines[trec->count++] = line;
    return LK_OK;
}

static lk_status parse_lines(lk_trec *trec, size_t size, lk_trec_kind kind, const char *name)
{
    lk_status status = LK_OK;
    char *at = trec->text, *const end = trec->text + size;
    for (size_t number = 1; !status && at < end; number++) {
        char *fields[MOST_FIELDS];
        char *line_end = memchr(at, '\n', (size_t)(end - at));
        if (!line_end) line_end = end;
        *line_end = 0; /* the text has a byte more than the file */
        const size_t count = cut_fields(at, fields);
        lk_trec_line line = {.number = number};
        if (count) status = parse_fields(fields, count, kind, name, &line);
        if (!status && count) status = append(trec, line);
        at = line_end + 1;
    }
    return status;
}

static int by_query(const lk_trec_line *a, const lk_trec_line *b)
{
    return a->query == b->query ? 0 : strcmp(a->query, b->query);
}

static int by_document(const void *a, const void *b)
{
    const lk_trec_line *left = a, *right = b;
    const int order = by_query(left, right);
    return order ? order : strcmp(left->document, right->document);
}

static int by_number(const void *a, const void *b)
{
    const lk_trec_line *left = a, *right = b;
    const int order = by_query(left, right);
    return order ? order : (left->number > right->number) - (left->number < right->number);
}

static lk_status sort_lines(lk_trec *trec, const char *name)
{
    qsort(trec->lines, trec->count, sizeof *trec->lines, by_document);
    for (size_t i = 1; i < trec->count; i++)
        if (!by_document(&trec->lines[i - 1], &trec->lines[i]))
            return lk_fail(LK_ERROR_FORMAT, "%s:%zu: document %.80s stands twice under query %.80s", name,
                           trec->lines[i].number > trec->lines[i - 1].number ? trec->lines[i].number
                                                                             : trec->lines[i - 1].number,
                           trec->lines[i].document, trec->lines[i].query);
    qsort(trec->lines, trec->count, sizeof *trec->lines, by_number);
    return LK_OK;
}

lk_status lk_trec_parse(const void *bytes, size_t size, const char *name, lk_trec_kind kind, lk_trec *trec)
{
    lk_trec t = {0};
    if (size && memchr(bytes, 0, size))
        return lk_fail(LK_ERROR_FORMAT, "%s: not a text: it holds a zero byte", name);
    t.text = lk_allocate(size + 1, 1);
    if (!t.text) return lk_fail(LK_ERROR_MEMORY, "%s: out of memory", name);
    if (size) memcpy(t.text, bytes, size);
    lk_status status = parse_lines(&t, size, kind, name);
    if (!status && !t.count) status = lk_fail(LK_ERROR_EMPTY, "%s: no line", name);
    if (!status) status = sort_lines(&t, name);
    if (status) lk_trec_close(&t);
    else *trec = t;
    return status;
}

lk_status lk_trec_open(const char *path, lk_trec_kind kind, lk_trec *trec)
{
    lk_mapping file;
    lk_status status = lk_map_file(path, &file);
    if (status) return status;
    status = lk_trec_parse(file.bytes, file.size, path, kind, trec);
    lk_unmap(&file);
    return status;
}

void lk_trec_close(lk_trec *trec)
{
    lk_free(trec->lines);
    lk_free(trec->text);
    *trec = (lk_trec){0};
}
