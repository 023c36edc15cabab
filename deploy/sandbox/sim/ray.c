/* ray.c - finds out which pods are Ray clusters and to which of them a request goes, and gives the small answers of a
 * dashboard. */
#include "json.h"
#include "raynode.h"
#include "rayrules.h"
#include "serve.h"

#include <stdlib.h>

enum { DASHBOARD_BYTES = 8 << 20, METRICS_PORT = 8080, HANG_MS = 20000, ANY_CPU = 64000 };

/* ---- nodes ---- */

static bool is_up(struct rv_val pod) {
    struct rv_val ctr = rv_val_path(pod, "status.containerStatuses[0]");
    return sim_is(pod, "status.phase", "Running") && !rv_meta_deleting(pod) &&
           rv_val_set(rv_val_path(ctr, "state.running")) && rv_path_bool(ctr, "started", false);
}

/* Finds "--num-cpus=4" in a command. */
static bool cpus_in(struct rv_val texts, int64_t *ret) {
    static const char OPTION[] = "--num-cpus";
    for (struct rv_iter it = rv_iter(texts); rv_iter_next(&it);) {
        struct rv_str s = rv_val_str(it.val);
        const char *at = s.n != 0 ? memmem(s.p, s.n, OPTION, sizeof OPTION - 1) : NULL;
        if (at == NULL) continue;
        size_t i = (size_t)(at - s.p) + sizeof OPTION - 1, n = 0;
        while (i < s.n && (s.p[i] == '=' || s.p[i] == ' ' || s.p[i] == '"' || s.p[i] == '\'')) i++;
        while (i + n < s.n && s.p[i + n] >= '0' && s.p[i + n] <= '9') n++;
        if (rv_str_to_int((struct rv_str){s.p + i, n}, 0, 1000000, ret) == 0) return true;
    }
    return false;
}

static int64_t cpu_of(struct rv_val container) {
    struct rv_quantity q;
    int64_t n = 0;
    if (cpus_in(rv_val_get(container, "command"), &n) || cpus_in(rv_val_get(container, "args"), &n)) return n * 1000;
    if (rv_quantity_from_val(rv_val_path(container, "resources.limits.cpu"), &q) == 0 ||
        rv_quantity_from_val(rv_val_path(container, "resources.requests.cpu"), &q) == 0)
        return rv_quantity_ceil(q) * 1000;
    return ANY_CPU;
}

static void node_free(struct ray_head *h, struct ray_node *n) {
    serve_node_lost(h->serve, n);
    struct ray_node **at = &h->nodes;
    while (*at != n) at = &(*at)->next;
    *at = n->next;
    free(n->pod);
    free(n->uid);
    free(n->ip);
    free(n);
}

static void node_update(struct ray_head *h, struct sb_object *o) {
    struct ray_node *n = ray_node_of(h, o->uid), **at = &h->nodes;
    if (n == NULL) {
        n = rv_alloc(sizeof *n);
        n->pod = rv_strdup(o->name);
        n->uid = rv_strdup(o->uid);
        n->cpu = cpu_of(rv_val_path(o->value, "spec.containers[0]"));
        n->head =
            rv_str_is(rv_val_str(rv_val_get(rv_val_path(o->value, "metadata.labels"), SIM_LABEL_NODE_TYPE)), "head");
        while (*at != NULL) at = &(*at)->next;
        *at = n;
    }
    int64_t restarts = rv_path_int(o->value, "status.containerStatuses[0].restartCount", 0);
    bool alive = is_up(o->value);
    if (n->alive && (!alive || restarts != n->restarts)) serve_node_lost(h->serve, n);
    n->alive = alive;
    n->restarts = restarts;
    free(n->ip);
    n->ip = rv_strdup(rv_path_str(o->value, "status.podIP"));
}

/* ---- clusters come and go ---- */

static struct ray_head *head_get(struct sim *m, struct rv_str key, struct sb_object *o) {
    struct ray_head *h = sim_map_get(&ray_of(m)->heads, key);
    if (h != NULL) return h;
    h = rv_alloc(sizeof *h);
    h->m = m;
    h->entry.key = (struct rv_str){rv_strdup(key), key.n};
    h->ns = rv_strdup(o->ns);
    h->cluster = rv_strdup(rv_val_str(rv_val_get(rv_val_path(o->value, "metadata.labels"), SIM_LABEL_CLUSTER)));
    h->submitters.fn = ray_submitters_due;
    h->serve = serve_new(h);
    sim_map_put(&ray_of(m)->heads, &h->entry);
    return h;
}

