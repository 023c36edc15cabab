/* serveconfig.c - a Serve configuration: what Serve refuses, in Serve's words, and what it does with the rest. */
#include "serve.h"

#include <stdlib.h>

enum { TICK_MS = 100 }; /* the period of Serve's control loop */

/* ---- refusals ---- */

struct refusal {
    struct rv_arena *a;
    struct rv_str text;
    unsigned n;
};

static bool refuse(struct refusal *f, struct rv_str where, const char *what, const char *type) {
    struct rv_str line = rv_arena_fmt(f->a, "\n%s" RV_STR_FMT "%s  %s [type=%s]", "", RV_STR_ARG(where),
                                      where.n != 0 ? "\n" : "", what, type);
    f->text = rv_arena_fmt(f->a, RV_STR_FMT RV_STR_FMT, RV_STR_ARG(f->text), RV_STR_ARG(line));
    f->n++;
    return false;
}

static const char *bad_import_path(struct rv_str s) {
    size_t colons = 0, last_dot = s.n;
    for (size_t i = 0; i < s.n; i++) {
        colons += s.p[i] == ':';
        if (s.p[i] == '.') last_dot = i;
    }
    if (colons > 1) return "may have at most one colon.";
    if (colons == 1) return s.p[0] == ':' || s.p[s.n - 1] == ':' ? "may not start or end with a colon." : NULL;
    if (last_dot == s.n)
        return "must contain at least on dot or colon separating the module (and potentially submodules) from the "
               "deployment graph. E.g.: \"module.deployment_graph\".";
    return last_dot == 0 || last_dot == s.n - 1 ? "may not start or end with a dot." : NULL;
}

static bool check_app(struct refusal *f, struct rv_val app, size_t i) {
    struct rv_str where = rv_arena_fmt(f->a, "applications.%zu", i);
    if (rv_val_type(app) != RV_MAP)
        return refuse(f, where, "Input should be a valid dictionary or instance of ServeApplicationSchema",
                      "model_type");
    struct rv_val path = rv_val_get(app, "import_path");
    where = rv_arena_fmt(f->a, "applications.%zu.import_path", i);
    if (!rv_val_present(path)) return refuse(f, where, "Field required", "missing");
    if (rv_val_type(path) != RV_STRING) return refuse(f, where, "Input should be a valid string", "string_type");
    struct rv_str s = rv_val_str(path);
    const char *wrong = bad_import_path(s);
    if (wrong != NULL)
        return refuse(f, where,
                      rv_arena_fmt(f->a, "Value error, Got invalid import path \"" RV_STR_FMT "\". An import path %s",
                                   RV_STR_ARG(s), wrong)
                          .p,
                      "value_error");
    struct rv_val n;
    for (struct rv_iter it = rv_iter(rv_val_get(app, "deployments")); rv_iter_next(&it);) {
        if (rv_path_str(it.val, "name").n == 0) {
            where = rv_arena_fmt(f->a, "applications.%zu.deployments", i);
            return refuse(f, where, "Field required", "missing");
        }
        n = rv_val_get(it.val, "num_replicas");
        if (rv_val_set(n) && rv_val_type(n) != RV_STRING && rv_val_int(n, -1) < 0) {
            where = rv_arena_fmt(f->a, "applications.%zu.deployments.num_replicas", i);
            return refuse(f, where, "Input should be greater than or equal to 0", "greater_than_equal");
        }
    }
    return true;
}

static struct rv_str name_of(struct rv_val app) { return rv_val_str_or(rv_val_get(app, "name"), "default"); }
static struct rv_str route_of(struct rv_val app) { return rv_val_str_or(rv_val_get(app, "route_prefix"), "/"); }

static bool check_unique(struct refusal *f, struct rv_val apps) {
    size_t i = 0;
    for (struct rv_iter it = rv_iter(apps); rv_iter_next(&it); i++) {
        size_t j = 0;
        for (struct rv_iter other = rv_iter(apps); rv_iter_next(&other) && j < i; j++) {
            if (rv_str_eq(name_of(it.val), name_of(other.val)))
                return refuse(f, RV_STR("applications"),
                              rv_arena_fmt(f->a,
                                           "Value error, Found multiple configs for application \"" RV_STR_FMT
                                           "\". Please remove all duplicates.",
                                           RV_STR_ARG(name_of(it.val)))
                                  .p,
                              "value_error");
            if (rv_str_eq(route_of(it.val), route_of(other.val)))
                return refuse(f, RV_STR("applications"),
                              rv_arena_fmt(f->a,
                                           "Value error, Found duplicate applications for route prefix \"" RV_STR_FMT
                                           "\". Please ensure each application's route_prefix is unique.",
                                           RV_STR_ARG(route_of(it.val)))
                                  .p,
                              "value_error");
        }
    }
    return true;
}

