/* scheduler.c - binds pending pods to nodes: filters as tables with reasons, then the least loaded node that is left. A
 * pod that fits nowhere gets the condition and the event of a real cluster. */
#include "pods.h"

#include <stdlib.h>

enum { RETRY_MS = 20, MAX_LACKS = 8 };

/* ---- filters ---- */

static bool tolerated(struct rv_val tolerations, struct rv_val taint) {
    struct rv_str key = rv_path_str(taint, "key"), effect = rv_path_str(taint, "effect");
    for (struct rv_iter it = rv_iter(tolerations); rv_iter_next(&it);) {
        struct rv_str want = rv_path_str(it.val, "effect"), k = rv_path_str(it.val, "key");
        if (want.n != 0 && !rv_str_eq(want, effect)) continue;
        bool exists = sim_is(it.val, "operator", "Exists");
        if (k.n == 0 && exists) return true;
        if (!rv_str_eq(k, key)) continue;
        if (exists || rv_str_eq(rv_path_str(it.val, "value"), rv_path_str(taint, "value"))) return true;
    }
    return false;
}

/* The first taint that the pod does not tolerate. */
static struct rv_val untolerated(struct rv_val spec, const struct sim_node *n) {
    struct rv_val tolerations = rv_val_get(spec, "tolerations");
    for (struct rv_iter it = rv_iter(rv_val_path(n->o->value, "spec.taints")); rv_iter_next(&it);)
        if (!sim_is(it.val, "effect", "PreferNoSchedule") && !tolerated(tolerations, it.val)) return it.val;
    return RV_VAL_ABSENT;
}

static bool compare_numbers(struct rv_str have, struct rv_val values, bool greater) {
    int64_t a = 0, b = 0;
    if (rv_str_to_int(have, INT64_MIN, INT64_MAX, &a) != 0 ||
        rv_str_to_int(rv_val_str(rv_val_at(values, 0)), INT64_MIN, INT64_MAX, &b) != 0)
        return false;
    return greater ? a > b : a < b;
}

static bool expression_matches(struct rv_val e, struct rv_val labels) {
    struct rv_val have = rv_val_getn(labels, rv_path_str(e, "key")), values = rv_val_get(e, "values");
    struct rv_str op = rv_path_str(e, "operator");
    bool present = rv_val_present(have), listed = false;
    for (struct rv_iter it = rv_iter(values); rv_iter_next(&it);)
        listed = listed || (present && rv_str_eq(rv_val_str(it.val), rv_val_str(have)));
    if (rv_str_is(op, "In")) return listed;
    if (rv_str_is(op, "NotIn")) return !listed;
    if (rv_str_is(op, "Exists")) return present;
    if (rv_str_is(op, "DoesNotExist")) return !present;
    if (rv_str_is(op, "Gt") || rv_str_is(op, "Lt"))
        return present && compare_numbers(rv_val_str(have), values, rv_str_is(op, "Gt"));
    return false;
}

static bool term_matches(struct rv_val term, const struct sim_node *n) {
    struct rv_val labels = rv_val_path(n->o->value, "metadata.labels");
    struct rv_val expressions = rv_val_get(term, "matchExpressions"), fields = rv_val_get(term, "matchFields");
    if (rv_val_len(expressions) == 0 && rv_val_len(fields) == 0) return false;
    for (struct rv_iter it = rv_iter(expressions); rv_iter_next(&it);)
        if (!expression_matches(it.val, labels)) return false;
    for (struct rv_iter it = rv_iter(fields); rv_iter_next(&it);) {
        bool in = sim_is(it.val, "operator", "In"), listed = false;
        for (struct rv_iter v = rv_iter(rv_val_get(it.val, "values")); rv_iter_next(&v);)
            listed = listed || rv_str_eq(rv_val_str(v.val), n->o->name);
        if (listed != in) return false;
    }
    return true;
}

static bool selected(struct rv_val spec, const struct sim_node *n) {
    struct rv_val labels = rv_val_path(n->o->value, "metadata.labels");
    for (struct rv_iter it = rv_iter(rv_val_get(spec, "nodeSelector")); rv_iter_next(&it);) {
        struct rv_val have = rv_val_getn(labels, it.key);
        if (!rv_val_present(have) || !rv_str_eq(rv_val_str(have), rv_val_str(it.val))) return false;
    }
    struct rv_val required = rv_val_path(spec, "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution");
    if (!rv_val_set(required)) return true;
    for (struct rv_iter it = rv_iter(rv_val_get(required, "nodeSelectorTerms")); rv_iter_next(&it);)
        if (term_matches(it.val, n)) return true;
    return false;
}

