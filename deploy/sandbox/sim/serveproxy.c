/* serveproxy.c - Serve's proxies, at most one for each node, and the requests that they hold. */
#include "pods.h"
#include "rayrules.h"
#include "serve.h"

#include <stdlib.h>

enum { REQUEST_MS = 50, PORT = 8000 };

struct serve_request {
    struct serve_request *next;
    struct serve *serve;
    struct ray_node *node;
    char *app;
    struct serve_replica *replica; /* NULL while it waits */
    int64_t came_ms, began_ms, work_ms;
    serve_done_fn fn;
    void *arg;
};

/* ---- proxies ---- */

int64_t serve_port(const struct serve *s) {
    int64_t port = rv_path_int((struct rv_val){s->options.p, s->options.n}, "port", PORT);
    return port > 0 && port < 65536 ? port : PORT;
}

static bool hosts_replica(const struct serve *s, const struct ray_node *n) {
    for (const struct serve_app *app = s->apps; app != NULL; app = app->next)
        for (const struct serve_deployment *d = app->deployments; d != NULL; d = d->next)
            for (const struct serve_replica *r = d->list; r != NULL; r = r->next)
                if (r->node == n && r->state != REPLICA_STOPPING) return true;
    return false;
}

static bool wants_proxy(const struct serve *s, const struct ray_node *n) {
    if (!s->started || !n->alive || s->location == DISABLED) return false;
    return n->head || (s->location == EVERY_NODE && hosts_replica(s, n));
}

static bool proxy_update(struct serve *s, struct ray_node *n, int64_t *due) {
    enum serve_proxy_state before = n->proxy;
    int64_t end = n->drain_since_ms + s->head->m->opts.ray_drain_ms, now = ray_now_ms();
    if (wants_proxy(s, n)) {
        n->proxy = PROXY_ACTIVE;
    } else if (n->proxy == PROXY_ACTIVE) {
        n->proxy = PROXY_DRAINING;
        n->drain_since_ms = now;
        if (now + s->head->m->opts.ray_drain_ms < *due) *due = now + s->head->m->opts.ray_drain_ms;
    } else if (n->proxy == PROXY_DRAINING && now >= end && n->ongoing == 0) {
        n->proxy = PROXY_NONE;
    } else if (n->proxy == PROXY_DRAINING && now < end && end < *due) {
        *due = end;
    }
    return n->proxy != before;
}

bool serve_proxies_update(struct serve *s, int64_t *due) {
    bool changed = false;
    for (struct ray_node *n = s->head->nodes; n != NULL; n = n->next) changed = proxy_update(s, n, due) || changed;
    return changed;
}

/* Kubelet probes are answered at once, not at their next period. */
void serve_probes_update(struct serve *s) {
    for (const struct ray_node *n = s->head->nodes; n != NULL; n = n->next) {
        const char *text = "";
        struct sim_pod *p = sim_map_get(&sim_pods_of(s->head->m)->map, rv_str(n->uid));
        if (p != NULL && p->probed) sim_kubelet_probe(s->head->m, p, serve_health(s, n, &text) == 200);
    }
}

static bool any_route(const struct serve *s) {
    for (const struct serve_app *app = s->apps; app != NULL; app = app->next)
        if (app->deployed && !app->deleting) return true;
    return false;
}

static bool any_running(const struct serve *s) {
    for (const struct serve_app *app = s->apps; app != NULL; app = app->next)
        for (const struct serve_replica *r = app->deployments != NULL ? app->deployments->list : NULL; r != NULL;
             r = r->next)
            if (r->state == REPLICA_RUNNING) return true;
    return false;
}

int serve_health(const struct serve *s, const struct ray_node *n, const char **ret_text) {
    const char *rule = rayrules_text(s->head, NULL, RULE_PROXY);
    *ret_text = "";
    if (n->proxy == PROXY_NONE || !n->alive) return 0;
    if (rule != NULL && strcmp(rule, "dead") == 0) return 0;
    *ret_text = n->proxy == PROXY_DRAINING                       ? "This node is being drained."
                : !any_route(s)                                  ? "Route table is not populated yet."
                : !n->head && !any_running(s)                    ? "No replicas are available yet."
                : rule != NULL && strcmp(rule, "unhealthy") == 0 ? "unhealthy, as a rule says"
                                                                 : "success";
    return strcmp(*ret_text, "success") == 0 ? 200 : 503;
}

static int routes(struct ray_call *c) {
    struct rv_node *n = rv_node_map(c->a);
    for (const struct serve_app *app = c->head->serve->apps; app != NULL; app = app->next)
        if (app->deployed && !app->deleting) rv_node_set(c->a, n, app->route, rv_node_str(c->a, rv_str(app->name)));
    return ray_json(c, 200, n);
}

int serve_answer_proxy(struct ray_call *c, struct ray_node *n) {
    bool health = rv_str_is(c->path, "/-/healthz");
    if (!health && !rv_str_is(c->path, "/-/routes")) return 0;
    const char *text = "";
    int status = serve_health(c->head->serve, n, &text);
    return health || status != 200 ? ray_text(c, status, text) : routes(c);
}

