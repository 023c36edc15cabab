/* ray.c - which Ray a request means, whether it is there to answer, and the small answers. */
#include "ray.h"

#include <stdlib.h>

int64_t ray_now_ms(void) { return rv_wall_now() / 1000000; }

int ray_text(const struct ray_call *c, int status, const char *text) {
    rv_buf_adds(c->out, text);
    return status;
}

int ray_json(const struct ray_call *c, int status, struct rv_node *tree) {
    rv_json_write(rv_node_freeze(c->a, tree), c->out);
    return status;
}

struct rv_val ray_body(const struct ray_call *c) {
    rv_autobuf struct rv_buf b = {0};
    struct rv_str text = {(const char *)c->body.p, c->body.n};
    if (text.n == 0 || rv_json_to_mp(text, NULL, &b, NULL) != 0) return RV_VAL_ABSENT;
    struct rv_str copy = rv_arena_str(c->a, rv_buf_str(&b));
    return (struct rv_val){(const uint8_t *)copy.p, copy.n};
}

/* ---- heads come and go ---- */

static void head_free(struct ray *r, struct ray_head *h) {
    sim_map_remove(&r->heads, &h->entry);
    ray_jobs_free(h);
    rv_buf_free(&h->serve);
    free((void *)(uintptr_t)h->entry.key.p);
    free(h->ns);
    free(h->pod);
    free(h->uid);
    free(h);
}

static struct rv_str head_key(struct rv_buf *b, struct rv_str ns, struct rv_val labels) {
    rv_buf_clear(b);
    rv_buf_addf(b, RV_STR_FMT "/" RV_STR_FMT, RV_STR_ARG(ns),
                RV_STR_ARG(rv_val_str(rv_val_get(labels, "ray.io/cluster"))));
    return rv_buf_str(b);
}

static int64_t restarts_of(struct rv_val pod) {
    int64_t n = 0;
    for (struct rv_iter it = rv_iter(rv_val_path(pod, "status.containerStatuses")); rv_iter_next(&it);)
        n += rv_path_int(it.val, "restartCount", 0);
    return n;
}

static void forget(struct ray_head *h) {
    ray_jobs_free(h);
    rv_buf_free(&h->serve);
}