/* ---- why not ---- */

struct reasons {
    struct rv_arena *a;
    struct {
        struct rv_str text;
        size_t n;
    } * v;
    size_t n;
};

static void reason_add(struct reasons *r, struct rv_str text) {
    size_t at = 0;
    while (at < r->n && rv_str_cmp(r->v[at].text, text) < 0) at++;
    if (at == r->n || !rv_str_eq(r->v[at].text, text)) {
        r->v = rv_realloc_array(r->v, r->n + 1, sizeof *r->v);
        memmove(r->v + at + 1, r->v + at, (r->n++ - at) * sizeof *r->v);
        r->v[at].text = rv_arena_str(r->a, text);
        r->v[at].n = 0;
    }
    r->v[at].n++;
}

static void why_not(struct sim *m, struct reasons *r, const struct sim_pod *p, struct rv_val spec,
                    const struct sim_node *n) {
    struct rv_val taint = untolerated(spec, n);
    unsigned lacks[MAX_LACKS];
    if (rv_path_bool(n->o->value, "spec.unschedulable", false)) {
        reason_add(r, RV_STR("node(s) were unschedulable"));
    } else if (rv_val_present(taint)) {
        reason_add(r, rv_arena_fmt(r->a, "node(s) had untolerated taint {" RV_STR_FMT ": " RV_STR_FMT "}",
                                   RV_STR_ARG(rv_path_str(taint, "key")), RV_STR_ARG(rv_path_str(taint, "value"))));
    } else if (!selected(spec, n)) {
        reason_add(r, RV_STR("node(s) didn't match Pod's node affinity/selector"));
    } else {
        size_t k = sim_node_lacks(n, p->ask, lacks, MAX_LACKS);
        for (size_t i = 0; i < k; i++) {
            const char *name = sim_resource_name(m, lacks[i]);
            bool pods = strcmp(name, "pods") == 0;
            reason_add(r, pods ? RV_STR("Too many pods") : rv_arena_fmt(r->a, "Insufficient %s", name));
        }
    }
}

static struct rv_str explain(struct sim *m, struct rv_arena *a, const struct sim_pod *p, struct rv_val spec) {
    struct sim_nodes *t = sim_nodes_of(m);
    if (sim_effect_of(p, EFFECT_NEVER_SCHEDULE, RV_STR("")) != NULL)
        return rv_arena_fmt(a, "0/%zu nodes are available: held back by a sandbox behavior.", t->n);
    struct rv_str claim = sim_volumes_lack(m, a, p->ns, spec);
    if (claim.n != 0) return rv_arena_fmt(a, "0/%zu nodes are available: " RV_STR_FMT ".", t->n, RV_STR_ARG(claim));
    if (t->n == 0) return RV_STR("no nodes available to schedule pods");
    struct reasons r = {.a = a};
    for (size_t i = 0; i < t->n; i++) why_not(m, &r, p, spec, t->v[i]);
    rv_autobuf struct rv_buf text = {0};
    rv_buf_addf(&text, "0/%zu nodes are available:", t->n);
    for (size_t i = 0; i < r.n; i++)
        rv_buf_addf(&text, "%s %zu " RV_STR_FMT, i != 0 ? "," : "", r.v[i].n, RV_STR_ARG(r.v[i].text));
    rv_buf_addf(&text, ". preemption: 0/%zu nodes are available: %zu No preemption victims found for incoming pod.",
                t->n, t->n);
    free(r.v);
    return rv_arena_str(a, rv_buf_str(&text));
}

/* ---- choosing ---- */

static bool fits(const struct sim_pod *p, struct rv_val spec, const struct sim_node *n) {
    unsigned lack;
    if (sim_node_lacks(n, p->ask, &lack, 1) != 0) return false;
    if (rv_path_bool(n->o->value, "spec.unschedulable", false)) return false;
    return !rv_val_present(untolerated(spec, n)) && selected(spec, n);
}

