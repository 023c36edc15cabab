/* rayserve.c - Ray Serve's REST API: the configuration that was PUT, deploying for a while, then running. An import
 * path with "fail" in it fails. */
#include "ray.h"

static struct rv_val config_of(const struct ray_head *h) { return (struct rv_val){h->serve.p, h->serve.n}; }

static bool failing(struct rv_val app) {
    struct rv_str path = rv_path_str(app, "import_path");
    return path.n != 0 && memmem(path.p, path.n, "fail", 4) != NULL;
}

static bool deploying(const struct ray_call *c) {
    return ray_now_ms() - c->head->serve_since_ms < c->m->opts.ray_deploy_ms;
}

static const char *app_status(const struct ray_call *c, struct rv_val app) {
    if (deploying(c)) return "DEPLOYING";
    return failing(app) ? "DEPLOY_FAILED" : "RUNNING";
}

static struct rv_node *deployment(const struct ray_call *c, struct rv_val app, struct rv_val d, struct rv_str name) {
    struct rv_node *n = rv_node_map(c->a);
    const char *status = deploying(c) ? "UPDATING" : failing(app) ? "UNHEALTHY" : "HEALTHY";
    rv_node_set_str(c->a, n, "name", name);
    rv_node_set_cstr(c->a, n, "status", status);
    rv_node_set_cstr(c->a, n, "message", "");
    rv_node_set(c->a, n, "deployment_config", rv_val_set(d) ? rv_node_from(c->a, d) : rv_node_map(c->a));
    rv_node_set_int(c->a, n, "target_num_replicas", rv_path_int(d, "num_replicas", 1));
    rv_node_set(c->a, n, "replicas", rv_node_array(c->a));
    return n;
}

/* A configuration without deployments still runs the one that the import path names. */
static struct rv_node *deployments(const struct ray_call *c, struct rv_val app) {
    struct rv_node *all = rv_node_map(c->a);
    for (struct rv_iter it = rv_iter(rv_val_get(app, "deployments")); rv_iter_next(&it);) {
        struct rv_str name = rv_path_str(it.val, "name");
        if (name.n != 0) rv_node_setn(c->a, all, name, deployment(c, app, it.val, name));
    }
    if (rv_node_len(all) != 0) return all;
    struct rv_str path = rv_path_str(app, "import_path"), tail = path;
    for (size_t i = 0; i < path.n; i++)
        if (path.p[i] == '.' || path.p[i] == ':') tail = (struct rv_str){path.p + i + 1, path.n - i - 1};
    if (tail.n != 0) rv_node_setn(c->a, all, tail, deployment(c, app, RV_VAL_ABSENT, tail));
    return all;
}

static struct rv_node *application(const struct ray_call *c, struct rv_val app, struct rv_str name) {
    struct rv_node *n = rv_node_map(c->a);
    const char *status = app_status(c, app);
    rv_node_set_str(c->a, n, "name", name);
    rv_node_set_str(c->a, n, "route_prefix", rv_val_str_or(rv_val_get(app, "route_prefix"), "/"));
    rv_node_set(c->a, n, "docs_path", rv_node_null(c->a));
    rv_node_set_cstr(c->a, n, "status", status);
    rv_node_set_cstr(c->a, n, "message", strcmp(status, "DEPLOY_FAILED") == 0 ? "simulated failure" : "");
    rv_node_set(c->a, n, "last_deployed_time_s", rv_node_float(c->a, (double)c->head->serve_since_ms / 1000));
    rv_node_set(c->a, n, "deployed_app_config", rv_node_from(c->a, app));
    rv_node_set(c->a, n, "deployments", deployments(c, app));
    return n;
}

static int show(struct ray_call *c) {
    struct rv_node *n = rv_node_map(c->a), *apps = rv_node_map(c->a);
    for (struct rv_iter it = rv_iter(rv_val_get(config_of(c->head), "applications")); rv_iter_next(&it);) {
        struct rv_str name = rv_val_str_or(rv_val_get(it.val, "name"), "default");
        rv_node_setn(c->a, apps, name, application(c, it.val, name));
    }
    struct rv_val location = rv_val_get(config_of(c->head), "proxy_location");
    rv_node_set(c->a, n, "controller_info", rv_node_map(c->a));
    rv_node_set_str(c->a, n, "proxy_location", rv_val_str_or(location, "EveryNode"));
    rv_node_set(c->a, n, "proxies", rv_node_map(c->a));
    rv_node_set_cstr(c->a, n, "deploy_mode", "MULTI_APP");
    rv_node_set(c->a, n, "applications", apps);
    return ray_json(c, 200, n);
}

static int deploy(struct ray_call *c) {
    struct rv_val body = ray_body(c);
    if (rv_val_type(rv_val_get(body, "applications")) != RV_ARRAY)
        return ray_text(c, 400, "the configuration needs a list of \"applications\"");
    if (rv_val_equal(body, config_of(c->head))) return ray_text(c, 200, "");
    rv_buf_clear(&c->head->serve);
    rv_mp_val(&c->head->serve, body);
    c->head->serve_since_ms = ray_now_ms();
    return ray_text(c, 200, "");
}

int ray_serve(struct ray_call *c) {
    if (c->rest.n != 0) return ray_text(c, 404, "404: Not Found");
    if (rv_str_is(c->method, "GET")) return show(c);
    if (rv_str_is(c->method, "PUT")) return deploy(c);
    if (!rv_str_is(c->method, "DELETE")) return ray_text(c, 405, "405: Method Not Allowed");
    rv_buf_clear(&c->head->serve);
    return ray_text(c, 200, "");
}

int ray_serve_traffic(struct ray_call *c) {
    for (struct rv_iter it = rv_iter(rv_val_get(config_of(c->head), "applications")); rv_iter_next(&it);) {
        struct rv_str prefix = rv_val_str_or(rv_val_get(it.val, "route_prefix"), "/");
        while (prefix.n > 1 && prefix.p[prefix.n - 1] == '/') prefix.n--;
        bool under = c->path.n >= prefix.n && memcmp(c->path.p, prefix.p, prefix.n) == 0 &&
                     (prefix.n <= 1 || c->path.n == prefix.n || c->path.p[prefix.n] == '/');
        if (!under || strcmp(app_status(c, it.val), "RUNNING") != 0) continue;
        struct rv_str name = rv_val_str_or(rv_val_get(it.val, "name"), "default");
        return ray_text(c, 200, rv_arena_fmt(c->a, "simulated answer of " RV_STR_FMT "\n", RV_STR_ARG(name)).p);
    }
    return ray_text(c, 404, rv_arena_fmt(c->a, "Path '" RV_STR_FMT "' not found.", RV_STR_ARG(c->path)).p);
}
