/* colour.c - see colour.h. */
#include "colour.h"

#include <stdlib.h>
#include <unistd.h>

#include "ipc/base/visible.h"

enum colour colour_of(enum say_state s) {
    static const enum colour colours[] = {
        [SAY_WELL] = COLOUR_GREEN, [SAY_WAITS] = COLOUR_YELLOW, [SAY_FAULTY] = COLOUR_RED, [SAY_RESTS] = COLOUR_GREY};
    return colours[s];
}

const char *colour_code(FILE *to, enum colour colour) {
    static const char *const codes[] = {[COLOUR_NONE] = "\033[0m",
                                        [COLOUR_GREEN] = "\033[32m",
                                        [COLOUR_YELLOW] = "\033[33m",
                                        [COLOUR_RED] = "\033[31m",
                                        [COLOUR_GREY] = "\033[90m"};
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    bool takes = isatty(fileno(to)) && (no == NULL || no[0] == 0) && term != NULL && strcmp(term, "dumb") != 0;
    return takes ? codes[colour] : "";
}

void colour_line(FILE *to, int indent, enum colour colour, struct rv_str text) {
    rv_autobuf struct rv_buf shown = {0};
    visible_text(text, VISIBLE_LINE, &shown);
    bool plain = colour == COLOUR_NONE;
    fprintf(to, "%*s%s%s%s\n", indent, "", plain ? "" : colour_code(to, colour), rv_buf_cstr(&shown),
            plain ? "" : colour_code(to, COLOUR_NONE));
}