static void head_free(struct ray *r, struct ray_head *h) {
    sim_map_remove(&r->heads, &h->entry);
    ray_jobs_free(h);
    sim_timer_disarm(h->m, &h->submitters);
    while (h->nodes != NULL) node_free(h, h->nodes);
    serve_free(h->serve);
    free((void *)(uintptr_t)h->entry.key.p);
    free(h->ns);
    free(h->cluster);
    free(h->uid);
    free(h);
}

/* True for a Ray whose head keeps its state in Redis and finds it again. */
static bool has_redis(struct rv_val pod) {
    for (struct rv_iter it = rv_iter(rv_val_path(pod, "spec.containers[0].env")); rv_iter_next(&it);)
        if (rv_str_is(rv_path_str(it.val, "name"), "RAY_REDIS_ADDRESS")) return true;
    return false;
}

/* Another head than the one with this state starts without state. */
static void remember(struct ray_head *h, struct sb_object *o) {
    const struct ray_node *n = ray_head_node(h);
    if (n == NULL || !rv_str_is(o->uid, n->uid)) return;
    bool same = h->uid != NULL && strcmp(h->uid, n->uid) == 0 && h->restarts == n->restarts;
    if (same) return;
    ray_jobs_free(h);
    if (!has_redis(o->value)) serve_forget(h->serve);
    free(h->uid);
    h->uid = rv_strdup(o->uid);
    h->restarts = n->restarts;
}

static void ray_change(struct sim *m, const struct sim_change *c) {
    if (c->o->resource != m->r.pods) return;
    struct rv_val labels = rv_val_path(c->o->value, "metadata.labels");
    if (rv_val_str(rv_val_get(labels, SIM_LABEL_CLUSTER)).n == 0) return;
    rv_autobuf struct rv_buf b = {0};
    struct ray_head *h = head_get(m, ray_key(&b, c->o->ns, labels), c->o);
    if (c->type == SB_DELETED) {
        struct ray_node *n = ray_node_of(h, c->o->uid);
        if (n != NULL) node_free(h, n);
    } else {
        node_update(h, c->o);
        remember(h, c->o);
        ray_submitters_update(h);
    }
    if (h->nodes == NULL)
        head_free(ray_of(m), h);
    else
        serve_advance(h->serve);
}

/* ---- small answers ---- */

static int success(struct ray_call *c) { return ray_text(c, 200, "success"); }

static int version(struct ray_call *c) {
    struct rv_node *n = rv_node_map(c->a);
    struct rv_str image = rv_path_str(c->pod->value, "spec.containers[0].image"), tag = RV_STR("2.52.0");
    for (size_t i = 0; i < image.n; i++)
        if (image.p[i] == ':') tag = (struct rv_str){image.p + i + 1, image.n - i - 1};
    rv_node_set_cstr(c->a, n, "version", "4");
    rv_node_set_str(c->a, n, "ray_version", tag);
    rv_node_set_cstr(c->a, n, "ray_commit", "simulated");
    rv_node_set_fmt(c->a, n, "session_name", "session_%s", c->head->uid);
    return ray_json(c, 200, n);
}

static size_t alive_nodes(const struct ray_head *h) {
    size_t n = 0;
    for (const struct ray_node *x = h->nodes; x != NULL; x = x->next) n += x->alive;
    return n;
}

static int cluster_status(struct ray_call *c) {
    struct rv_node *n = rv_node_map(c->a), *data = rv_node_ensure_map(c->a, n, "data");
    rv_node_set_bool(c->a, n, "result", true);
    rv_node_set_cstr(c->a, n, "msg", "Got cluster status.");
    if (rv_str_is(c->query, "format=1"))
        rv_node_set_fmt(c->a, data, "clusterStatus",
                        "======== Autoscaler status ========\nNode status\n-----------------------------------\n"
                        "Active:\n %zu node(s)\nPending:\n (no pending nodes)\n",
                        alive_nodes(c->head));
    else
        rv_node_set_int(c->a, rv_node_ensure_map(c->a, data, "clusterStatus"), "activeNodes",
                        (int64_t)alive_nodes(c->head));
    return ray_json(c, 200, n);
}

static int nodes(struct ray_call *c) {
    struct rv_node *n = rv_node_map(c->a), *data = rv_node_ensure_map(c->a, n, "data"), *all = rv_node_array(c->a);
    for (const struct ray_node *x = c->head->nodes; x != NULL; x = x->next) {
        if (!x->alive) continue;
        struct rv_node *one = rv_node_map(c->a), *raylet = rv_node_ensure_map(c->a, one, "raylet");
        rv_node_set_cstr(c->a, one, "hostname", x->pod);
        rv_node_set_cstr(c->a, one, "ip", x->ip);
        rv_node_set_cstr(c->a, raylet, "nodeId", x->uid);
        rv_node_set_cstr(c->a, raylet, "state", "ALIVE");
        rv_node_set_bool(c->a, raylet, "isHeadNode", x->head);
        rv_node_append(c->a, all, one);
    }
    rv_node_set_bool(c->a, n, "result", true);
    rv_node_set_cstr(c->a, n, "msg", "Node summary fetched.");
    rv_node_set(c->a, data, "summary", all);
    return ray_json(c, 200, n);
}

