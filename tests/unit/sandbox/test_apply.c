/* test_apply.c - server-side apply as sequences of writes: who writes what, what is refused, and the result. */
#include "deploy/sandbox/rules/apply.h"
#include "storage.h"

enum how { END, APPLY, FORCE, UPDATE };
struct step {
    enum how how;
    const char *manager, *doc;
    const char *refused; /* what the message says; NULL: done */
};
/* A pod's own spec hardly changes any more; a template's does. */
#define PODS "spec.jobTemplate.spec.template.spec"
#define JOB(container)                                                                                                 \
    "{'spec':{'jobTemplate':{'spec':{'template':{'spec':{'restartPolicy':'Never','containers':[" container "]}}}}}}"
static const struct {
    const char *name, *plural;
    struct step steps[6];
    const char *part, *want; /* of the object at the end */
} histories[] = {
    {"creates", "configmaps", {{APPLY, "a", "{'data':{'x':'1'}}", NULL}}, "data", "{'x':'1'}"},
    {"what is dropped goes",
     "configmaps",
     {{APPLY, "a", "{'data':{'x':'1','y':'2'}}", NULL}, {APPLY, "a", "{'data':{'y':'2'}}", NULL}},
     "data",
     "{'y':'2'}"},
    {"what others own stays",
     "configmaps",
     {{APPLY, "a", "{'data':{'x':'1'}}", NULL},
      {APPLY, "b", "{'data':{'x':'1','y':'2'}}", NULL},
      {APPLY, "a", "{'data':{}}", NULL}},
     "data",
     "{'x':'1','y':'2'}"},
    {"a conflict",
     "configmaps",
     {{APPLY, "a", "{'data':{'x':'1'}}", NULL},
      {APPLY, "b", "{'data':{'x':'2'}}", "conflict with \"a\" using v1: .data.x"}},
     "data",
     "{'x':'1'}"},
    {"several conflicts",
     "configmaps",
     {{APPLY, "a", "{'data':{'x':'1','y':'1'}}", NULL},
      {APPLY, "b", "{'data':{'x':'2','y':'2'}}", "2 conflicts: conflicts with \"a\" using v1:\n- .data.x\n- .data.y"}},
     "data",
     "{'x':'1','y':'1'}"},
    {"force takes over",
     "configmaps",
     {{APPLY, "a", "{'data':{'x':'1','y':'1'}}", NULL},
      {FORCE, "b", "{'data':{'x':'2'}}", NULL},
      {APPLY, "a", "{'data':{'y':'1'}}", NULL}, /* no longer owns x, so x stays */
      {END, NULL, NULL, NULL}},
     "data",
     "{'x':'2','y':'1'}"},
    {"an update owns what it changed",
     "configmaps",
     {{APPLY, "a", "{'data':{'x':'1'}}", NULL},
      {UPDATE, "u", "{'data':{'x':'3'}}", NULL},
      {APPLY, "a", "{'data':{'x':'1'}}", "conflict with \"u\" using v1 at"}},
     "data",
     "{'x':'3'}"},
    {"what was there before the first apply",
     "configmaps",
     {{UPDATE, "u", "{'data':{'x':'1','y':'1'}}", NULL},
      {APPLY, "a", "{'data':{'x':'1'}}", NULL},
      {APPLY, "a", "{'data':{'x':'2'}}", "before-first-apply"}},
     "data",
     "{'x':'1','y':'1'}"},
    {"lists merge by key",
     "cronjobs",
     {{APPLY, "a", JOB("{'name':'c','image':'i:1','env':[{'name':'A','value':'1'}]}"), NULL},
      {APPLY, "b", JOB("{'name':'c','env':[{'name':'B','value':'2'}]}"), NULL}},
     PODS ".containers[0].env",
     "[{'name':'A','value':'1'},{'name':'B','value':'2'}]"},
    {"an element goes with its owner",
     "cronjobs",
     {{APPLY, "a", JOB("{'name':'c','image':'i:1','env':[{'name':'A','value':'1'},{'name':'B'}]}"), NULL},
      {APPLY, "a", JOB("{'name':'c','image':'i:1','env':[{'name':'B'}]}"), NULL}},
     PODS ".containers[0].env",
     "[{'name':'B'}]"},
    {"a default completes a key",
     "services",
     {{APPLY, "a", "{'spec':{'ports':[{'port':80,'name':'x'}]}}", NULL},
      {APPLY, "b", "{'spec':{'ports':[{'port':80,'protocol':'TCP','name':'y'}]}}",
       ".spec.ports[port=80,protocol=\"TCP\"].name"}},
     "spec.ports[0].name",
     "'x'"},
    {"a set",
     "configmaps",
     {{APPLY, "a", "{'metadata':{'finalizers':['x/a']}}", NULL},
      {APPLY, "b", "{'metadata':{'finalizers':['x/b']}}", NULL},
      {APPLY, "a", "{'metadata':{}}", NULL}},
     "metadata.finalizers",
     "['x/b']"},
};

