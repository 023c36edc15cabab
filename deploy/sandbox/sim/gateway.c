/* gateway.c - the Gateway API: its CustomResourceDefinitions, and a controller for the GatewayClass "sandbox".
 * dataplane.c chooses the backend of a request. */
#include "internal.h"
#include "rayvisor/json.h"

#include <stdlib.h>

#define GROUP "gateway.networking.k8s.io"
#define CONTROLLER "sandbox.rayvisor.io/gateway"

/* A route as the controller last saw it: what the data plane acts on. */
struct seen_route {
    struct seen_route *next;
    const struct sb_resource *kind;
    char *ns, *name;
    struct rv_buf spec;
};

struct gateways {
    struct sim_timer timer;
    bool served;
    struct seen_route *routes;
};

/* ---- definitions: what of the real ones a client notices, above all their defaults ---- */

#define OPEN "'x-kubernetes-preserve-unknown-fields':true"
#define STATUS "'status':{'type':'object'," OPEN "}"
#define TEXT "{'type':'string'}"
#define REFS(kind)                                                                                                     \
    "{'type':'array','items':{'type':'object'," OPEN                                                                   \
    ",'required':['name'],'properties':{'name':{'type':'string','minLength':1},'group':{'type':'string','default':"    \
    "'" GROUP "'},'kind':{'type':'string','default':'" kind "'}}}}"
#define BACKENDS                                                                                                       \
    "{'type':'array','items':{'type':'object'," OPEN                                                                   \
    ",'required':['name'],'properties':{'name':{'type':'string','minLength':1},'group':{'type':'string','default':''}" \
    ",'kind':{'type':'string','default':'Service'},'namespace':" TEXT                                                  \
    ",'port':{'type':'integer','format':'int32','minimum':1,'maximum':65535}"                                          \
    ",'weight':{'type':'integer','format':'int32','minimum':0,'maximum':1000000,'default':1}}}}"
#define LISTENERS                                                                                                      \
    "{'type':'array','minItems':1,'items':{'type':'object'," OPEN                                                      \
    ",'required':['name','port','protocol'],'properties':{'name':" TEXT ",'protocol':" TEXT                            \
    ",'port':{'type':'integer','format':'int32','minimum':1,'maximum':65535}"                                          \
    ",'allowedRoutes':{'type':'object'," OPEN ",'default':{'namespaces':{'from':'Same'}}}}}}"
#define MATCHES                                                                                                        \
    "{'type':'array','default':[{'path':{'type':'PathPrefix','value':'/'}}],'items':{'type':'object'," OPEN            \
    ",'properties':{'path':{'type':'object','default':{'type':'PathPrefix','value':'/'},'properties':{'type':"         \
    "{'type':'string','default':'PathPrefix'},'value':{'type':'string','default':'/'}}}}}}"

static const struct {
    const char *plural, *singular, *kind, *short_name, *scope, *spec;
} definitions[] = {
    {"gatewayclasses", "gatewayclass", "GatewayClass", "gc", "Cluster",
     "{'type':'object'," OPEN ",'required':['controllerName'],'properties':{'controllerName':" TEXT "}}"},
    {"gateways", "gateway", "Gateway", "gtw", "Namespaced",
     "{'type':'object'," OPEN ",'required':['gatewayClassName','listeners'],'properties':{'gatewayClassName':" TEXT
     ",'listeners':" LISTENERS "}}"},
    {"httproutes", "httproute", "HTTPRoute", "htr", "Namespaced",
     "{'type':'object'," OPEN ",'properties':{'parentRefs':" REFS(
         "Gateway") ",'hostnames':{'type':'array','items':" TEXT "},'rules':{'type':'array','default':[{'matches':[{'"
                    "path':{'type':'PathPrefix','value':'/'}}]}],'items':"
                    "{'type':'object'," OPEN ",'properties':{'matches':" MATCHES ",'backendRefs':" BACKENDS "}}}}}"},
    {"grpcroutes", "grpcroute", "GRPCRoute", "grpcr", "Namespaced",
     "{'type':'object'," OPEN
     ",'properties':{'parentRefs':" REFS("Gateway") ",'hostnames':{'type':'array','items':" TEXT
                                                    "},'rules':{'type':'array','items':{'type':'object'," OPEN
                                                    ",'properties':{'backendRefs':" BACKENDS "}}}}}"},
};