static bool check_capacity(struct refusal *f, struct rv_val v) {
    struct rv_str where = RV_STR("target_capacity");
    enum rv_type t = rv_val_type(v);
    if (!rv_val_set(v)) return true;
    if (t != RV_INT && t != RV_FLOAT && t != RV_UINT)
        return refuse(f, where, "Input should be a valid number", "float_type");
    if (rv_val_float(v, 0) > 100)
        return refuse(f, where, "Input should be less than or equal to 100", "less_than_equal");
    return rv_val_float(v, 0) >= 0 ||
           refuse(f, where, "Input should be greater than or equal to 0", "greater_than_equal");
}

static void check(struct refusal *f, struct rv_val body) {
    static const char *const locations[] = {"EveryNode", "HeadOnly", "Disabled"};
    struct rv_val apps = rv_val_get(body, "applications"), location = rv_val_get(body, "proxy_location");
    size_t i = 0;
    if (rv_val_type(body) != RV_MAP) {
        refuse(f, RV_STR(""), "Input should be a valid dictionary or instance of ServeDeploySchema", "model_type");
        return;
    }
    while (i < RV_ARRAY_LEN(locations) && !rv_str_is(rv_val_str(location), locations[i])) i++;
    if (rv_val_set(location) && i == RV_ARRAY_LEN(locations))
        refuse(f, RV_STR("proxy_location"), "Input should be 'Disabled', 'HeadOnly' or 'EveryNode'", "enum");
    check_capacity(f, rv_val_get(body, "target_capacity"));
    if (!rv_val_present(apps)) {
        refuse(f, RV_STR("applications"), "Field required", "missing");
        return;
    }
    if (rv_val_type(apps) != RV_ARRAY) {
        refuse(f, RV_STR("applications"), "Input should be a valid list", "list_type");
        return;
    }
    i = 0;
    bool ok = true;
    for (struct rv_iter it = rv_iter(apps); rv_iter_next(&it);) ok = check_app(f, it.val, i++) && ok;
    if (ok) check_unique(f, apps);
}

/* ---- deployments ---- */

static void keep(struct rv_buf *b, struct rv_val v) {
    rv_buf_clear(b);
    if (rv_val_present(v)) rv_mp_val(b, v);
}
static struct rv_val kept(const struct rv_buf *b) { return (struct rv_val){b->p, b->n}; }
static bool same(const struct rv_buf *b, struct rv_val v) {
    return b->n == 0 ? !rv_val_present(v) : rv_val_present(v) && rv_val_equal(kept(b), v);
}

static int64_t positive(struct rv_val map, const char *key, int64_t otherwise) {
    int64_t n = rv_path_int(map, key, otherwise);
    return n < 0 ? 0 : n > 100000 ? 100000 : n;
}

static void read_scale(struct serve_deployment *d, struct rv_val v) {
    struct rv_val scaling = rv_val_get(v, "autoscaling_config"), n = rv_val_get(v, "num_replicas");
    bool automatic = rv_val_type(n) == RV_STRING; /* "auto" */
    d->autoscaled = automatic || rv_val_type(scaling) == RV_MAP;
    d->replicas = positive(v, "num_replicas", 1);
    d->min = positive(scaling, "min_replicas", 1);
    d->max = positive(scaling, "max_replicas", automatic ? 100 : 1);
    if (d->max < d->min) d->max = d->min;
    d->target_ongoing = positive(scaling, "target_ongoing_requests", 2);
    if (d->target_ongoing == 0) d->target_ongoing = 1;
    d->max_ongoing = positive(v, "max_ongoing_requests", 5);
    if (d->max_ongoing == 0) d->max_ongoing = 1;
    double delay = rv_val_float(rv_val_get(scaling, "downscale_delay_s"), 600);
    d->downscale_ms = delay < 0 ? 0 : delay > 1e6 ? 1000000000 : (int64_t)(delay * 1000);
    double cpu = rv_val_float(rv_val_path(v, "ray_actor_options.num_cpus"), 1);
    d->cpu = cpu < 0 ? 0 : cpu > 1e6 ? 1000000000 : (int64_t)(cpu * 1000);
}

