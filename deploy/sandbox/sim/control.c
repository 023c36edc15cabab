/* control.c - the control API of the simulation: single faults of a pod or a node, and the state. */
#include "json.h"
#include "pods.h"
#include "raynode.h"

static struct rv_str segment(struct rv_str *path) {
    while (path->n != 0 && path->p[0] == '/') *path = (struct rv_str){path->p + 1, path->n - 1};
    const char *slash = path->n != 0 ? memchr(path->p, '/', path->n) : NULL;
    struct rv_str s = {path->p, slash != NULL ? (size_t)(slash - path->p) : path->n};
    *path = (struct rv_str){path->p + s.n, path->n - s.n};
    return s;
}

/* ---- pods ---- */

static void each_main(struct sim *m, struct sim_pod *p, struct rv_val body, int code, const char *reason) {
    struct rv_str want = rv_path_str(body, "container");
    struct sb_object *o = sim_pod_fresh(m, p);
    size_t index = p->n_init, hit = index;
    if (o != NULL && want.n != 0)
        for (struct rv_iter it = rv_iter(rv_val_path(o->value, "spec.containers")); rv_iter_next(&it); index++)
            if (rv_str_eq(rv_path_str(it.val, "name"), want)) hit = index;
    sim_kubelet_exit(m, p, hit, code, reason);
}

static void do_crash(struct sim *m, struct sim_pod *p, struct rv_val body) {
    bool oom = sim_is(body, "reason", "OOMKilled");
    each_main(m, p, body, (int)(rv_path_int(body, "exitCode", oom ? 137 : 1) & 255), oom ? "OOMKilled" : "Error");
}
static void do_fail(struct sim *m, struct sim_pod *p, struct rv_val body) {
    (void)body;
    sim_kubelet_force(m, p, "Failed", NULL, NULL);
}
static void do_succeed(struct sim *m, struct sim_pod *p, struct rv_val body) {
    (void)body;
    sim_kubelet_force(m, p, "Succeeded", NULL, NULL);
}
static void do_evict(struct sim *m, struct sim_pod *p, struct rv_val body) {
    (void)body;
    struct sb_object *o = sim_pod_fresh(m, p);
    static const char why[] = "The node was low on resource: memory.";
    if (o != NULL) sim_event(m, o, "Warning", "Evicted", "kubelet", "%s", why);
    sim_kubelet_force(m, p, "Failed", "Evicted", why);
}
static void hold(struct sim *m, struct sim_pod *p, bool held) {
    p->held_ready = held;
    for (size_t i = 0; p->step == STEP_RUN && i < p->n_init + p->n_ctr; i++) sim_kubelet_replan(m, p, i);
}
static void do_unready(struct sim *m, struct sim_pod *p, struct rv_val body) {
    (void)body;
    hold(m, p, true);
}
static void do_ready(struct sim *m, struct sim_pod *p, struct rv_val body) {
    (void)body;
    hold(m, p, false);
}

static const struct {
    const char *name;
    void (*fn)(struct sim *m, struct sim_pod *p, struct rv_val body);
} pod_verbs[] = {{"crash", do_crash}, {"fail", do_fail},       {"succeed", do_succeed},
                 {"evict", do_evict}, {"unready", do_unready}, {"ready", do_ready}};

static int pod_control(struct sim *m, struct rv_str ns, struct rv_str name, struct rv_str verb, struct rv_val body,
                       struct rv_error *err) {
    for (size_t i = 0; i < RV_ARRAY_LEN(pod_verbs); i++) {
        if (!rv_str_is(verb, pod_verbs[i].name)) continue;
        struct sim_pod *p = sim_pod_find(m, ns, name);
        if (p == NULL)
            return rv_error_set(err, RV_E_NOT_FOUND, "no pod " RV_STR_FMT "/" RV_STR_FMT, RV_STR_ARG(ns),
                                RV_STR_ARG(name));
        pod_verbs[i].fn(m, p, body);
        return 0;
    }
    return rv_error_set(err, RV_E_INVALID,
                        "\"" RV_STR_FMT "\" cannot be done to a pod; use crash, fail, succeed, evict, ready or unready",
                        RV_STR_ARG(verb));
}

