/* The executor of a twin: what would change something is withheld and compared, what only reads is done. */
#include "executor_fixture.h"
#include "supervisor/twin/twin.h"

static void ask_nobody(void *arg, struct rv_str plugin, const struct rv_key *key) {
    (void)arg;
    (void)plugin;
    (void)key;
}

static bool ready(void *arg) {
    (void)arg;
    return true;
}

static struct fixture *twin_fixture(bool compares) {
    struct fixture *w = fixture_new();
    w->stage->s.config->mode = MODE_TWIN;
    w->stage->s.config->proxy_http = true;
    if (compares) w->stage->s.twin = twin_new(&w->stage->s, &(struct twin_opts){.ask = ask_nobody, .ready = ready});
    return w;
}

static struct fixture *twin_end(struct fixture *w) {
    struct twin *twin = w->stage->s.twin;
    executor_free(w->executor);
    w->executor = executor_new(&w->stage->s);
    w->stage->s.twin = twin_free(twin);
    return fixture_free(w);
}

#define POD_P "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"a\":1}}"
#define READ "GET /api/v1/namespaces/n/pods/p"
#define RAY "http://ray.n.svc:8265/api/jobs/x"

static const struct {
    const char *row;
    struct ask ask;
    struct script_answer answer;
    const char *sent; /* NULL: nothing */
    int code;
    const char *want; /* a difference that is noted; NULL: none */
} rows[] = {
    {"read", {.verb = RV_VERB_GET, .name = "p"}, {.body = POD_P}, READ, 0, NULL},
    {"wait", {.verb = RV_VERB_TIMER}, {0}, NULL, 0, NULL},
    {"ask Ray",
     {.verb = RV_VERB_HTTP, .url = RAY},
     {.body = "{}"},
     "GET /api/v1/namespaces/n/services/ray:8265/proxy",
     0,
     NULL},
    {"tell Ray",
     {.verb = RV_VERB_HTTP, .url = RAY "?secret=1", .method = "POST"},
     {0},
     NULL,
     MSG_WITHHELD,
     "POST /api/jobs/x"},
    {"create",
     {.verb = RV_VERB_CREATE, .name = "p", .body = POD_P},
     {.status = 404, .body = "{}"},
     READ,
     MSG_WITHHELD,
     "\"field\":\"(object)\",\"ours\":\"made\",\"theirs\":\"not there\""},
    {"create what is there",
     {.verb = RV_VERB_CREATE, .name = "p", .body = POD_P},
     {.body = POD_P},
     READ,
     MSG_WITHHELD,
     NULL},
    {"create what is otherwise there",
     {.verb = RV_VERB_CREATE, .name = "p", .body = POD_P},
     {.body = "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"a\":2}}"},
     READ,
     MSG_WITHHELD,
     "spec.a"},
    {"create without a name",
     {.verb = RV_VERB_CREATE, .body = "{\"metadata\":{\"generateName\":\"p-\"}}"},
     {0},
     NULL,
     MSG_WITHHELD,
     "\"field\":\"(object)\",\"ours\":\"made\",\"theirs\":\"not there\""},
    {"delete",
     {.verb = RV_VERB_DELETE, .name = "p"},
     {.body = POD_P},
     READ,
     MSG_WITHHELD,
     "\"field\":\"(object)\",\"ours\":\"deleted\",\"theirs\":\"there\""},
    {"delete what is gone",
     {.verb = RV_VERB_DELETE, .name = "p"},
     {.status = 404, .body = "{}"},
     READ,
     MSG_WITHHELD,
     NULL},
    {"patch",
     {.verb = RV_VERB_MERGE_PATCH, .name = "p", .body = "{\"spec\":{\"a\":2}}"},
     {.body = POD_P},
     READ,
     MSG_WITHHELD,
     "spec.a"},
    {"a server that cannot say",
     {.verb = RV_VERB_DELETE, .name = "p"},
     {.status = 500, .body = "{}"},
     READ,
     MSG_WITHHELD,
     NULL},
};

