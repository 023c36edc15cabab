/* What the controllers share beside builders: memos, ownership, back-off, patches that do not help, owned clusters, the
 * words of a dashboard's failure. */
#include "plugins/ray/backoff.h"
#include "plugins/ray/child_cluster.h"
#include "plugins/ray/dashboard.h"
#include "plugins/ray/fields.h"
#include "plugins/ray/ownership.h"
#include "plugins/ray/patch_memo.h"
#include "plugins/sdk/memo.h"
#include "tests/unit/sdk/suite.h"

/* ---- memos ------------------------------------------------------------------------------------------------------- */

struct note {
    int begun;
};

static int ended;

static void begin(void *memo) { ((struct note *)memo)->begun = 7; }

static void end(void *memo) {
    (void)memo;
    ended++;
}

static void count(void *arg, const struct rv_key *key, void *memo) {
    CU_ASSERT_TRUE(memo != NULL && key->ns.n != 0);
    ++*(int *)arg;
}

static struct note *memo_of(struct memo_table *t, const char *ns, const char *name, const char *uid) {
    return memo_ensure(t, &(struct rv_key){rv_str(ns), rv_str(name)}, rv_str(uid));
}

static void test_memos(void) {
    int there = 0;
    ended = 0;
    struct memo_table *t = memo_table_new(sizeof(struct note), begin, end);
    struct note *one = memo_of(t, "n", "a", "u1");
    CU_ASSERT_EQUAL(one->begun, 7);
    CU_ASSERT_TRUE(rv_str_is(memo_uid(one), "u1"));
    one->begun = 8;
    CU_ASSERT_PTR_EQUAL(memo_of(t, "n", "a", "u1"), one);
    /* "n" + "a" is not "na" + "" */
    CU_ASSERT_PTR_NOT_EQUAL(memo_of(t, "na", "", "u1"), one);
    struct note *namesake = memo_of(t, "n", "a", "u2");
    CU_ASSERT_EQUAL(namesake->begun, 7);
    CU_ASSERT_EQUAL(ended, 1);
    for (int i = 0; i < 1000; i++) {
        char name[8];
        snprintf(name, sizeof name, "x%d", i);
        memo_of(t, "n", name, "u");
    }
    memo_each(t, count, &there);
    CU_ASSERT_EQUAL(there, 1002);
    memo_drop(t, &(struct rv_key){RV_STR("n"), RV_STR("x7")});
    memo_drop(t, &(struct rv_key){RV_STR("n"), RV_STR("x7")}); /* there is none any more */
    CU_ASSERT_EQUAL(ended, 2);
    memo_table_free(t);
    CU_ASSERT_EQUAL(ended, 1003);
}

/* ---- ownership --------------------------------------------------------------------------------------------------- */

static void test_ownership(void) {
    static const struct {
        const char *owners;
        enum rc_ownership want;
    } rows[] = {
        {"[]", RC_OWNER_NOBODY},
        {"[{\"kind\":\"RayJob\",\"name\":\"j\",\"uid\":\"u\",\"controller\":true}]", RC_OWNER_US},
        {"[{\"kind\":\"RayJob\",\"name\":\"j\",\"uid\":\"u\"}]", RC_OWNER_NOBODY},
        {"[{\"kind\":\"RayJob\",\"name\":\"j\",\"uid\":\"old\",\"controller\":true}]", RC_OWNER_PREDECESSOR},
        {"[{\"kind\":\"RayJob\",\"name\":\"other\",\"uid\":\"x\",\"controller\":true}]", RC_OWNER_OTHER},
        {"[{\"kind\":\"Job\",\"name\":\"j\",\"uid\":\"x\",\"controller\":true}]", RC_OWNER_OTHER},
        {"[{\"kind\":\"Job\",\"name\":\"x\",\"uid\":\"x\"},"
         "{\"kind\":\"RayJob\",\"name\":\"j\",\"uid\":\"u\",\"controller\":true}]",
         RC_OWNER_US},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct rv_str text = rv_arena_fmt(a, "{\"metadata\":{\"ownerReferences\":%s}}", rows[i].owners);
        struct rv_val v = from_json(a, text.p);
        CHECK_ROW(rc_ownership(v, "RayJob", RV_STR("j"), RV_STR("u")) == rows[i].want, rows[i].owners);
        struct rv_str name = rc_controller_name(v, "RayJob"); /* of that kind, whichever uid it has */
        bool of_kind = rows[i].want != RC_OWNER_NOBODY && strstr(rows[i].owners, "\"Job\",\"name\":\"j\"") == NULL;
        CHECK_ROW(rv_str_is(name, !of_kind                                  ? ""
                                  : strstr(rows[i].owners, "other") != NULL ? "other"
                                                                            : "j"),
                  rows[i].owners);
    }
}

