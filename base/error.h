/* The one way to report a failure: a status to return and a message that names the file or tensor and the fault. */
#ifndef LK_BASE_ERROR_H
#define LK_BASE_ERROR_H

#include "engine/likeness.h"

/* Sets this thread's lk_error_message() and returns `status`, so that a caller can write `return lk_fail(...)`. */
lk_status lk_fail(lk_status status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A checker that sees one file at a time must know that what comes back is the status that went in, and no LK_OK. */
static inline lk_status lk_failed_with(lk_status status, lk_status same)
{
    (void)same;
    return status;
}
#define lk_fail(status, ...) lk_failed_with(status, (lk_fail)(status, __VA_ARGS__))

/* Puts "text: " before this thread's message; for a caller that knows the file, where the callee knew the fault. */
lk_status lk_fail_in(lk_status status, const char *text);

/* The message as a value: a worker thread's error is carried to the thread that reports it. */
typedef struct {
    lk_status status;
    char text[512];
} lk_error;

lk_error lk_error_take(lk_status status);         /* this thread's message, copied */
lk_status lk_error_restore(const lk_error *error); /* makes it this thread's message, and returns its status */

#endif
