/* dataplane.c - chooses the endpoint for a client's request, and the answer. */
#include "dataplane.h"
#include "json.h"
#include "raynode.h"
#include "serve.h"

#include <stdlib.h>

struct request {
    struct sim_pending pending;
    struct serve_request *serving; /* NULL if it did not get that far, or has ended */
    char *service, *pod, *cluster;
    struct rv_buf answer; /* the answer of a request that ended at once */
    bool waits;
};

static void request_free(struct request *r) {
    free(r->service);
    free(r->pod);
    free(r->cluster);
    rv_buf_free(&r->answer);
    free(r);
}

static void cancel(struct sim_pending *p) {
    struct request *r = SIM_OWNER(p, struct request, pending);
    serve_request_cancel(r->serving);
    request_free(r);
}

static void done(void *arg, const struct serve_result *res) {
    struct request *r = arg;
    struct rv_buf *b = &r->answer;
    struct jsonw w = {.out = b};
    jsonw_begin_object(&w, NULL);
    jsonw_int(&w, "status", res->status);
    jsonw_int(&w, "waitedMs", res->waited_ms);
    jsonw_int(&w, "tookMs", res->took_ms);
    sim_json_text(&w, "error", res->error);
    sim_json_text(&w, "service", r->service);
    sim_json_text(&w, "pod", r->pod);
    sim_json_text(&w, "cluster", r->cluster);
    sim_json_text(&w, "app", res->app);
    sim_json_text(&w, "replica", res->replica);
    jsonw_end_object(&w);
    if (!r->waits) return;
    if (r->pending.fn != NULL) r->pending.fn(r->pending.arg, 200, rv_buf_str(b));
    request_free(r);
}

static void over(struct request *r, int status, const char *error) {
    done(r, &(struct serve_result){.status = status, .error = error});
}

/* ---- kube-proxy ---- */

struct choice {
    struct sim *m;
    struct rv_str service;
    struct rv_arena *a;
    struct rv_val ready, serving; /* chosen so far, each with the same probability */
    uint64_t n_ready, n_serving;
};

static void consider(struct choice *x, struct rv_val endpoint) {
    struct rv_val conditions = rv_val_get(endpoint, "conditions");
    bool terminating = rv_path_bool(conditions, "terminating", false);
    if (rv_path_bool(conditions, "ready", true) && sim_random(x->m) % ++x->n_ready == 0) x->ready = endpoint;
    if (terminating && rv_path_bool(conditions, "serving", false) && sim_random(x->m) % ++x->n_serving == 0)
        x->serving = endpoint;
}

static bool look_in(void *arg, struct sb_object *o) {
    struct choice *x = arg;
    struct rv_val labels = rv_val_path(o->value, "metadata.labels");
    if (!rv_str_eq(rv_val_str(rv_val_get(labels, "kubernetes.io/service-name")), x->service)) return true;
    struct rv_str copy = rv_arena_str(x->a, (struct rv_str){(const char *)o->value.p, o->value.n});
    struct rv_val slice = {(const uint8_t *)copy.p, copy.n};
    for (struct rv_iter it = rv_iter(rv_val_get(slice, "endpoints")); rv_iter_next(&it);) consider(x, it.val);
    return true;
}

struct by_ip {
    struct rv_str ip;
    struct ray_head *head;
    struct ray_node *node;
};

static void look_for_ip(void *arg, void *entry) {
    struct by_ip *x = arg;
    struct ray_head *h = entry;
    for (struct ray_node *n = h->nodes; n != NULL; n = n->next)
        if (n->alive && rv_str_is(x->ip, n->ip)) {
            x->head = h;
            x->node = n;
        }
}

/* The pod with the address gets the request. The pod reference in an endpoint is only informative. */
static struct ray_node *node_at(struct sim *m, struct rv_str ip, struct ray_head **ret_head) {
    struct by_ip x = {.ip = ip};
    sim_map_each(&ray_of(m)->heads, look_for_ip, &x);
    *ret_head = x.head;
    return x.node;
}

static void to_service(struct sim *m, struct request *r, struct rv_str ns, struct rv_str service, struct rv_val body) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct choice x = {.m = m, .service = service, .a = a};
    r->service = rv_strdup(service);
    if (sb_get(m->storage, m->r.services, ns, service) == NULL) {
        over(r, 0, "there is no such service");
        return;
    }
    sb_each(m->storage, m->r.slices, ns, look_in, &x);
    struct rv_val e = x.n_ready != 0 ? x.ready : x.serving;
    if (!rv_val_present(e)) {
        over(r, 0, "connection refused: the service has no ready endpoint");
        return;
    }
    struct ray_head *h = NULL;
    struct ray_node *n = node_at(m, rv_path_str(e, "addresses[0]"), &h);
    if (n == NULL) {
        r->pod = rv_strdup(rv_path_str(e, "targetRef.name"));
        over(r, 0, "connection refused: nobody has the address of the endpoint");
        return;
    }
    r->pod = rv_strdup(rv_str(n->pod));
    r->cluster = rv_strdup(rv_str(h->cluster));
    serve_advance(h->serve);
    r->serving = serve_request_start(h->serve, n, rv_val_str_or(rv_val_get(body, "path"), "/"),
                                     rv_path_int(body, "ms", -1), done, r);
    if (r->serving == NULL) return;
    serve_advance(h->serve);
    r->waits = r->answer.n == 0;
}

