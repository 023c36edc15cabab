/* serve.c - Serve's configuration and what its REST API answers (spec section 5). What comes back is outside data: it
 * is bounded, and anything that does not look like an answer of Serve is none. */
#include "fields.h"
#include "plugins/ray/job.h"
#include "rayvisor/json.h"
#include "service.h"

/* ---- the configuration ------------------------------------------------------------------------------------------- */

struct rv_node *rs_config_parse(struct rv_arena *a, struct rv_str text, struct rv_error *err) {
    struct rv_node *n = rj_runtime_env(a, text, err);
    if (n == NULL) return NULL;
    if (rv_node_type(rv_node_get(n, "applications")) == RV_ARRAY) return n;
    rv_error_set(err, RV_E_INVALID, "%s",
                 text.n == 0 ? "it is empty: Serve needs a list of \"applications\""
                             : "Serve needs a list of \"applications\"");
    return NULL;
}

/* The user's own target_capacity stays where we have none to give. */
struct rv_str rs_config_body(struct rv_arena *a, struct rv_node *config, int64_t capacity) {
    rv_autobuf struct rv_buf b = {0};
    struct rv_node *n = rv_node_copy(a, config);
    if (capacity >= 0) rv_node_set_int(a, n, "target_capacity", capacity);
    rv_json_write(rv_node_freeze(a, n), &b);
    return rv_arena_str(a, rv_buf_str(&b));
}

void rs_config_hash(struct rv_str text, char ret[33]) {
    static const char digits[] = "0123456789abcdef";
    rv_autobuf struct rv_buf b = {0};
    rv_mp_str(&b, text);
    struct rv_hash h = rv_val_hash((struct rv_val){b.p, b.n});
    for (int i = 0; i < 32; i++) ret[i] = digits[((i < 16 ? h.hi : h.lo) >> (4 * (i % 16))) & 15];
    ret[32] = 0;
}

struct rv_str rs_config_proxies(struct rv_node *config) {
    return rv_node_text(rv_node_get(config, "proxy_location"));
}

static struct rv_val beside_apps(struct rv_arena *a, struct rv_node *config, bool capacity_is_ours) {
    struct rv_node *n = rv_node_copy(a, config);
    rv_node_remove(n, "applications");
    if (capacity_is_ours) rv_node_remove(n, "target_capacity");
    return rv_node_freeze(a, n);
}

bool rs_config_same_beside_apps(struct rv_arena *a, struct rv_node *x, struct rv_node *y, bool capacity_is_ours) {
    return rv_val_equal(beside_apps(a, x, capacity_is_ours), beside_apps(a, y, capacity_is_ours));
}

/* ---- answers ----------------------------------------------------------------------------------------------------- */

static struct rv_str cut(struct rv_arena *a, struct rv_str s) {
    enum { LAST = RS_MESSAGE_MAX - 4 };
    if (s.n <= RS_MESSAGE_MAX) return s;
    size_t skip = s.n - LAST; /* the end of a traceback says what went wrong */
    while (skip < s.n && ((uint8_t)s.p[skip] & 0xc0) == 0x80) skip++;
    return rv_arena_fmt(a, "... %.*s", (int)(s.n - skip), s.p + skip);
}

static void set_state(struct rv_arena *a, struct rv_node *n, struct rv_val v) {
    struct rv_str message = rv_path_str(v, "message");
    rv_node_set_str(a, n, "status", rv_path_str(v, "status"));
    if (message.n != 0) rv_node_set_str(a, n, "message", cut(a, message));
}

static int64_t running_replicas(struct rv_val deployment) {
    int64_t n = 0;
    for (struct rv_iter it = rv_iter(rv_val_get(deployment, "replicas")); rv_iter_next(&it);)
        n += rv_str_is(rv_path_str(it.val, "state"), "RUNNING");
    return n;
}

