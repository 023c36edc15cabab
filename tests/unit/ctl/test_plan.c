/* What becomes a plan: a file's object in the place of the live one, the actions of controllers folded into a snapshot,
 * and the lines that come of it. */
#include "supervisor/ctl/plan.h"
#include "tests/unit/sdk/suite.h"

/* JSON with ' for ". */
static struct rv_val value_of(struct rv_arena *a, const char *text) {
    rv_autobuf struct rv_buf b = {0};
    for (const char *c = text; *c != 0; c++) rv_buf_addc(&b, (uint8_t)(*c == '\'' ? '"' : *c));
    return from_json(a, rv_buf_cstr(&b));
}

/* ---- as kubectl apply would -------------------------------------------------------------------------------------- */

static struct rv_val with_last(struct rv_arena *a, const char *spec, const char *last) {
    rv_autobuf struct rv_buf text = {0}, quoted = {0};
    struct rv_str was = last != NULL ? rv_arena_fmt(a, "{\"spec\":%s}", last) : RV_STR("");
    rv_json_quote(was, &quoted);
    rv_buf_addf(&text,
                "{\"metadata\":{\"name\":\"c\",\"uid\":\"u\",\"annotations\":{\"kubectl.kubernetes.io/"
                "last-applied-configuration\":%s}},\"spec\":%s,\"status\":{\"state\":\"ready\"}}",
                rv_buf_cstr(&quoted), spec);
    return from_json(a, rv_buf_cstr(&text));
}

static void merges(void) {
    static const struct {
        const char *row, *live, *last, *file, *spec;
    } rows[] = {
        {"new", NULL, NULL, "{\"a\":1}", "{\"a\":1}"},
        {"what others have set stays", "{\"a\":1,\"b\":{\"c\":2}}", NULL, "{\"a\":3}", "{\"a\":3,\"b\":{\"c\":2}}"},
        {"what the earlier file had goes", "{\"a\":1,\"b\":{\"c\":2,\"d\":3}}", "{\"a\":1,\"b\":{\"c\":2}}",
         "{\"b\":{}}", "{\"b\":{\"d\":3}}"},
        {"lists are replaced", "{\"l\":[1,2]}", "{\"l\":[1,2]}", "{\"l\":[3]}", "{\"l\":[3]}"},
        {"null removes", "{\"a\":1,\"b\":2}", NULL, "{\"a\":null}", "{\"b\":2}"},
        {"a map in the place of a text", "{\"a\":\"x\"}", NULL, "{\"a\":{\"b\":1}}", "{\"a\":{\"b\":1}}"},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct rv_val live = rows[i].live != NULL ? with_last(a, rows[i].live, rows[i].last) : RV_VAL_ABSENT;
        struct rv_str text =
            rv_arena_fmt(a, "{\"kind\":\"RayCluster\",\"metadata\":{\"name\":\"c\"},\"spec\":%s}", rows[i].file);
        struct rv_val got = rv_node_freeze(a, plan_merge(a, live, rv_node_from(a, from_json(a, text.p))));
        CHECK_ROW(rv_val_equal(rv_val_get(got, "spec"), from_json(a, rows[i].spec)), rows[i].row);
        CHECK_ROW(rv_val_present(live) == rv_str_is(rv_path_str(got, "status.state"), "ready"), rows[i].row);
        CHECK_ROW(rv_val_len(rv_val_path(got, "metadata.annotations")) == 0, rows[i].row);
    }
}

/* ---- the schema -------------------------------------------------------------------------------------------------- */

#define SCHEMA                                                                                                         \
    "{'properties':{'spec':{'type':'object','required':['must'],'properties':{'must':{'type':'string'},"               \
    "'n':{'type':'integer','default':1},'how':{'type':'string','enum':['a','b']},"                                     \
    "'any':{'x-kubernetes-int-or-string':true},'labels':{'type':'object','additionalProperties':{'type':'string'}},"   \
    "'list':{'type':'array','items':{'type':'object','properties':{'p':{'type':'string','default':'TCP'}}}},"          \
    "'open':{'type':'object','x-kubernetes-preserve-unknown-fields':true,'properties':{'q':{'type':'boolean'}}}}}}}"

