/* colour.h - colours on a terminal, and nowhere else: not in a pipe or a file, nor where $NO_COLOR is set or $TERM is
 * "dumb". */
#ifndef CTL_COLOUR_H
#define CTL_COLOUR_H

#include <stdio.h>

#include "say.h"

enum colour { COLOUR_NONE, COLOUR_GREEN, COLOUR_YELLOW, COLOUR_RED, COLOUR_GREY };
enum colour colour_of(enum say_state s);
/* The sequence that begins the colour, or ends it (COLOUR_NONE); "" if `to` takes no colours. */
const char *colour_code(FILE *to, enum colour colour);
/* A line of visible text with its end, `indent` blanks before it. */
void colour_line(FILE *to, int indent, enum colour colour, struct rv_str text);

#endif
