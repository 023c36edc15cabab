/* live_head.c - see live_head.h. */
#include "live_head.h"

#include "fields.h"
#include "start_params.h"

struct look {
    struct rv_arena *a;
    const struct rc_cluster *c;
    struct rv_val head;
    bool older;           /* the head is known to be made of an older spec */
    struct rv_node *spec; /* a copy that is changed; NULL: nothing differs so far */
};

static struct rv_val env_named(struct rv_val container, const char *name) {
    for (struct rv_iter it = rv_iter(rv_val_get(container, "env")); rv_iter_next(&it);)
        if (rv_str_is(rv_path_str(it.val, "name"), name)) return it.val;
    return RV_VAL_ABSENT;
}

struct rv_val rc_head_env(struct rv_val head, const char *name) {
    return env_named(rv_val_path(head, "spec.containers[0]"), name);
}

struct rv_node *rc_head_redis(struct rv_arena *a, struct rv_val head) {
    static const char *const names[] = {"RAY_REDIS_ADDRESS", "RAY_external_storage_namespace", "REDIS_USERNAME",
                                        "REDIS_PASSWORD"};
    struct rv_node *list = rv_node_array(a);
    if (!rv_val_present(rc_head_env(head, names[0]))) return NULL;
    for (size_t i = 0; i < RV_ARRAY_LEN(names); i++) {
        struct rv_val v = rc_head_env(head, names[i]);
        if (rv_val_present(v)) rv_node_append(a, list, rv_node_from(a, v));
    }
    return list;
}

static struct rv_node *changed(struct look *l) {
    if (l->spec == NULL) l->spec = rv_node_from(l->a, l->c->spec);
    return l->spec;
}

static struct rv_node *head_group(struct look *l) { return rv_node_ensure_map(l->a, changed(l), "headGroupSpec"); }

/* ---- the label that the service selects */

static void follow_label(struct look *l) {
    struct rv_val mine =
        rv_val_get(rv_val_path(l->c->spec, "headGroupSpec.template.metadata.labels"), RC_LABEL_APP_NAME);
    struct rv_str live = rv_val_str(rv_val_get(rv_val_path(l->head, "metadata.labels"), RC_LABEL_APP_NAME));
    if (live.n == 0 || rv_str_eq(live, rv_val_str_or(mine, "kuberay"))) return;
    struct rv_node *template = rv_node_ensure_map(l->a, head_group(l), "template"),
                   *meta = rv_node_ensure_map(l->a, template, "metadata");
    rv_node_set_str(l->a, rv_node_ensure_map(l->a, meta, "labels"), RC_LABEL_APP_NAME, live);
}

/* ---- ports */

static bool is_metrics(struct rv_val port) {
    return rv_str_is(rv_path_str(port, "name"), "metrics") && rv_path_int(port, "containerPort", 0) == RC_PORT_METRICS;
}

static bool same_port(struct rv_val x, struct rv_val y) {
    return rv_str_eq(rv_path_str(x, "name"), rv_path_str(y, "name")) &&
           rv_path_int(x, "containerPort", 0) == rv_path_int(y, "containerPort", 0);
}

/* The pod has one port more where the spec does not name the metrics. */
static bool same_ports(struct rv_val spec, struct rv_val live) {
    size_t n = rv_val_len(spec), m = rv_val_len(live);
    if (m != n && !(m == n + 1 && is_metrics(rv_val_at(live, n)))) return false;
    for (size_t i = 0; i < n; i++)
        if (!same_port(rv_val_at(spec, i), rv_val_at(live, i))) return false;
    return true;
}

static void follow_ports(struct look *l) {
    struct rv_val mine = rv_val_get(rc_head_container(l->c), "ports"),
                  ports = rv_val_path(l->head, "spec.containers[0].ports");
    /* Its spec named none, or only this one. Where that cannot be told, the ports of a head whose spec named none are
     * kept, because every head listens on them. */
    bool added_only = rv_val_len(ports) == 1 && is_metrics(rv_val_at(ports, 0));
    if (!rv_val_set(rv_val_path(l->head, "spec.containers[0]"))) return;
    if (same_ports(mine, ports) && !(l->older && added_only && rv_val_len(mine) == 1)) return;
    struct rv_node *ray = rv_node_path(head_group(l), "template.spec.containers[0]");
    if (rv_val_len(ports) == 0 || added_only)
        rv_node_remove(ray, "ports");
    else
        rv_node_set(l->a, ray, "ports", rv_node_from(l->a, ports));
}

/* ---- what `ray start` was given */

/* The value of a flag in the line with which the head was started; empty: it has none. */
static struct rv_str flag(struct rv_arena *a, struct rv_str line, const char *name) {
    struct rv_str word = rv_arena_fmt(a, " --%s=", name);
    const char *at = line.n != 0 ? memmem(line.p, line.n, word.p, word.n) : NULL;
    if (at == NULL) return (struct rv_str){NULL, 0};
    struct rv_str value = {at + word.n, (size_t)(line.p + line.n - at) - word.n};
    const char *end = memchr(value.p, ' ', value.n);
    if (end != NULL) value.n = (size_t)(end - value.p);
    return value;
}