/* Scaled to zero is what the user asked for; a target of zero replicas for want of capacity is not. Versions of Ray
 * that tell no target mean their HEALTHY. */
static bool has_replica(struct rv_val d) {
    struct rv_val scaling = rv_val_path(d, "deployment_config.autoscaling_config");
    bool may_be_zero = rv_val_set(scaling) && rv_path_int(scaling, "min_replicas", 1) == 0;
    if (!rv_str_is(rv_path_str(d, "status"), "HEALTHY")) return false;
    return running_replicas(d) > 0 || may_be_zero || rv_path_int(d, "target_num_replicas", 1) > 0;
}

static struct rv_node *deployments(struct rv_arena *a, struct rv_val app, bool *healthy) {
    struct rv_node *all = rv_node_map(a);
    size_t n = 0;
    for (struct rv_iter it = rv_iter(rv_val_get(app, "deployments")); rv_iter_next(&it) && n < RS_DEPLOYMENTS_MAX;
         n++) {
        struct rv_node *d = rv_node_map(a);
        set_state(a, d, it.val);
        rv_node_setn(a, all, it.key, d);
        *healthy &= has_replica(it.val);
    }
    return all;
}

static void add_app(struct rv_arena *a, struct rs_answer *r, struct rv_str key, struct rv_val app) {
    struct rv_node *n = rv_node_map(a);
    struct rv_str name = key.n != 0 ? key : RV_STR("default"), status = rv_path_str(app, "status");
    bool healthy = true, runs = rv_str_is(status, "RUNNING");
    set_state(a, n, app);
    struct rv_node *all = deployments(a, app, &healthy);
    if (rv_node_len(all) > 0) rv_node_set(a, n, "serveDeploymentStatuses", all);
    rv_node_setn(a, r->apps, name, n);
    r->any = true;
    r->running &= runs;
    r->healthy &= runs && healthy;
    if (r->waits.n == 0 && !(runs && healthy)) {
        struct rv_str why = cut(a, rv_path_str(app, "message"));
        r->waits = rv_arena_fmt(a, "application " RV_STR_FMT " is " RV_STR_FMT "%s" RV_STR_FMT, RV_STR_ARG(name),
                                RV_STR_ARG(status),
                                runs         ? " without a replica of each deployment"
                                : why.n != 0 ? ": "
                                             : "",
                                RV_STR_ARG(why));
    }
}

bool rs_answer_read(struct rv_arena *a, struct rv_val body, struct rs_answer *ret) {
    struct rv_val apps = rv_val_get(body, "applications");
    size_t n = 0;
    if (rv_val_type(apps) != RV_MAP) return false;
    *ret = (struct rs_answer){.running = true, .healthy = true, .apps = rv_node_map(a)};
    struct rv_val capacity = rv_val_get(body, "target_capacity");
    ret->capacity = rv_val_set(capacity) ? (int64_t)rv_val_float(capacity, -1) : -1;
    for (struct rv_iter it = rv_iter(apps); rv_iter_next(&it) && n < RS_DEPLOYMENTS_MAX; n++)
        add_app(a, ret, it.key, it.val);
    ret->running &= ret->any;
    ret->healthy &= ret->any;
    if (!ret->any) ret->waits = RV_STR("no application is deployed");
    return true;
}

bool rs_answer_is_of(struct rv_arena *a, struct rv_val body, struct rv_node *config) {
    struct rv_val apps = rv_val_get(body, "applications"),
                  want = rv_node_freeze(a, rv_node_get(config, "applications"));
    if (rv_val_len(apps) == 0 || rv_val_len(apps) != rv_val_len(want)) return false;
    for (struct rv_iter it = rv_iter(want); rv_iter_next(&it);) {
        struct rv_val app = rv_val_getn(apps, rv_val_str_or(rv_val_get(it.val, "name"), "default"));
        if (!rv_val_within(it.val, rv_val_get(app, "deployed_app_config"))) return false;
    }
    return true;
}
