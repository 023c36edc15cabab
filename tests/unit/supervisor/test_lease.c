/* One instance's part in an election, against a scripted API server: who takes the lease when, and who loses it. */
#include "supervisor/kube/lease.h"

#include <stdlib.h>

#include "tests/support/script_server.h"
#include "tests/support/stage.h"
#include "tests/unit/sdk/suite.h"

#define PATH "/apis/coordination.k8s.io/v1/namespaces/ns/leases"
#define LEASE(holder, renewal, rv)                                                                                     \
    "{\"metadata\":{\"name\":\"l\",\"resourceVersion\":\"" rv "\"},\"spec\":{\"holderIdentity\":\"" holder             \
    "\",\"renewTime\":\"" renewal "\",\"leaseDurationSeconds\":1,\"leaseTransitions\":4}}"
#define NOT_FOUND "{\"kind\":\"Status\",\"status\":\"Failure\",\"reason\":\"NotFound\",\"code\":404}"
#define FORBIDDEN "{\"kind\":\"Status\",\"reason\":\"Forbidden\",\"code\":403}"
#define CONFLICT "{\"kind\":\"Status\",\"status\":\"Failure\",\"reason\":\"Conflict\",\"code\":409}"

struct scenario {
    struct loop *loop;
    struct script_server *server;
    struct stage *stage;
    struct lease *lease;
    unsigned won, lost, followed, released, failures, well;
    char failure[64]; /* the last one: "get 403" */
};

static void on_change(void *arg, enum lease_change c) {
    struct scenario *s = arg;
    s->won += c == LEASE_WON;
    s->lost += c == LEASE_LOST;
    s->followed += c == LEASE_FOLLOWED;
}

static void on_failure(void *arg, const char *verb, const struct kube_response *r) {
    struct scenario *s = arg;
    s->failures += r != NULL;
    s->well += r == NULL;
    if (r != NULL) snprintf(s->failure, sizeof s->failure, "%s %u", verb, r->http_status);
}

static void on_released(void *arg) { ((struct scenario *)arg)->released++; }

/* The stage's loop is the server's too. renew_ms: how long without a renewal before it is lost. */
static struct scenario *begin(int64_t renew_ms) {
    struct scenario *s = rv_alloc(sizeof *s);
    s->stage = stage_new("plugins: []\n", "http://127.0.0.1:1");
    CU_ASSERT_PTR_NOT_NULL_FATAL(s->stage);
    s->loop = s->stage->s.loop;
    s->server = script_new(s->loop);
    CU_ASSERT_TRUE_FATAL(stage_connect(s->stage, script_url(s->server)));
    s->lease = lease_start(s->loop, s->stage->s.client,
                           &(struct lease_opts){.ns = "ns",
                                                .name = "l",
                                                .identity = "me",
                                                .duration_ms = 1000,
                                                .renew_ms = renew_ms,
                                                .retry_ms = 20,
                                                .on_change = on_change,
                                                .on_failure = on_failure,
                                                .arg = s});
    return s;
}

static void end(struct scenario *s) {
    lease_free(s->lease);
    script_free(s->server);
    stage_free(s->stage);
    free(s);
}

static void on(struct scenario *s, const char *when, unsigned status, const char *body, unsigned times) {
    script_on(s->server, &(struct script_answer){.when = when, .status = status, .body = body, .times = times});
}

static void made_where_there_is_none(void) {
    struct scenario *s = begin(60000);
    on(s, "GET " PATH "/l", 404, NOT_FOUND, 1);
    on(s, "POST " PATH, 201, LEASE("me", "t1", "1"), 1);
    on(s, "PATCH " PATH "/l", 200, LEASE("me", "t2", "2"), 1000);
    SCRIPT_UNTIL(s->loop, script_count_of(s->server, "PATCH") >= 3);
    CU_ASSERT_TRUE(s->won == 1 && s->lost == 0 && s->followed == 0 && lease_holds(s->lease));
    CU_ASSERT_STRING_EQUAL(lease_holder(s->lease), "me");
    CU_ASSERT_TRUE(lease_renewed(s->lease) > 0);
    CU_ASSERT_EQUAL(script_count_of(s->server, "GET"), 1); /* who holds it does not read it */
    const struct script_request *made = script_at(s->server, 1), *renewed = script_last(s->server);
    CU_ASSERT_PTR_NOT_NULL(strstr(made->body, "\"holderIdentity\":\"me\",\"leaseDurationSeconds\":1,"));
    CU_ASSERT_PTR_NOT_NULL(strstr(made->body, "\"leaseTransitions\":0"));
    CU_ASSERT_PTR_NOT_NULL(strstr(renewed->body, "\"resourceVersion\":\"2\""));
    CU_ASSERT_PTR_NULL(strstr(renewed->body, "acquireTime"));
    rv_autoarena struct rv_arena *a = rv_arena_new();
    CU_ASSERT_TRUE(rv_str_is(rv_path_str(from_json(a, made->body), "spec.holderIdentity"), "me"));
    CU_ASSERT_TRUE(rv_str_is(rv_path_str(from_json(a, renewed->body), "spec.holderIdentity"), "me"));
    end(s);
}

