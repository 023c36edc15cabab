/* What became of actions, told as events, and gauges about an object, on a host that notes them. */
#include "plugins/ray/action_report.h"
#include "tests/unit/sdk/suite.h"

struct rv_host {
    struct rv_arena *arena;
    const char *owner; /* uid of the controller of the object that is there; NULL: there is none */
    struct rv_buf heard;
};

static int32_t host_get(struct rv_host *h, uint32_t kind, struct rv_str ns, struct rv_str name, struct rv_object *ret) {
    if (h->owner == NULL || kind != 3 || !rv_str_is(ns, "n") || !rv_str_is(name, "o")) return RV_E_NOT_FOUND;
    struct rv_str text = rv_arena_fmt(
        h->arena, "{\"metadata\":{\"ownerReferences\":[{\"kind\":\"RayService\",\"uid\":\"%s\",\"controller\":true}]}}",
        h->owner);
    *ret = (struct rv_object){.size = sizeof *ret, .value = from_json(h->arena, text.p)};
    return 0;
}

static int32_t host_event(struct rv_host *h, const struct rv_event *e) {
    rv_buf_addf(&h->heard, "%s " RV_STR_FMT "/" RV_STR_FMT ": " RV_STR_FMT, e->warning ? "warning" : "normal",
                RV_STR_ARG(e->action), RV_STR_ARG(e->reason), RV_STR_ARG(e->note));
    return 0;
}

static void host_metric(struct rv_host *h, struct rv_str name, uint32_t type, double value,
                        const struct rv_field *labels, uint64_t n) {
    rv_buf_addf(&h->heard, RV_STR_FMT " %u %g", RV_STR_ARG(name), type, value);
    for (uint64_t i = 0; i < n; i++)
        rv_buf_addf(&h->heard, " " RV_STR_FMT "=" RV_STR_FMT, RV_STR_ARG(labels[i].key), RV_STR_ARG(labels[i].value));
}

static const struct rv_host_api api = {.size = sizeof api, .get = host_get, .event = host_event, .metric = host_metric};

static struct rc_context context(struct rv_host *h) {
    return (struct rc_context){.api = &api,
                               .host = h,
                               .arena = h->arena,
                               .kind = "RayService",
                               .controller = "c",
                               .ns = RV_STR("n"),
                               .name = RV_STR("s"),
                               .uid = RV_STR("u")};
}

static const struct rc_action_report report = {
    "Service", "CreatedService", "FailedToCreateService", "Create", "create", "Created", 3};

static void test_reports(void) {
    static const struct {
        const char *name;
        int32_t code;
        const char *message, *heard;
    } rows[] = {
        {"done", 0, "", "normal Create/CreatedService: Created Service n/o"},
        {"refused", RV_E_FORBIDDEN, "no quota",
         "warning Create/FailedToCreateService: Failed to create Service n/o: no quota"},
        {"the name is taken", RV_E_EXISTS, "services o already exists",
         "warning Create/FailedToCreateService: Failed to create Service n/o: it exists and is not controlled by this "
         "RayService: delete or rename it"},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct rv_host h = {.arena = a};
        struct rc_context x = context(&h);
        struct rv_result r = {.size = sizeof r,
                              .code = rows[i].code,
                              .ns = RV_STR("n"),
                              .name = RV_STR("o"),
                              .message = rv_str(rows[i].message)};
        if (rows[i].code == 0)
            rc_report_success(&x, &report, &r, "");
        else
            CHECK_ROW(rv_str_ends(rv_str(rows[i].heard), rc_report_failure(&x, &report, &r).p), rows[i].name);
        CHECK_ROW(rv_str_is(rv_buf_str(&h.heard), rows[i].heard), rows[i].name);
        rv_buf_free(&h.heard);
    }
    struct rv_host h = {0};
    struct rc_context x = context(&h);
    struct rc_action_report silent = report;
    silent.did = NULL;
    rc_report_success(&x, &silent, &(struct rv_result){.code = 0}, "");
    CU_ASSERT_EQUAL(h.heard.n, 0);
}

/* Did an earlier request make it? Did something else overtake the request? */
static void test_judgements(void) {
    static const struct {
        const char *name;
        uint32_t verb;
        int32_t code;
        const char *owner;
        int kind;
        bool made, overtaken;
    } rows[] = {
        {"ours", RV_VERB_CREATE, RV_E_EXISTS, "u", 3, true, false},
        {"another's", RV_VERB_CREATE, RV_E_EXISTS, "v", 3, false, false},
        {"not to be seen", RV_VERB_CREATE, RV_E_EXISTS, NULL, 3, false, false},
        {"of no kind", RV_VERB_CREATE, RV_E_EXISTS, "u", RC_NO_KIND, false, false},
        {"another failure", RV_VERB_CREATE, RV_E_FORBIDDEN, "u", 3, false, false},
        {"a create in a namespace that is gone", RV_VERB_CREATE, RV_E_NOT_FOUND, NULL, 3, false, false},
        {"deleted meanwhile", RV_VERB_DELETE, RV_E_NOT_FOUND, NULL, 3, false, true},
        {"changed meanwhile", RV_VERB_MERGE_PATCH, RV_E_CONFLICT, NULL, 3, false, true},
        {"refused", RV_VERB_DELETE, RV_E_FORBIDDEN, NULL, 3, false, false},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct rv_host h = {.arena = a, .owner = rows[i].owner};
        struct rc_context x = context(&h);
        struct rc_action_report t = report;
        struct rv_result r = {
            .size = sizeof r, .verb = rows[i].verb, .code = rows[i].code, .ns = RV_STR("n"), .name = RV_STR("o")};
        t.kind = rows[i].kind;
        CHECK_ROW(rc_made_before(&x, &t, &r) == rows[i].made, rows[i].name);
        CHECK_ROW(rc_overtaken(&r) == rows[i].overtaken, rows[i].name);
    }
}

static void test_gauges(void) {
    struct rv_host h = {0};
    struct rc_context x = context(&h);
    const struct rv_field more = {RV_STR("condition"), RV_STR("true")};
    ctx_gauge(&x, "ready", 2.5, &more, 1);
    CU_ASSERT_STRING_EQUAL(rv_buf_cstr(&h.heard), "ready 1 2.5 name=s namespace=n uid=u condition=true");
    rv_buf_clear(&h.heard);
    ctx_gauge_remove(&x, "ready", NULL, 0);
    CU_ASSERT_STRING_EQUAL(rv_buf_cstr(&h.heard), "ready 2 0 name=s namespace=n uid=u");
    rv_buf_free(&h.heard);
}

static const struct suite_test tests[] = {
    {"reports", test_reports}, {"judgements", test_judgements}, {"gauges", test_gauges}};
SUITE_MAIN("reports of actions", tests)
