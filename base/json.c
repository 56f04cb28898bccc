#include "base/json.h"

#include "base/error.h"

lk_status lk_json_parse(const char *text, size_t size, const char *where, json_t **json)
{
    json_error_t error;
    json_t *parsed = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
    if (parsed) {
        *json = parsed;
        return LK_OK;
    }
    /* Where jansson notices that its memory has run out, it says nothing. */
    if (!*error.text) return lk_fail(LK_ERROR_MEMORY, "%s: out of memory", where);
    return lk_fail(LK_ERROR_FORMAT, "%s: line %d: %s", where, error.line, error.text);
}