static int64_t first_target(const struct serve *s, const struct serve_deployment *d, struct rv_val v) {
    int64_t n = d->replicas;
    if (d->autoscaled) n = positive(rv_val_get(v, "autoscaling_config"), "initial_replicas", d->min);
    if (d->autoscaled && n < d->min) n = d->min;
    if (d->autoscaled && n > d->max) n = d->max;
    if (s->capacity < 0 || s->capacity >= 100) return n;
    if (s->capacity <= 0 || n == 0) return 0;
    int64_t rounded = (int64_t)((double)n * s->capacity / 100 + 0.5);
    return rounded > 1 ? rounded : 1;
}

static struct serve_deployment *find(const struct serve_app *app, struct rv_str name) {
    struct serve_deployment *d = app->deployments;
    while (d != NULL && !rv_str_is(name, d->name)) d = d->next;
    return d;
}

static struct serve_deployment *add(struct serve_app *app, struct rv_str name) {
    struct serve_deployment *d = rv_alloc(sizeof *d), **at = &app->deployments;
    d->name = rv_strdup(name);
    d->target = -1;
    while (*at != NULL) at = &(*at)->next;
    *at = d;
    return d;
}

static void deploy_one(struct serve *s, struct serve_app *app, struct rv_str name, struct rv_val v, bool rebuilt) {
    struct serve_deployment *d = find(app, name);
    bool fresh = d == NULL;
    if (fresh) d = add(app, name);
    struct rv_val actor = rv_val_get(v, "ray_actor_options");
    bool replaced = fresh || rebuilt || !same(&d->actor, actor) || d->failures != 0;
    bool reconfigured = !same(&d->config, v);
    keep(&d->config, v);
    keep(&d->actor, actor);
    read_scale(d, v);
    d->wanted = true;
    d->failures = 0;
    if (replaced) d->version = ++s->versions;
    int64_t before = d->target, target = first_target(s, d, v);
    bool loaded = d->autoscaled && !fresh && s->capacity < 0; /* the autoscaler's decision stays, within its bounds */
    if (loaded) target = before < d->min ? d->min : before > d->max ? d->max : before;
    d->target = target;
    if (!replaced && !reconfigured && before == target) return;
    free(d->message);
    d->message = NULL;
    d->trigger = "CONFIG_UPDATE_STARTED";
    d->status = replaced || before == target ? DEPLOYMENT_UPDATING
                : target > before            ? DEPLOYMENT_UPSCALING
                                             : DEPLOYMENT_DOWNSCALING;
}

/* The name after the last separator of "module:app" or "module.app". */
static struct rv_str import_name(struct rv_str path) {
    struct rv_str tail = path;
    for (size_t i = 0; i < path.n; i++)
        if (path.p[i] == '.' || path.p[i] == ':') tail = (struct rv_str){path.p + i + 1, path.n - i - 1};
    return tail;
}

void serve_deploy(struct serve *s, struct serve_app *app) {
    struct rv_val config = kept(&app->config);
    struct rv_str path = rv_path_str(config, "import_path");
    bool rebuilt = app->rebuilding;
    app->rebuilding = false;
    for (struct serve_deployment *d = app->deployments; d != NULL; d = d->next) d->wanted = false;
    app->failed = !app->deleting && memmem(path.p, path.n, "fail", 4) != NULL;
    free(app->message);
    app->message = NULL;
    if (app->failed) {
        rv_autobuf struct rv_buf b = {0};
        rv_buf_addf(&b, "Deploying app '%s' failed with exception:\nsimulated failure: cannot import " RV_STR_FMT,
                    app->name, RV_STR_ARG(path));
        app->message = rv_strdup(rv_buf_str(&b));
        for (struct serve_deployment *d = app->deployments; d != NULL; d = d->next) d->wanted = true;
        return;
    }
    bool named = false;
    if (!app->deleting) {
        for (struct rv_iter it = rv_iter(rv_val_get(config, "deployments")); rv_iter_next(&it); named = true)
            deploy_one(s, app, rv_path_str(it.val, "name"), it.val, rebuilt);
        if (!named) deploy_one(s, app, import_name(path), RV_VAL_ABSENT, rebuilt);
        app->deployed = true;
    }
    for (struct serve_deployment *d = app->deployments; d != NULL; d = d->next)
        if (!d->wanted) d->target = 0;
}

/* ---- applications ---- */

