/* status.c - writes a pod's status as its kubelet would report it, completely from the simulation's state. */
#include "pods.h"

void sim_condition(struct rv_arena *a, struct rv_node *status, const char *type, const char *value, const char *reason,
                   const char *message) {
    struct rv_node *list = rv_node_ensure_array(a, status, "conditions");
    struct rv_node *c = rv_node_find(list, "type", rv_str(type));
    bool fresh = c == NULL;
    if (fresh) {
        c = rv_node_map(a);
        rv_node_set_cstr(a, c, "type", type);
        rv_node_set(a, c, "lastProbeTime", rv_node_null(a));
        rv_node_append(a, list, c);
    }
    if (fresh || !rv_str_is(rv_node_text(rv_node_get(c, "status")), value))
        sim_set_time(a, c, "lastTransitionTime", sim_wall_s());
    rv_node_set_cstr(a, c, "status", value);
    rv_node_set(a, c, "reason", reason != NULL ? rv_node_str(a, rv_str(reason)) : NULL);
    rv_node_set(a, c, "message", message != NULL ? rv_node_str(a, rv_str(message)) : NULL);
}

bool sim_pod_initialized(const struct sim_pod *p) {
    for (size_t i = 0; i < p->n_init; i++) {
        const struct sim_ctr *c = &p->c[i];
        bool ok = c->sidecar ? c->state == CTR_RUNNING || c->restarts > 0 : c->state == CTR_EXITED && c->now.code == 0;
        if (!ok) return false;
    }
    return true;
}

/* ---- containers ---- */

static void terminated(struct rv_arena *a, struct rv_node *state, const struct sim_exit *x) {
    struct rv_node *t = rv_node_ensure_map(a, state, "terminated");
    rv_node_set_int(a, t, "exitCode", x->code);
    rv_node_set_cstr(a, t, "reason", x->reason);
    sim_set_time(a, t, "startedAt", x->started_s);
    sim_set_time(a, t, "finishedAt", x->finished_s);
}

static void waiting(struct rv_arena *a, struct rv_node *state, const char *reason, struct rv_str message) {
    struct rv_node *w = rv_node_ensure_map(a, state, "waiting");
    rv_node_set_cstr(a, w, "reason", reason);
    if (message.n != 0) rv_node_set_str(a, w, "message", message);
}

static void backoff(struct rv_arena *a, struct rv_node *state, const struct sim_pod *p, const struct sim_ctr *c,
                    struct rv_str name) {
    waiting(a, state, "CrashLoopBackOff",
            rv_arena_fmt(a,
                         "back-off %lldms restarting failed container=" RV_STR_FMT " pod=" RV_STR_FMT "_" RV_STR_FMT
                         "(" RV_STR_FMT ")",
                         (long long)c->backoff_ms, RV_STR_ARG(name), RV_STR_ARG(p->name), RV_STR_ARG(p->ns),
                         RV_STR_ARG(p->entry.key)));
}

static struct rv_node *state_of(struct sim *m, struct rv_arena *a, const struct sim_pod *p, const struct sim_ctr *c,
                                struct rv_val spec) {
    struct rv_node *state = rv_node_map(a);
    struct rv_str name = rv_path_str(spec, "name"), image = rv_path_str(spec, "image");
    switch (c->state) {
    case CTR_RUNNING:
        sim_set_time(a, rv_node_ensure_map(a, state, "running"), "startedAt", c->started_s);
        break;
    case CTR_EXITED:
        terminated(a, state, &c->now);
        break;
    case CTR_BACKOFF:
        backoff(a, state, p, c, name);
        break;
    case CTR_PULL_ERROR:
        waiting(a, state, "ImagePullBackOff",
                rv_arena_fmt(a, "Back-off pulling image \"" RV_STR_FMT "\"", RV_STR_ARG(image)));
        break;
    case CTR_CONFIG_ERROR:
        waiting(a, state, "CreateContainerConfigError", sim_env_missing(m, a, p->ns, spec));
        break;
    case CTR_WAITING:
        waiting(a, state, p->n_init > 0 ? "PodInitializing" : "ContainerCreating", RV_STR(""));
        break;
    }
    return state;
}

static struct rv_node *container_statuses(struct sim *m, struct rv_arena *a, const struct sim_pod *p,
                                          struct rv_val list, size_t first) {
    struct rv_node *out = rv_node_array(a);
    size_t i = first;
    for (struct rv_iter it = rv_iter(list); rv_iter_next(&it) && i < p->n_init + p->n_ctr; i++) {
        const struct sim_ctr *c = &p->c[i];
        bool finished_init = i < p->n_init && !c->sidecar && c->state == CTR_EXITED && c->now.code == 0;
        struct rv_node *n = rv_node_map(a), *last = rv_node_map(a);
        rv_node_set_str(a, n, "name", rv_path_str(it.val, "name"));
        rv_node_set(a, n, "state", state_of(m, a, p, c, it.val));
        if (c->has_last) terminated(a, last, &c->last);
        rv_node_set(a, n, "lastState", last);
        rv_node_set_bool(a, n, "ready", c->ready || finished_init);
        rv_node_set_bool(a, n, "started", c->up);
        rv_node_set_int(a, n, "restartCount", c->restarts);
        rv_node_set_str(a, n, "image", rv_path_str(it.val, "image"));
        rv_node_set_cstr(a, n, "imageID", "");
        rv_node_append(a, out, n);
    }
    return out;
}

