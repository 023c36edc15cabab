/* history_line.h - one thing that happened (an entry of `history`, or a message of the tap) as a line for people. */
#ifndef CTL_HISTORY_LINE_H
#define CTL_HISTORY_LINE_H

#include "rayvisor/value.h"

/* with_object: the line names the object, too. What a pass said follows in lines of its own. */
void history_line(struct rv_val entry, bool with_object, struct rv_buf *out);

#endif
