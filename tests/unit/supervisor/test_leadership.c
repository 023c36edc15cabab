/* Who leads, as the rest of the supervisor sees it: what it may do, what it says of it, and whom else to ask. */
#include "supervisor/leadership.h"

#include <stdlib.h>

#include "tests/support/script_server.h"
#include "tests/support/stage.h"
#include "tests/unit/sdk/suite.h"

#define PATH "/apis/coordination.k8s.io/v1/namespaces/ns/leases"
#define LEASE(holder, renewal, rv)                                                                                     \
    "{\"metadata\":{\"name\":\"l\",\"resourceVersion\":\"" rv "\"},\"spec\":{\"holderIdentity\":\"" holder             \
    "\",\"renewTime\":\"" renewal "\",\"leaseDurationSeconds\":15,\"leaseTransitions\":4}}"
#define NOT_FOUND "{\"kind\":\"Status\",\"status\":\"Failure\",\"reason\":\"NotFound\",\"code\":404}"
#define CONFIG "plugins: []\notherOperator: {action: ignore}\nleaderElection: {enabled: %s, namespace: ns, name: l}\n"

struct fixture {
    struct stage *stage;
    struct supervisor *s;
    struct script_server *server;
    unsigned won, lost, released;
};

static void on_won(void *arg) { ((struct fixture *)arg)->won++; }
static void on_lost(void *arg) { ((struct fixture *)arg)->lost++; }
static void on_released(void *arg) { ((struct fixture *)arg)->released++; }

static struct fixture *begin(bool enabled) {
    struct fixture *w = rv_alloc(sizeof *w);
    char config[128];
    snprintf(config, sizeof config, CONFIG, enabled ? "true" : "false");
    w->stage = stage_new(config, "http://127.0.0.1:1");
    CU_ASSERT_PTR_NOT_NULL_FATAL(w->stage);
    w->s = &w->stage->s;
    w->s->epoch = 0xabc;
    w->server = script_new(w->s->loop);
    CU_ASSERT_TRUE_FATAL(stage_connect(w->stage, script_url(w->server)));
    return w;
}

static void start(struct fixture *w) {
    struct rv_error err = {0};
    CU_ASSERT_EQUAL_FATAL(
        leadership_start(w->s, &(struct leadership_callbacks){.begin = on_won, .lost = on_lost, .arg = w}, &err), 0);
}

static void end(struct fixture *w) {
    leadership_free(w->s);
    CU_ASSERT_PTR_NULL(w->s->leadership);
    script_free(w->server);
    stage_free(w->stage);
    free(w);
}

static void on(struct fixture *w, const char *when, unsigned status, const char *body) {
    script_on(w->server, &(struct script_answer){.when = when, .status = status, .body = body, .times = 1000});
}

#define UNTIL(condition) SCRIPT_UNTIL(w->s->loop, condition)

/* What is written of it: a path in the document. */
static struct rv_str written(struct fixture *w, struct rv_arena *a, const char *path) {
    rv_autobuf struct rv_buf b = {0};
    struct jsonw j = {.out = &b};
    jsonw_begin_object(&j, NULL);
    leadership_write(w->s, "l", &j);
    jsonw_end_object(&j);
    struct rv_val v = rv_val_path(from_json(a, rv_buf_cstr(&b)), path);
    return rv_val_type(v) == RV_STRING ? rv_val_str(v)
           : !rv_val_present(v)        ? RV_STR("-")
           : rv_val_bool(v, false)     ? RV_STR("yes")
                                       : RV_STR("no");
}

static void check(struct fixture *w, bool acts, bool stands_by, const char *not_ready, const char *ask) {
    rv_autobuf struct rv_buf room = {0};
    const char *why = leadership_not_ready(w->s, &room);
    CU_ASSERT_EQUAL(leadership_acts(w->s), acts);
    CU_ASSERT_EQUAL(leadership_stands_by(w->s), stands_by);
    CU_ASSERT_EQUAL(why == NULL, not_ready == NULL);
    if (why != NULL && not_ready != NULL) {
        if (strstr(why, not_ready) == NULL) printf("\n    %s", why);
        CU_ASSERT_PTR_NOT_NULL(strstr(why, not_ready));
    }
    if (ask != NULL) {
        const char *whom = leadership_whom_to_ask(w->s, &room);
        if (strcmp(whom, ask) != 0) printf("\n    %s", whom);
        CU_ASSERT_STRING_EQUAL(whom, ask);
    }
}

