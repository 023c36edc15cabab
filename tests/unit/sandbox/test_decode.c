/* test_decode.c - decoding of input: unknown and mistyped fields, schemas, protobuf, events in both forms; and the
 * values of columns. */
#include "deploy/sandbox/http/cells.h"
#include "deploy/sandbox/http/protobuf.h"
#include "deploy/sandbox/http/table.h"
#include "deploy/sandbox/rules/rules.h"
#include "deploy/sandbox/rules/strict.h"
#include "deploy/sandbox/rules/view.h"
#include "deploy/sandbox/storage_internal.h"
#include "json.h"

/* ---- strict decoding ---- */

static const struct {
    const char *type, *doc, *unknown, *mismatch; /* the first of each; NULL: none */
} strict[] = {
    {"PodSpec", "{'containers':[{'name':'c','image':'i'}]}", NULL, NULL},
    {"PodSpec", "{'containers':[{'name':'c','x':1}]}", "containers[0].x", NULL},
    {"PodSpec", "{'containers':'x'}", NULL, "unmarshal string into Go struct field .containers of type array"},
    {"PodSpec", "{'priority':5000000000}", NULL, "priority of type int32"},
    {"PodSpec", "{'nodeSelector':{'any':'thing'}}", NULL, NULL},
    {"PodSpec", "{'nodeSelector':{'any':1}}", NULL, "nodeSelector.any of type string"},
    {"ResourceRequirements", "{'limits':{'cpu':1,'memory':'1Gi'}}", NULL, NULL},
    {"ServicePort", "{'port':1,'targetPort':'name'}", NULL, NULL},
    {"ServicePort", "{'port':1,'targetPort':true}", NULL, "targetPort of type IntOrString"},
};

static void test_strict(void) {
    struct sb_types *types = sb_types_new();
    for (size_t i = 0; i < RV_ARRAY_LEN(strict); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct sb_strict found;
        sb_strict_decode(a, sb_types_find(types, strict[i].type), parse(a, strict[i].doc), false, &found);
        struct rv_str path = rv_node_text(rv_node_at(found.unknown, 0));
        CU_ASSERT(strict[i].unknown != NULL ? rv_str_is(path, strict[i].unknown) : path.n == 0);
        bool as_said = strict[i].mismatch != NULL
                           ? found.mismatch.n != 0 && strstr(found.mismatch.p, strict[i].mismatch) != NULL
                           : found.mismatch.n == 0;
        if (!as_said) fprintf(stderr, "%s: " RV_STR_FMT "\n", strict[i].doc, RV_STR_ARG(found.mismatch));
        CU_ASSERT(as_said);
    }
    sb_types_free(types);
}

/* Bytes are kept as bytes: what was written with line breaks is read without. */
static void test_bytes(void) {
    static const struct {
        const char *given, *kept, *mismatch;
    } rows[] = {
        {"YWJj", "YWJj", NULL},
        {"YW\\nJj\\r\\n", "YWJj", NULL},
        {"", "", NULL},
        {"YQ==", "YQ==", NULL},
        {"YR==", "YQ==", NULL}, /* bits that count for nothing */
        {"YQ", NULL, "illegal base64 data at input byte 0"},
        {"YWJj YWJj", NULL, "illegal base64 data at input byte 4"},
        {"YWJj!", NULL, "illegal base64 data at input byte 4"},
    };
    struct sb_types *types = sb_types_new();
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct sb_strict found;
        struct rv_node *doc = parse(a, rv_arena_fmt(a, "{'data':{'k':'%s'}}", rows[i].given).p);
        sb_strict_decode(a, sb_types_find(types, "Secret"), doc, false, &found);
        bool as_said = rows[i].mismatch != NULL ? rv_str_is(found.mismatch, rows[i].mismatch) : found.mismatch.n == 0;
        if (!as_said) fprintf(stderr, "%s: " RV_STR_FMT "\n", rows[i].given, RV_STR_ARG(found.mismatch));
        CU_ASSERT(as_said);
        if (rows[i].kept != NULL) CU_ASSERT(rv_str_is(rv_node_text(rv_node_path(doc, "data.k")), rows[i].kept));
    }
    sb_types_free(types);
}

