/* lines.h - the lines of a text, one after the other.
 *
 *     for (struct rv_str rest = text, line; lines_next(&rest, &line);) ... */
#ifndef RV_IPC_BASE_LINES_H
#define RV_IPC_BASE_LINES_H

#include <string.h>

#include "rayvisor/base.h"

/* Takes the first line off `rest`, without its line break. Returns false if nothing is left. The last line may lack its
 * line break. */
static inline bool lines_next(struct rv_str *rest, struct rv_str *ret_line) {
    if (rest->n == 0) return false;
    const char *end = memchr(rest->p, '\n', rest->n);
    size_t n = end != NULL ? (size_t)(end - rest->p) : rest->n, taken = n + (end != NULL);
    *ret_line = (struct rv_str){rest->p, n};
    *rest = (struct rv_str){rest->p + taken, rest->n - taken};
    return true;
}

#endif
