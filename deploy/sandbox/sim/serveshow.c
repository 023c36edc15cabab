/* serveshow.c - what the dashboard shows of Serve. */
#include "rayrules.h"
#include "serve.h"

static struct rv_val kept(const struct rv_buf *b) { return (struct rv_val){b->p, b->n}; }

static void set_node(struct rv_arena *a, struct rv_node *n, const struct ray_node *node) {
    rv_node_set(a, n, "node_id", node != NULL ? rv_node_str(a, rv_str(node->uid)) : rv_node_null(a));
    rv_node_set(a, n, "node_ip", node != NULL ? rv_node_str(a, rv_str(node->ip)) : rv_node_null(a));
}

static struct rv_node *replica(const struct serve_app *app, const struct serve_deployment *d,
                               const struct serve_replica *r, struct rv_arena *a) {
    static const char *const states[] = {"STARTING", "RUNNING", "STOPPING"};
    struct rv_node *n = rv_node_map(a);
    set_node(a, n, r->node);
    rv_node_set_fmt(a, n, "actor_name", "SERVE_REPLICA::%s#%s#%s", app->name, d->name, r->id);
    rv_node_set_str(a, n, "replica_id", rv_str(r->id));
    rv_node_set_cstr(a, n, "state", states[r->state]);
    rv_node_set(a, n, "start_time_s", rv_node_float(a, (double)r->started_ms / 1000));
    return n;
}

static struct rv_node *deployment(const struct serve_app *app, const struct serve_deployment *d, struct rv_arena *a) {
    struct rv_node *n = rv_node_map(a), *list = rv_node_array(a);
    rv_node_set_cstr(a, n, "name", d->name);
    rv_node_set_cstr(a, n, "status", serve_deployment_status(d->status));
    rv_node_set_cstr(a, n, "status_trigger", d->trigger);
    rv_node_set_cstr(a, n, "message", d->message != NULL ? d->message : "");
    rv_node_set(a, n, "deployment_config", d->config.n != 0 ? rv_node_from(a, kept(&d->config)) : rv_node_map(a));
    rv_node_set_int(a, n, "target_num_replicas", d->target);
    for (const struct serve_replica *r = d->list; r != NULL; r = r->next)
        rv_node_append(a, list, replica(app, d, r, a));
    rv_node_set(a, n, "replicas", list);
    return n;
}

static struct rv_node *application(const struct serve *s, const struct serve_app *app, struct rv_arena *a) {
    struct rv_node *n = rv_node_map(a), *all = rv_node_map(a);
    struct rv_str message = {0};
    const char *status = serve_app_status(app, &message, a), *said = rayrules_text(s->head, app->name, RULE_STATUS);
    const char *told = rayrules_text(s->head, app->name, RULE_MESSAGE);
    rv_node_set_cstr(a, n, "name", app->name);
    rv_node_set(a, n, "route_prefix", app->deployed ? rv_node_str(a, rv_str(app->route)) : rv_node_null(a));
    rv_node_set(a, n, "docs_path", rv_node_null(a));
    rv_node_set_cstr(a, n, "status", said != NULL ? said : status);
    rv_node_set_str(a, n, "message", told != NULL ? rv_str(told) : message);
    rv_node_set(a, n, "last_deployed_time_s", rv_node_float(a, (double)app->taken_ms / 1000));
    rv_node_set(a, n, "deployed_app_config", rv_node_from(a, kept(&app->config)));
    rv_node_set_cstr(a, n, "source", "declarative");
    for (const struct serve_deployment *d = app->deployments; d != NULL && !app->rebuilding; d = d->next)
        rv_node_setn(a, all, rv_str(d->name), deployment(app, d, a));
    rv_node_set(a, n, "deployments", all);
    return n;
}

static struct rv_node *proxies(const struct serve *s, struct rv_arena *a) {
    struct rv_node *all = rv_node_map(a);
    for (const struct ray_node *node = s->head->nodes; node != NULL; node = node->next) {
        if (node->proxy == PROXY_NONE) continue;
        struct rv_node *n = rv_node_map(a);
        set_node(a, n, node);
        rv_node_set_fmt(a, n, "actor_name", "SERVE_PROXY_ACTOR-%s", node->uid);
        rv_node_set_cstr(a, n, "status", node->proxy == PROXY_DRAINING ? "DRAINING" : "HEALTHY");
        rv_node_setn(a, all, rv_str(node->uid), n);
    }
    return all;
}

struct rv_node *serve_show(const struct serve *s, struct rv_arena *a) {
    static const char *const locations[] = {"EveryNode", "HeadOnly", "Disabled"};
    struct rv_node *n = rv_node_map(a), *apps = rv_node_map(a), *info = rv_node_map(a);
    if (s->started) rv_node_set_cstr(a, info, "actor_name", "SERVE_CONTROLLER_ACTOR");
    rv_node_set(a, n, "controller_info", info);
    if (s->started) {
        rv_node_set_cstr(a, n, "proxy_location", locations[s->location]);
        rv_node_set_int(a, rv_node_ensure_map(a, n, "http_options"), "port", serve_port(s));
    }
    rv_node_set(a, n, "proxies", proxies(s, a));
    for (const struct serve_app *app = s->apps; app != NULL; app = app->next)
        rv_node_setn(a, apps, rv_str(app->name), application(s, app, a));
    rv_node_set(a, n, "applications", apps);
    rv_node_set(a, n, "target_capacity", s->capacity >= 0 ? rv_node_float(a, s->capacity) : rv_node_null(a));
    return n;
}