static int write_plain(struct sb_storage *s, const struct sb_resource *r, struct rv_arena *a, struct rv_node *doc,
                       const char *manager, struct sb_object **ret, struct sb_status *st) {
    struct sb_write_opts o = {.manager = manager};
    rv_node_set_cstr(a, rv_node_ensure_map(a, doc, "metadata"), "name", "o");
    if (sb_get(s, r, RV_STR("n"), RV_STR("o")) == NULL) return sb_create(s, r, RV_STR("n"), doc, a, &o, ret, st);
    return sb_update(s, r, RV_STR("n"), RV_STR("o"), doc, a, &o, ret, st);
}

static void take_step(struct sb_storage *s, const struct sb_resource *r, const char *history, const struct step *p) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct sb_object *made = NULL;
    struct sb_status st = {0};
    struct rv_node *doc = parse(a, p->doc);
    rv_node_set_fmt(a, doc, "apiVersion", "%s%s%s", r->group, r->group[0] != '\0' ? "/" : "", r->version);
    rv_node_set_cstr(a, doc, "kind", r->kind);
    struct sb_apply_opts o = {.write = {.manager = p->manager}, .force = p->how == FORCE};
    bool created = false;
    int e = p->how == UPDATE ? write_plain(s, r, a, doc, p->manager, &made, &st)
                             : sb_apply(s, r, RV_STR("n"), RV_STR("o"), doc, a, &o, &made, &created, &st);
    if (p->refused == NULL) {
        if (e != 0) fprintf(stderr, "%s: %s\n", history, st.message);
        CU_ASSERT_EQUAL(e, 0);
    } else {
        CU_ASSERT_EQUAL(st.http, 409);
        bool said = st.message != NULL && strstr(st.message, p->refused) != NULL;
        if (!said) fprintf(stderr, "%s: %s\n", history, st.message != NULL ? st.message : "done");
        CU_ASSERT(said);
        CU_ASSERT(st.details != NULL && strstr(st.details, "FieldManagerConflict") != NULL);
    }
    sb_object_unref(made);
    sb_status_clear(&st);
}

static void test_histories(void) {
    for (size_t i = 0; i < RV_ARRAY_LEN(histories); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct sb_storage *s = fixture();
        const struct sb_resource *r = resource(s, histories[i].plural);
        for (const struct step *p = histories[i].steps; p->how != END; p++) take_step(s, r, histories[i].name, p);
        struct sb_object *o = sb_get(s, r, RV_STR("n"), RV_STR("o"));
        CU_ASSERT_PTR_NOT_NULL_FATAL(o);
        CU_ASSERT(
            same(a, histories[i].name, rv_node_path(rv_node_from(a, o->value), histories[i].part), histories[i].want));
        sb_storage_free(s);
    }
}

/* The same again is no change: clients that apply in a loop must not make versions. */
static void test_twice(void) {
    static const struct step again = {APPLY, "a", "{'data':{'x':'1'}}", NULL};
    struct sb_storage *s = fixture();
    const struct sb_resource *r = sb_resource_find(s, RV_STR(""), RV_STR("v1"), RV_STR("configmaps"));
    take_step(s, r, "once", &again);
    uint64_t version = sb_version(s);
    take_step(s, r, "twice", &again);
    CU_ASSERT_EQUAL(sb_version(s), version);
    sb_storage_free(s);
}

int main(void) {
    static const CU_TestInfo tests[] = {{"histories", test_histories}, {"twice", test_twice}, CU_TEST_INFO_NULL};
    return run_suite("apply", tests);
}
