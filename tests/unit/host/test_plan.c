/* What a plan takes for the API server (pretend.c), and a plugin's engine over a snapshot until it rests (plan.c). */
#include "plugins/host/plan.h"
#include "plugins/host/pretend.h"
#include "tests/unit/sdk/suite.h"

#include "ipc/protocol/msg.h"

/* JSON with ' for ". */
static struct rv_val value_of(struct rv_arena *a, const char *text) {
    rv_autobuf struct rv_buf b = {0};
    for (const char *c = text; *c != 0; c++) rv_buf_addc(&b, (uint8_t)(*c == '\'' ? '"' : *c));
    return from_json(a, rv_buf_cstr(&b));
}

#define S(literal)                                                                                                     \
    { literal, sizeof(literal) - 1 }

/* ---- writes ------------------------------------------------------------------------------------------------------ */

static void note_change(void *arg, const struct pretend_object *o, struct rv_val before) {
    (void)before;
    rv_buf_addf(arg, "%s" RV_STR_FMT " ", o->gone ? "-" : "", RV_STR_ARG(o->name));
}

#define THERE                                                                                                          \
    "{'metadata':{'name':'o','namespace':'n','uid':'u','resourceVersion':'7','generation':1},'spec':{'a':1,'l':[1,2]}" \
    "}"
#define OWNED "{'metadata':{'name':'k','namespace':'n','uid':'v','labels':{'x':'y'},'ownerReferences':[{'uid':'u'}]}}"

static void writes(void) {
    static const struct {
        const char *row;
        struct rv_action a;
        const char *body;
        int code;
        const char *changed, *spec; /* spec: of the object that was written; NULL: none */
        int64_t generation;
    } rows[] = {
        {"create", {.verb = RV_VERB_CREATE, .name = S("p")}, "{'spec':{'b':1}}", 0, "p ", "{'b':1}", 1},
        {"create, of that name", {.verb = RV_VERB_CREATE, .name = S("o")}, "{}", RV_E_EXISTS, "", NULL, 0},
        {"merge patch",
         {.verb = RV_VERB_MERGE_PATCH, .name = S("o")},
         "{'spec':{'a':null,'b':{'c':1}}}",
         0,
         "o ",
         "{'l':[1,2],'b':{'c':1}}",
         2},
        {"merge patch without effect",
         {.verb = RV_VERB_MERGE_PATCH, .name = S("o")},
         "{'spec':{'a':1}}",
         0,
         "",
         "{'a':1,'l':[1,2]}",
         1},
        {"status alone",
         {.verb = RV_VERB_MERGE_PATCH, .name = S("o"), .subresource = S("status")},
         "{'status':{'s':1},'spec':{'a':2}}",
         0,
         "o ",
         "{'a':1,'l':[1,2]}",
         1},
        {"another incarnation",
         {.verb = RV_VERB_MERGE_PATCH, .name = S("o"), .pre_uid = S("w")},
         "{'spec':{}}",
         RV_E_CONFLICT,
         "",
         NULL,
         0},
        {"another version",
         {.verb = RV_VERB_MERGE_PATCH, .name = S("o")},
         "{'metadata':{'resourceVersion':'6'}}",
         RV_E_CONFLICT,
         "",
         NULL,
         0},
        {"no such object", {.verb = RV_VERB_MERGE_PATCH, .name = S("q")}, "{}", RV_E_NOT_FOUND, "", NULL, 0},
        {"JSON patch",
         {.verb = RV_VERB_JSON_PATCH, .name = S("o")},
         "[{'op':'test','path':'/spec/a','value':1},{'op':'replace','path':'/spec/l/1','value':5},"
         "{'op':'add','path':'/spec/l/-','value':6},{'op':'add','path':'/spec/x~1y','value':7},"
         "{'op':'remove','path':'/spec/a'}]",
         0,
         "o ",
         "{'l':[1,5,6],'x/y':7}",
         2},
        {"JSON patch, the test fails",
         {.verb = RV_VERB_JSON_PATCH, .name = S("o")},
         "[{'op':'test','path':'/spec/a','value':2}]",
         RV_E_INVALID,
         "",
         NULL,
         0},
        {"JSON patch of what is not there",
         {.verb = RV_VERB_JSON_PATCH, .name = S("o")},
         "[{'op':'replace','path':'/spec/z/a','value':2}]",
         RV_E_INVALID,
         "",
         NULL,
         0},
        {"delete, with what it owns", {.verb = RV_VERB_DELETE, .name = S("o")}, NULL, 0, "-o -k ", NULL, 1},
        {"delete collection", {.verb = RV_VERB_DELETE_COLLECTION, .selector = S("x=y")}, NULL, 0, "-k ", NULL, 0},
        {"a finalizer holds it, and then goes",
         {.verb = RV_VERB_MERGE_PATCH, .name = S("f")},
         "{'metadata':{'finalizers':null}}",
         0,
         "-f ",
         NULL,
         0},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        rv_autobuf struct rv_buf changed = {0};
        struct rv_action act = rows[i].a;
        const struct pretend_object *o = NULL;
        struct pretend *p = pretend_new(a, 0, note_change, &changed);
        act.api_version = RV_STR("v1");
        act.resource = RV_STR("things");
        act.ns = RV_STR("n");
        (void)pretend_add(p, act.api_version, act.resource, value_of(a, THERE));
        (void)pretend_add(p, act.api_version, act.resource, value_of(a, OWNED));
        (void)pretend_add(p, act.api_version, act.resource,
                          value_of(a,
                                   "{'metadata':{'name':'f','namespace':'n','deletionTimestamp':'t','finalizers':['x'"
                                   "]}}"));
        struct rv_val body = rows[i].body != NULL ? value_of(a, rows[i].body) : RV_VAL_ABSENT;
        act.body = (struct rv_bytes){body.p, body.n};
        CHECK_ROW(pretend_do(p, &act, &o) == rows[i].code, rows[i].row);
        CHECK_ROW(rv_str_is(rv_buf_str(&changed), rows[i].changed), rv_buf_cstr(&changed));
        if (rows[i].spec == NULL) continue;
        CHECK_ROW(o != NULL && rv_val_equal(rv_val_get(o->value, "spec"), value_of(a, rows[i].spec)), rows[i].row);
        CHECK_ROW(o != NULL && rv_path_int(o->value, "metadata.generation", 0) == rows[i].generation, rows[i].row);
    }
}