/* "containers with unready status: [a b]". Empty if all are ready. */
static struct rv_str unready(struct rv_arena *a, const struct sim_pod *p, struct rv_val spec, bool inits) {
    rv_autobuf struct rv_buf names = {0};
    size_t i = inits ? 0 : p->n_init, end = inits ? p->n_init : p->n_init + p->n_ctr;
    for (struct rv_iter it = rv_iter(rv_val_get(spec, inits ? "initContainers" : "containers"));
         rv_iter_next(&it) && i < end; i++) {
        const struct sim_ctr *c = &p->c[i];
        bool ok =
            !inits ? c->ready : (c->sidecar ? c->state == CTR_RUNNING : c->state == CTR_EXITED && c->now.code == 0);
        if (ok) continue;
        if (names.n != 0) rv_buf_addc(&names, ' ');
        rv_buf_add_str(&names, rv_path_str(it.val, "name"));
    }
    if (names.n == 0) return RV_STR("");
    return rv_arena_fmt(a, "containers with %s status: [" RV_STR_FMT "]", inits ? "incomplete" : "unready",
                        RV_STR_ARG(rv_buf_str(&names)));
}

/* ---- phase and conditions ---- */

static const char *phase_of(const struct sim_pod *p) {
    if (p->forced || p->step == STEP_DONE) return p->phase;
    if (!sim_pod_initialized(p)) return "Pending";
    bool begun = false;
    for (size_t i = p->n_init; i < p->n_init + p->n_ctr; i++) {
        enum sim_ctr_state st = p->c[i].state;
        begun = begun || st == CTR_RUNNING || st == CTR_EXITED || st == CTR_BACKOFF || p->c[i].restarts > 0;
    }
    return begun ? "Running" : "Pending";
}

static bool gates_open(struct rv_val spec, struct rv_node *status) {
    for (struct rv_iter it = rv_iter(rv_val_get(spec, "readinessGates")); rv_iter_next(&it);) {
        struct rv_node *c =
            rv_node_find(rv_node_get(status, "conditions"), "type", rv_path_str(it.val, "conditionType"));
        if (!rv_str_is(rv_node_text(rv_node_get(c, "status")), "True")) return false;
    }
    return true;
}

static void conditions(struct rv_arena *a, const struct sim_pod *p, struct rv_val spec, struct rv_node *status,
                       const char *phase) {
    bool ended = p->step == STEP_DONE || p->forced;
    const char *completed = strcmp(phase, "Succeeded") == 0 ? "PodCompleted" : "PodFailed";
    struct rv_str inits = unready(a, p, spec, true), mains = unready(a, p, spec, false);
    if (inits.n == 0 || (ended && strcmp(phase, "Succeeded") == 0))
        sim_condition(a, status, "Initialized", "True", ended ? completed : NULL, NULL);
    else
        sim_condition(a, status, "Initialized", "False", "ContainersNotInitialized", inits.p);
    const char *reason = ended ? completed : "ContainersNotReady";
    const char *message = ended ? NULL : mains.p;
    bool all = mains.n == 0 && !ended;
    if (all && !gates_open(spec, status))
        sim_condition(a, status, "Ready", "False", "ReadinessGatesNotReady",
                      "corresponding condition of a pod readiness gate is not \"True\"");
    else
        sim_condition(a, status, "Ready", all ? "True" : "False", all ? NULL : reason, all ? NULL : message);
    sim_condition(a, status, "ContainersReady", all ? "True" : "False", all ? NULL : reason, all ? NULL : message);
    sim_condition(a, status, "PodScheduled", "True", NULL, NULL);
}

static void address(struct rv_arena *a, struct rv_node *status, const char *one, const char *many, struct rv_str ip) {
    rv_node_set_str(a, status, one, ip);
    struct rv_node *list = rv_node_array(a), *n = rv_node_map(a);
    rv_node_set_str(a, n, "ip", ip);
    rv_node_append(a, list, n);
    rv_node_set(a, status, many, list);
}

static struct rv_str host_ip(const struct sim_node *n) {
    for (struct rv_iter it = rv_iter(rv_val_path(n->o->value, "status.addresses")); rv_iter_next(&it);)
        if (sim_is(it.val, "type", "InternalIP")) return rv_path_str(it.val, "address");
    return RV_STR("10.0.255.254");
}

int sim_status_write(struct sim *m, struct sim_pod *p) {
    struct sb_object *o = sim_pod_fresh(m, p);
    if (o == NULL) return RV_E_NOT_FOUND;
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_val spec = rv_val_get(o->value, "spec");
    struct rv_node *tree = rv_node_from(a, o->value), *status = rv_node_ensure_map(a, tree, "status");
    const char *phase = phase_of(p);
    rv_node_set_cstr(a, status, "phase", phase);
    conditions(a, p, spec, status, phase);
    if (p->reason != NULL) rv_node_set_cstr(a, status, "reason", p->reason);
    if (p->message != NULL) rv_node_set_cstr(a, status, "message", p->message);
    sim_set_time(a, status, "startTime", p->started_s);
    struct rv_str host = p->node != NULL ? rv_arena_str(a, host_ip(p->node)) : RV_STR("");
    bool host_network = rv_val_bool(rv_val_get(spec, "hostNetwork"), false);
    if (host.n != 0) address(a, status, "hostIP", "hostIPs", host);
    if (p->ip != 0 && p->node != NULL)
        address(a, status, "podIP", "podIPs",
                host_network
                    ? host
                    : rv_arena_fmt(a, "10.%u.%u.%u", 128 + (p->ip >> 16 & 127), p->ip >> 8 & 255, p->ip & 255));
    if (p->n_init > 0)
        rv_node_set(a, status, "initContainerStatuses",
                    container_statuses(m, a, p, rv_val_get(spec, "initContainers"), 0));
    rv_node_set(a, status, "containerStatuses", container_statuses(m, a, p, rv_val_get(spec, "containers"), p->n_init));
    return sim_write(m, sim_pod_ref(m, p), a, tree, true);
}