/* An answer that is no Lease is a failure, and nobody takes what he has not read. */
static void no_lease(void) {
    static const char *const bodies[] = {"no JSON", "{\"spec\":{}}", "[]"};
    for (size_t i = 0; i < RV_ARRAY_LEN(bodies); i++) {
        struct scenario *s = begin(60000);
        on(s, "GET " PATH "/l", 200, bodies[i], 2);
        on(s, "GET " PATH "/l", 200, LEASE("other", "t1", "1"), 1000);
        SCRIPT_UNTIL(s->loop, script_count(s->server) == 4);
        CHECK_ROW(s->failures == 2 && s->well == 1 && script_count_of(s->server, "PATCH") == 0, bodies[i]);
        CHECK_ROW(strcmp(s->failure, "get 200") == 0 && !lease_holds(s->lease), bodies[i]);
        end(s);
    }
}

/* Renewed again and again: not ours. Then its renewals stop: ours after its whole duration. */
static void taken_when_it_is_not_renewed(void) {
    struct scenario *s = begin(60000);
    on(s, "GET " PATH "/l", 200, LEASE("other", "t1", "1"), 3);
    on(s, "GET " PATH "/l", 200, LEASE("other", "t2", "2"), 1000);
    on(s, "PATCH " PATH "/l", 200, LEASE("me", "t3", "3"), 1000);
    SCRIPT_UNTIL(s->loop, script_count_of(s->server, "GET") >= 3);
    int64_t before = clock_monotonic();
    CU_ASSERT_TRUE(s->won == 0 && s->followed == 1 && !lease_holds(s->lease));
    CU_ASSERT_STRING_EQUAL(lease_holder(s->lease), "other");
    SCRIPT_UNTIL(s->loop, s->won == 1);
    CU_ASSERT_TRUE(clock_monotonic() - before > INT64_C(900000000)); /* never sooner: that is what the lease promises */
    const struct script_request *taken = NULL;
    for (size_t i = 0; taken == NULL && i < script_count(s->server); i++)
        if (rv_str_starts(rv_str(script_at(s->server, i)->line), "PATCH")) taken = script_at(s->server, i);
    CU_ASSERT_PTR_NOT_NULL_FATAL(taken);
    if (taken == NULL) return;
    CU_ASSERT_PTR_NOT_NULL(strstr(taken->body, "\"leaseTransitions\":5"));
    CU_ASSERT_PTR_NOT_NULL(strstr(taken->body, "\"acquireTime\""));
    CU_ASSERT_PTR_NOT_NULL(strstr(taken->body, "\"resourceVersion\":\"2\""));
    end(s);
}

static void taken_at_once_when_given_up(void) {
    struct scenario *s = begin(60000);
    on(s, "GET " PATH "/l", 200, LEASE("", "t1", "1"), 1);
    on(s, "PATCH " PATH "/l", 409, CONFLICT, 1); /* another one was faster */
    on(s, "GET " PATH "/l", 200, LEASE("", "t1", "2"), 1);
    on(s, "PATCH " PATH "/l", 200, LEASE("me", "t3", "3"), 1000);
    SCRIPT_UNTIL(s->loop, s->won == 1);
    CU_ASSERT_EQUAL(script_count_of(s->server, "GET"), 2);
    end(s);
}

/* What ends a leadership. */
static void lost(void) {
    static const struct {
        const char *row;
        unsigned status;
        const char *body, *then;
    } rows[] = {
        {"the server fails", 500, "{}", LEASE("me", "t1", "1")},
        {"the server does not let us", 403, "{\"kind\":\"Status\",\"reason\":\"Forbidden\",\"code\":403}", "{}"},
        {"somebody else took it", 409, CONFLICT, LEASE("other", "t9", "9")}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario *s = begin(400);
        on(s, "GET " PATH "/l", 404, NOT_FOUND, 1);
        on(s, "POST " PATH, 201, LEASE("me", "t1", "1"), 1);
        on(s, "PATCH " PATH "/l", 200, LEASE("me", "t2", "2"), 2);
        on(s, "PATCH " PATH "/l", rows[i].status, rows[i].body, 1000);
        on(s, "GET " PATH "/l", 200, rows[i].then, 1000);
        SCRIPT_UNTIL(s->loop, s->lost == 1);
        CHECK_ROW(s->won == 1 && !lease_holds(s->lease), rows[i].row);
        size_t asked = script_count(s->server);
        for (int k = 0; k < 10; k++) loop_turn(s->loop, 20);
        CHECK_ROW(script_count(s->server) <= asked + 1 && s->lost == 1, rows[i].row); /* and that was all */
        end(s);
    }
}

