/* Another operator beside this one, by its Lease, against a scripted API server: when it counts, and when no longer. */
#include "supervisor/kube/other_operator.h"

#include <stdlib.h>

#include "rayvisor/k8s.h"
#include "tests/support/script_server.h"
#include "tests/support/stage.h"
#include "tests/unit/sdk/suite.h"

#define ITEM(ns, holder, renewal)                                                                                      \
    "{\"metadata\":{\"name\":\"their\",\"namespace\":\"" ns "\"},\"spec\":{\"holderIdentity\":\"" holder               \
    "\",\"renewTime\":\"" renewal "\",\"leaseDurationSeconds\":1}}"
#define LIST(items) "{\"metadata\":{\"resourceVersion\":\"1\"},\"items\":[" items "]}"
#define OLD "2020-01-01T00:00:00.000000Z"
#define OLDER "2019-01-01T00:00:00.000000Z"
#define ALL "GET /apis/coordination.k8s.io/v1/leases?fieldSelector=metadata.name%3Dtheir&resourceVersion=0"
#define IN(ns) "GET /apis/coordination.k8s.io/v1/namespaces/" ns "/leases?"

struct scenario {
    struct loop *loop;
    struct script_server *server;
    struct stage *stage;
    struct other_operator *other;
    unsigned changes, failures, well;
};

static void on_change(void *arg) { ((struct scenario *)arg)->changes++; }

static void on_failure(void *arg, const struct kube_response *r) {
    struct scenario *s = arg;
    s->failures += r != NULL;
    s->well += r == NULL;
}

static struct scenario *begin(const struct rv_str *namespaces, size_t n) {
    struct scenario *s = rv_alloc(sizeof *s);
    s->stage = stage_new("plugins: []\n", "http://127.0.0.1:1");
    CU_ASSERT_PTR_NOT_NULL_FATAL(s->stage);
    s->loop = s->stage->s.loop;
    s->server = script_new(s->loop);
    CU_ASSERT_TRUE_FATAL(stage_connect(s->stage, script_url(s->server)));
    s->other = other_operator_start(s->loop, s->stage->s.client,
                                    &(struct other_operator_opts){.lease = "their",
                                                                  .own_ns = RV_STR("ours"),
                                                                  .home = RV_STR("ours"),
                                                                  .own_lease = RV_STR("rayvisor"),
                                                                  .namespaces = namespaces,
                                                                  .n = n,
                                                                  .pause_ms = 30,
                                                                  .active_pause_ms = 20,
                                                                  .on_change = on_change,
                                                                  .on_failure = on_failure,
                                                                  .arg = s});
    return s;
}

static void end(struct scenario *s) {
    other_operator_free(s->other);
    script_free(s->server);
    stage_free(s->stage);
    free(s);
}

static void on(struct scenario *s, const char *when, unsigned status, const char *body, unsigned times) {
    script_on(s->server, &(struct script_answer){.when = when, .status = status, .body = body, .times = times});
}

static bool is(const struct scenario *s, enum other_operator_state want) {
    return other_operator_state(s->other) == want;
}

/* What is seen for the first time: by the clock of whoever renewed it. */
static void first_sight(void) {
    char now[40];
    rv_time_format_micro(clock_wall(), now);
    rv_autobuf struct rv_buf fresh = {0};
    rv_buf_addf(&fresh, LIST(ITEM("kuberay", "pod_1", "%s")), now);
    const struct {
        const char *list;
        enum other_operator_state want;
    } rows[] = {{LIST(""), OTHER_OPERATOR_NONE},
                {LIST(ITEM("kuberay", "pod_1", OLD)), OTHER_OPERATOR_NONE},
                {LIST(ITEM("kuberay", "", OLD)), OTHER_OPERATOR_NONE},
                {LIST(ITEM("kuberay", "pod_1", "")), OTHER_OPERATOR_NONE},
                {"{}", OTHER_OPERATOR_NONE},
                {rv_buf_cstr(&fresh), OTHER_OPERATOR_ACTIVE}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario *s = begin(NULL, 0);
        CU_ASSERT_TRUE(is(s, OTHER_OPERATOR_UNKNOWN));
        on(s, ALL, 200, rows[i].list, 100);
        SCRIPT_UNTIL(s->loop, s->changes == 1);
        CHECK_ROW(is(s, rows[i].want), rows[i].list);
        end(s);
    }
}

/* It begins, is renewed, stops: gone after the time that it says itself. A clock that is years behind changes nothing.
 */
static void comes_and_goes(void) {
    struct scenario *s = begin(NULL, 0);
    on(s, ALL, 200, LIST(""), 2);
    on(s, ALL, 200, LIST(ITEM("kuberay", "pod_1", OLDER)), 3); /* not renewed: somebody's leftover */
    on(s, ALL, 200, LIST(ITEM("kuberay", "pod_1", OLD)), 100000);
    SCRIPT_UNTIL(s->loop, s->changes == 1);
    CU_ASSERT_TRUE(is(s, OTHER_OPERATOR_NONE));
    SCRIPT_UNTIL(s->loop, s->changes == 2);
    int64_t seen = clock_monotonic();
    CU_ASSERT_TRUE(is(s, OTHER_OPERATOR_ACTIVE) && script_count(s->server) >= 6);
    CU_ASSERT_STRING_EQUAL(other_operator_holder(s->other), "pod_1");
    CU_ASSERT_STRING_EQUAL(other_operator_namespace(s->other), "kuberay");
    SCRIPT_UNTIL(s->loop, s->changes == 3);
    CU_ASSERT_TRUE(is(s, OTHER_OPERATOR_NONE) && clock_monotonic() - seen > INT64_C(900000000));
    end(s);
}

