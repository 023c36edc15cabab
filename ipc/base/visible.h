/* visible.h - text from outside made fit for a terminal or a log: what a reader would not see, or what would change how
 * the rest is shown, becomes an escape.
 *
 * Escaped are controls (C0, DEL, C1), what changes the direction of writing, line and paragraph separators, and
 * characters without a width of their own, which make two names look the same. A malformed byte becomes '?'. Logs,
 * events and everything that rayvisorctl prints go through here. */
#ifndef RV_IPC_BASE_VISIBLE_H
#define RV_IPC_BASE_VISIBLE_H

#include "rayvisor/value.h"

enum rv_visible {
    RV_VISIBLE_LINE,  /* one line: newlines are escaped, too */
    RV_VISIBLE_LINES, /* newlines and tabs stay; of JSON text it makes the same JSON in other words */
    RV_VISIBLE_QUOTED /* one line, and '"' and '\' are escaped: the inside of a JSON string */
};
void rv_visible(struct rv_str s, enum rv_visible how, struct rv_buf *out);
/* Is it one line that looks like what it is, in well-formed UTF-8? */
bool rv_is_visible(struct rv_str s);
/* The value with every text in it, the keys too, as one visible line. */
void rv_visible_val(struct rv_val v, struct rv_buf *out);

#endif