#define NOBODY "this replica stands by and decides nothing, and nobody leads yet"

static void without_an_election(void) {
    struct fixture *w = begin(false);
    rv_autoarena struct rv_arena *a = rv_arena_new();
    start(w);
    CU_ASSERT_PTR_NULL(w->s->leadership);
    check(w, true, false, NULL, NOBODY);
    CU_ASSERT_TRUE(rv_str_is(written(w, a, "l.enabled"), "no") && rv_str_is(written(w, a, "l.leader"), "yes"));
    CU_ASSERT_TRUE(rv_str_is(written(w, a, "l.holder"), "-") && rv_str_is(written(w, a, "l.identity"), "-"));
    leadership_release(w->s, on_released, w);
    CU_ASSERT_EQUAL(w->released, 1);
    end(w);
}

static void wins(void) {
    struct fixture *w = begin(true);
    rv_autoarena struct rv_arena *a = rv_arena_new();
    start(w);
    struct rv_str me = written(w, a, "l.identity");
    CU_ASSERT_TRUE(rv_str_ends(me, "_0000000000000abc"));
    on(w, "GET " PATH "/l", 404, NOT_FOUND);
    on(w, "POST " PATH, 201, rv_arena_fmt(a, LEASE(RV_STR_FMT, "t1", "1"), RV_STR_ARG(me)).p);
    on(w, "PATCH " PATH "/l", 200, rv_arena_fmt(a, LEASE(RV_STR_FMT, "t2", "2"), RV_STR_ARG(me)).p);
    check(w, false, true, "leader election: no instance is known to lead (lease ns/l)", NOBODY);
    UNTIL(w->won == 1);
    check(w, true, false, NULL, NULL);
    CU_ASSERT_TRUE(rv_str_is(written(w, a, "l.enabled"), "yes") && rv_str_is(written(w, a, "l.leader"), "yes"));
    CU_ASSERT_TRUE(rv_str_eq(written(w, a, "l.holder"), me));
    leadership_release(w->s, on_released, w);
    UNTIL(w->released == 1);
    CU_ASSERT_EQUAL(w->lost, 0);
    end(w);
}

static void stands_by(void) {
    static const struct {
        const char *body, *ask, *holder;
    } rows[] = {{LEASE("pod-a_0007", "t1", "1"), "this replica stands by and decides nothing: ask pod-a, which leads",
                 "pod-a_0007"},
                {LEASE("pod_b_0007", "t1", "1"), "this replica stands by and decides nothing: ask pod_b, which leads",
                 "pod_b_0007"},
                {LEASE("stranger", "t1", "1"), NOBODY, "stranger"},
                {LEASE("_7", "t1", "1"), NOBODY, "_7"}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct fixture *w = begin(true);
        rv_autoarena struct rv_arena *a = rv_arena_new();
        on(w, "GET " PATH "/l", 200, rows[i].body);
        start(w);
        UNTIL(rv_str_is(written(w, a, "l.holder"), rows[i].holder));
        check(w, false, true, NULL, rows[i].ask);
        CU_ASSERT_TRUE(rv_str_is(written(w, a, "l.leader"), "no") && w->won == 0);
        end(w);
    }
}

/* Why nobody is known to lead is said where the operator says why it is not ready. */
static void cannot_be_read(void) {
    static const struct {
        unsigned status;
        const char *body, *why;
    } rows[] = {{403, "{\"kind\":\"Status\",\"message\":\"not you\",\"code\":403}",
                 "(lease ns/l): get leases ns/l: HTTP 403 not you"},
                {200, "{\"metadata\":{}}", "(lease ns/l): get leases ns/l: HTTP 200 the answer is no Lease"}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct fixture *w = begin(true);
        on(w, "GET " PATH "/l", rows[i].status, rows[i].body);
        start(w);
        rv_autobuf struct rv_buf room = {0};
        UNTIL(strstr(leadership_not_ready(w->s, &room), "get leases") != NULL);
        check(w, false, true, rows[i].why, NOBODY);
        end(w);
    }
}

static const struct suite_test tests[] = {{"without an election", without_an_election},
                                          {"wins", wins},
                                          {"stands by", stands_by},
                                          {"cannot be read", cannot_be_read}};
SUITE_MAIN("leadership", tests)