static void ray_change(struct sim *m, const struct sim_change *c) {
    struct ray *r = ray_of(m);
    struct rv_val labels = rv_val_path(c->o->value, "metadata.labels");
    if (c->o->resource != m->r.pods || !rv_str_is(rv_val_str(rv_val_get(labels, "ray.io/node-type")), "head")) return;
    rv_autobuf struct rv_buf b = {0};
    struct rv_str key = head_key(&b, c->o->ns, labels);
    struct ray_head *h = sim_map_get(&r->heads, key);
    bool same = h != NULL && rv_str_is(c->o->uid, h->uid);
    if (c->type == SB_DELETED) {
        if (same) head_free(r, h);
        return;
    }
    if (h != NULL && !same) {
        struct sb_object *old = sb_get(m->storage, m->r.pods, rv_str(h->ns), rv_str(h->pod));
        if (old != NULL && rv_str_is(old->uid, h->uid) && !rv_meta_deleting(old->value)) return; /* a second head */
        head_free(r, h);
        h = NULL;
    }
    if (h == NULL) {
        h = rv_alloc(sizeof *h);
        h->entry.key = (struct rv_str){rv_strdup(key), key.n};
        h->ns = rv_strdup(c->o->ns);
        h->pod = rv_strdup(c->o->name);
        h->uid = rv_strdup(c->o->uid);
        sim_map_put(&r->heads, &h->entry);
    }
    int64_t restarts = restarts_of(c->o->value);
    if (restarts != h->restarts) forget(h);
    h->restarts = restarts;
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

struct census {
    struct ray_call *c;
    struct rv_str cluster;
    size_t active;
    struct rv_node *nodes;
};

static bool ready(struct rv_val pod) {
    return rv_condition_is(rv_val_path(pod, "status.conditions"), "Ready", "True") && !rv_meta_deleting(pod);
}

static bool count(void *arg, struct sb_object *o) {
    struct census *s = arg;
    struct rv_val labels = rv_val_path(o->value, "metadata.labels");
    if (!rv_str_eq(rv_val_str(rv_val_get(labels, "ray.io/cluster")), s->cluster) || !ready(o->value)) return true;
    struct rv_arena *a = s->c->a;
    struct rv_node *n = rv_node_map(a), *raylet = rv_node_ensure_map(a, n, "raylet");
    s->active++;
    rv_node_set_str(a, n, "hostname", rv_arena_str(a, o->name));
    rv_node_set_str(a, n, "ip", rv_arena_str(a, rv_path_str(o->value, "status.podIP")));
    rv_node_set_str(a, raylet, "nodeId", rv_arena_str(a, o->uid));
    rv_node_set_cstr(a, raylet, "state", "ALIVE");
    rv_node_set_bool(a, raylet, "isHeadNode", rv_str_is(rv_val_str(rv_val_get(labels, "ray.io/node-type")), "head"));
    rv_node_append(a, s->nodes, n);
    return true;
}

static struct census take_census(struct ray_call *c) {
    struct rv_val labels = rv_val_path(c->pod->value, "metadata.labels");
    struct census s = {.c = c, .cluster = rv_val_str(rv_val_get(labels, "ray.io/cluster"))};
    s.nodes = rv_node_array(c->a);
    sb_each(c->m->storage, c->m->r.pods, c->pod->ns, count, &s);
    return s;
}

static int cluster_status(struct ray_call *c) {
    struct census s = take_census(c);
    struct rv_node *n = rv_node_map(c->a), *data = rv_node_ensure_map(c->a, n, "data");
    rv_node_set_bool(c->a, n, "result", true);
    rv_node_set_cstr(c->a, n, "msg", "Got cluster status.");
    if (rv_str_is(c->query, "format=1"))
        rv_node_set_fmt(c->a, data, "clusterStatus",
                        "======== Autoscaler status ========\nNode status\n-----------------------------------\n"
                        "Active:\n %zu node(s)\nPending:\n (no pending nodes)\n",
                        s.active);
    else
        rv_node_set_int(c->a, rv_node_ensure_map(c->a, data, "clusterStatus"), "activeNodes", (int64_t)s.active);
    return ray_json(c, 200, n);
}

static int nodes(struct ray_call *c) {
    struct census s = take_census(c);
    struct rv_node *n = rv_node_map(c->a), *data = rv_node_ensure_map(c->a, n, "data");
    rv_node_set_bool(c->a, n, "result", true);
    rv_node_set_cstr(c->a, n, "msg", "Node summary fetched.");
    rv_node_set(c->a, data, "summary", s.nodes);
    return ray_json(c, 200, n);
}

static const struct route {
    const char *path; /* ends with '/': a prefix */
    int (*fn)(struct ray_call *c);
} routes[] = {
    {"/api/jobs/", ray_jobs},      {"/api/serve/applications/", ray_serve}, {"/api/healthz", success},
    {"/api/gcs_healthz", success}, {"/api/local_raylet_healthz", success},  {"/-/healthz", success},
    {"/api/version", version},     {"/api/cluster_status", cluster_status}, {"/nodes", nodes},
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
    return ray_serve_traffic(c);
}

/* ---- the way in ---- */

static int refuse(struct rv_buf *out, int status, const char *reason, struct rv_str service, const char *why) {
    rv_buf_addf(out, "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\",\"message\":");
    rv_autobuf struct rv_buf text = {0};
    rv_buf_addf(&text, "%s \"" RV_STR_FMT "\"", why, RV_STR_ARG(service));
    rv_json_quote(rv_buf_str(&text), out);
    rv_buf_addf(out, ",\"reason\":\"%s\",\"code\":%d}", reason, status);
    return status;
}

static bool has_port(const struct sb_object *service, struct rv_str port) {
    int64_t number = -1;
    rv_str_to_int(port, 1, 65535, &number);
    for (struct rv_iter it = rv_iter(rv_val_path(service->value, "spec.ports")); rv_iter_next(&it);) {
        if (port.n == 0 || rv_str_eq(rv_path_str(it.val, "name"), port)) return true;
        if (rv_path_int(it.val, "port", 0) == number) return true;
    }
    return false;
}

/* The head behind the first ready pod of the service. */
static struct ray_head *head_behind(struct sim *m, struct rv_str ns, struct rv_str service) {
    struct sb_object *e = sb_get(m->storage, m->r.endpoints, ns, service);
    struct rv_val first = e != NULL ? rv_val_path(e->value, "subsets[0].addresses[0].targetRef") : RV_VAL_ABSENT;
    struct sb_object *pod = sb_get(m->storage, m->r.pods, ns, rv_path_str(first, "name"));
    if (pod == NULL || !ready(pod->value)) return NULL;
    rv_autobuf struct rv_buf b = {0};
    return sim_map_get(&ray_of(m)->heads, head_key(&b, ns, rv_val_path(pod->value, "metadata.labels")));
}

static int ask(struct sim *m, struct ray_head *h, struct sb_object *pod, struct rv_str method, struct rv_str path,
               struct rv_bytes body, struct rv_buf *out) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct ray_call c = {m, a, h, sb_object_ref(pod), method, path, RV_STR(""), RV_STR(""), body, out};
    const char *mark = path.n != 0 ? memchr(path.p, '?', path.n) : NULL;
    if (mark != NULL) {
        c.path.n = (size_t)(mark - path.p);
        c.query = (struct rv_str){mark + 1, path.n - c.path.n - 1};
    }
    if (c.path.n == 0) c.path = RV_STR("/");
    int status = dispatch(&c);
    sb_object_unref(pod);
    return status;
}

