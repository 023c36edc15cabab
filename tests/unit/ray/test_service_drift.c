/* test_service_drift.c - when a Service differs from what is wanted, and what the patch keeps of it. */
#include "made.h"
#include "plugins/ray/object_drift.h"

#define HAVE(spec) "{'metadata':{'name':'s'},'spec':{" spec "}}"

static const struct {
    const char *row, *have, *want, *patch; /* patch NULL: nothing to repair */
} rows[] = {
    {"what the API server completes is no difference",
     "'type':'ClusterIP','clusterIP':'10.0.0.1','ports':[{'name':'a','port':1,'targetPort':1,'protocol':'TCP'}]",
     "'ports':[{'name':'a','port':1}]", NULL},
    {"the same node port, drawn", "'type':'NodePort','ports':[{'name':'a','port':1,'targetPort':1,'nodePort':30001}]",
     "'type':'NodePort','ports':[{'name':'a','port':1}]", NULL},
    {"the same node port, asked for",
     "'type':'NodePort','ports':[{'name':'a','port':1,'targetPort':1,'nodePort':30001}]",
     "'type':'NodePort','ports':[{'name':'a','port':1,'nodePort':30001}]", NULL},
    {"another node port, asked for",
     "'type':'NodePort','ports':[{'name':'a','port':1,'targetPort':1,'nodePort':30001}]",
     "'type':'NodePort','ports':[{'name':'a','port':1,'nodePort':30002}]",
     "{'spec':{'ports':[{'name':'a','port':1,'nodePort':30002}]}}"},
    {"a port more: the one that was drawn stays with its name",
     "'type':'NodePort','ports':[{'name':'a','port':1,'targetPort':1,'nodePort':30001}]",
     "'type':'NodePort','ports':[{'name':'b','port':2},{'name':'a','port':1}]",
     "{'spec':{'ports':[{'name':'b','port':2},{'name':'a','port':1,'nodePort':30001}]}}"},
    {"a port more: what was asked for stays",
     "'type':'LoadBalancer','ports':[{'name':'a','port':1,'targetPort':1,'nodePort':30001}]",
     "'type':'LoadBalancer','ports':[{'name':'a','port':1,'nodePort':30009},{'name':'b','port':2}]",
     "{'spec':{'ports':[{'name':'a','port':1,'nodePort':30009},{'name':'b','port':2}]}}"},
    {"no node port where the type has none",
     "'type':'NodePort','ports':[{'name':'a','port':1,'targetPort':1,'nodePort':30001}]",
     "'ports':[{'name':'a','port':2}]", "{'spec':{'ports':[{'name':'a','port':2}],'type':'ClusterIP'}}"},
    {"another number", "'ports':[{'name':'a','port':1,'targetPort':1}]", "'ports':[{'name':'a','port':2}]",
     "{'spec':{'ports':[{'name':'a','port':2}]}}"},
    {"another target", "'ports':[{'name':'a','port':1,'targetPort':1}]",
     "'ports':[{'name':'a','port':1,'targetPort':2}]", "{'spec':{'ports':[{'name':'a','port':1,'targetPort':2}]}}"},
    {"the same target by name", "'ports':[{'name':'a','port':1,'targetPort':'t'}]",
     "'ports':[{'name':'a','port':1,'targetPort':'t'}]", NULL},
    {"another target by name", "'ports':[{'name':'a','port':1,'targetPort':'t'}]",
     "'ports':[{'name':'a','port':1,'targetPort':'u'}]", "{'spec':{'ports':[{'name':'a','port':1,'targetPort':'u'}]}}"},
    {"another protocol", "'ports':[{'name':'a','port':1,'targetPort':1,'protocol':'UDP'}]",
     "'ports':[{'name':'a','port':1}]", "{'spec':{'ports':[{'name':'a','port':1}]}}"},
    {"a port less", "'ports':[{'name':'a','port':1,'targetPort':1},{'name':'b','port':2,'targetPort':2}]",
     "'ports':[{'name':'a','port':1}]", "{'spec':{'ports':[{'name':'a','port':1}]}}"},
    {"a selector that somebody changed", "'selector':{'a':'x','more':'y'}", "'selector':{'a':'b'}",
     "{'spec':{'selector':{'a':'b','more':null}}}"},
    {"no selector is wanted: the one that is there is not touched", "'selector':{'a':'x'},'type':'ClusterIP'",
     "'type':'ClusterIP'", NULL},
    {"a type that somebody changed", "'type':'NodePort'", "'type':'ClusterIP'", "{'spec':{'type':'ClusterIP'}}"},
};

static void service(void) {
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct rv_val have = quoted(a, rv_arena_fmt(a, HAVE("%s"), rows[i].have).p),
                      want = quoted(a, rv_arena_fmt(a, HAVE("%s"), rows[i].want).p);
        CHECK_ROW(rv_val_present(have) && rv_val_present(want), rows[i].row);
        struct rv_node *patch = rc_drift_service(a, have, rv_node_from(a, want));
        made_is(a, rows[i].row, patch != NULL ? rv_node_freeze(a, patch) : RV_VAL_ABSENT, rows[i].patch);
    }
}

/* Objects of other kinds: maps field by field, all else as a whole; what others added stays. */
static void object(void) {
    static const struct {
        const char *row, *have, *want, *patch;
    } objects[] = {
        {"completed by the API server", "{'kind':'HTTPRoute','spec':{'rules':[{'a':1,'b':2}],'c':3},'status':{'d':4}}",
         "{'kind':'HTTPRoute','spec':{'rules':[{'a':1}]}}", NULL},
        {"one field differs", "{'spec':{'rules':[{'a':2}],'c':3}}", "{'spec':{'rules':[{'a':1}],'c':3}}",
         "{'spec':{'rules':[{'a':1}]}}"},
        {"a field is missing", "{'spec':{'c':3}}", "{'spec':{'rules':[1],'c':3}}", "{'spec':{'rules':[1]}}"},
        {"a list beside the spec", "{'endpoints':[{'a':1}],'ports':[1]}", "{'endpoints':[{'a':1},{'b':2}],'ports':[1]}",
         "{'endpoints':[{'a':1},{'b':2}]}"},
        {"a label that somebody changed", "{'metadata':{'labels':{'a':'x','b':'y'}},'spec':{}}",
         "{'metadata':{'name':'n','labels':{'a':'z'}},'spec':{}}", "{'metadata':{'labels':{'a':'z'}}}"},
        {"labels of others", "{'metadata':{'labels':{'a':'z','b':'y'}}}", "{'metadata':{'labels':{'a':'z'}}}", NULL},
        {"a record of what the user wrote",
         "{'metadata':{'annotations':{'rayvisor.io/written':'labels/b'},'labels':{'b':'y'}}}", "{'metadata':{}}",
         "{'metadata':{'labels':{'b':null},'annotations':{'rayvisor.io/written':null}}}"},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(objects); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct rv_val have = quoted(a, objects[i].have), want = quoted(a, objects[i].want);
        struct rv_node *patch = rc_drift_object(a, have, rv_node_from(a, want));
        made_is(a, objects[i].row, patch != NULL ? rv_node_freeze(a, patch) : RV_VAL_ABSENT, objects[i].patch);
    }
}

static const struct suite_test tests[] = {{"service", service}, {"another object", object}};
SUITE_MAIN("ray: services that differ", tests)
