/* test_recorded.c - recorded decisions: decisions.txt has a cluster state on each line that begins with "> ", and
 * the decision for it on the next. RAYVISOR_WRITE_STORIES=1 writes the decisions anew, for a change that is meant. */
#include "tests/support/kept_text.h"
#include "tests/unit/autoscaler/states.h"
#include "tests/unit/sdk/suite.h"

#define PATH "tests/unit/autoscaler/decisions.txt"

static void decide(struct rv_str state, struct rv_buf *out) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct as_state s = state_from_json(a, state);
    struct as_decision d;
    as_decide(a, &s, &d);
    decision_to_json(&s, &d, out);
}

static void test_recorded(void) {
    rv_autobuf struct rv_buf want = {0}, got = {0};
    kept_text_read(PATH, &want);
    for (const char *line = rv_buf_cstr(&want); *line != 0;) {
        size_t n = strcspn(line, "\n");
        bool state = strncmp(line, "> ", 2) == 0;
        if (state || line[0] == '#') rv_buf_addf(&got, "%.*s\n", (int)n, line);
        if (state) {
            decide((struct rv_str){line + 2, n - 2}, &got);
            rv_buf_addc(&got, '\n');
        }
        line += n + (line[n] == '\n');
    }
    kept_text_check(PATH, &want, &got);
}

static const struct suite_test tests[] = {{"decisions as they were recorded", test_recorded}};
SUITE_MAIN("autoscaler: recorded decisions", tests)