static const char *differences(const struct fixture *w, struct rv_buf *out) {
    struct jsonw j = {.out = out};
    twin_tick(w->stage->s.twin, clock_monotonic());
    jsonw_begin_object(&j, NULL);
    twin_write(w->stage->s.twin, &(struct twin_filter){0}, &j);
    jsonw_end_object(&j);
    const char *at = strstr(rv_buf_cstr(out), "\"differences\":");
    return at != NULL ? at : "";
}

static void withheld(void) {
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct fixture *w = twin_fixture(true);
        rv_autobuf struct rv_buf text = {0};
        if (rows[i].sent != NULL) {
            struct script_answer a = rows[i].answer;
            a.when = rows[i].sent;
            script_on(w->server, &a);
        }
        fixture_ask(w, &w->a, &rows[i].ask);
        const struct seen_result *r = fixture_result(w, &w->a, 0);
        CHECK_ROW(r->code == rows[i].code, rows[i].row);
        CHECK_ROW(strcmp(r->reason, rows[i].code == MSG_WITHHELD ? "Twin" : "") == 0, rows[i].row);
        SCRIPT_UNTIL(w->stage->s.loop, executor_idle(w->executor));
        CHECK_ROW(script_count(w->server) == (rows[i].sent != NULL), rows[i].row);
        const char *have = differences(w, &text);
        bool same = rows[i].want != NULL ? strstr(have, rows[i].want) != NULL
                                         : strcmp(have, "\"differences\":[],\"notShown\":0}") == 0;
        CHECK_ROW(same, rows[i].row);
        if (!same) printf("\n    %s", have);
        CHECK_ROW(strstr(have, "secret=1") == NULL, rows[i].row);
        struct executor_stats st;
        executor_stats(w->executor, &st);
        CHECK_ROW(st.withheld == (rows[i].code == MSG_WITHHELD), rows[i].row);
        twin_end(w);
    }
}

/* Events of plugins and of the supervisor itself are the other operator's. */
static void events(void) {
    struct fixture *w = twin_fixture(true);
    fixture_ask(w, &w->a, &(struct ask){.verb = RV_VERB_EVENT, .name = "p", .body = "1"});
    executor_event(w->executor, &(struct rv_event){.size = sizeof(struct rv_event),
                                                   .reason = RV_STR("Seen"),
                                                   .note = RV_STR("note"),
                                                   .api_version = RV_STR("v1"),
                                                   .kind = RV_STR("Pod"),
                                                   .ns = RV_STR("n"),
                                                   .name = RV_STR("p")});
    SCRIPT_UNTIL(w->stage->s.loop, executor_idle(w->executor));
    CU_ASSERT_EQUAL(script_count(w->server), 0);
    twin_end(w);
}

/* Without a comparison, and for a plugin that is gone, nothing is read. */
static void nobody_compares(void) {
    struct fixture *w = twin_fixture(false);
    fixture_ask(w, &w->a, &(struct ask){.verb = RV_VERB_DELETE, .name = "p"});
    CU_ASSERT_EQUAL(fixture_result(w, &w->a, 0)->code, MSG_WITHHELD);
    CU_ASSERT_EQUAL(script_count(w->server), 0);
    twin_end(w);
    w = twin_fixture(true);
    script_on(w->server, &(struct script_answer){.when = READ, .how = SCRIPT_STREAM, .body = POD_P});
    fixture_ask(w, &w->a, &(struct ask){.verb = RV_VERB_DELETE, .name = "p"});
    SCRIPT_UNTIL(w->stage->s.loop, script_streaming(w->server));
    executor_forget(w->executor, &w->a.client);
    script_end(w->server);
    SCRIPT_UNTIL(w->stage->s.loop, executor_idle(w->executor));
    CU_ASSERT_EQUAL(w->a.result_n, 0);
    twin_end(w);
}

static const struct suite_test tests[] = {
    {"withheld", withheld}, {"events", events}, {"nobody compares", nobody_compares}};
SUITE_MAIN("executor twin", tests)
