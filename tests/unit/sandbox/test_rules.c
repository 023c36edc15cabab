/* test_rules.c - the rules for writes of particular kinds: immutable fields, fields that a POST must not have, nulls,
 * definitions. */
#include "deploy/sandbox/rules/patch.h"
#include "storage.h"

/* As a client would; the name is "o" unless the document says another. */
static int create(struct sb_storage *s, const char *plural, const char *json, struct sb_status *st) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    const struct sb_resource *r = resource(s, plural);
    struct rv_node *doc = parse(a, json);
    struct sb_object *made = NULL;
    rv_node_set_fmt(a, doc, "apiVersion", "%s%s%s", r->group, r->group[0] != '\0' ? "/" : "", r->version);
    rv_node_set_cstr(a, doc, "kind", r->kind);
    struct rv_node *meta = rv_node_ensure_map(a, doc, "metadata");
    if (rv_node_get(meta, "name") == NULL) rv_node_set_cstr(a, meta, "name", "o");
    int e = sb_create(s, r, r->namespaced ? RV_STR("n") : RV_STR(""), doc, a, NULL, &made, st);
    sb_object_unref(made);
    return e;
}

static struct sb_object *object(struct sb_storage *s, const char *plural, const char *name) {
    const struct sb_resource *r = resource(s, plural);
    return sb_get(s, r, r->namespaced ? RV_STR("n") : RV_STR(""), rv_str(name));
}

/* A merge patch (a map) or a JSON patch (a list), by a client or by a controller. */
static int change(struct sb_storage *s, const char *plural, const char *name, const char *json, bool status,
                  bool system, struct sb_status *st) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct sb_object *old = object(s, plural, name), *made = NULL;
    CU_ASSERT_PTR_NOT_NULL_FATAL(old);
    struct rv_node *doc = rv_node_from(a, old->value), *patch = parse(a, json);
    if (rv_node_type(patch) == RV_ARRAY) {
        CU_ASSERT_EQUAL(sb_patch_json(a, &doc, patch, NULL), 0);
    } else {
        doc = sb_patch_merge(a, doc, patch);
    }
    struct sb_write_opts o = {.status = status, .system = system, .manager = "test"};
    int e = sb_update(s, old->resource, old->ns, old->name, doc, a, &o, &made, st);
    sb_object_unref(made);
    return e;
}

static void expect(const char *what, int e, struct sb_status *st, const char *refused) {
    bool as_wanted = refused == NULL ? e == 0 : e != 0 && st->http == 422 && strstr(st->message, refused) != NULL;
    if (!as_wanted) fprintf(stderr, "%s: %s\n", what, st->message != NULL ? st->message : "done");
    CU_ASSERT(as_wanted);
    sb_status_clear(st);
}

/* ---- what never changes ---- */