static void shapes(void) {
    static const struct {
        const char *spec, *why; /* NULL: well-formed */
    } rows[] = {
        {"{'must':'x'}", NULL},
        {"{'must':'x','how':'b','any':'5%','labels':{'z':'y'},'open':{'w':1}}", NULL},
        {"{'must':'x','any':5,'list':[{}]}", NULL},
        {"{}", "spec.must: is required"},
        {"{'must':5}", "spec.must: is of type integer; accepted is string"},
        {"{'must':'x','nn':1}", "spec.nn: there is no such field"},
        {"{'must':'x','how':'c'}", "spec.how: \"c\" is none of the accepted values"},
        {"{'must':'x','labels':{'z':1}}", "spec.labels.z: is of type integer; accepted is string"},
        {"{'must':'x','list':[{},{'r':1}]}", "spec.list[1].r: there is no such field"},
        {"{'must':'x','list':{}}", "spec.list: is of type map; accepted is array"},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        rv_autobuf struct rv_buf why = {0};
        struct rv_val schema = value_of(a, SCHEMA);
        struct rv_node *n = rv_node_map(a);
        rv_node_set(a, n, "spec", rv_node_from(a, value_of(a, rows[i].spec)));
        CHECK_ROW(plan_misshapen(n, schema, &why) == (rows[i].why != NULL), rows[i].spec);
        if (rows[i].why != NULL) CHECK_ROW(rv_str_is(rv_buf_str(&why), rows[i].why), rv_buf_cstr(&why));
    }
}

static void defaults(void) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_node *n = rv_node_from(a, value_of(a, "{'spec':{'must':'x','list':[{},{'p':'UDP'}],'how':null}}"));
    plan_defaults(a, n, value_of(a, SCHEMA));
    struct rv_val want = value_of(a, "{'must':'x','n':1,'list':[{'p':'TCP'},{'p':'UDP'}]}");
    CU_ASSERT_TRUE(rv_val_equal(rv_val_get(rv_node_freeze(a, n), "spec"), want));
}

/* ---- from actions to lines --------------------------------------------------------------------------------------- */

#define OWNER ",'ownerReferences':[{'controller':true,'kind':'RayCluster','name':'c','uid':'u'}]"
#define POD(name, uid, group, gpu)                                                                                     \
    "{'kind':'Pod','metadata':{'name':'" name "','namespace':'n','uid':'" uid "','labels':{'ray.io/group':'" group     \
    "'}" OWNER "},'spec':{'containers':[{'resources':{'limits':{'cpu':'1','nvidia.com/gpu':" gpu "}}}]}}"
#define MAKES(object) "{'verb':'create','apiVersion':'v1','resource':'pods','namespace':'n','object':" object "},"
#define DROPS(name) "{'verb':'delete','apiVersion':'v1','resource':'pods','namespace':'n','name':'" name "'},"
#define CLUSTER(spec)                                                                                                  \
    "{'kind':'RayCluster','metadata':{'name':'c','namespace':'n','uid':'u'},'spec':{" spec "},'status':{'x':1}}"

struct world {
    struct rv_arena *arena;
    struct plan_state state;
};

/* A cluster with two pods, and a file with it. */
static void begin(struct world *w, const char *file) {
    struct rv_arena *a = w->arena = rv_arena_new();
    struct plan_state *s = &w->state;
    plan_state_begin(s, a);
    (void)plan_state_add(s, RV_STR("ray.io/v1"), RV_STR("rayclusters"), RV_STR("RayCluster"),
                         value_of(a, CLUSTER("'a':1")));
    (void)plan_state_add(s, RV_STR("v1"), RV_STR("pods"), RV_STR("Pod"), value_of(a, POD("p1", "1", "g", "2")));
    (void)plan_state_add(s, RV_STR("v1"), RV_STR("pods"), RV_STR("Pod"), value_of(a, POD("p2", "2", "g", "2")));
    (void)plan_state_add(s, RV_STR("v1"), RV_STR("pods"), RV_STR("Pod"),
                         value_of(a, "{'metadata':{'name':'other','namespace':'n','uid':'3'}}"));
    (void)plan_state_target(s, RV_STR("ray.io/v1"), RV_STR("rayclusters"), RV_STR("RayCluster"), value_of(a, file));
    plan_state_count(s);
}