static int create(struct sim *m, const char *group, const char *plural, const char *json, struct rv_error *err) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    rv_autobuf struct rv_buf text = {0}, b = {0};
    for (const char *p = json; *p != '\0'; p++) rv_buf_addc(&text, *p == '\'' ? '"' : (uint8_t)*p);
    const struct sb_resource *r = sb_resource_find(m->storage, rv_str(group), RV_STR("v1"), rv_str(plural));
    int e = rv_json_to_mp(rv_buf_str(&text), NULL, &b, err);
    if (e != 0) return e;
    struct sb_object *made = NULL;
    struct sb_status st = {0};
    e = sb_create(m->storage, r, RV_STR(""), rv_node_from(a, (struct rv_val){b.p, b.n}), a, NULL, &made, &st);
    if (e != 0 && e != RV_E_EXISTS) rv_error_set(err, e, "%s", st.message);
    sb_object_unref(made);
    sb_status_clear(&st);
    return e == RV_E_EXISTS ? 0 : e;
}

static int define(struct sim *m, size_t i, struct rv_error *err) {
    rv_autobuf struct rv_buf b = {0};
    rv_buf_addf(
        &b,
        "{'apiVersion':'apiextensions.k8s.io/v1','kind':'CustomResourceDefinition','metadata':{'name':'%s." GROUP
        "'},'spec':{'group':'" GROUP "','scope':'%s','names':{'plural':'%s','singular':'%s','kind':'%s',"
        "'shortNames':['%s'],'categories':['gateway-api']},'versions':[{'name':'v1','served':true,'storage':true,"
        "'subresources':{'status':{}},'schema':{'openAPIV3Schema':{'type':'object','required':['spec'],"
        "'properties':{'spec':%s," STATUS "}}}}]}}",
        definitions[i].plural, definitions[i].scope, definitions[i].plural, definitions[i].singular,
        definitions[i].kind, definitions[i].short_name, definitions[i].spec);
    return create(m, "apiextensions.k8s.io", "customresourcedefinitions", rv_buf_cstr(&b), err);
}

/* ---- the controller ---- */

static const struct sb_resource *kind_of(struct sim *m, const char *plural) {
    return sb_resource_find(m->storage, RV_STR(GROUP), RV_STR("v1"), rv_str(plural));
}

static bool ours(struct sim *m, struct rv_str class) {
    const struct sb_resource *r = kind_of(m, "gatewayclasses");
    struct sb_object *o = r != NULL ? sb_get(m->storage, r, RV_STR(""), class) : NULL;
    return o != NULL && sim_is(o->value, "spec.controllerName", CONTROLLER);
}

static void condition(struct rv_arena *a, struct rv_node *list, int64_t generation, const char *type, bool value,
                      const char *reason, struct rv_str message) {
    rv_condition_set(a, list, type, value ? "True" : "False", rv_str(reason), message, clock_wall());
    rv_node_set_int(a, rv_node_find(list, "type", rv_str(type)), "observedGeneration", generation);
}

static int64_t generation_of(const struct sb_object *o) { return rv_path_int(o->value, "metadata.generation", 0); }

static bool sync_class(void *arg, struct sb_object *o) {
    struct sim *m = arg;
    if (!sim_is(o->value, "spec.controllerName", CONTROLLER)) return true;
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_node *tree = rv_node_from(a, o->value), *status = rv_node_ensure_map(a, tree, "status");
    condition(a, rv_node_ensure_array(a, status, "conditions"), generation_of(o), "Accepted", true, "Accepted",
              RV_STR(""));
    sim_write(m, (struct sim_ref){o->resource, o->ns, o->name}, a, tree, true);
    return true;
}