/* ---- requests ---- */

static struct serve_app *app_of(const struct serve *s, const char *name) {
    struct serve_app *app = s->apps;
    while (app != NULL && strcmp(app->name, name) != 0) app = app->next;
    return app;
}

/* The application with the longest prefix of the path. */
static struct serve_app *route(const struct serve *s, struct rv_str path) {
    struct serve_app *best = NULL;
    size_t longest = 0;
    const char *mark = path.n != 0 ? memchr(path.p, '?', path.n) : NULL;
    if (mark != NULL) path.n = (size_t)(mark - path.p);
    for (struct serve_app *app = s->apps; app != NULL; app = app->next) {
        struct rv_str prefix = rv_str(app->route);
        while (prefix.n > 0 && prefix.p[prefix.n - 1] == '/') prefix.n--;
        bool under = path.n >= prefix.n && memcmp(path.p, prefix.p, prefix.n) == 0 &&
                     (path.n == prefix.n || path.p[prefix.n] == '/');
        if (!under || !app->deployed || app->deleting || (best != NULL && prefix.n < longest)) continue;
        best = app;
        longest = prefix.n;
    }
    return best;
}

static void count_request(struct ray_node *n, int change) {
    n->ongoing = (unsigned)((int)n->ongoing + change);
    n->counted_ms = ray_now_ms();
}

static void unlink_request(struct serve_request *q) {
    struct serve_request **at = &q->serve->requests;
    while (*at != q) at = &(*at)->next;
    *at = q->next;
    count_request(q->node, -1);
    if (q->replica != NULL) q->replica->ongoing--;
}

static void end(struct serve_request *q, int status, const char *error) {
    int64_t now = ray_now_ms();
    struct serve_result r = {status,
                             error,
                             q->app,
                             q->replica != NULL ? q->replica->id : NULL,
                             (q->replica != NULL ? q->began_ms : now) - q->came_ms,
                             now - q->came_ms};
    unlink_request(q);
    if (status != 200) q->node->failed++;
    q->fn(q->arg, &r);
    free(q->app);
    free(q);
}

void serve_request_cancel(struct serve_request *q) {
    unlink_request(q);
    free(q->app);
    free(q);
}

static void refuse(struct ray_node *n, int status, const char *error, serve_done_fn fn, void *arg) {
    const struct serve_result r = {.status = status, .error = error};
    n->failed++;
    fn(arg, &r);
}

struct serve_request *serve_request_start(struct serve *s, struct ray_node *n, struct rv_str path, int64_t ms,
                                          serve_done_fn fn, void *arg) {
    const char *rule = rayrules_text(s->head, NULL, RULE_PROXY);
    n->requests++;
    if (n->proxy == PROXY_NONE || !n->alive || (rule != NULL && strcmp(rule, "dead") == 0)) {
        refuse(n, 0, "connection refused", fn, arg);
        return NULL;
    }
    struct serve_app *app = route(s, path);
    if (app == NULL && (rule == NULL || strcmp(rule, "hang") != 0)) {
        refuse(n, 404, "no application has this path", fn, arg);
        return NULL;
    }
    struct serve_request *q = rv_alloc(sizeof *q), **at = &s->requests;
    q->serve = s;
    q->node = n;
    q->app = rv_strdup(rv_str(app != NULL ? app->name : ""));
    q->came_ms = ray_now_ms();
    q->work_ms = ms >= 0 ? ms : rayrules_number(s->head, q->app, RULE_REQUEST_MS, REQUEST_MS);
    q->fn = fn;
    q->arg = arg;
    count_request(n, 1);
    while (*at != NULL) at = &(*at)->next;
    *at = q;
    return q;
}

unsigned serve_requests_waiting(const struct serve *s, const struct serve_app *app) {
    unsigned n = 0;
    for (const struct serve_request *q = s->requests; q != NULL; q = q->next)
        n += q->replica == NULL && strcmp(q->app, app->name) == 0;
    return n;
}

/* A running replica with free capacity, of the application's first deployment, preferably on this node. NULL if there
 * is none. */
static struct serve_replica *pick_replica(const struct serve_app *app, const struct ray_node *near) {
    struct serve_replica *best = NULL;
    const struct serve_deployment *d = app->deployments;
    for (struct serve_replica *r = d != NULL ? d->list : NULL; r != NULL; r = r->next) {
        if (r->state != REPLICA_RUNNING || r->ongoing >= d->max_ongoing) continue;
        bool closer = best != NULL && r->node == near && best->node != near;
        bool further = best != NULL && r->node != near && best->node == near;
        if (best == NULL || closer || (!further && r->ongoing < best->ongoing)) best = r;
    }
    return best;
}