static struct rv_str lines_text(struct world *w, struct plan_lines *ret) {
    rv_autobuf struct rv_buf b = {0};
    plan_lines(&w->state, ret);
    for (size_t i = 0; i < ret->n; i++) {
        const struct plan_line *l = &ret->lines[i];
        rv_buf_addf(&b, "%s%s " RV_STR_FMT, i > 0 ? "; " : "", plan_verb_word(l->verb), RV_STR_ARG(l->kind));
        if (l->group.n != 0) rv_buf_addf(&b, "(" RV_STR_FMT ")", RV_STR_ARG(l->group));
        for (size_t k = 0; k < l->n; k++) rv_buf_addf(&b, " " RV_STR_FMT, RV_STR_ARG(l->names[k]));
        for (size_t k = 0; k < l->field_n; k++)
            rv_buf_addf(&b, " " RV_STR_FMT "=" RV_STR_FMT ">" RV_STR_FMT, RV_STR_ARG(l->fields[k].path),
                        RV_STR_ARG(l->fields[k].before), RV_STR_ARG(l->fields[k].after));
    }
    return rv_arena_str(w->arena, rv_buf_str(&b));
}

static void from_actions(void) {
    static const struct {
        const char *file, *actions, *lines;
        bool changes;
        int64_t peak, after;
    } rows[] = {
        {CLUSTER("'a':1"), "", "same RayCluster c", false, 2, 2},
        {CLUSTER("'a':2"), "", "update RayCluster c spec.a=1>2", true, 2, 2},
        {CLUSTER("'a':1"), MAKES(POD("p3", "4", "g", "2")), "same RayCluster c; create Pod(g) p3", true, 3, 3},
        {CLUSTER("'a':1"), DROPS("p1"), "same RayCluster c; delete Pod(g) p1", true, 2, 1},
        {CLUSTER("'a':1"), DROPS("p1") MAKES(POD("p3", "4", "g", "2")), "same RayCluster c; replace Pod(g) p3", true, 2,
         2},
        {CLUSTER("'a':1"), MAKES(POD("p3", "4", "g", "2")) DROPS("p1"), "same RayCluster c; replace Pod(g) p3", true, 3,
         2},
        {CLUSTER("'a':1"), DROPS("p1") MAKES(POD("p1", "4", "g", "2")), "same RayCluster c; replace Pod(g) p1", true, 2,
         2},
        {CLUSTER("'a':1"), DROPS("p1") DROPS("p2") MAKES(POD("q", "4", "h", "2")),
         "same RayCluster c; delete Pod(g) p1 p2; create Pod(h) q", true, 2, 1},
        {CLUSTER("'a':1"), MAKES(POD("p3", "4", "g", "2")) DROPS("p3"), "same RayCluster c", false, 3, 2},
        {CLUSTER("'a':1"), DROPS("other"), "same RayCluster c", false, 2, 2},
        /* What would be refused changes nothing; a status is no change; events and requests to Ray are none. */
        {CLUSTER("'a':1"),
         "{'verb':'delete','apiVersion':'v1','resource':'pods','namespace':'n','name':'p1','code':'CONFLICT'},"
         "{'verb':'event','note':'x'},{'verb':'http','url':'u'},",
         "same RayCluster c", false, 2, 2},
        {CLUSTER("'a':1"),
         "{'verb':'patch','apiVersion':'ray.io/v1','resource':'rayclusters','subresource':'status','object':{'kind':"
         "'RayCluster','metadata':{'name':'c','namespace':'n','uid':'u','resourceVersion':'7'},'spec':{'a':1},"
         "'status':{'x':2}}},",
         "same RayCluster c", false, 2, 2},
        /* What an object owns goes with it. */
        {CLUSTER("'a':1"),
         "{'verb':'delete','apiVersion':'ray.io/v1','resource':'rayclusters','namespace':'n','name':'c'},",
         "delete RayCluster c; delete Pod(g) p1 p2", true, 2, 0},
        {CLUSTER("'a':1"),
         "{'verb':'deletecollection','apiVersion':'v1','resource':'pods','namespace':'n','selector':'ray.io/group=g'},",
         "same RayCluster c; delete Pod(g) p1 p2", true, 2, 0},
        {CLUSTER("'a':1"),
         "{'verb':'create','apiVersion':'batch/v1','resource':'jobs','object':{'kind':'Job','metadata':{'name':'j',"
         "'namespace':'n','uid':'9'" OWNER "},'spec':{'template':{'spec':{'containers':[{'resources':{'requests':{"
         "'cpu':'3'}}}]}}}}},",
         "same RayCluster c; create Job j", true, 3, 3},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct world w;
        struct plan_lines lines;
        begin(&w, rows[i].file);
        rv_autoarena struct rv_arena *a = w.arena;
        /* The list ends with an action of which nothing is known. */
        struct rv_str text = rv_arena_fmt(a, "{'actions':[%s{}]}", rows[i].actions);
        plan_state_fold(&w.state, value_of(a, text.p), NULL, NULL);
        struct rv_str got = lines_text(&w, &lines);
        CHECK_ROW(rv_str_is(got, rows[i].lines), got.p);
        CHECK_ROW(lines.changes == rows[i].changes, rows[i].lines);
        CHECK_ROW(w.state.peak.pods == rows[i].peak && w.state.now.pods == rows[i].after, rows[i].lines);
        CHECK_ROW(w.state.before.pods == 2, rows[i].lines);
    }
}