/* A short failure is none. */
static void survives_a_short_failure(void) {
    struct scenario *s = begin(60000);
    on(s, "GET " PATH "/l", 500, "{}", 2);
    on(s, "GET " PATH "/l", 200, "[1,2]", 1);
    on(s, "GET " PATH "/l", 200, LEASE("me", "t0", "1"), 1); /* ours from a request whose answer was lost */
    on(s, "PATCH " PATH "/l", 200, LEASE("me", "t1", "1"), 2);
    on(s, "PATCH " PATH "/l", 503, "{}", 3);
    on(s, "PATCH " PATH "/l", 409, CONFLICT, 1); /* a label was edited */
    on(s, "GET " PATH "/l", 200, LEASE("me", "t1", "7"), 1);
    on(s, "PATCH " PATH "/l", 200, LEASE("me", "t2", "8"), 1000);
    SCRIPT_UNTIL(s->loop, script_count_of(s->server, "PATCH") >= 9);
    CU_ASSERT_TRUE(s->won == 1 && s->lost == 0 && lease_holds(s->lease));
    end(s);
}

/* What keeps everybody from leading is told, with what it was. */
static void failures(void) {
    struct scenario *s = begin(60000);
    on(s, "GET " PATH "/l", 403, FORBIDDEN, 2);
    on(s, "GET " PATH "/l", 200, "[1]", 1);
    on(s, "GET " PATH "/l", 404, NOT_FOUND, 2);
    on(s, "POST " PATH, 403, FORBIDDEN, 1);
    on(s, "POST " PATH, 409, CONFLICT, 1); /* somebody was faster: no failure */
    on(s, "GET " PATH "/l", 200, LEASE("", "t1", "1"), 2);
    on(s, "PATCH " PATH "/l", 403, FORBIDDEN, 1);
    on(s, "PATCH " PATH "/l", 200, LEASE("me", "t2", "2"), 1000);
    static const struct {
        unsigned n;
        const char *what;
    } told[] = {{2, "get 403"}, {3, "get 200"}, {4, "create 403"}, {5, "patch 403"}};
    for (size_t i = 0; i < RV_ARRAY_LEN(told); i++) {
        SCRIPT_UNTIL(s->loop, s->failures == told[i].n);
        CHECK_ROW(strcmp(s->failure, told[i].what) == 0 && s->well == 0, told[i].what);
        CHECK_ROW(!lease_had_holder(s->lease) && s->won == 0, told[i].what);
    }
    SCRIPT_UNTIL(s->loop, s->won == 1);
    CU_ASSERT_TRUE(s->well == 1 && s->failures == 5 && lease_had_holder(s->lease)); /* its end once */
    end(s);
}

static void given_up(void) {
    struct scenario *s = begin(60000);
    on(s, "GET " PATH "/l", 404, NOT_FOUND, 1);
    on(s, "POST " PATH, 201, LEASE("me", "t1", "1"), 1);
    on(s, "PATCH " PATH "/l", 200, LEASE("", "t1", "2"), 1);
    SCRIPT_UNTIL(s->loop, s->won == 1);
    lease_release(s->lease, on_released, s);
    CU_ASSERT_FALSE(lease_holds(s->lease));
    SCRIPT_UNTIL(s->loop, s->released == 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(script_last(s->server)->body, "\"holderIdentity\":\"\",\"leaseDurationSeconds\":1}"));
    CU_ASSERT_PTR_NOT_NULL(strstr(script_last(s->server)->body, "\"resourceVersion\":\"1\""));
    end(s);
    s = begin(60000); /* nothing to give up: done all the same */
    on(s, "GET " PATH "/l", 200, LEASE("other", "t1", "1"), 1000);
    SCRIPT_UNTIL(s->loop, s->followed == 1);
    lease_release(s->lease, on_released, s);
    SCRIPT_UNTIL(s->loop, s->released == 1);
    CU_ASSERT_EQUAL(script_count_of(s->server, "PATCH"), 0);
    end(s);
}

static const struct suite_test tests[] = {{"no lease", no_lease},
                                          {"made where there is none", made_where_there_is_none},
                                          {"taken when it is not renewed", taken_when_it_is_not_renewed},
                                          {"taken at once when given up", taken_at_once_when_given_up},
                                          {"lost", lost},
                                          {"survives a short failure", survives_a_short_failure},
                                          {"failures", failures},
                                          {"given up", given_up}};
SUITE_MAIN("lease", tests)
