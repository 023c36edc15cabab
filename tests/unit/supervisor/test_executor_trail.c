/* What the history keeps of the actions of plugins: which, for which object, how they ended, and no content. */
#include "executor_fixture.h"
#include "supervisor/trail/trail.h"

static void note(void *arg, const struct happening *h) {
    rv_buf_addf(arg, "%s %s " RV_STR_FMT " " RV_STR_FMT " %s %u [" RV_STR_FMT "];", happening_name(h->what), h->verb,
                RV_STR_ARG(h->resource), RV_STR_ARG(h->target), h->code, h->http_status, RV_STR_ARG(h->text));
}

/* All that is kept of an object. */
static const char *kept(const struct fixture *w, const char *name, struct rv_buf *out) {
    int64_t gone;
    rv_buf_clear(out);
    (void)history_each(trail_history(w->stage->s.trail), RV_STR("RayCluster"), RV_STR("n"), rv_str(name),
                       clock_monotonic(), &gone, note, out);
    return rv_buf_cstr(out);
}

static const struct {
    const char *row;
    struct ask ask;
    struct script_answer answer; /* status 0: nothing is asked of the server */
    const char *kept;
} rows[] = {
    {"read", {.verb = RV_VERB_GET, .name = "p"}, {.status = 200, .body = "{}"}, "result get pods p OK 200 [];"},
    {"a failure says why",
     {.verb = RV_VERB_GET, .name = "p"},
     {.status = 404, .body = "{\"kind\":\"Status\",\"message\":\"no such pod\"}"},
     "result get pods p NOT_FOUND 404 [no such pod];"},
    {"a status",
     {.verb = RV_VERB_MERGE_PATCH, .name = "p", .subresource = "status", .body = "{\"status\":{\"secret\":1}}"},
     {.status = 200, .body = "{}"},
     "result patch pods/status p OK 200 [];"},
    {"a name that the server makes",
     {.verb = RV_VERB_CREATE, .body = "{\"metadata\":{\"generateName\":\"p-\"}}"},
     {.status = 201, .body = "{\"metadata\":{\"name\":\"p-1\"}}"},
     "result create pods p-1 OK 201 [];"},
    {"a name that it did not make",
     {.verb = RV_VERB_CREATE, .body = "{\"metadata\":{\"generateName\":\"p-\"}}"},
     {.status = 422, .body = "{\"kind\":\"Status\",\"message\":\"wrong\"}"},
     "result create pods p- INVALID 422 [wrong];"},
    {"refused by policy",
     {.verb = RV_VERB_DELETE, .resource = "nodes", .name = "x"},
     {0},
     "result delete nodes x DENIED 0 [plugin toy may not delete nodes (v1) in namespace n: its grants do not say so];"},
    {"what a message of Secrets says is not kept",
     {.verb = RV_VERB_DELETE, .resource = "secrets", .name = "x"},
     {0},
     "result delete secrets x DENIED 0 [];"},
    {"a timer is only a way to wait", {.verb = RV_VERB_TIMER}, {0}, ""},
    {"a request to Ray without its query",
     {.verb = RV_VERB_HTTP, .url = "http://10.9.9.9:1/api?token=x"},
     {0},
     "result http pods GET http://10.9.9.9:1/api DENIED 0 [plugin toy may not reach http://10.9.9.9:1/api: "},
};

static void what_is_kept(void) {
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct fixture *w = fixture_new();
        rv_autobuf struct rv_buf text = {0};
        struct trail *trail = w->stage->s.trail = trail_new(&w->stage->s);
        script_on(w->server, &(struct script_answer){.when = "POST /apis/events", .body = "{}"});
        if (rows[i].answer.status != 0) script_on(w->server, &rows[i].answer);
        fixture_ask(w, &w->a, &rows[i].ask);
        (void)fixture_result(w, &w->a, 0);
        const char *have = kept(w, "k", &text);
        bool same = rows[i].kept[0] != 0 ? strncmp(have, rows[i].kept, strlen(rows[i].kept)) == 0 : have[0] == 0;
        CHECK_ROW(same, rows[i].row);
        if (!same) printf("\n    kept: %s", have);
        CHECK_ROW(strstr(have, "token=x") == NULL, rows[i].row);
        CHECK_ROW(kept(w, "other", &text)[0] == 0, rows[i].row);
        SCRIPT_UNTIL(w->stage->s.loop, executor_idle(w->executor));
        w->stage->s.trail = trail_free(trail);
        fixture_free(w);
    }
}

static const struct suite_test tests[] = {{"what is kept", what_is_kept}};
SUITE_MAIN("executor trail", tests)