static void amounts(void) {
    struct world w;
    begin(&w, CLUSTER("'a':1"));
    rv_autoarena struct rv_arena *a = w.arena;
    plan_state_fold(&w.state, value_of(a, "{'actions':[" MAKES(POD("p3", "4", "g", "1")) DROPS("p1") "{}]}"), NULL,
                    NULL);
    const struct {
        const struct plan_amounts *m;
        const char *text;
    } rows[] = {{&w.state.before, "2 pods, 2 CPU, 4 GPU"},
                {&w.state.peak, "3 pods, 3 CPU, 5 GPU"},
                {&w.state.now, "2 pods, 2 CPU, 3 GPU"},
                {&(struct plan_amounts){.pods = 1}, "1 pod"}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct rv_str got = plan_amounts_text(a, rows[i].m);
        CHECK_ROW(rv_str_is(got, rows[i].text), got.p);
    }
}

/* No value that may be a secret is in a line, but that it changes is. */
static void secrets(void) {
    static const struct {
        const char *file, *fields;
    } rows[] = {
        {CLUSTER("'a':1,'env':[{'name':'TOKEN','value':'lion'}]"), "update RayCluster c spec.env=>(set)"},
        {CLUSTER("'a':1,'redis-password':'lion'"), "update RayCluster c spec.redis-password=>(masked)"},
        {CLUSTER("'a':1,'runtimeEnvYAML':'env_vars: {K: lion}'"), "update RayCluster c spec.runtimeEnvYAML=>(set)"},
        {CLUSTER("'a':1,'list':[{'name':'x'}]"), "update RayCluster c spec.list=>(set)"},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct world w;
        struct plan_lines lines;
        begin(&w, rows[i].file);
        rv_autoarena struct rv_arena *a = w.arena;
        struct rv_str got = lines_text(&w, &lines);
        CHECK_ROW(rv_str_is(got, rows[i].fields), got.p);
        CHECK_ROW(memmem(got.p, got.n, "lion", 4) == NULL, got.p);
        CU_ASSERT_PTR_NOT_NULL(a);
    }
}

static void named_entries(void) {
    struct world w;
    struct plan_lines lines;
    begin(&w, CLUSTER("'a':1,'g':[{'groupName':'x','n':1},{'groupName':'y','n':2}]"));
    rv_autoarena struct rv_arena *a = w.arena;
    w.state.first->first = w.state.first->now;
    w.state.first->now = value_of(a, CLUSTER("'a':1,'g':[{'groupName':'y','n':3},{'groupName':'z','n':1}]"));
    struct rv_str got = lines_text(&w, &lines);
    CHECK_ROW(rv_str_is(got, "update RayCluster c spec.g[x]=(set)> spec.g[y].n=2>3 spec.g[z]=>(set)"), got.p);
}

static const struct suite_test tests[] = {
    {"a file's object in the place of the live one", merges},
    {"what the schema does not accept", shapes},
    {"what the schema fills in", defaults},
    {"actions become lines", from_actions},
    {"pods, CPUs and GPUs before, at the peak and afterwards", amounts},
    {"secrets are not shown", secrets},
    {"entries of lists by their names", named_entries},
};
SUITE_MAIN("ctl plan", tests)