/* ---- trying again ------------------------------------------------------------------------------------------------ */

static void test_backoff(void) {
    static const int64_t want[] = {1, 2, 4, 8, 16, 32, 60, 60};
    struct rc_backoff b = {0};
    CU_ASSERT_FALSE(rc_backoff_waits(&b, 1));
    for (size_t i = 0; i < RV_ARRAY_LEN(want); i++) {
        rc_backoff_failed(&b, 1000, 60);
        CU_ASSERT_EQUAL(b.after, 1000 + want[i] * RC_SECOND);
        CU_ASSERT_TRUE(rc_backoff_waits(&b, b.after - 1));
        CU_ASSERT_FALSE(rc_backoff_waits(&b, b.after));
    }
}

static void test_futile_patch(void) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_node *one = rv_node_str(a, RV_STR("one")), *two = rv_node_str(a, RV_STR("two"));
    struct rc_patch_memo m = {0};
    CU_ASSERT_FALSE(rc_patch_is_futile(&m, a, one, RV_STR("1")));
    CU_ASSERT_FALSE(rc_patch_is_futile(&m, a, one, RV_STR("1"))); /* not answered: it may have got lost */
    rc_patch_answered(&m, a, RV_STR("2"));
    CU_ASSERT_TRUE(rc_patch_is_futile(&m, a, one, RV_STR("2")));
    CU_ASSERT_FALSE(rc_patch_is_futile(&m, a, two, RV_STR("2"))); /* another patch may help */
    rc_patch_answered(&m, a, RV_STR("3"));
    CU_ASSERT_FALSE(rc_patch_is_futile(&m, a, two, RV_STR("4"))); /* the object changed since */
}

/* ---- a cluster for a service ------------------------------------------------------------------------------------- */

static void test_child_cluster(void) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    static const struct rc_settings settings = {.cluster_domain = {"d", 1}};
    struct rv_val meta =
                      from_json(a, "{\"labels\":{\"l\":\"1\"},\"annotations\":{\"n\":\"2\"},\"finalizers\":[\"f\"]}"),
                  spec =
                      from_json(a, "{\"headGroupSpec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"h\"}]}}}}");
    struct rc_cluster_owner o = {"RayService", RV_STR("ns"), RV_STR("s"), RV_STR("u"), meta};
    struct rv_val v = rv_node_freeze(a, rc_child_cluster(a, &o, RV_STR("s-abcde"), rv_node_from(a, spec)));
    struct rv_val labels = rv_val_path(v, "metadata.labels");
    CU_ASSERT_TRUE(rv_str_is(rv_path_str(v, "metadata.name"), "s-abcde"));
    CU_ASSERT_TRUE(rv_str_is(rv_path_str(v, "metadata.namespace"), "ns"));
    CU_ASSERT_TRUE(rv_str_is(rv_val_str(rv_val_get(labels, "l")), "1"));
    CU_ASSERT_TRUE(rv_str_is(rv_val_str(rv_val_get(labels, RC_LABEL_ORIGIN_KIND)), "RayService"));
    CU_ASSERT_TRUE(rv_str_is(rv_val_str(rv_val_get(labels, RC_LABEL_ORIGIN_NAME)), "s"));
    CU_ASSERT_TRUE(rv_str_is(rv_path_str(v, "metadata.annotations.n"), "2"));
    CU_ASSERT_FALSE(rv_val_present(rv_val_path(v, "metadata.finalizers")));
    CU_ASSERT_EQUAL(rc_ownership(v, "RayService", RV_STR("s"), RV_STR("u")), RC_OWNER_US);
    CU_ASSERT_TRUE(rv_val_equal(rv_val_get(v, "spec"), spec));

    struct rc_cluster c;
    rc_child_cluster_read(a, &o, RV_STR("s-abcde"), spec, &settings, &c);
    struct rv_val service = rv_node_freeze(a, rc_child_head_service(a, &o, &c));
    CU_ASSERT_TRUE(rv_str_is(rv_path_str(service, "metadata.name"), "s-head-svc"));
    CU_ASSERT_TRUE(
        rv_str_is(rv_val_str(rv_val_get(rv_val_path(service, "spec.selector"), RC_LABEL_CLUSTER)), "s-abcde"));
    CU_ASSERT_EQUAL(rc_ownership(service, "RayService", RV_STR("s"), RV_STR("u")), RC_OWNER_US);
    CU_ASSERT_TRUE(rv_str_is(rc_dashboard_address(a, &c), "s-abcde-head-svc.ns.svc.d:8265"));
}