void serve_replica_free(struct serve *s, struct serve_deployment *d, struct serve_replica *r) {
    serve_requests_of_replica_fail(s, r);
    struct serve_replica **at = &d->list;
    while (*at != r) at = &(*at)->next;
    *at = r->next;
    free(r);
}

struct serve_deployment *serve_deployment_free(struct serve *s, struct serve_deployment *d) {
    while (d->list != NULL) serve_replica_free(s, d, d->list);
    rv_buf_free(&d->config);
    rv_buf_free(&d->actor);
    free(d->message);
    free(d->name);
    free(d);
    return NULL;
}

void serve_app_free(struct serve *s, struct serve_app *app) {
    for (struct serve_deployment *d; (d = app->deployments) != NULL;) {
        app->deployments = d->next;
        serve_deployment_free(s, d);
    }
    rv_buf_free(&app->config);
    rv_buf_free(&app->code);
    free(app->name);
    free(app->route);
    free(app->message);
    free(app);
}

static struct serve_app *app_get(struct serve *s, struct rv_str name) {
    struct serve_app **at = &s->apps;
    while (*at != NULL && !rv_str_is(name, (*at)->name)) at = &(*at)->next;
    if (*at != NULL) return *at;
    struct serve_app *app = rv_alloc(sizeof *app);
    app->name = rv_strdup(name);
    return *at = app;
}

/* What an application is built from. If it changes, the application is built again. */
static struct rv_val code_of(struct rv_arena *a, struct rv_val app) {
    static const char *const keys[] = {"import_path", "runtime_env", "args"};
    struct rv_node *n = rv_node_map(a);
    for (size_t i = 0; i < RV_ARRAY_LEN(keys); i++) {
        struct rv_val v = rv_val_get(app, keys[i]);
        if (rv_val_present(v)) rv_node_set(a, n, keys[i], rv_node_from(a, v));
    }
    return rv_node_freeze(a, n);
}

static void take_app(struct serve *s, struct rv_arena *a, struct rv_val v) {
    struct serve_app *app = app_get(s, name_of(v));
    struct rv_val code = code_of(a, v);
    bool rebuild = app->code.n == 0 || app->failed || app->deleting || !same(&app->code, code);
    free(app->route);
    app->route = rv_strdup(route_of(v));
    keep(&app->config, v);
    keep(&app->code, code);
    app->deleting = false;
    app->building = true;
    app->rebuilding = app->rebuilding || rebuild;
    app->taken_ms = ray_now_ms();
    int64_t build = app->rebuilding ? s->head->m->opts.ray_build_ms : TICK_MS;
    app->build_due_ms = app->taken_ms + (build < TICK_MS && s->head->m->opts.ray_build_ms != 0 ? TICK_MS : build);
}

static bool names(struct rv_val apps, const char *name) {
    for (struct rv_iter it = rv_iter(apps); rv_iter_next(&it);)
        if (rv_str_is(name_of(it.val), name)) return true;
    return false;
}

int serve_configure(struct serve *s, struct rv_arena *a, struct rv_val body, struct rv_str *ret_why) {
    struct refusal f = {.a = a};
    check(&f, body);
    if (f.n != 0) {
        *ret_why = rv_arena_fmt(a, "%u validation error%s for ServeDeploySchema" RV_STR_FMT, f.n, f.n > 1 ? "s" : "",
                                RV_STR_ARG(f.text));
        return RV_E_INVALID;
    }
    struct rv_val apps = rv_val_get(body, "applications"), location = rv_val_get(body, "proxy_location");
    if (!s->started) {
        keep(&s->options, rv_val_get(body, "http_options"));
        s->location = rv_str_is(rv_val_str(location), "HeadOnly")   ? HEAD_ONLY
                      : rv_str_is(rv_val_str(location), "Disabled") ? DISABLED
                                                                    : EVERY_NODE;
    }
    s->started = true;
    s->capacity =
        rv_val_set(rv_val_get(body, "target_capacity")) ? rv_val_float(rv_val_get(body, "target_capacity"), 0) : -1;
    for (struct rv_iter it = rv_iter(apps); rv_iter_next(&it);) take_app(s, a, it.val);
    for (struct serve_app *app = s->apps; app != NULL; app = app->next) {
        if (names(apps, app->name) || app->deleting) continue;
        app->deleting = true;
        app->building = true;
        app->build_due_ms = ray_now_ms() + TICK_MS;
    }
    return 0;
}