#define POD "{'spec':{'containers':[{'name':'c','image':'i:1'}],'tolerations':[{'key':'a','operator':'Exists'}]}}"
#define GATED "{'spec':{'containers':[{'name':'c','image':'i:1'}],'schedulingGates':[{'name':'g'}]}}"
#define TEMPLATE "'template':{'spec':{'restartPolicy':'Never','containers':[{'name':'c','image':'i:1'}]}}"
#define NEW_IMAGE "{'spec':{'template':{'spec':{'containers':[{'name':'c','image':'i:2'}]}}}}"
#define PICKY "{'spec':{'template':{'spec':{'nodeSelector':{'a':'b'}}}}}"
#define CLAIM "{'spec':{'accessModes':['ReadWriteOnce'],'resources':{'requests':{'storage':'1Gi'}}}}"
#define BIGGER "{'spec':{'resources':{'requests':{'storage':'2Gi'}}}}"
#define FIXED "field is immutable"
static const struct {
    const char *name, *plural, *born, *patch, *refused;
    const char *status; /* that it has before */
} changes[] = {
    {"a pod's image", "pods", POD, "[{'op':'replace','path':'/spec/containers/0/image','value':'i:2'}]", NULL, NULL},
    {"a pod's labels", "pods", POD, "{'metadata':{'labels':{'a':'b'}}}", NULL, NULL},
    {"a pod's deadline", "pods", POD, "{'spec':{'activeDeadlineSeconds':9}}", NULL, NULL},
    {"a pod's environment", "pods", POD,
     "[{'op':'add','path':'/spec/containers/0/env','value':[{'name':'A','value':'1'}]}]",
     "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`", NULL},
    {"a pod's place", "pods", POD, "{'spec':{'nodeName':'x'}}", "spec: Forbidden: pod updates", NULL},
    {"another container", "pods", POD, "[{'op':'add','path':'/spec/containers/-','value':{'name':'d','image':'i'}}]",
     "spec: Forbidden: pod updates", NULL},
    {"a toleration more", "pods", POD,
     "[{'op':'add','path':'/spec/tolerations/0','value':{'key':'b','operator':'Exists'}}]", NULL, NULL},
    {"a toleration less", "pods", POD, "[{'op':'remove','path':'/spec/tolerations/0'}]", "spec: Forbidden: pod updates",
     NULL},
    {"a gate opens", "pods", GATED, "{'spec':{'schedulingGates':null}}", NULL, NULL},
    {"a gate more", "pods", GATED, "{'spec':{'schedulingGates':[{'name':'g'},{'name':'h'}]}}",
     "spec: Forbidden: pod updates", NULL},
    {"a job's template", "jobs", "{'spec':{" TEMPLATE "}}", NEW_IMAGE, "spec.template: Invalid value: ", NULL},
    {"a job's selector", "jobs", "{'spec':{" TEMPLATE "}}", "{'spec':{'selector':{'matchLabels':{'a':'b'}}}}",
     "spec.selector: Invalid value: {\"matchLabels\":", NULL},
    {"a job's completions", "jobs", "{'spec':{" TEMPLATE "}}", "{'spec':{'completions':3}}",
     "spec.completions: Invalid value: 3: " FIXED, NULL},
    {"an indexed job's completions", "jobs",
     "{'spec':{'completionMode':'Indexed','completions':2,'parallelism':2," TEMPLATE "}}",
     "{'spec':{'completions':3,'parallelism':3}}", NULL, NULL},
    {"a job's parallelism", "jobs", "{'spec':{" TEMPLATE "}}", "{'spec':{'parallelism':2}}", NULL, NULL},
    {"where a job runs", "jobs", "{'spec':{" TEMPLATE "}}", PICKY, "spec.template: ", NULL},
    {"where a suspended job runs", "jobs", "{'spec':{'suspend':true," TEMPLATE "}}", PICKY, NULL, NULL},
    {"what a suspended job runs", "jobs", "{'spec':{'suspend':true," TEMPLATE "}}", NEW_IMAGE, "spec.template: ", NULL},
    {"a cron job's template", "cronjobs", "{'spec':{'schedule':'* * * * *','jobTemplate':{'spec':{" TEMPLATE "}}}}",
     "{'spec':{'jobTemplate':{'spec':{'backoffLimit':3}}}}", NULL, NULL},
    {"a service's address", "services", "{'spec':{'ports':[{'port':80}]}}", "{'spec':{'clusterIP':'None'}}",
     "spec.clusterIPs[0]: Invalid value: \"None\": may not change once set", NULL},
    {"a service's address left out", "services", "{'spec':{'ports':[{'port':80}]}}",
     "{'spec':{'clusterIP':null,'ports':[{'port':81}]}}", NULL, NULL},
    {"a service's ports", "services", "{'spec':{'clusterIP':'None'}}", "{'spec':{'ports':[{'port':81}]}}", NULL, NULL},
    {"a service that points elsewhere", "services", "{'spec':{'ports':[{'port':80}]}}",
     "{'spec':{'type':'ExternalName','externalName':'a.b','clusterIP':null,'clusterIPs':null}}", NULL, NULL},
    {"a claim's class", "persistentvolumeclaims", CLAIM, "{'spec':{'storageClassName':'fast'}}",
     "spec: Forbidden: spec is immutable after creation except resources.requests", NULL},
    {"a claim's size", "persistentvolumeclaims", CLAIM, BIGGER, "spec: Forbidden: spec is immutable", NULL},
    {"a bound claim's size", "persistentvolumeclaims", CLAIM, BIGGER, NULL, "{'status':{'phase':'Bound'}}"},
    {"a claim's volume, once", "persistentvolumeclaims", CLAIM, "{'spec':{'volumeName':'v'}}", NULL, NULL},
    {"a secret's type", "secrets", "{}", "{'type':'example.com/x'}", "type: Invalid value: \"example.com/x\": " FIXED,
     NULL},
    {"a secret's data", "secrets", "{}", "{'data':{'a':'Yg=='}}", NULL, NULL},
    {"a sealed map", "configmaps", "{'immutable':true,'data':{'a':'b'}}", "{'data':{'a':'c'}}",
     "data: Forbidden: field is immutable when `immutable` is set", NULL},
    {"a seal", "configmaps", "{'immutable':true}", "{'immutable':false}", "immutable: Forbidden: ", NULL},
    {"a sealed map's labels", "configmaps", "{'immutable':true}", "{'metadata':{'labels':{'a':'b'}}}", NULL, NULL},
    {"a deployment's selector", "deployments", "{'spec':{'selector':{'matchLabels':{'a':'b'}}," TEMPLATE "}}",
     "{'spec':{'selector':{'matchLabels':{'a':'c'}}}}", "spec.selector: Invalid value: ", NULL},
    {"a binding's role", "rolebindings", "{'roleRef':{'kind':'Role','name':'a'}}", "{'roleRef':{'name':'b'}}",
     "roleRef: Invalid value: ", NULL},
    {"a slice's addresses", "endpointslices", "{'addressType':'IPv4','endpoints':[]}", "{'addressType':'IPv6'}",
     "addressType: Invalid value: \"IPv6\": " FIXED, NULL},
};