/* ---- a gateway ---- */

static int64_t weight_of(struct rv_val backend) {
    int64_t w = rv_path_int(backend, "weight", 1);
    return w > 0 ? w : 0;
}

static struct rv_val rule_for(struct rv_val rules, struct rv_str path) {
    struct rv_val best = RV_VAL_ABSENT;
    size_t longest = 0;
    for (struct rv_iter it = rv_iter(rules); rv_iter_next(&it);) {
        struct rv_str prefix = rv_val_str_or(rv_val_path(it.val, "matches[0].path.value"), "/");
        while (prefix.n > 1 && prefix.p[prefix.n - 1] == '/') prefix.n--;
        bool under = path.n >= prefix.n && memcmp(path.p, prefix.p, prefix.n) == 0 &&
                     (prefix.n == 1 || path.n == prefix.n || path.p[prefix.n] == '/');
        if (!under || (rv_val_present(best) && prefix.n <= longest)) continue;
        best = it.val;
        longest = prefix.n;
    }
    return best;
}

static bool accepted(struct rv_val route) {
    for (struct rv_iter it = rv_iter(rv_val_path(route, "status.parents")); rv_iter_next(&it);)
        if (rv_condition_is(rv_val_get(it.val, "conditions"), "Accepted", "True")) return true;
    return false;
}

static void to_route(struct sim *m, struct request *r, struct rv_str ns, const char *plural, struct rv_str name,
                     struct rv_val body) {
    const struct sb_resource *kind =
        sb_resource_find(m->storage, RV_STR("gateway.networking.k8s.io"), RV_STR("v1"), rv_str(plural));
    struct sb_object *o = kind != NULL ? sb_get(m->storage, kind, ns, name) : NULL;
    struct rv_val rule = RV_VAL_ABSENT;
    if (o != NULL && accepted(o->value))
        rule = rule_for(rv_val_get(sim_gateway_spec(m, o), "rules"), rv_val_str_or(rv_val_get(body, "path"), "/"));
    if (!rv_val_present(rule)) {
        over(r, o != NULL && accepted(o->value) ? 404 : 0, "no route that a gateway has accepted takes this request");
        return;
    }
    int64_t sum = 0;
    for (struct rv_iter it = rv_iter(rv_val_get(rule, "backendRefs")); rv_iter_next(&it);) sum += weight_of(it.val);
    int64_t at = sum > 0 ? (int64_t)(sim_random(m) % (uint64_t)sum) : -1;
    for (struct rv_iter it = rv_iter(rv_val_get(rule, "backendRefs")); at >= 0 && rv_iter_next(&it);) {
        at -= weight_of(it.val);
        if (at >= 0) continue;
        struct rv_str where = rv_path_str(it.val, "namespace");
        rv_autofree char *service = rv_strdup(rv_path_str(it.val, "name")),
                         *space = rv_strdup(where.n != 0 ? where : ns);
        to_service(m, r, rv_str(space), rv_str(service), body);
        return;
    }
    over(r, 500, "all weights of the route are 0");
}

/* ---- the way in ---- */

static const struct {
    const char *member, *plural; /* plural is NULL for a service */
} targets[] = {{"service", NULL}, {"httpRoute", "httproutes"}, {"grpcRoute", "grpcroutes"}};

int sim_dataplane(struct sim *m, struct rv_val body, struct rv_buf *out, struct sim_pending **ret_pending,
                  struct rv_error *err) {
    size_t i = 0;
    while (i < RV_ARRAY_LEN(targets) && rv_path_str(body, targets[i].member).n == 0) i++;
    struct rv_str ns = rv_path_str(body, "namespace");
    if (i == RV_ARRAY_LEN(targets) || ns.n == 0)
        return rv_error_set(err, RV_E_INVALID,
                            "a request needs \"namespace\" and one of \"service\", \"httpRoute\" and \"grpcRoute\"");
    struct request *r = rv_alloc(sizeof *r);
    r->pending.cancel = cancel;
    m->now_ms = clock_monotonic() / 1000000;
    if (targets[i].plural != NULL)
        to_route(m, r, ns, targets[i].plural, rv_path_str(body, targets[i].member), body);
    else
        to_service(m, r, ns, rv_path_str(body, "service"), body);
    if (r->waits) {
        *ret_pending = &r->pending;
        return 0;
    }
    rv_buf_add_str(out, rv_buf_str(&r->answer));
    request_free(r);
    return 0;
}