static const struct route {
    const char *path; /* a path that ends with '/' is a prefix */
    int (*fn)(struct ray_call *c);
} routes[] = {
    {"/api/jobs/", ray_jobs},
    {"/api/serve/applications/", ray_serve},
    {"/api/healthz", success},
    {"/api/gcs_healthz", success},
    {"/api/local_raylet_healthz", success},
    {"/api/version", version},
    {"/nodes", nodes},
    {"/api/cluster_status", cluster_status},
};

static int dispatch(struct ray_call *c) {
    for (size_t i = 0; i < RV_ARRAY_LEN(routes); i++) {
        struct rv_str want = rv_str(routes[i].path);
        bool prefix = want.p[want.n - 1] == '/';
        bool bare = prefix && c->path.n == want.n - 1 && memcmp(c->path.p, want.p, want.n - 1) == 0;
        if (!bare && !(prefix ? rv_str_starts(c->path, want.p) : rv_str_eq(c->path, want))) continue;
        if (!bare) c->rest = (struct rv_str){c->path.p + want.n, c->path.n - want.n};
        return routes[i].fn(c);
    }
    return ray_text(c, 404, "404: Not Found");
}

/* ---- answers that come late ---- */

struct ray_late {
    struct sim_pending pending;
    struct sim_timer timer;
    struct ray_late *next;
    struct sim *m;
    int status;
    struct rv_buf body;
};

static void late_free(struct ray_late *l) {
    struct ray_late **at = &ray_of(l->m)->later;
    while (*at != l) at = &(*at)->next;
    *at = l->next;
    sim_timer_disarm(l->m, &l->timer);
    rv_buf_free(&l->body);
    free(l);
}

static void late_cancel(struct sim_pending *p) { late_free(SIM_OWNER(p, struct ray_late, pending)); }

static void late_due(struct sim *m, struct sim_timer *t) {
    (void)m;
    struct ray_late *l = SIM_OWNER(t, struct ray_late, timer);
    if (l->pending.fn != NULL) l->pending.fn(l->pending.arg, l->status, rv_buf_str(&l->body));
    late_free(l);
}

/* Takes the content of out. */
static int answer_late(struct sim *m, int status, struct rv_buf *out, int64_t delay_ms, struct sim_pending **ret) {
    struct ray_late *l = rv_alloc(sizeof *l);
    l->m = m;
    l->pending.cancel = late_cancel;
    l->timer.fn = late_due;
    l->status = status;
    l->body = *out;
    *out = (struct rv_buf){0};
    l->next = ray_of(m)->later;
    ray_of(m)->later = l;
    sim_timer_arm(m, &l->timer, delay_ms);
    *ret = &l->pending;
    return 0;
}

/* Waits longer than any client. In the end it answers, because the server does not notice before that a client is
 * gone. */
static int hang(struct ray_call *c, int64_t ms, struct sim_pending **ret) {
    rv_buf_adds(c->out, "it hung, as a rule says");
    return answer_late(c->m, 504, c->out, ms >= 0 ? ms : HANG_MS, ret);
}

static void fill(struct rv_buf *out, int64_t n) {
    rv_buf_adds(out, "{\"applications\":{\"");
    for (int64_t i = 0; i < n; i++) rv_buf_addc(out, 'x');
    rv_buf_adds(out, "\":{}}}");
}

/* The dashboard, with the fault of a rule. */
static int dashboard(struct ray_call *c, struct sim_pending **ret) {
    const struct rayrule *rule = rayrules_dashboard(c->head, c->path);
    const char *what = rule != NULL ? rule->texts[RULE_DASHBOARD] : "";
    if (rule == NULL) return dispatch(c);
    if (strcmp(what, "hang") == 0) return hang(c, rule->numbers[RULE_MS], ret);
    if (strcmp(what, "error") == 0)
        return ray_text(c, rule->numbers[RULE_HTTP_STATUS] > 0 ? (int)rule->numbers[RULE_HTTP_STATUS] : 500,
                        "an error, as a rule says");
    if (strcmp(what, "garbage") == 0) return ray_text(c, 200, "{\"applications\": {\"a\": <not JSON");
    if (strcmp(what, "huge") == 0) {
        fill(c->out, rule->numbers[RULE_BYTES] >= 0 ? rule->numbers[RULE_BYTES] : DASHBOARD_BYTES);
        return 200;
    }
    int64_t delay = rule->numbers[RULE_MS] >= 0 ? rule->numbers[RULE_MS] : 1000;
    return answer_late(c->m, dispatch(c), c->out, delay, ret);
}

