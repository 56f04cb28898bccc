#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char message[sizeof((lk_error){0}.text)];

lk_status(lk_fail)(lk_status status, const char *format, ...)
{
    /* Formatted aside first: an argument may be the old message itself. */
    char text[sizeof message];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    memcpy(message, text, sizeof message);
    return status;
}

lk_status lk_fail_in(lk_status status, const char *text)
{
    return lk_fail(status, "%s: %s", text, message);
}

const char *lk_error_message(void)
{
    return message;
}

lk_error lk_error_take(lk_status status)
{
    lk_error error = {.status = status};
    memcpy(error.text, message, sizeof message);
    return error;
}

lk_status lk_error_restore(const lk_error *error)
{
    memcpy(message, error->text, sizeof message);
    return error->status;
}
