/* podwatch.c - the table of pods: what each change of a pod means for the scheduler and for the kubelets. */
#include "pods.h"

#include <stdlib.h>

struct sim_pod *sim_pod_find(struct sim *m, struct rv_str ns, struct rv_str name) {
    struct sb_object *o = sim_fresh(m, (struct sim_ref){m->r.pods, ns, name}, RV_STR(""));
    return o != NULL ? sim_map_get(&sim_pods_of(m)->map, o->uid) : NULL;
}

static struct rv_str keep(struct rv_str s) { return (struct rv_str){rv_strdup(s), s.n}; }
static void drop(struct rv_str s) { free((void *)(uintptr_t)s.p); }

/* The schedulers that the simulation plays. A pod with another name waits until somebody else binds it. */
static bool ours(struct rv_str scheduler) {
    static const char *const names[] = {"default-scheduler", "volcano", "yunikorn", "kai-scheduler",
                                        "scheduler-plugins-scheduler"};
    for (size_t i = 0; i < RV_ARRAY_LEN(names); i++)
        if (rv_str_is(scheduler, names[i])) return true;
    return scheduler.n == 0;
}

static void wake(struct sim *m, struct sim_timer *t) {
    struct sim_pod *p = SIM_OWNER(t, struct sim_pod, timer);
    if (p->step == STEP_NEW)
        sim_queue_push(&sim_pods_of(m)->waiting, &p->link);
    else
        sim_kubelet_wake(m, p);
}

static bool owned_by_job(struct rv_val pod) {
    for (struct rv_iter it = rv_iter(rv_val_path(pod, "metadata.ownerReferences")); rv_iter_next(&it);)
        if (rv_path_bool(it.val, "controller", false) && sim_is(it.val, "kind", "Job")) return true;
    return false;
}

static struct sim_pod *pod_new(struct sim *m, struct sb_object *o) {
    struct sim_pod *p = rv_alloc(sizeof *p);
    struct rv_str policy = rv_path_str(o->value, "spec.restartPolicy");
    p->entry.key = keep(o->uid);
    p->ns = keep(o->ns);
    p->name = keep(o->name);
    p->timer.fn = wake;
    p->step = STEP_HELD;
    p->never = rv_str_is(policy, "Never");
    p->on_failure = rv_str_is(policy, "OnFailure");
    p->job = owned_by_job(o->value) && (p->never || p->on_failure);
    p->ask = sim_ask_new(m, rv_val_get(o->value, "spec"));
    sim_map_put(&sim_pods_of(m)->map, &p->entry);
    sim_rules_claim(m, p, o->value);
    return p;
}

static void pod_free(struct sim *m, struct sim_pod *p) {
    struct sim_pods *s = sim_pods_of(m);
    sim_timer_disarm(m, &p->timer);
    sim_queue_remove(&s->waiting, &p->link);
    sim_queue_remove(&s->parked, &p->link);
    sim_queue_remove(&s->mounts, &p->link);
    sim_map_remove(&s->map, &p->entry);
    sim_pod_release(m, p);
    for (size_t i = 0; i < p->n_effects; i++) sim_effect_unref(p->effects[i]);
    free((void *)p->effects);
    free(p->c);
    drop(p->entry.key);
    drop(p->ns);
    drop(p->name);
    free(p);
}

/* ---- what a change means ---- */

static const char *final_phase(struct rv_val pod) {
    struct rv_str phase = rv_path_str(pod, "status.phase");
    return rv_str_is(phase, "Failed") ? "Failed" : rv_str_is(phase, "Succeeded") ? "Succeeded" : NULL;
}

/* A pod that does not run yet: was it bound by hand, or is it free for the scheduler? */
static void held(struct sim *m, struct sim_pod *p, struct sb_object *o) {
    struct rv_str node = rv_path_str(o->value, "spec.nodeName");
    if (node.n != 0) {
        struct sim_node *n = sim_node_find(m, node);
        if (n == NULL) return; /* there is no kubelet of that name */
        if (p->ask != NULL) sim_node_take(n, p->ask);
        p->node = n;
        sim_kubelet_start(m, p, o->value);
        return;
    }
    if (rv_val_len(rv_val_path(o->value, "spec.schedulingGates")) != 0) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct rv_node *tree = rv_node_from(a, o->value);
        sim_condition(a, rv_node_ensure_map(a, tree, "status"), "PodScheduled", "False", "SchedulingGated",
                      "Scheduling is blocked due to non-empty scheduling gates");
        sim_write(m, sim_pod_ref(m, p), a, tree, true);
        return;
    }
    if (!ours(rv_path_str(o->value, "spec.schedulerName"))) return;
    p->step = STEP_NEW;
    sim_timer_arm(m, &p->timer, sim_delay_of(p, offsetof(struct sim_effect, schedule_ms), m->opts.schedule_ms));
}

/* A test has written "terminated" into a container's status. The container really ends, and restarts as its policy
 * says. */