static void test_pruned(void) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct sb_types *types = sb_types_new();
    struct sb_strict found;
    struct rv_node *doc = parse(a, "{'containers':[{'name':'c','x':1}],'nodeName':null}");
    sb_strict_decode(a, sb_types_find(types, "PodSpec"), doc, false, &found);
    CU_ASSERT(same(a, "pruned", doc, "{'containers':[{'name':'c'}]}"));
    sb_types_free(types);
}

/* ---- schemas ---- */

static const struct {
    const char *schema, *spec, *cause; /* NULL: valid */
} schemas[] = {
    {"{'type':'integer','minimum':1}", "0", "should be greater than or equal to 1"},
    {"{'type':'integer','minimum':1,'exclusiveMinimum':true}", "1", "should be greater than 1"},
    {"{'type':'integer','multipleOf':5}", "7", "should be a multiple of 5"},
    {"{'type':'object','additionalProperties':{'type':'string'},'maxProperties':1}", "{'a':'','b':''}",
     "must have at most properties: 1"},
    {"{'type':'object','additionalProperties':{'type':'string'},'minProperties':1}", "{}", "at least properties: 1"},
    {"{'x-kubernetes-int-or-string':true,'anyOf':[{'type':'integer'},{'type':'string'}]}", "'x'", NULL},
    {"{'type':'integer','anyOf':[{'maximum':1},{'minimum':5}]}", "3", "at least one schema (anyOf)"},
    {"{'type':'integer','anyOf':[{'maximum':1},{'minimum':5}]}", "6", NULL},
    {"{'type':'integer','oneOf':[{'maximum':5},{'minimum':3}]}", "4", "one and only one schema (oneOf)"},
    {"{'type':'integer','oneOf':[{'maximum':5},{'minimum':3}]}", "2", NULL},
    {"{'type':'integer','not':{'enum':[3]}}", "3", "must not validate the schema (not)"},
    {"{'type':'integer','allOf':[{'maximum':5},{'minimum':3}]}", "6", "less than or equal to 5"},
    {"{'type':'object','properties':{'a':{'type':'string'},'b':{'type':'string'}},'oneOf':[{'required':['a']},{'"
     "required':"
     "['b']}]}",
     "{'a':'','b':''}", "oneOf"},
    {"{'type':'array','x-kubernetes-list-type':'set','items':{'type':'string'}}", "['a','b','a']",
     "spec[2]: Duplicate value: \"a\""},
    {"{'type':'array','x-kubernetes-list-type':'map','x-kubernetes-list-map-keys':['n'],'items':{'type':'object',"
     "'properties':{'n':{'type':'string'}}}}",
     "[{'n':'a'},{'n':'a'}]", "spec[1]: Duplicate value"},
};

static const char CRD[] = "{'apiVersion':'apiextensions.k8s.io/"
                          "v1','kind':'CustomResourceDefinition','metadata':{'name':'things.x.io'},'spec':{"
                          "'group':'x.io','scope':'Cluster','names':{'plural':'things','kind':'Thing'},'versions':[{'"
                          "name':'v1','served':true,"
                          "'storage':true,'schema':{'openAPIV3Schema':{'type':'object','properties':{}}}}]}}";

static int create(struct sb_storage *s, const char *group, const char *plural, struct rv_arena *a, struct rv_node *o,
                  struct sb_status *st) {
    struct sb_object *made = NULL;
    int e = sb_create(s, sb_resource_find(s, rv_str(group), RV_STR("v1"), rv_str(plural)), RV_STR(""), o, a, NULL,
                      &made, st);
    sb_object_unref(made);
    return e;
}