/* ---- nodes ---- */

static int node_unschedulable(struct sim *m, struct sb_object *o, bool cordoned) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_node *tree = rv_node_from(a, o->value), *spec = rv_node_ensure_map(a, tree, "spec");
    rv_node_set(a, spec, "unschedulable", cordoned ? rv_node_bool(a, true) : NULL);
    return sim_write(m, (struct sim_ref){m->r.nodes, RV_STR(""), o->name}, a, tree, false);
}

static bool drain_pod(void *arg, struct sb_object *o) {
    struct sim *m = ((void **)arg)[0];
    const struct sb_object *node = ((void **)arg)[1];
    if (rv_str_eq(rv_path_str(o->value, "spec.nodeName"), node->name))
        sim_delete(m, (struct sim_ref){m->r.pods, o->ns, o->name}, o->uid, -1, NULL);
    return true;
}

static int node_drain(struct sim *m, struct sb_object *o) {
    void *arg[] = {m, o};
    int e = node_unschedulable(m, o, true);
    sb_each(m->storage, m->r.pods, RV_STR(""), drain_pod, arg);
    return e;
}
static int node_cordon(struct sim *m, struct sb_object *o) { return node_unschedulable(m, o, true); }
static int node_uncordon(struct sim *m, struct sb_object *o) { return node_unschedulable(m, o, false); }
static int node_delete(struct sim *m, struct sb_object *o) {
    return sim_delete(m, (struct sim_ref){m->r.nodes, RV_STR(""), o->name}, o->uid, -1, NULL);
}

static bool lose_pod(void *arg, struct sb_object *o) {
    struct sim *m = ((void **)arg)[0];
    const struct sb_object *node = ((void **)arg)[1];
    struct sim_pod *p = sim_map_get(&sim_pods_of(m)->map, o->uid);
    if (p != NULL && rv_str_eq(rv_path_str(o->value, "spec.nodeName"), node->name))
        hold(m, p, ((void **)arg)[2] != NULL);
    return true;
}

/* The kubelet is silent: the node is NotReady and tainted, and its pods are no longer ready. */
static int node_ready(struct sim *m, struct sb_object *o, bool ready) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct sim_ref ref = {m->r.nodes, RV_STR(""), o->name};
    struct rv_node *tree = rv_node_from(a, o->value), *taint = rv_node_map(a);
    struct rv_node *taints = rv_node_ensure_array(a, rv_node_ensure_map(a, tree, "spec"), "taints");
    static const char key[] = "node.kubernetes.io/not-ready";
    for (size_t i = rv_node_len(taints); i-- > 0;)
        if (rv_str_is(rv_node_text(rv_node_get(rv_node_at(taints, i), "key")), key)) rv_node_remove_at(taints, i);
    rv_node_set_cstr(a, taint, "key", key);
    rv_node_set_cstr(a, taint, "effect", "NoSchedule");
    if (!ready) rv_node_append(a, taints, taint);
    int e = sim_write(m, ref, a, tree, false);
    struct sb_object *now = sim_fresh(m, ref, o->uid);
    if (e != 0 || now == NULL) return e;
    tree = rv_node_from(a, now->value);
    sim_condition(a, rv_node_ensure_map(a, tree, "status"), "Ready", ready ? "True" : "Unknown",
                  ready ? "KubeletReady" : "NodeStatusUnknown",
                  ready ? "kubelet is posting ready status" : "Kubelet stopped posting node status.");
    e = sim_write(m, ref, a, tree, true);
    void *arg[] = {m, o, ready ? NULL : m};
    sb_each(m->storage, m->r.pods, RV_STR(""), lose_pod, arg);
    return e;
}
static int node_notready(struct sim *m, struct sb_object *o) { return node_ready(m, o, false); }
static int node_isready(struct sim *m, struct sb_object *o) { return node_ready(m, o, true); }