int sim_proxy(struct sim *m, struct rv_str ns, struct rv_str service, struct rv_str port, struct rv_str method,
              struct rv_str path, struct rv_bytes body, int *ret_status, struct rv_buf *out) {
    struct sb_object *s = sb_get(m->storage, m->r.services, ns, service);
    struct ray_head *h = s != NULL ? head_behind(m, ns, service) : NULL;
    struct sb_object *pod = h != NULL ? sb_get(m->storage, m->r.pods, rv_str(h->ns), rv_str(h->pod)) : NULL;
    if (s == NULL)
        *ret_status = refuse(out, 404, "NotFound", service, "service not found:");
    else if (!has_port(s, port))
        *ret_status = refuse(out, 503, "ServiceUnavailable", service, "no such port of service");
    else if (pod == NULL || !ready(pod->value))
        *ret_status = refuse(out, 503, "ServiceUnavailable", service, "no endpoints available for service");
    else
        *ret_status = ask(m, h, pod, method, path, body, out);
    return 0;
}

/* A pod is asked whether or not it is ready, as long as it runs: readiness may depend on the answer. */
int sim_proxy_pod(struct sim *m, struct rv_str ns, struct rv_str name, struct rv_str port, struct rv_str method,
                  struct rv_str path, struct rv_bytes body, int *ret_status, struct rv_buf *out) {
    struct sb_object *pod = sb_get(m->storage, m->r.pods, ns, name);
    rv_autobuf struct rv_buf b = {0};
    struct rv_val labels = pod != NULL ? rv_val_path(pod->value, "metadata.labels") : RV_VAL_ABSENT;
    struct ray_head *h = pod != NULL ? sim_map_get(&ray_of(m)->heads, head_key(&b, ns, labels)) : NULL;
    int64_t number = 0;
    bool heard = h != NULL && rv_str_is(pod->uid, h->uid) && sim_is(pod->value, "status.phase", "Running") &&
                 (port.n == 0 || rv_str_to_int(port, 1, 65535, &number) == 0);
    if (pod == NULL)
        *ret_status = refuse(out, 404, "NotFound", name, "pod not found:");
    else if (!heard)
        *ret_status = refuse(out, 503, "ServiceUnavailable", name, "nothing listens there in pod");
    else
        *ret_status = ask(m, h, pod, method, path, body, out);
    return 0;
}

static void *ray_make(struct sim *m, struct rv_error *err) {
    struct ray *r = rv_alloc(sizeof *r);
    m->modules[SIM_RAY] = r;
    if (m->opts.ray_port == 0) return r;
    r->http = rayhttp_new(m, (uint16_t)m->opts.ray_port, err);
    if (r->http != NULL) return r;
    free(r);
    return NULL;
}

static void ray_free(struct sim *m, void *module) {
    (void)m;
    struct ray *r = module;
    rayhttp_free(r->http);
    for (struct ray_head *h; (h = sim_map_any(&r->heads)) != NULL;) head_free(r, h);
    sim_map_free(&r->heads);
    free(r);
}

const struct sim_module sim_ray_module = {ray_make, ray_free, ray_change, NULL};