static void test_changes(void) {
    for (size_t i = 0; i < RV_ARRAY_LEN(changes); i++) {
        struct sb_storage *s = fixture();
        struct sb_status st = {0};
        expect(changes[i].name, create(s, changes[i].plural, changes[i].born, &st), &st, NULL);
        if (changes[i].status != NULL)
            expect(changes[i].name, change(s, changes[i].plural, "o", changes[i].status, true, false, &st), &st, NULL);
        expect(changes[i].name, change(s, changes[i].plural, "o", "{}", false, false, &st), &st, NULL);
        expect(changes[i].name, change(s, changes[i].plural, "o", changes[i].patch, false, false, &st), &st,
               changes[i].refused);
        sb_storage_free(s);
    }
}

/* ---- what is refused at once ---- */

#define PORT "'ports':[{'port':80}]"
#define ASKS(resources) "{'spec':{'containers':[{'name':'c','image':'i','resources':" resources "}]}}"
static const struct {
    const char *plural, *born, *refused; /* refused NULL: it is taken */
} births[] = {
    {"services", "{'spec':{" PORT "}}", NULL},
    {"services", "{'spec':{'type':'Foo'," PORT "}}",
     "spec.type: Unsupported value: \"Foo\": supported values: \"ClusterIP\", \"ExternalName\", \"LoadBalancer\", "
     "\"NodePort\""},
    {"services", "{'spec':{'type':'ExternalName'}}", "spec.externalName: Required value"},
    {"services", "{'spec':{'type':'ExternalName','externalName':'not a name'}}",
     "spec.externalName: Invalid value: \"not a name\": "},
    {"services", "{'spec':{'type':'ExternalName','externalName':'a.example.com.'}}", NULL},
    {"services", "{'spec':{'type':'NodePort','clusterIP':'None'," PORT "}}", "may not be set to 'None' for NodePort"},
    {"services", "{'spec':{}}", "spec.ports: Required value"},
    {"services", "{'spec':{'clusterIP':'None'}}", NULL},
    {"services", "{'spec':{'sessionAffinity':'Sometimes'," PORT "}}",
     "spec.sessionAffinity: Unsupported value: \"Sometimes\": supported values: \"ClientIP\", \"None\""},
    {"services", "{'spec':{'ports':[{'port':0}]}}",
     "spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive"},
    {"services", "{'spec':{'ports':[{'port':1,'targetPort':70000}]}}",
     "spec.ports[0].targetPort: Invalid value: 70000: "},
    {"services", "{'spec':{'ports':[{'port':1},{'name':'b','port':2}]}}", "spec.ports[0].name: Required value"},
    {"services", "{'spec':{'ports':[{'name':'a','port':1},{'name':'a','port':2}]}}",
     "spec.ports[1].name: Duplicate value: \"a\""},
    {"services", "{'spec':{'ports':[{'name':'a','port':1},{'name':'b','port':1}]}}",
     "spec.ports[1]: Duplicate value: "},
    {"services", "{'spec':{'ports':[{'name':'a','port':1},{'name':'b','port':1,'protocol':'UDP'}]}}", NULL},
    {"services", "{'spec':{'ports':[{'port':1,'protocol':'ICMP'}]}}",
     "spec.ports[0].protocol: Unsupported value: \"ICMP\": supported values: \"SCTP\", \"TCP\", \"UDP\""},
    {"pods", ASKS("{'limits':{'cpu':'1'},'requests':{'cpu':'1'}}"), NULL},
    {"pods", ASKS("{'limits':{'cpu':'1'},'requests':{'cpu':'1500m'}}"),
     "spec.containers[0].resources.requests: Invalid value: \"1500m\": must be less than or equal to cpu limit of 1"},
    {"pods", ASKS("{'requests':{'cpu':'-1'}}"), "must be greater than or equal to 0"},
    {"pods", ASKS("{'requests':{'nvidia.com/gpu':1}}"), "Limit must be set for non overcommitable resources"},
    {"pods", ASKS("{'limits':{'nvidia.com/gpu':2},'requests':{'nvidia.com/gpu':1}}"),
     "must be equal to nvidia.com/gpu limit of 2"},
    {"jobs",
     "{'spec':{'template':{'spec':{'restartPolicy':'Never','containers':[{'name':'c','image':'i','resources':{'limits':"
     "{'memory':'1Gi'},'requests':{'memory':'2Gi'}}}]}}}}",
     "spec.template.spec.containers[0].resources.requests: Invalid value: \"2Gi\": must be less than or equal to "
     "memory "
     "limit of 1Gi"},
    {"pods", "{'spec':{'containers':[{'name':'c','image':'i'}],'initContainers':[{'name':'i'}]}}",
     "spec.initContainers[0].image: Required value"},
};