bool rc_head_started_with(struct rv_arena *a, struct rv_val head, const char *name, struct rv_str *ret) {
    struct rv_str line = rv_path_str(rc_head_env(head, "KUBERAY_GEN_RAY_START_CMD"), "value");
    *ret = flag(a, line, name);
    return line.n != 0;
}

/* Only the ports by which others reach the head. */
static void follow_start(struct look *l) {
    static const char *const names[] = {"port", "dashboard-port"};
    for (size_t i = 0; i < RV_ARRAY_LEN(names); i++) {
        struct rv_str live,
            mine = rv_val_str(rv_val_get(rv_val_path(l->c->spec, "headGroupSpec.rayStartParams"), names[i]));
        if (!rc_head_started_with(l->a, l->head, names[i], &live) || rv_str_eq(live, mine)) continue;
        struct rv_node *params = rv_node_ensure_map(l->a, head_group(l), "rayStartParams");
        if (live.n != 0)
            rv_node_set_str(l->a, params, names[i], live);
        else
            rv_node_remove(params, names[i]);
    }
}

/* ---- how it speaks with others */

/* Variables of the user's own template tell nothing of the options. */
static bool users_own(const struct look *l, const char *name) {
    return rv_val_present(env_named(rc_head_container(l->c), name));
}

static void follow_token(struct look *l) {
    struct rv_val secret = rv_val_path(rc_head_env(l->head, "RAY_AUTH_TOKEN"), "valueFrom.secretKeyRef");
    bool on = rv_str_is(rv_path_str(rc_head_env(l->head, "RAY_AUTH_MODE"), "value"), "token"),
         kubernetes = rv_str_is(rv_path_str(rc_head_env(l->head, "RAY_ENABLE_K8S_TOKEN_AUTH"), "value"), "true");
    if (users_own(l, "RAY_AUTH_MODE") || users_own(l, "RAY_AUTH_TOKEN") || users_own(l, "RAY_ENABLE_K8S_TOKEN_AUTH"))
        return;
    if (on && !kubernetes && !rv_str_is(rv_path_str(secret, "key"), "auth_token")) return; /* not of our making */
    struct rv_str name = rv_path_str(secret, "name");
    bool same_secret = !on || kubernetes || rv_str_eq(name, rc_token_secret(l->a, l->c));
    if (on == l->c->f.token && (!on || kubernetes == l->c->f.kubernetes_token) && same_secret) return;
    struct rv_node *auth = rv_node_map(l->a);
    rv_node_set_cstr(l->a, auth, "mode", on ? "token" : "disabled");
    if (on && kubernetes) rv_node_set_bool(l->a, auth, "enableK8sTokenAuth", true);
    if (on && !kubernetes) rv_node_set_str(l->a, auth, "secretName", name);
    rv_node_set(l->a, changed(l), "authOptions", auth);
}

static void follow_tls(struct look *l) {
    bool on = rv_str_is(rv_path_str(rc_head_env(l->head, "RAY_USE_TLS"), "value"), "1");
    if (users_own(l, "RAY_USE_TLS") || on == l->c->f.tls || !rc_gate(l->c->settings, RC_GATE_MTLS, false)) return;
    rv_node_set_bool(l->a, rv_node_ensure_map(l->a, changed(l), "tlsOptions"), "enabled", on);
}

/* ---- whose rights it has */

static bool has_sidecar(struct rv_val head) {
    for (struct rv_iter it = rv_iter(rv_val_path(head, "spec.containers")); rv_iter_next(&it);)
        if (rv_str_is(rv_path_str(it.val, "name"), RC_CONTAINER_AUTOSCALER)) return true;
    return false;
}

/* The sidecar that scales acts as the account of its pod. */
static void follow_account(struct look *l) {
    struct rv_str live = rv_path_str(l->head, "spec.serviceAccountName");
    if (live.n == 0 || !has_sidecar(l->head) || rv_str_eq(live, rc_name_service_account(l->a, l->c))) return;
    struct rv_node *template = rv_node_ensure_map(l->a, head_group(l), "template"),
                   *pod = rv_node_ensure_map(l->a, template, "spec");
    rv_node_set_str(l->a, pod, "serviceAccountName", live);
}

void rc_as_head_runs(struct rv_arena *a, const struct rc_cluster *c, struct rv_val head, bool older,
                     struct rc_cluster *ret) {
    struct look l = {.a = a, .c = c, .head = head, .older = older};
    *ret = *c;
    if (!rv_val_set(rv_val_path(head, "spec.containers[0]"))) return;
    follow_label(&l);
    follow_ports(&l);
    follow_start(&l);
    follow_account(&l);
    if (rv_val_set(rv_val_path(head, "spec.containers[0].env"))) {
        follow_token(&l);
        follow_tls(&l);
    }
    if (l.spec == NULL) return;
    ret->spec = rv_node_freeze(a, l.spec);
    rc_features_read(&ret->f, ret);
}