/* ---- a request to an application, through the API server ---- */

struct traffic {
    struct sim_pending pending;
    struct serve_request *request;
    struct rv_buf *out; /* set while the request may end at once */
    int status;
};

static void traffic_text(const struct serve_result *r, struct rv_buf *out) {
    if (r->status == 200)
        rv_buf_addf(out, "simulated answer of %s\n", r->app);
    else
        rv_buf_adds(out, r->error);
}

static void traffic_done(void *arg, const struct serve_result *r) {
    struct traffic *t = arg;
    t->status = r->status != 0 ? r->status : 503;
    if (t->out != NULL) {
        traffic_text(r, t->out);
        return;
    }
    rv_autobuf struct rv_buf b = {0};
    traffic_text(r, &b);
    if (t->pending.fn != NULL) t->pending.fn(t->pending.arg, t->status, rv_buf_str(&b));
    free(t);
}

static void traffic_cancel(struct sim_pending *p) {
    struct traffic *t = SIM_OWNER(p, struct traffic, pending);
    serve_request_cancel(t->request);
    free(t);
}

static int traffic(struct ray_call *c, struct ray_node *n, struct sim_pending **ret) {
    struct traffic *t = rv_alloc(sizeof *t);
    t->out = c->out;
    t->pending.cancel = traffic_cancel;
    t->request = serve_request_start(c->head->serve, n, c->path, -1, traffic_done, t);
    if (t->request != NULL) serve_advance(c->head->serve);
    t->out = NULL;
    int status = t->status;
    if (status != 0)
        free(t);
    else
        *ret = &t->pending;
    return status;
}

/* ---- the way in ---- */

static int refuse(struct rv_buf *out, int status, const char *reason, struct rv_str about, const char *why) {
    rv_autobuf struct rv_buf text = {0};
    rv_buf_addf(&text, "%s \"" RV_STR_FMT "\"", why, RV_STR_ARG(about));
    sim_json_status(out, status, reason, rv_buf_cstr(&text));
    return status;
}

static int no_listener(struct ray_call *c) {
    return refuse(c->out, 503, "ServiceUnavailable", c->pod->name,
                  "error trying to reach service: connect: connection refused by pod");
}

/* The port decides who answers. */
static int answer(struct ray_call *c, struct ray_node *n, int64_t port, struct sim_pending **ret) {
    const char *rule = rayrules_text(c->head, NULL, RULE_PROXY);
    serve_advance(c->head->serve);
    if (!n->alive) return no_listener(c);
    if (port == METRICS_PORT) {
        serve_metrics(c->head->serve, n, c->out);
        return 200;
    }
    if (port != serve_port(c->head->serve)) {
        bool agent = rv_str_is(c->path, "/api/local_raylet_healthz");
        return n->head ? dashboard(c, ret) : agent ? success(c) : no_listener(c);
    }
    const char *text = "";
    if (serve_health(c->head->serve, n, &text) == 0) return no_listener(c);
    if (rule != NULL && strcmp(rule, "hang") == 0) return hang(c, -1, ret);
    int status = serve_answer_proxy(c, n);
    return status != 0 ? status : traffic(c, n, ret);
}

static int ask(struct sim *m, struct ray_head *h, struct ray_node *n, struct sb_object *pod, int64_t port,
               const struct sim_request *q, struct rv_buf *out, struct sim_pending **ret) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct ray_call c = {m, a, h, sb_object_ref(pod), q->method, q->path, RV_STR(""), RV_STR(""), q->body, out};
    const char *mark = c.path.n != 0 ? memchr(c.path.p, '?', c.path.n) : NULL;
    if (mark != NULL) {
        c.query = (struct rv_str){mark + 1, c.path.n - (size_t)(mark - c.path.p) - 1};
        c.path.n = (size_t)(mark - c.path.p);
    }
    if (c.path.n == 0) c.path = RV_STR("/");
    m->now_ms = clock_monotonic() / 1000000;
    int status = answer(&c, n, port, ret);
    sb_object_unref(pod);
    return status;
}