static void test_schemas(void) {
    for (size_t i = 0; i < RV_ARRAY_LEN(schemas); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct sb_storage *s = sb_storage_new(NULL, &sb_kubernetes_rules);
        struct sb_status st = {0};
        struct rv_node *crd = parse(a, CRD),
                       *o = parse(a, "{'apiVersion':'x.io/v1','kind':'Thing','metadata':{'name':'t'}}");
        rv_node_set(a, rv_node_path(crd, "spec.versions[0].schema.openAPIV3Schema.properties"), "spec",
                    parse(a, schemas[i].schema));
        CU_ASSERT_EQUAL_FATAL(create(s, "apiextensions.k8s.io", "customresourcedefinitions", a, crd, &st), 0);
        rv_node_set(a, o, "spec", parse(a, schemas[i].spec));
        int e = create(s, "x.io", "things", a, o, &st);
        CU_ASSERT_EQUAL(e != 0, schemas[i].cause != NULL);
        bool said = schemas[i].cause == NULL || (st.message != NULL && strstr(st.message, schemas[i].cause) != NULL);
        if (!said) fprintf(stderr, "%s: %s\n", schemas[i].schema, st.message != NULL ? st.message : "valid");
        CU_ASSERT(said);
        sb_status_clear(&st);
        sb_storage_free(s);
    }
}

/* ---- events ---- */

static const char NEW_EVENT[] =
    "{'apiVersion':'events.k8s.io/v1','kind':'Event','metadata':{'name':'e'},'eventTime':'2026-01-02T03:04:05.000006Z',"
    "'reportingController':'c','reportingInstance':'i','action':'A','reason':'R','type':'Normal','note':'text',"
    "'regarding':{'kind':'Pod','name':'p'}}";
static const char STORED_EVENT[] =
    "{'apiVersion':'v1','kind':'Event','metadata':{'name':'e'},'eventTime':'2026-01-02T03:04:05.000006Z',"
    "'reportingComponent':'c','reportingInstance':'i','action':'A','reason':'R','type':'Normal','message':'text',"
    "'involvedObject':{'kind':'Pod','name':'p'}}";

static void test_event_forms(void) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    const struct sb_view *v = sb_view_of("events.k8s.io");
    struct rv_node *causes = rv_node_array(a), *e = parse(a, NEW_EVENT);
    CU_ASSERT_PTR_NOT_NULL_FATAL(v);
    v->take(a, e, RV_VAL_ABSENT, causes);
    CU_ASSERT_EQUAL(rv_node_len(causes), 0);
    CU_ASSERT(same(a, "stored", e, STORED_EVENT));
    v->show(a, e);
    CU_ASSERT(same(a, "served", e, NEW_EVENT));
    CU_ASSERT_PTR_NULL(sb_view_of("apps"));
}

static const struct {
    const char *patch, *cause; /* set in a good event */
} bad_events[] = {
    {"{'eventTime':null}", "eventTime: Required value"},
    {"{'reason':''}", "reason: Required value"},
    {"{'type':'Odd'}", "type: Invalid value"},
    {"{'deprecatedCount':2}", "count: Invalid value"},
};

static void test_event_rules(void) {
    const struct sb_view *v = sb_view_of("events.k8s.io");
    for (size_t i = 0; i < RV_ARRAY_LEN(bad_events); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct rv_node *causes = rv_node_array(a), *e = parse(a, NEW_EVENT), *more = parse(a, bad_events[i].patch),
                       *val;
        struct rv_str key;
        for (size_t k = 0; rv_node_entry(more, k, &key, &val); k++) rv_node_setn(a, e, key, rv_node_copy(a, val));
        v->take(a, e, RV_VAL_ABSENT, causes);
        CU_ASSERT_EQUAL(rv_node_len(causes), 1);
        CU_ASSERT(rv_str_starts(rv_node_text(rv_node_at(causes, 0)), bad_events[i].cause));
    }
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_node *causes = rv_node_array(a), *e = parse(a, NEW_EVENT);
    rv_node_set_cstr(a, e, "note", "another");
    v->take(a, e, rv_node_freeze(a, parse(a, STORED_EVENT)), causes);
    CU_ASSERT_EQUAL(rv_node_len(causes), 1);
    CU_ASSERT(rv_str_starts(rv_node_text(rv_node_at(causes, 0)), "message"));
}