/* ---- what a dashboard answers ------------------------------------------------------------------------------------ */

static void test_dashboard_failure(void) {
    static const struct {
        const char *name;
        int32_t code;
        uint32_t status;
        const char *message, *body, *want;
    } rows[] = {
        {"no duration", RV_E_UNAVAILABLE, 0, "no answer from 10.0.0.1 after 1999 ms: refused", "",
         "no answer from 10.0.0.1: refused"},
        {"as it is", RV_E_UNAVAILABLE, 0, "refused", "", "refused"},
        {"a status alone", 0, 503, "", "", "HTTP status 503"},
        {"a text", 0, 500, "", "bad\nthing.\n", "HTTP status 500: bad thing"},
        {"a traceback", 0, 500, "", "Traceback (most recent call last):\n  File x\nValueError: no",
         "HTTP status 500: ValueError: no"},
        {"what was raised has lines of its own", 0, 400, "",
         "Traceback (most recent call last):\n  File x\n    a()\nValidationError: 1 error\napplications\n  missing",
         "HTTP status 400: ValidationError: 1 error applications   missing"},
        {"raised while another was handled", 0, 500, "",
         "Traceback (most recent call last):\n  File x\nKeyError: k\n\nDuring handling of the above exception, "
         "another exception occurred:\n\nTraceback (most recent call last):\n  File y\nOSError: disk",
         "HTTP status 500: OSError: disk"},
        {"frames alone", 0, 500, "", "Traceback (most recent call last):\n  File x", "HTTP status 500: File x"},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct rv_result r = {.size = sizeof r,
                              .code = rows[i].code,
                              .http_status = rows[i].status,
                              .message = rv_str(rows[i].message),
                              .body = {(const uint8_t *)rows[i].body, strlen(rows[i].body)}};
        struct rv_str got = rc_dashboard_failure(a, &r);
        if (!rv_str_is(got, rows[i].want)) printf("\n    got " RV_STR_FMT, RV_STR_ARG(got));
        CHECK_ROW(rv_str_is(got, rows[i].want), rows[i].name);
        CHECK_ROW(!rc_dashboard_ok(&r) && !rc_dashboard_not_sent(&r), rows[i].name);
    }
    static const struct {
        const char *body, *want;
    } json[] = {{"{\"result\":false,\"msg\":\"no such job\"}", "HTTP status 503: no such job"},
                {"{\"detail\":\"busy\"}", "HTTP status 503: {\"detail\":\"busy\"}"},
                {"{}", "HTTP status 503"}};
    for (size_t i = 0; i < RV_ARRAY_LEN(json); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct rv_val v = from_json(a, json[i].body);
        struct rv_result r = {.size = sizeof r, .http_status = 503, .json = 1, .body = {v.p, v.n}};
        CHECK_ROW(rv_str_is(rc_dashboard_failure(a, &r), json[i].want), json[i].body);
    }
    struct rv_result fine = {.http_status = 204}, denied = {.code = RV_E_DENIED};
    CU_ASSERT_TRUE(rc_dashboard_ok(&fine));
    static const uint32_t good[] = {200, 201, 299}, bad[] = {0, 199, 300, 400};
    for (size_t i = 0; i < RV_ARRAY_LEN(good); i++)
        CU_ASSERT_TRUE(rc_dashboard_ok(&(struct rv_result){.http_status = good[i]}));
    for (size_t i = 0; i < RV_ARRAY_LEN(bad); i++)
        CU_ASSERT_FALSE(rc_dashboard_ok(&(struct rv_result){.http_status = bad[i]}));
    CU_ASSERT_FALSE(rc_dashboard_ok(&(struct rv_result){.code = RV_E_TIMEOUT, .http_status = 200}));
    CU_ASSERT_TRUE(rc_dashboard_not_sent(&denied));
}

static const struct suite_test tests[] = {{"memos", test_memos},
                                          {"whose an object is", test_ownership},
                                          {"back-off", test_backoff},
                                          {"a patch that does not help", test_futile_patch},
                                          {"a cluster made for a service", test_child_cluster},
                                          {"failures of a dashboard", test_dashboard_failure}};
SUITE_MAIN("shared parts of Ray controllers", tests)