static void test_births(void) {
    for (size_t i = 0; i < RV_ARRAY_LEN(births); i++) {
        struct sb_storage *s = fixture();
        struct sb_status st = {0};
        expect(births[i].born, create(s, births[i].plural, births[i].born, &st), &st, births[i].refused);
        sb_storage_free(s);
    }
}

/* The scheduler says where a pod runs. */
static void test_controllers(void) {
    struct sb_storage *s = fixture();
    struct sb_status st = {0};
    expect("pod", create(s, "pods", POD, &st), &st, NULL);
    expect("place", change(s, "pods", "o", "{'spec':{'nodeName':'x'}}", false, true, &st), &st, NULL);
    sb_storage_free(s);
}

/* ---- a status is not a client's to bring ---- */

static void test_born_without_status(void) {
    static const struct {
        const char *plural, *rest, *want; /* the status */
    } rows[] = {
        {"pods", "'spec':{'containers':[{'name':'c','image':'i'}]}", "{'phase':'Pending','qosClass':'BestEffort'}"},
        {"jobs", "'spec':{" TEMPLATE "}", NULL},
        {"services", "'spec':{'clusterIP':'None'}", "{'loadBalancer':{}}"},
        {"persistentvolumeclaims", "'spec':{}", "{'phase':'Pending'}"},
        {"poddisruptionbudgets", "'spec':{}", NULL},
        {"namespaces", "'spec':{}", "{'phase':'Active'}"},
        {"nodes", "'spec':{}", "{'mark':'x','phase':'Failed'}"}};
    struct sb_storage *s = fixture();
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        rv_autobuf struct rv_buf doc = {0};
        struct sb_status st = {0};
        rv_buf_addf(&doc, "{'status':{'mark':'x','phase':'Failed'},%s}", rows[i].rest);
        expect(rows[i].plural, create(s, rows[i].plural, rv_buf_cstr(&doc), &st), &st, NULL);
        struct rv_node *status = rv_node_get(rv_node_from(a, object(s, rows[i].plural, "o")->value), "status");
        CU_ASSERT(rows[i].want == NULL ? rv_node_get(status, "mark") == NULL && rv_node_get(status, "phase") == NULL
                                       : same(a, rows[i].plural, status, rows[i].want));
    }
    sb_storage_free(s);
}