/* A container's port by its name. -1 if there is none. */
static int64_t named_port(struct rv_val pod, struct rv_str name) {
    for (struct rv_iter it = rv_iter(rv_val_path(pod, "spec.containers")); rv_iter_next(&it);)
        for (struct rv_iter p = rv_iter(rv_val_get(it.val, "ports")); rv_iter_next(&p);)
            if (rv_str_eq(rv_path_str(p.val, "name"), name)) return rv_path_int(p.val, "containerPort", -1);
    return -1;
}

/* The port of a pod to which a service's port leads. -1 if the service has no such port. */
static int64_t target_port(const struct sb_object *service, struct rv_str port, struct rv_val pod) {
    int64_t number = -1;
    rv_str_to_int(port, 1, 65535, &number);
    for (struct rv_iter it = rv_iter(rv_val_path(service->value, "spec.ports")); rv_iter_next(&it);) {
        int64_t own = rv_path_int(it.val, "port", 0);
        if (port.n != 0 && !rv_str_eq(rv_path_str(it.val, "name"), port) && own != number) continue;
        struct rv_val target = rv_val_get(it.val, "targetPort");
        if (rv_val_type(target) == RV_STRING) return named_port(pod, rv_val_str(target));
        return rv_val_int(target, own);
    }
    return -1;
}

int sim_proxy(struct sim *m, struct rv_str ns, struct rv_str service, struct rv_str port, const struct sim_request *q,
              struct rv_buf *out, struct sim_pending **ret) {
    struct sb_object *s = sb_get(m->storage, m->r.services, ns, service);
    if (s == NULL) return refuse(out, 404, "NotFound", service, "service not found:");
    if (target_port(s, port, RV_VAL_ABSENT) < 0 && rv_val_len(rv_val_path(s->value, "spec.ports")) != 0) {
        bool known = false; /* a named target port can only be looked up in a pod */
        for (struct rv_iter it = rv_iter(rv_val_path(s->value, "spec.ports")); rv_iter_next(&it);) {
            int64_t number = -1;
            rv_str_to_int(port, 1, 65535, &number);
            known = known || rv_str_eq(rv_path_str(it.val, "name"), port) || rv_path_int(it.val, "port", 0) == number;
        }
        if (!known && port.n != 0) return refuse(out, 503, "ServiceUnavailable", service, "no such port of service");
    }
    struct sb_object *e = sb_get(m->storage, m->r.endpoints, ns, service);
    struct rv_val first = e != NULL ? rv_val_path(e->value, "subsets[0].addresses[0].targetRef") : RV_VAL_ABSENT;
    struct ray_head *h = NULL;
    struct ray_node *n = ray_node_find(m, ns, rv_path_str(first, "name"), &h);
    struct sb_object *pod = n != NULL ? sb_get(m->storage, m->r.pods, ns, rv_str(n->pod)) : NULL;
    if (pod == NULL) return refuse(out, 503, "ServiceUnavailable", service, "no endpoints available for service");
    return ask(m, h, n, pod, target_port(s, port, pod->value), q, out, ret);
}

/* A running pod can be asked whether or not it is ready, because readiness may depend on the answer. */
int sim_proxy_pod(struct sim *m, struct rv_str ns, struct rv_str name, struct rv_str port, const struct sim_request *q,
                  struct rv_buf *out, struct sim_pending **ret) {
    struct sb_object *pod = sb_get(m->storage, m->r.pods, ns, name);
    if (pod == NULL) return refuse(out, 404, "NotFound", name, "pod not found:");
    struct ray_head *h = NULL;
    struct ray_node *n = ray_node_find(m, ns, name, &h);
    int64_t number = rv_path_int(pod->value, "spec.containers[0].ports[0].containerPort", 80);
    if (port.n != 0 && rv_str_to_int(port, 1, 65535, &number) != 0) number = named_port(pod->value, port);
    if (n == NULL || number < 0) return refuse(out, 503, "ServiceUnavailable", name, "nothing listens there in pod");
    return ask(m, h, n, pod, number, q, out, ret);
}

static void *ray_make(struct sim *m, struct rv_error *err) {
    (void)m;
    (void)err;
    struct ray *r = rv_alloc(sizeof *r);
    r->rules = sim_ruleset_new(&rayrules_type);
    return r;
}

static void ray_free(struct sim *m, void *module) {
    (void)m;
    struct ray *r = module;
    while (r->later != NULL) late_free(r->later);
    for (struct ray_head *h; (h = sim_map_any(&r->heads)) != NULL;) head_free(r, h);
    sim_map_free(&r->heads);
    sim_ruleset_free(r->rules);
    free(r);
}

const struct sim_module sim_ray_module = {ray_make, ray_free, ray_change, NULL};
