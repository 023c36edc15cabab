/* decide_dump.c - reads cluster states from standard input, one JSON object a line, and writes the decision for each.
 */
#include "tests/unit/autoscaler/states.h"

#include <stdio.h>
#include <stdlib.h>

int main(void) {
    rv_autofree char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    while ((n = getline(&line, &cap, stdin)) > 0) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        rv_autobuf struct rv_buf out = {0};
        struct as_state s = state_from_json(a, (struct rv_str){line, (size_t)n});
        struct as_decision d;
        as_decide(a, &s, &d);
        decision_to_json(&s, &d, &out);
        puts(rv_buf_cstr(&out));
    }
    return 0;
}