static const struct {
    const char *name;
    int (*fn)(struct sim *m, struct sb_object *o);
} node_verbs[] = {{"cordon", node_cordon},     {"uncordon", node_uncordon}, {"drain", node_drain},
                  {"notready", node_notready}, {"ready", node_isready},     {"delete", node_delete}};

static int node_control(struct sim *m, struct rv_str name, struct rv_str verb, struct rv_error *err) {
    for (size_t i = 0; i < RV_ARRAY_LEN(node_verbs); i++) {
        if (!rv_str_is(verb, node_verbs[i].name)) continue;
        struct sb_object *o = sb_get(m->storage, m->r.nodes, RV_STR(""), name);
        if (o == NULL) return rv_error_set(err, RV_E_NOT_FOUND, "no node " RV_STR_FMT, RV_STR_ARG(name));
        sb_object_ref(o);
        int e = node_verbs[i].fn(m, o);
        sb_object_unref(o);
        return e != 0 ? rv_error_set(err, e, "node " RV_STR_FMT ": %s", RV_STR_ARG(name), rv_error_text(e)) : 0;
    }
    return rv_error_set(err, RV_E_INVALID,
                        "\"" RV_STR_FMT "\" cannot be done to a node; use cordon, uncordon, drain, notready, ready or "
                        "delete",
                        RV_STR_ARG(verb));
}

/* ---- state ---- */

static void count_step(void *arg, void *entry) { ((size_t *)arg)[((const struct sim_pod *)entry)->step]++; }

static void state(struct sim *m, struct rv_buf *out) {
    static const char *const names[] = {"held",    "new",  "unschedulable", "starting", "mounting",
                                        "running", "done", "terminating",   "stuck"};
    size_t counts[RV_ARRAY_LEN(names)] = {0};
    sim_map_each(&sim_pods_of(m)->map, count_step, counts);
    struct jsonw w = {.out = out};
    jsonw_begin_object(&w, NULL);
    jsonw_uint(&w, "nodes", sim_nodes_of(m)->n);
    jsonw_uint(&w, "timers", m->heap_n);
    jsonw_begin_object(&w, "pods");
    for (size_t i = 0; i < RV_ARRAY_LEN(names); i++) jsonw_uint(&w, names[i], counts[i]);
    jsonw_end_object(&w);
    jsonw_end_object(&w);
}

int sim_control(struct sim *m, struct rv_str method, struct rv_str path, struct rv_val body, struct rv_buf *out,
                struct rv_error *err) {
    struct rv_str area = segment(&path), first = segment(&path), second = segment(&path), third = segment(&path);
    int e = RV_E_NOT_FOUND;
    m->now_ms = clock_monotonic() / 1000000;
    if (rv_str_is(area, "state") && rv_str_is(method, "GET")) {
        state(m, out);
        return 0;
    }
    if (rv_str_is(area, "pods") && second.n == 0)
        return sim_ruleset_control(sim_pods_of(m)->rules, method, first, body, out, err);
    if (rv_str_is(area, "ray")) return ray_control(m, method, first, second, body, out, err);
    if (!rv_str_is(method, "POST")) return rv_error_set(err, RV_E_DENIED, "this path takes POST only");
    if (rv_str_is(area, "pods"))
        e = pod_control(m, first, second, third, body, err);
    else if (rv_str_is(area, "nodes"))
        e = node_control(m, first, second, err);
    else
        rv_error_set(
            err, e,
            "no such control; there are /pods, /pods/NS/NAME/VERB, /nodes/NAME/VERB, /ray, /request and /state");
    if (e == 0) rv_buf_adds(out, "{}");
    return e;
}