static bool sync_gateway(void *arg, struct sb_object *o) {
    struct sim *m = arg;
    if (!ours(m, rv_path_str(o->value, "spec.gatewayClassName")) || rv_meta_deleting(o->value)) return true;
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_node *tree = rv_node_from(a, o->value), *status = rv_node_ensure_map(a, tree, "status");
    struct rv_node *conditions = rv_node_ensure_array(a, status, "conditions");
    condition(a, conditions, generation_of(o), "Accepted", true, "Accepted", RV_STR("The Gateway has been accepted"));
    condition(a, conditions, generation_of(o), "Programmed", true, "Programmed",
              RV_STR("Address assigned to the Gateway"));
    if (rv_node_get(status, "addresses") == NULL) {
        struct rv_node *list = rv_node_ensure_array(a, status, "addresses"), *one = rv_node_map(a);
        rv_node_set_cstr(a, one, "type", "IPAddress");
        rv_node_set_cstr(a, one, "value", "10.97.0.1");
        rv_node_append(a, list, one);
    }
    sim_write(m, (struct sim_ref){o->resource, o->ns, o->name}, a, tree, true);
    return true;
}

/* The first backend that does not exist. Empty if all exist. */
static struct rv_str missing_backend(struct sim *m, struct rv_arena *a, const struct sb_object *route) {
    for (struct rv_iter rule = rv_iter(rv_val_path(route->value, "spec.rules")); rv_iter_next(&rule);)
        for (struct rv_iter it = rv_iter(rv_val_get(rule.val, "backendRefs")); rv_iter_next(&it);) {
            struct rv_str ns = rv_path_str(it.val, "namespace"), name = rv_path_str(it.val, "name");
            if (sb_get(m->storage, m->r.services, ns.n != 0 ? ns : route->ns, name) == NULL)
                return rv_arena_fmt(a, "Service " RV_STR_FMT " not found", RV_STR_ARG(name));
        }
    return RV_STR("");
}

/* The entry of status.parents that belongs to this controller and this parent. */
static struct rv_node *parent_entry(struct rv_arena *a, struct rv_node *parents, struct rv_val ref) {
    struct rv_node *want = rv_node_from(a, ref);
    for (size_t i = 0; i < rv_node_len(parents); i++) {
        struct rv_node *p = rv_node_at(parents, i);
        if (rv_node_equal(rv_node_get(p, "parentRef"), want)) return p;
    }
    struct rv_node *p = rv_node_map(a);
    rv_node_set(a, p, "parentRef", want);
    rv_node_set_cstr(a, p, "controllerName", CONTROLLER);
    rv_node_append(a, parents, p);
    return p;
}

static struct seen_route *seen_find(struct gateways *g, const struct sb_resource *kind, struct rv_str ns,
                                    struct rv_str name) {
    struct seen_route *r = g->routes;
    while (r != NULL && !(r->kind == kind && rv_str_is(ns, r->ns) && rv_str_is(name, r->name))) r = r->next;
    return r;
}

static void remember_route(struct gateways *g, const struct sb_object *o) {
    struct seen_route *r = seen_find(g, o->resource, o->ns, o->name);
    if (r == NULL) {
        r = rv_alloc(sizeof *r);
        *r = (struct seen_route){
            .next = g->routes, .kind = o->resource, .ns = rv_strdup(o->ns), .name = rv_strdup(o->name)};
        g->routes = r;
    }
    struct rv_val spec = rv_val_get(o->value, "spec");
    rv_buf_clear(&r->spec);
    if (rv_val_present(spec)) rv_buf_add(&r->spec, spec.p, spec.n);
}

struct rv_val sim_gateway_spec(struct sim *m, const struct sb_object *route) {
    const struct seen_route *r = seen_find(m->modules[SIM_GATEWAY], route->resource, route->ns, route->name);
    return r != NULL ? (struct rv_val){r->spec.p, r->spec.n} : RV_VAL_ABSENT;
}

