/* test_endpoints.c - which pods are endpoints of a service, and their conditions. */
#include "fixture.h"

static bool first(void *arg, struct sb_object *o) {
    *(struct sb_object **)arg = o;
    return false;
}

/* "ready serving terminating" of the only endpoint of the only slice; "none" where there is none. */
static const char *conditions(struct fixture *w) {
    struct sb_object *slice = NULL;
    fixture_settle(w);
    sb_each(w->storage,
            sb_resource_find(w->storage, RV_STR("discovery.k8s.io"), RV_STR("v1"), RV_STR("endpointslices")),
            RV_STR(""), first, &slice);
    CU_ASSERT_PTR_NOT_NULL_FATAL(slice);
    struct rv_val list = rv_val_get(slice->value, "endpoints");
    if (rv_val_len(list) == 0) return "none";
    struct rv_val c = rv_val_get(rv_val_at(list, 0), "conditions");
    return rv_arena_fmt(w->a, "%s%s%s", rv_path_bool(c, "ready", false) ? "ready " : "",
                        rv_path_bool(c, "serving", false) ? "serving " : "",
                        rv_path_bool(c, "terminating", false) ? "terminating" : "")
        .p;
}

enum state { READY, NOT_READY, LEAVING, LEAVING_NOT_READY, FAILED };
static const struct {
    const char *name;
    bool publish_not_ready;
    enum state pod;
    const char *want;
} rows[] = {
    {"ready", false, READY, "ready serving "},
    {"not ready", false, NOT_READY, ""},
    {"leaving", false, LEAVING, "serving terminating"},
    {"leaving, not ready", false, LEAVING_NOT_READY, "terminating"},
    {"failed", false, FAILED, "none"},
    {"published: ready", true, READY, "ready serving "},
    {"published: not ready", true, NOT_READY, "ready "}, /* serving is the pod's own readiness, whatever is published */
    {"published: leaving", true, LEAVING, "ready serving terminating"},
    {"published: leaving, not ready", true, LEAVING_NOT_READY, "ready terminating"},
    {"published: failed", true, FAILED, "none"},
};

static void condition_table(void) {
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct fixture w;
        rv_autobuf struct rv_buf b = {0};
        fixture_open(&w, "terminate_ms=3600000");
        rv_buf_addf(&b,
                    "{'metadata':{'name':'s'},'spec':{'clusterIP':'None','selector':{'a':'b'},'ports':[{'port':1}],"
                    "'publishNotReadyAddresses':%s}}",
                    rows[i].publish_not_ready ? "true" : "false");
        fixture_create(&w, "services", rv_buf_cstr(&b));
        fixture_create(&w, "pods",
                       "{'metadata':{'name':'p','labels':{'a':'b'}},'spec':{'containers':[{'name':'c',"
                       "'image':'i:1'}],'terminationGracePeriodSeconds':3600}}");
        CU_ASSERT_TRUE(fixture_until(&w, "pods", "p", "status.conditions[1].status", "True"));
        if (rows[i].pod == NOT_READY || rows[i].pod == LEAVING_NOT_READY)
            fixture_control(&w, "POST", "pods/default/p/unready", NULL);
        if (rows[i].pod == FAILED) fixture_control(&w, "POST", "pods/default/p/evict", NULL);
        if (rows[i].pod == LEAVING || rows[i].pod == LEAVING_NOT_READY) fixture_delete(&w, "pods", "p", "");
        const char *have = conditions(&w);
        if (strcmp(have, rows[i].want) != 0) printf("\n    \"%s\" instead of \"%s\"", have, rows[i].want);
        CHECK_ROW(strcmp(have, rows[i].want) == 0, rows[i].name);
        fixture_close(&w);
    }
}

/* A host name is told only in the domain that it belongs to. */
static void host_names(void) {
    struct fixture w;
    fixture_open(&w, NULL);
    fixture_create(&w, "services", "{'metadata':{'name':'s'},'spec':{'selector':{'a':'b'},'ports':[{'port':1}]}}");
    static const char *const domains[] = {"s", "other"};
    for (size_t i = 0; i < RV_ARRAY_LEN(domains); i++) {
        rv_autobuf struct rv_buf b = {0};
        rv_buf_addf(&b,
                    "{'metadata':{'name':'p%zu','labels':{'a':'b'}},'spec':{'hostname':'h','subdomain':'%s',"
                    "'containers':[{'name':'c','image':'i:1'}]}}",
                    i, domains[i]);
        fixture_create(&w, "pods", rv_buf_cstr(&b));
    }
    CU_ASSERT_TRUE(fixture_until(&w, "endpoints", "s", "subsets[0].addresses[1].targetRef.name", "p1"));
    struct sb_object *slice = NULL;
    fixture_settle(&w);
    sb_each(w.storage, sb_resource_find(w.storage, RV_STR("discovery.k8s.io"), RV_STR("v1"), RV_STR("endpointslices")),
            RV_STR(""), first, &slice);
    CU_ASSERT_PTR_NOT_NULL_FATAL(slice);
    CU_ASSERT_STRING_EQUAL(fixture_text(&w, slice->value, "endpoints[0].hostname"), "h");
    CU_ASSERT_STRING_EQUAL(fixture_text(&w, slice->value, "endpoints[1].hostname"), "");
    fixture_close(&w);
}

static const struct suite_test tests[] = {{"condition table", condition_table}, {"host names", host_names}};
SUITE_MAIN("endpoints", tests)
