/* reject.h - how a rule of a validation says no: it writes what is wrong and what is accepted, and returns true. */
#ifndef RAY_REJECT_H
#define RAY_REJECT_H

#include "rayvisor/base.h"

static inline bool rc_reject(struct rv_buf *out, const char *fmt, ...) RV_PRINTF(2, 3);
static inline bool rc_reject(struct rv_buf *out, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    rv_buf_vaddf(out, fmt, ap);
    va_end(ap);
    return true;
}

#endif