static bool sync_route(void *arg, struct sb_object *o) {
    struct sim *m = arg;
    const struct sb_resource *gateways = kind_of(m, "gateways");
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_node *tree = rv_node_from(a, o->value), *status = rv_node_ensure_map(a, tree, "status");
    struct rv_node *parents = rv_node_ensure_array(a, status, "parents");
    struct rv_str missing = missing_backend(m, a, o);
    remember_route(m->modules[SIM_GATEWAY], o);
    for (struct rv_iter it = rv_iter(rv_val_path(o->value, "spec.parentRefs")); rv_iter_next(&it);) {
        struct rv_str ns = rv_path_str(it.val, "namespace");
        struct sb_object *g = sb_get(m->storage, gateways, ns.n != 0 ? ns : o->ns, rv_path_str(it.val, "name"));
        if (g == NULL || !ours(m, rv_path_str(g->value, "spec.gatewayClassName"))) continue;
        struct rv_node *list = rv_node_ensure_array(a, parent_entry(a, parents, it.val), "conditions");
        condition(a, list, generation_of(o), "Accepted", true, "Accepted", RV_STR("Route is accepted"));
        condition(a, list, generation_of(o), "ResolvedRefs", missing.n == 0,
                  missing.n == 0 ? "ResolvedRefs" : "BackendNotFound", missing);
    }
    if (rv_node_len(parents) != 0) sim_write(m, (struct sim_ref){o->resource, o->ns, o->name}, a, tree, true);
    return true;
}

static void sync_all(struct sim *m, struct sim_timer *t) {
    (void)t;
    static const struct {
        const char *plural;
        sb_object_fn fn;
    } kinds[] = {{"gatewayclasses", sync_class},
                 {"gateways", sync_gateway},
                 {"httproutes", sync_route},
                 {"grpcroutes", sync_route}};
    for (size_t i = 0; i < RV_ARRAY_LEN(kinds); i++) {
        const struct sb_resource *r = kind_of(m, kinds[i].plural);
        if (r != NULL) sb_each(m->storage, r, RV_STR(""), kinds[i].fn, m);
    }
}

static void gateway_change(struct sim *m, const struct sim_change *c) {
    struct gateways *g = m->modules[SIM_GATEWAY];
    bool about_us = strcmp(c->o->resource->group, GROUP) == 0;
    if (about_us) g->served = true;
    bool service = c->o->resource == m->r.services && c->type != SB_MODIFIED;
    if ((about_us || (service && g->served)) && g->timer.at == 0) sim_timer_arm(m, &g->timer, m->opts.gateway_ms);
}

static void *gateway_make(struct sim *m, struct rv_error *err) {
    struct gateways *g = rv_alloc(sizeof *g);
    int e = 0;
    g->timer.fn = sync_all;
    m->modules[SIM_GATEWAY] = g;
    for (size_t i = 0; m->opts.gateway != 0 && e == 0 && i < RV_ARRAY_LEN(definitions); i++) e = define(m, i, err);
    if (m->opts.gateway != 0 && e == 0)
        e = create(m, GROUP, "gatewayclasses",
                   "{'apiVersion':'" GROUP "/v1','kind':'GatewayClass','metadata':{'name':'sandbox'},'spec':"
                   "{'controllerName':'" CONTROLLER "'}}",
                   err);
    if (e == 0) return g;
    free(g);
    return NULL;
}

static void gateway_free(struct sim *m, void *module) {
    struct gateways *g = module;
    sim_timer_disarm(m, &g->timer);
    while (g->routes != NULL) {
        struct seen_route *r = g->routes;
        g->routes = r->next;
        rv_buf_free(&r->spec);
        free(r->ns);
        free(r->name);
        free(r);
    }
    free(g);
}

const struct sim_module sim_gateway_module = {gateway_make, gateway_free, gateway_change, NULL};
