/* visible.h - makes text from outside safe for a terminal or a log. Characters that a reader would not see, or that
 * would change how the rest is shown, become escapes.
 *
 * It escapes controls (C0, DEL, C1), characters that change the direction of writing, line and paragraph separators,
 * and characters without a width, which make two names look the same. A malformed byte becomes '?'. Logs, events and
 * everything that rayvisorctl prints use it. */
#ifndef RV_IPC_BASE_VISIBLE_H
#define RV_IPC_BASE_VISIBLE_H

#include "rayvisor/value.h"

enum visible_text {
    VISIBLE_LINE,  /* one line: newlines are escaped as well */
    VISIBLE_LINES, /* newlines and tabs stay; JSON text stays JSON with the same meaning */
    VISIBLE_QUOTED /* one line, and '"' and '\' are escaped, for the inside of a JSON string */
};
void visible_text(struct rv_str s, enum visible_text how, struct rv_buf *out);
/* True if the text is one line of well-formed UTF-8 that looks like what it is. */
bool visible_already(struct rv_str s);
/* Appends the value with all its texts and keys as one visible line. */
void visible_value(struct rv_val v, struct rv_buf *out);

#endif