/* A pod becomes ready, a Service gets an address. */
static void becomes(void) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    rv_autobuf struct rv_buf changed = {0};
    struct pretend *p = pretend_new(a, 0, note_change, &changed);
    const struct pretend_object *o = NULL;
    struct rv_val pod = value_of(a, "{'metadata':{'generateName':'p-'},'spec':{'containers':[{'name':'x'}]}}");
    struct rv_action act = {.verb = RV_VERB_CREATE,
                            .api_version = RV_STR("v1"),
                            .resource = RV_STR("pods"),
                            .ns = RV_STR("n"),
                            .body = {pod.p, pod.n}};
    CU_ASSERT_EQUAL(pretend_do(p, &act, &o), 0);
    CU_ASSERT_TRUE(rv_str_starts(o->name, "p-plan") && rv_str_is(rv_path_str(o->value, "status.phase"), "Running"));
    CU_ASSERT_TRUE(rv_path_bool(o->value, "status.containerStatuses[0].ready", false));
    CU_ASSERT_TRUE(rv_path_str(o->value, "metadata.uid").n != 0 &&
                   rv_str_is(rv_path_str(o->value, "metadata.namespace"), "n"));
    struct rv_val service = value_of(a, "{'metadata':{'name':'s'},'spec':{}}");
    act.resource = RV_STR("services");
    act.body = (struct rv_bytes){service.p, service.n};
    CU_ASSERT_EQUAL(pretend_do(p, &act, &o), 0);
    CU_ASSERT_TRUE(rv_path_str(o->value, "spec.clusterIP").n != 0);
}

/* ---- a plugin ---------------------------------------------------------------------------------------------------- */

static const struct rv_host_api *api;
static struct rv_host *host;

static int32_t init(const struct rv_host_api *given, struct rv_host *h, void **ret_state, struct rv_error *err) {
    (void)err;
    api = given;
    host = h;
    *ret_state = NULL;
    return 0;
}

static void act(uint32_t verb, struct rv_str resource, struct rv_str name, struct rv_val body) {
    struct rv_action a = {.size = sizeof a,
                          .verb = verb,
                          .api_version = RV_STR("v1"),
                          .resource = resource,
                          .ns = RV_STR("n"),
                          .name = name,
                          .body = {body.p, body.n}};
    (void)api->act(host, &a);
}

