#include "cbir/trec.h"

bool lk_trec_write_name(FILE *stream, const char *name)
{
    if (!*name) return fputc('%', stream) >= 0;
    for (const unsigned char *c = (const unsigned char *)name; *c; c++) {
        const bool plain = *c > ' ' && *c != '%' && *c != 0x7F;
        if (plain ? fputc(*c, stream) < 0 : fprintf(stream, "%%%02X", *c) < 0) return false;
    }
    return true;
}

bool lk_trec_write_run(FILE *stream, const char *query, const lk_ranking *ranking, const lk_judged *judged,
                       size_t depth)
{
    bool written = true;
    for (size_t i = 0; written && i < ranking->count && i < depth; i++) {
        const size_t item = ranking->order[i];
        written = lk_trec_write_name(stream, query) && fputs(" Q0 ", stream) >= 0 &&
                  lk_trec_write_name(stream, judged->names[item]) &&
                  fprintf(stream, " %zu %.9g likeness\n", i + 1, (double)judged->scores[item]) >= 0;
    }
    return written;
}

bool lk_trec_write_qrels(FILE *stream, const char *query, const lk_judged *judged)
{
    bool written = true;
    for (size_t i = 0; written && i < judged->count; i++)
        if (judged->relevant[i] && !(judged->junk && judged->junk[i]))
            written = lk_trec_write_name(stream, query) && fputs(" 0 ", stream) >= 0 &&
                      lk_trec_write_name(stream, judged->names[i]) && fputs(" 1\n", stream) >= 0;
    return written;
}