static struct sim_node *choose(struct sim *m, const struct sim_pod *p, struct rv_val spec) {
    struct sim_nodes *t = sim_nodes_of(m);
    rv_autoarena struct rv_arena *a = rv_arena_new();
    if (sim_effect_of(p, EFFECT_NEVER_SCHEDULE, RV_STR("")) != NULL) return NULL;
    if (sim_volumes_lack(m, a, p->ns, spec).n != 0) return NULL;
    struct sim_node *best = NULL;
    double best_load = 0;
    size_t start = t->n != 0 ? ++t->last % t->n : 0;
    for (size_t i = 0; i < t->n; i++) {
        struct sim_node *n = t->v[(start + i) % t->n];
        double load = sim_node_load(n) + (double)n->n_pods * 1e-9; /* spreads pods without requests as well */
        if ((best == NULL || load < best_load) && fits(p, spec, n)) {
            best = n;
            best_load = load;
        }
    }
    return best;
}

static void bind(struct sim *m, struct sim_pod *p, struct sb_object *o, struct sim_node *n) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_node *tree = rv_node_from(a, o->value);
    rv_node_set_str(a, rv_node_ensure_map(a, tree, "spec"), "nodeName", n->o->name);
    if (sim_write(m, sim_pod_ref(m, p), a, tree, false) != 0) return; /* deleted in the meantime; its change follows */
    sim_node_take(n, p->ask);
    p->node = n;
    o = sim_pod_fresh(m, p);
    if (o == NULL) return;
    sb_object_ref(o);
    sim_event(m, o, "Normal", "Scheduled", "default-scheduler",
              "Successfully assigned " RV_STR_FMT "/" RV_STR_FMT " to " RV_STR_FMT, RV_STR_ARG(p->ns),
              RV_STR_ARG(p->name), RV_STR_ARG(n->o->name));
    sim_kubelet_start(m, p, o->value);
    sb_object_unref(o);
}

static void park(struct sim *m, struct sim_pod *p, struct sb_object *o) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_str why = explain(m, a, p, rv_val_get(o->value, "spec"));
    p->step = STEP_PARKED;
    sim_queue_push(&sim_pods_of(m)->parked, &p->link);
    struct rv_val before = rv_condition_find(rv_val_path(o->value, "status.conditions"), "PodScheduled");
    if (rv_str_eq(rv_path_str(before, "message"), why)) return;
    struct rv_node *tree = rv_node_from(a, o->value);
    sim_condition(a, rv_node_ensure_map(a, tree, "status"), "PodScheduled", "False", "Unschedulable",
                  rv_arena_str(a, why).p);
    sb_object_ref(o);
    sim_write(m, sim_pod_ref(m, p), a, tree, true);
    sim_event(m, o, "Warning", "FailedScheduling", "default-scheduler", RV_STR_FMT, RV_STR_ARG(why));
    sb_object_unref(o);
}

/* Capacity was freed or a node has changed: parked pods are tried again, with a limit on how often. */
void sim_schedule_retry(struct sim *m, struct sim_timer *t) {
    (void)t;
    struct sim_pods *s = sim_pods_of(m);
    s->freed = false;
    for (struct sim_link *l; (l = sim_queue_pop(&s->parked)) != NULL;) {
        SIM_OWNER(l, struct sim_pod, link)->step = STEP_NEW;
        sim_queue_push(&s->waiting, l);
    }
    sim_poke(m);
}

bool sim_schedule(struct sim *m) {
    struct sim_pods *s = sim_pods_of(m);
    bool changed = s->epoch != sim_nodes_of(m)->epoch || s->freed;
    if (changed && s->parked.first != NULL && s->retry.at == 0) sim_timer_arm(m, &s->retry, RETRY_MS);
    if (s->parked.first == NULL) s->freed = false;
    s->epoch = sim_nodes_of(m)->epoch;
    for (size_t i = 0; i < SIM_BATCH; i++) {
        struct sim_link *l = sim_queue_pop(&s->waiting);
        if (l == NULL) return false;
        struct sim_pod *p = SIM_OWNER(l, struct sim_pod, link);
        struct sb_object *o = sim_pod_fresh(m, p);
        if (o == NULL || p->step != STEP_NEW) continue;
        struct sim_node *n = choose(m, p, rv_val_get(o->value, "spec"));
        if (n != NULL)
            bind(m, p, o, n);
        else
            park(m, p, o);
    }
    return s->waiting.first != NULL;
}