static void given_up_or_deleted(void) {
    static const char *const after[] = {LIST(ITEM("kuberay", "", OLD)), LIST("")};
    for (size_t i = 0; i < RV_ARRAY_LEN(after); i++) {
        struct scenario *s = begin(NULL, 0);
        on(s, ALL, 200, LIST(ITEM("kuberay", "pod_1", OLDER)), 1);
        on(s, ALL, 200, LIST(ITEM("kuberay", "pod_1", OLD)), 1);
        on(s, ALL, 200, after[i], 100000);
        int64_t begun = clock_monotonic();
        SCRIPT_UNTIL(s->loop, s->changes == 3);
        CHECK_ROW(is(s, OTHER_OPERATOR_NONE) && clock_monotonic() - begun < INT64_C(900000000), after[i]);
        end(s);
    }
}

/* Whoever may not look everywhere looks at home; whoever may look nowhere goes on, and says so. */
static void forbidden(void) {
    static const char no[] = "{\"kind\":\"Status\",\"reason\":\"Forbidden\",\"code\":403}";
    struct scenario *s = begin(NULL, 0);
    on(s, ALL, 403, no, 1);
    on(s, IN("ours"), 200, LIST(ITEM("ours", "pod_1", OLDER)), 1);
    on(s, IN("ours"), 200, LIST(ITEM("ours", "pod_1", OLD)), 100000);
    SCRIPT_UNTIL(s->loop, s->changes == 2);
    CU_ASSERT_TRUE(is(s, OTHER_OPERATOR_ACTIVE) && s->failures == 0);
    end(s);
    s = begin(NULL, 0);
    on(s, "GET ", 403, no, 100000);
    SCRIPT_UNTIL(s->loop, s->changes == 1);
    CU_ASSERT_TRUE(is(s, OTHER_OPERATOR_NONE) && s->failures == 1);
    end(s);
    s = begin(NULL, 0); /* a server that fails: the first looks are repeated, not for ever */
    on(s, "GET ", 500, "{}", 100000);
    SCRIPT_UNTIL(s->loop, s->changes == 1);
    CU_ASSERT_TRUE(is(s, OTHER_OPERATOR_NONE) && s->failures == 5);
    end(s);
    s = begin(NULL, 0); /* it works again: said once */
    on(s, ALL, 500, "{}", 2);
    on(s, ALL, 200, LIST(""), 100000);
    SCRIPT_UNTIL(s->loop, script_count(s->server) >= 5);
    CU_ASSERT_TRUE(s->failures == 2 && s->well == 1);
    end(s);
}

static void namespaces(void) {
    static const struct rv_str in[] = {{"a", 1}, {"ours", 4}};
    struct scenario *s = begin(in, 2);
    on(s, IN("a"), 200, LIST(""), 100000);
    on(s, IN("ours"), 200, LIST(ITEM("ours", "pod_1", OLDER)), 1);
    on(s, IN("ours"), 200, LIST(ITEM("ours", "pod_1", OLD)), 100000);
    SCRIPT_UNTIL(s->loop, s->changes == 2);
    CU_ASSERT_TRUE(is(s, OTHER_OPERATOR_ACTIVE) && script_unexpected(s->server) == 0);
    end(s);
}

/* Leases of that name that nobody renews, in more namespaces than are remembered, do not hide the one that is renewed.
 */
static void leftovers_everywhere(void) {
    struct scenario *s = begin(NULL, 0);
    rv_autobuf struct rv_buf items = {0}, list = {0};
    char now[40];
    rv_time_format_micro(clock_wall(), now);
    for (int i = 0; i < 70; i++) {
        char ns[16];
        snprintf(ns, sizeof ns, "team-%d", i);
        rv_buf_addf(&items, ITEM("%s", "%s", "%s") ",", ns, "pod_1", OLD);
    }
    rv_buf_addf(&items, ITEM("%s", "%s", "%s"), "kuberay", "pod_2", now);
    rv_buf_addf(&list, "{\"items\":[%s]}", rv_buf_cstr(&items));
    on(s, ALL, 200, rv_buf_cstr(&list), 100);
    SCRIPT_UNTIL(s->loop, s->changes == 1);
    CU_ASSERT_TRUE(is(s, OTHER_OPERATOR_ACTIVE));
    CU_ASSERT_STRING_EQUAL(other_operator_holder(s->other), "pod_2");
    end(s);
}

static const struct suite_test tests[] = {
    {"first sight", first_sight},       {"leftovers everywhere", leftovers_everywhere},
    {"comes and goes", comes_and_goes}, {"given up or deleted", given_up_or_deleted},
    {"forbidden", forbidden},           {"namespaces", namespaces}};
SUITE_MAIN("other operator", tests)
