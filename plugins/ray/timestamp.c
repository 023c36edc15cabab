/* timestamp.c - see timestamp.h. */
#include "timestamp.h"

#include "rayvisor/k8s.h"

int64_t rc_time(struct rv_str text) {
    int64_t ns;
    return text.n != 0 && rv_time_parse(text, &ns) == 0 ? ns : 0;
}

struct rv_str rc_time_text(struct rv_arena *a, int64_t ns) {
    char text[32];
    rv_time_format(ns, text);
    return rv_arena_str(a, rv_str(text));
}