/* ---- protobuf ---- */

/* k8s\0, Unknown{1: {1: "v1", 2: "Secret"}, 2: {1: ObjectMeta{1: "s", 11: {a: b}}, 2: {k: "xyz"}, 3: "T"}} */
static const char SECRET[] = "k8s\0\n\x0c\n\x02v1\x12\x06Secret\x12\x1a\n\x0b\n\x01sZ\x06\n\x01"
                             "a\x12\x01"
                             "b\x12\x08\n\x01k\x12\x03xyz\x1a\x01T";

static void test_protobuf(void) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct sb_types *types = sb_types_new();
    struct rv_node *n = NULL;
    struct rv_error err = {0};
    struct rv_bytes whole = {(const uint8_t *)SECRET, sizeof SECRET - 1};
    CU_ASSERT_EQUAL_FATAL(sb_protobuf_decode(types, a, whole, &n, &err), 0);
    CU_ASSERT(same(a, "secret", n,
                   "{'apiVersion':'v1','kind':'Secret','metadata':{'name':'s','labels':{'a':'b'}},'data':{'k':'eHl6'},"
                   "'type':'T'}"));
    for (size_t cut = 0; cut < whole.n; cut++) { /* whatever is cut off, it ends */
        struct rv_bytes part = {whole.p, cut};
        CU_ASSERT(sb_protobuf_decode(types, a, part, &n, &err) != 0);
    }
    sb_types_free(types);
}

/* ---- columns ---- */

static const struct {
    const char *path, *want; /* NULL: absent */
} paths[] = {
    {".a.b", "1"},     {".l[1].n", "2"}, {".l[?(@.t==\"y\")].n", "2"}, {".l[?(@.t=='z')].n", NULL}, {".m['x.y']", "3"},
    {".m.x\\.y", "3"}, {".l[*].n", "1"}, {".nothing.at.all", NULL}};

static void test_jsonpath(void) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_val doc =
        rv_node_freeze(a, parse(a, "{'a':{'b':1},'l':[{'t':'x','n':1},{'t':'y','n':2}],'m':{'x.y':3}}"));
    for (size_t i = 0; i < RV_ARRAY_LEN(paths); i++) {
        struct rv_val v = sb_jsonpath(doc, rv_str(paths[i].path));
        CU_ASSERT_EQUAL(rv_val_present(v), paths[i].want != NULL);
        CU_ASSERT(paths[i].want == NULL || same(a, paths[i].path, rv_node_from(a, v), paths[i].want));
    }
}

static const struct {
    int64_t seconds;
    const char *want;
} durations[] = {{-5, "<invalid>"}, {0, "0s"},       {119, "119s"},    {120, "2m"},        {125, "2m5s"},
                 {3600, "60m"},     {10800, "3h"},   {11100, "3h5m"},  {86400, "24h"},     {172800, "2d"},
                 {180000, "2d2h"},  {864000, "10d"}, {63072000, "2y"}, {63158400, "2y1d"}, {315360000, "10y"}};

static void test_durations(void) {
    for (size_t i = 0; i < RV_ARRAY_LEN(durations); i++) {
        rv_autobuf struct rv_buf b = {0};
        sb_human_duration(durations[i].seconds, &b);
        CU_ASSERT_STRING_EQUAL(rv_buf_cstr(&b), durations[i].want);
    }
}

int main(void) {
    static const CU_TestInfo tests[] = {{"bytes", test_bytes},
                                        {"strict", test_strict},
                                        {"pruned", test_pruned},
                                        {"schemas", test_schemas},
                                        {"event forms", test_event_forms},
                                        {"event rules", test_event_rules},
                                        {"protobuf", test_protobuf},
                                        {"jsonpath", test_jsonpath},
                                        {"durations", test_durations},
                                        CU_TEST_INFO_NULL};
    return run_suite("decode", tests);
}