/* ---- nulls in custom resources ---- */

#define CRD(more, names, spec)                                                                                         \
    "{'metadata':{'name':'things.ray.test'},'spec':{'group':'ray.test','scope':'Namespaced',"                          \
    "'names':{'plural':'things','kind':'Thing'" names "},'versions':[{'name':'v1','served':true,'storage':true" more   \
    ",'schema':{'openAPIV3Schema':{'type':'object','properties':{'spec':" spec "}}}}]}}"
#define FIELDS                                                                                                         \
    "{'type':'object','properties':{'text':{'type':'string'},'count':{'type':'integer','default':7},"                  \
    "'when':{'type':'string','nullable':true},'port':{'x-kubernetes-int-or-string':true},"                             \
    "'params':{'type':'object','additionalProperties':{'type':'string'}},"                                             \
    "'list':{'type':'array','items':{'type':'string'}},"                                                               \
    "'free':{'type':'object','x-kubernetes-preserve-unknown-fields':true,'properties':{'known':{'type':'string'}}}}}"

static void test_nulls(void) {
    static const struct {
        const char *spec, *want, *refused;
    } rows[] = {
        {"{'text':null}", "{'count':7}", NULL},
        {"{'count':null}", "{'count':7}", NULL},
        {"{'when':null,'count':1}", "{'when':null,'count':1}", NULL},
        {"{'port':null,'count':1}", "{'count':1}", NULL},
        {"{'params':null,'count':1}", "{'count':1}", NULL},
        {"{'params':{'a':null,'b':'c'},'count':1}", "{'params':{'b':'c'},'count':1}", NULL},
        {"{'list':null,'count':1}", "{'count':1}", NULL},
        {"{'list':[null]}", NULL, "spec.list[0]: Invalid value: null: must be of type string"},
        {"{'free':{'any':null,'known':null},'count':1}", "{'free':{'any':null},'count':1}", NULL},
        {"{'unknown':null,'count':1}", "{'count':1}", NULL},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        rv_autobuf struct rv_buf doc = {0};
        struct sb_storage *s = fixture();
        struct sb_status st = {0};
        expect("definition", create(s, "customresourcedefinitions", CRD("", "", FIELDS), &st), &st, NULL);
        rv_buf_addf(&doc, "{'spec':%s}", rows[i].spec);
        expect(rows[i].spec, create(s, "things", rv_buf_cstr(&doc), &st), &st, rows[i].refused);
        if (rows[i].refused == NULL) {
            struct rv_node *made = rv_node_from(a, object(s, "things", "o")->value);
            CU_ASSERT(same(a, rows[i].spec, rv_node_get(made, "spec"), rows[i].want));
        }
        sb_storage_free(s);
    }
}

/* ---- definitions that change and go ---- */

#define PLAIN "{'type':'object','properties':{'a':{'type':'string'}}}"