static bool request_update(struct serve *s, struct serve_request *q, int64_t *due) {
    const char *rule = rayrules_text(s->head, NULL, RULE_PROXY);
    const struct serve_app *app = app_of(s, q->app);
    int64_t now = ray_now_ms();
    if (rule != NULL && strcmp(rule, "hang") == 0) return false;
    if (app == NULL) {
        end(q, 404, "the application is gone");
        return true;
    }
    bool changed = false;
    if (q->replica == NULL && (q->replica = pick_replica(app, q->node)) != NULL) {
        q->replica->ongoing++;
        q->began_ms = now;
        changed = true;
    }
    if (q->replica == NULL) return false;
    if (now >= q->began_ms + q->work_ms) {
        end(q, 200, NULL);
        return true;
    }
    if (q->began_ms + q->work_ms < *due) *due = q->began_ms + q->work_ms;
    return changed;
}

bool serve_requests_update(struct serve *s, int64_t *due) {
    bool changed = false;
    for (struct serve_request *q = s->requests, *next = NULL; q != NULL; q = next) {
        next = q->next;
        changed = request_update(s, q, due) || changed;
    }
    return changed;
}

void serve_requests_of_replica_fail(struct serve *s, const struct serve_replica *r) {
    for (struct serve_request *q = s->requests, *next = NULL; q != NULL; q = next) {
        next = q->next;
        if (q->replica == r) end(q, 500, "the replica died");
    }
}

void serve_requests_of_node_fail(struct serve *s, const struct ray_node *n) {
    for (struct serve_request *q = s->requests, *next = NULL; q != NULL; q = next) {
        next = q->next;
        if (q->node == n) end(q, 0, "the connection broke");
    }
}

/* ---- metrics ---- */

/* Requests that the proxy gave to replicas of the application. */
static unsigned given_to_replicas(const struct serve *s, const struct ray_node *n, const struct serve_app *app) {
    unsigned sum = 0;
    for (const struct serve_request *q = s->requests; q != NULL; q = q->next)
        sum += q->node == n && q->replica != NULL && strcmp(q->app, app->name) == 0;
    return sum;
}

/* Ray forgets a gauge that was not set again; this one is set when a request comes or ends, the others all the time. */
static void proxy_metrics(const struct serve *s, const struct ray_node *n, struct rv_buf *out) {
    if (n->proxy == PROXY_NONE) return;
    rv_buf_adds(out, "# HELP ray_serve_num_ongoing_http_requests The number of ongoing requests in this HTTP proxy.\n"
                     "# TYPE ray_serve_num_ongoing_http_requests gauge\n");
    if (ray_now_ms() < n->counted_ms + s->head->m->opts.ray_gauge_ms)
        rv_buf_addf(out,
                    "ray_serve_num_ongoing_http_requests{Component=\"core_worker\",NodeAddress=\"%s\",node_id=\"%s\","
                    "node_ip_address=\"%s\"} %u.0\n",
                    n->ip, n->uid, n->ip, n->ongoing);
    rv_buf_adds(out, "# HELP ray_serve_num_ongoing_requests_at_replicas The current number of requests to this "
                     "deployment that have been submitted to a replica.\n"
                     "# TYPE ray_serve_num_ongoing_requests_at_replicas gauge\n");
    for (const struct serve_app *app = s->apps; app != NULL; app = app->next)
        if (app->deployments != NULL)
            rv_buf_addf(out, "ray_serve_num_ongoing_requests_at_replicas{application=\"%s\",deployment=\"%s\"} %u.0\n",
                        app->name, app->deployments->name, given_to_replicas(s, n, app));
}

void serve_metrics(const struct serve *s, const struct ray_node *n, struct rv_buf *out) {
    proxy_metrics(s, n, out);
    rv_buf_adds(out, "# HELP ray_serve_deployment_queued_queries The current number of queries to this deployment "
                     "waiting to be assigned to a replica.\n# TYPE ray_serve_deployment_queued_queries gauge\n");
    for (const struct serve_app *app = s->apps; app != NULL; app = app->next)
        if (n->head && app->deployments != NULL)
            rv_buf_addf(out, "ray_serve_deployment_queued_queries{application=\"%s\",deployment=\"%s\"} %u.0\n",
                        app->name, app->deployments->name, serve_requests_waiting(s, app));
    rv_buf_adds(out, "# HELP ray_serve_replica_processing_queries The current number of queries being processed.\n"
                     "# TYPE ray_serve_replica_processing_queries gauge\n");
    for (const struct serve_app *app = s->apps; app != NULL; app = app->next)
        for (const struct serve_deployment *d = app->deployments; d != NULL; d = d->next)
            for (const struct serve_replica *r = d->list; r != NULL; r = r->next)
                if (r->node == n)
                    rv_buf_addf(out,
                                "ray_serve_replica_processing_queries{NodeAddress=\"%s\",application=\"%s\","
                                "deployment=\"%s\",replica=\"%s\"} %u.0\n",
                                n->ip, app->name, d->name, r->id, r->ongoing);
}