static void ended_by_hand(struct sim *m, struct sim_pod *p, struct sb_object *o) {
    size_t i = p->n_init;
    for (struct rv_iter it = rv_iter(rv_val_path(o->value, "status.containerStatuses"));
         rv_iter_next(&it) && i < p->n_init + p->n_ctr; i++) {
        struct rv_val t = rv_val_path(it.val, "state.terminated");
        if (!rv_val_set(t) || p->c[i].state != CTR_RUNNING) continue;
        int code = (int)rv_path_int(t, "exitCode", 0);
        sim_kubelet_exit(m, p, i, code, code == 0 ? "Completed" : "Error");
        return; /* the status was written again; that change shows the rest */
    }
}

static void pod_changed(struct sim *m, struct sim_pod *p, struct sb_object *o) {
    const char *phase = final_phase(o->value);
    if (rv_meta_deleting(o->value)) {
        int64_t grace = rv_path_int(o->value, "metadata.deletionGracePeriodSeconds", 0);
        if (!p->terminating || grace != p->grace_s) sim_kubelet_stop(m, p, grace);
    } else if (phase != NULL && p->step != STEP_DONE) { /* the phase was written by somebody else */
        p->phase = phase;
        p->step = STEP_DONE;
        sim_timer_disarm(m, &p->timer);
        sim_pod_release(m, p);
    } else if (p->step == STEP_HELD) {
        held(m, p, o);
    } else if (p->step == STEP_RUN) {
        ended_by_hand(m, p, o);
        if (p->step == STEP_RUN && rv_val_len(rv_val_path(o->value, "spec.readinessGates")) != 0)
            sim_status_write(m, p);
    }
}

static void one_changed(struct sim *m, const struct sim_change *c) {
    struct sim_pod *p = sim_map_get(&sim_pods_of(m)->map, c->o->uid);
    if (c->type == SB_DELETED) {
        if (p != NULL) pod_free(m, p);
        return;
    }
    struct sb_object *o = sim_fresh(m, (struct sim_ref){m->r.pods, c->o->ns, c->o->name}, c->o->uid);
    if (o == NULL) return; /* it was deleted; its deletion follows */
    sb_object_ref(o);
    if (p == NULL) p = pod_new(m, o);
    pod_changed(m, p, o);
    sb_object_unref(o);
}

/* An object that a pod may mount was created or changed. All pods with a missing mount check again. */
static void mounts_changed(struct sim *m) {
    struct sim_queue waiting = sim_pods_of(m)->mounts;
    sim_pods_of(m)->mounts = (struct sim_queue){0};
    for (struct sim_link *l; (l = sim_queue_pop(&waiting)) != NULL;) {
        struct sim_pod *p = SIM_OWNER(l, struct sim_pod, link);
        for (size_t i = 0; i < p->n_init + p->n_ctr; i++)
            if (p->c[i].state == CTR_CONFIG_ERROR) p->c[i].state = CTR_WAITING;
        sim_kubelet_wake(m, p);
    }
}

struct gone_list {
    struct sim_pod **v;
    size_t n;
};

static void collect_gone(void *arg, void *entry) {
    struct gone_list *l = arg;
    struct sim_pod *p = entry;
    if (p->node == NULL || !p->node->gone) return;
    l->v = rv_realloc_array(l->v, l->n + 1, sizeof(struct sim_pod *));
    l->v[l->n++] = p;
}

/* A deleted node takes its pods with it, as with the pod garbage collector. */
static void node_gone(struct sim *m) {
    struct gone_list l = {0};
    sim_map_each(&sim_pods_of(m)->map, collect_gone, &l);
    for (size_t i = 0; i < l.n; i++) sim_delete(m, sim_pod_ref(m, l.v[i]), l.v[i]->entry.key, 0, NULL);
    free((void *)l.v);
}

static void pods_change(struct sim *m, const struct sim_change *c) {
    const struct sb_resource *r = c->o->resource;
    if (r == m->r.pods)
        one_changed(m, c);
    else if (c->type != SB_DELETED && r == m->r.claims) {
        sim_pods_of(m)->freed = true; /* it may be bound now */
        mounts_changed(m);
    } else if (c->type != SB_DELETED && (r == m->r.configmaps || r == m->r.secrets))
        mounts_changed(m);
    else if (r == m->r.nodes && c->type == SB_DELETED)
        node_gone(m);
}

static void *pods_make(struct sim *m, struct rv_error *err) {
    (void)err;
    struct sim_pods *s = rv_alloc(sizeof *s);
    (void)m;
    s->retry.fn = sim_schedule_retry;
    s->rules = sim_ruleset_new(&sim_pod_rules);
    return s;
}

static void pods_free(struct sim *m, void *module) {
    struct sim_pods *s = module;
    s->waiting = s->parked = s->mounts = (struct sim_queue){0};
    for (struct sim_pod *p; (p = sim_map_any(&s->map)) != NULL;) {
        p->link.queued = false;
        pod_free(m, p);
    }
    sim_timer_disarm(m, &s->retry);
    sim_map_free(&s->map);
    sim_ruleset_free(s->rules);
    free(s);
}

const struct sim_module sim_pods_module = {pods_make, pods_free, pods_change, sim_schedule};