static void test_definition_changes(void) {
    struct sb_storage *s = fixture();
    struct sb_status st = {0};
    const char *kind = "customresourcedefinitions", *name = "things.ray.test";
    expect("definition", create(s, kind, CRD("", "", PLAIN), &st), &st, NULL);
    const struct sb_resource *r = resource(s, "things");
    CU_ASSERT_FALSE(r->has_status);
    CU_ASSERT_PTR_NULL(r->short_names);
    expect("an object", create(s, "things", "{'status':{'x':'y'}}", &st), &st, NULL);
    expect("change",
           change(s, kind, name,
                  CRD(",'subresources':{'status':{}}", ",'shortNames':['th'],'categories':['all'],'singular':'one'",
                      PLAIN),
                  false, false, &st),
           &st, NULL);
    CU_ASSERT_PTR_EQUAL(resource(s, "things"), r);
    CU_ASSERT_TRUE(r->has_status);
    CU_ASSERT_STRING_EQUAL(r->singular, "one");
    CU_ASSERT_STRING_EQUAL(r->short_names[0], "th");
    CU_ASSERT_STRING_EQUAL(r->categories[0], "all");
    CU_ASSERT_PTR_NULL(r->categories[1]);
    CU_ASSERT_PTR_NOT_NULL(object(s, "things", "o"));
    expect("scope", change(s, kind, name, "{'spec':{'scope':'Cluster'}}", false, false, &st), &st,
           "spec.scope: Invalid value: \"Cluster\": " FIXED);
    expect("version",
           change(s, kind, name,
                  "{'spec':{'versions':[{'name':'v2','storage':true,'schema':"
                  "{'openAPIV3Schema':{'type':'object'}}}]}}",
                  false, false, &st),
           &st, "status.storedVersions[0]: Invalid value: \"v1\": missing from spec.versions");
    expect("less", change(s, kind, name, CRD("", ",'shortNames':null,'categories':null", PLAIN), false, false, &st),
           &st, NULL);
    CU_ASSERT_FALSE(r->has_status);
    CU_ASSERT_PTR_NULL(r->short_names);
    sb_storage_free(s);
}

/* What cannot be judged is refused, not passed over. */
static void test_definition_with_unknown_rule(void) {
    struct sb_storage *s = fixture();
    struct sb_status st = {0};
    expect("a rule",
           create(s, "customresourcedefinitions",
                  CRD("", "", "{'type':'object','x-kubernetes-validations':[{'rule':'self.all(x, x > 1)'}]}"), &st),
           &st, "the sandbox cannot judge the rule \"self.all(x, x > 1)\"");
    expect("a reference", create(s, "customresourcedefinitions", CRD("", "", "{'$ref':'#/x'}"), &st), &st,
           "$ref: Forbidden");
    CU_ASSERT_PTR_NULL(sb_resource_find(s, RV_STR("ray.test"), RV_STR("v1"), RV_STR("things")));
    sb_storage_free(s);
}

static void note(void *arg, enum sb_event type, struct sb_object *o, struct sb_object *prev) {
    (void)prev;
    if (type != SB_DELETED) return;
    rv_buf_addf(arg, "%s%s ", o->resource->plural, sb_table_of(o->resource)->gone ? " (gone)" : "");
}

/* Instances first, in the order of versions; whoever hears of the definition's end knows that nothing more comes. */
static void test_definition_goes(void) {
    struct sb_storage *s = fixture();
    struct sb_status st = {0};
    rv_autobuf struct rv_buf live = {0}, history = {0};
    struct sb_object *last = NULL;
    expect("definition", create(s, "customresourcedefinitions", CRD("", "", PLAIN), &st), &st, NULL);
    expect("an object", create(s, "things", "{}", &st), &st, NULL);
    uint64_t before = sb_version(s);
    sb_listen(s, note, &live);
    const struct sb_resource *definitions = resource(s, "customresourcedefinitions");
    CU_ASSERT_EQUAL(sb_delete(s, definitions, RV_STR(""), RV_STR("things.ray.test"), NULL, &last, &st), 0);
    sb_object_unref(last);
    CU_ASSERT_STRING_EQUAL(rv_buf_cstr(&live), "things customresourcedefinitions ");
    CU_ASSERT_EQUAL(sb_history(s, NULL, before, note, &history), 0);
    CU_ASSERT_STRING_EQUAL(rv_buf_cstr(&history), "things (gone) customresourcedefinitions ");
    CU_ASSERT_PTR_NULL(sb_resource_find(s, RV_STR("ray.test"), RV_STR("v1"), RV_STR("things")));
    sb_storage_free(s);
}

int main(void) {
    static const CU_TestInfo tests[] = {{"changes", test_changes},
                                        {"births", test_births},
                                        {"controllers", test_controllers},
                                        {"born without status", test_born_without_status},
                                        {"nulls", test_nulls},
                                        {"definition changes", test_definition_changes},
                                        {"definition with unknown rule", test_definition_with_unknown_rule},
                                        {"definition goes", test_definition_goes},
                                        CU_TEST_INFO_NULL};
    return run_suite("rules", tests);
}