/* Step by step: reads a Secret, makes a child, asks Ray, and then a last one. */
static void reconcile(void *state, const struct rv_key *key, struct rv_outcome *out) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_object o = {.size = sizeof o};
    (void)state;
    out->code = RV_DONE;
    api->explain(host, RV_STR("looking"));
    if (api->get(host, 1, key->ns, RV_STR("child"), &o) != 0) {
        act(RV_VERB_CREATE, RV_STR("secrets"), RV_STR("child"),
            value_of(a, "{'metadata':{'labels':{'mine':'yes'}},'stringData':{'k':'tiger'}}"));
        return;
    }
    if (api->get(host, 1, key->ns, RV_STR("second"), &o) != 0) {
        const struct rv_result *r = api->result(host, 0);
        if (r != NULL && r->verb == RV_VERB_GET)
            act(RV_VERB_CREATE, RV_STR("secrets"), RV_STR("second"),
                value_of(a, "{'metadata':{'labels':{'mine':'yes'}}}"));
        else
            act(RV_VERB_GET, RV_STR("nodes"), RV_STR("x"), RV_VAL_ABSENT);
        return;
    }
    struct rv_http_request h = {.size = sizeof h, .method = RV_STR("PUT"), .url = RV_STR("http://x/")};
    (void)api->http(host, &h);
    struct rv_event e = {.size = sizeof e,
                         .warning = 1,
                         .reason = RV_STR("InvalidX"),
                         .kind = RV_STR("Thing"),
                         .ns = key->ns,
                         .name = key->name,
                         .note = RV_STR("no")};
    (void)api->event(host, &e);
}

static const struct rv_plugin plugin = {.size = sizeof plugin,
                                        .magic = RV_ABI_MAGIC,
                                        .abi_major = RV_ABI_MAJOR,
                                        .name = "toy",
                                        .version = "1",
                                        .init = init,
                                        .reconcile = reconcile};

#define KINDS                                                                                                          \
    "'kinds':[{'a':'v1','r':'things','k':'Thing','f':1,'l':'','n':'thing'},"                                           \
    "{'a':'v1','r':'secrets','k':'Secret','f':2,'l':'','n':'secret'}],'selectors':['','mine=yes'],'settings':{},"      \
    "'now':1000000000,'objects':[['v1','things',{'metadata':{'name':'t','namespace':'n','uid':'u'}}],"                 \
    "['v1','things',{'metadata':{'name':'left','namespace':'n','uid':'w'}}]]"

static void plans(void) {
    static const struct {
        const char *row, *given, *verbs;
        size_t unread;
    } rows[] = {
        {"what is not known is asked for", "{" KINDS ",'keys':[['n','t']],'absent':[]}", "create", 1},
        {"what is not there is told", "{" KINDS ",'keys':[['n','t']],'absent':[['v1','nodes','n','x']]}",
         "create create http event", 0},
        {"nobody's turn", "{" KINDS ",'keys':[],'absent':[]}", "", 0},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        rv_autobuf struct rv_buf out = {0}, verbs = {0};
        struct rv_error err = {0};
        CHECK_ROW(plan_run(&plugin, value_of(a, rows[i].given), &out, &err) == 0, err.text);
        struct rv_val v = from_json(a, rv_buf_cstr(&out));
        for (struct rv_iter it = rv_iter(rv_val_get(v, "actions")); rv_iter_next(&it);)
            rv_buf_addf(&verbs, "%s" RV_STR_FMT, verbs.n > 0 ? " " : "", RV_STR_ARG(rv_path_str(it.val, "verb")));
        /* A withheld request ends the round, and the next one asks again: what is asked twice is one. */
        size_t want = strlen(rows[i].verbs);
        CHECK_ROW(verbs.n >= want && memcmp(rv_buf_cstr(&verbs), rows[i].verbs, want) == 0, rv_buf_cstr(&verbs));
        CHECK_ROW((rv_val_len(rv_val_get(v, "unread")) > 0) == (rows[i].unread > 0), rows[i].row);
        CHECK_ROW(rv_path_bool(v, "rests", false), rows[i].row);
        CHECK_ROW(memmem(out.p, out.n, "tiger", 5) == NULL, "a value of a Secret");
        CHECK_ROW(memmem(out.p, out.n, "left", 4) == NULL || want == 0, "another key");
    }
}

static void without_kinds(void) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    rv_autobuf struct rv_buf out = {0};
    struct rv_error err = {0};
    CU_ASSERT_EQUAL(plan_run(&plugin, value_of(a, "{'kinds':[]}"), &out, &err), RV_E_PROTOCOL);
    CU_ASSERT_EQUAL(plan_run(&plugin,
                             value_of(a, "{'kinds':[{'a':'v1','r':'x','k':'X','f':1}],'selectors':['a in (']}"), &out,
                             &err),
                    RV_E_PARSE);
}

static const struct suite_test tests[] = {
    {"what writes make of objects", writes},
    {"what becomes of new pods and Services", becomes},
    {"a plugin over a snapshot, until it rests", plans},
    {"a question that makes no sense", without_kinds},
};
SUITE_MAIN("host plan", tests)
