/* kubelet.c - the containers of a bound pod: mounts, init containers in order, running, ready, exits, restarts with a
 * back-off, the end. Each pod sleeps until its next event is due. */
#include "pods.h"

#include <stdlib.h>

static const int64_t FOREVER = INT64_MAX;
enum { BACKOFF_CAP = 30, CALM_MS = 600000 }; /* CALM_MS: a run of this length resets the back-off */

void sim_pod_release(struct sim *m, struct sim_pod *p) {
    if (p->node != NULL && p->ask != NULL) {
        sim_node_give_back(p->node, p->ask);
        sim_pods_of(m)->freed = true;
        sim_poke(m);
    }
    p->node = NULL;
    free(p->ask);
    p->ask = NULL;
}

static struct rv_val ctr_spec(struct rv_val pod, const struct sim_pod *p, size_t i) {
    struct rv_val spec = rv_val_get(pod, "spec");
    return i < p->n_init ? rv_val_at(rv_val_get(spec, "initContainers"), i)
                         : rv_val_at(rv_val_get(spec, "containers"), i - p->n_init);
}

/* ---- one container ---- */

static const struct sim_effect *crash_of(const struct sim_pod *p, const struct sim_ctr *c, struct rv_str name) {
    const struct sim_effect *e = sim_effect_of(p, EFFECT_CRASH, name);
    return e != NULL && (e->times == 0 || c->crashes < e->times) ? e : NULL;
}

static const struct sim_effect *end_of(const struct sim_pod *p) {
    const struct sim_effect *e = sim_effect_of(p, EFFECT_FAIL, RV_STR(""));
    return e != NULL ? e : sim_effect_of(p, EFFECT_SUCCEED, RV_STR(""));
}

/* Plans the next step of a running container and its time. */
static void plan(struct sim *m, const struct sim_pod *p, size_t i, struct rv_str name) {
    struct sim_ctr *c = &p->c[i];
    int64_t ready = FOREVER, leave = FOREVER;
    bool init = i < p->n_init && !c->sidecar;
    bool probe_fails = c->up && i == p->n_init && p->probed && !p->probe_ok;
    if (!init && !c->ready && !probe_fails && !p->held_ready && sim_effect_of(p, EFFECT_NOT_READY, name) == NULL)
        ready = c->begun + sim_delay_of(p, offsetof(struct sim_effect, ready_ms), m->opts.ready_ms);
    const struct sim_effect *crash = crash_of(p, c, name), *end = init ? NULL : end_of(p);
    if (crash != NULL)
        leave = c->begun + crash->after_ms;
    else if (init)
        leave = c->begun + m->opts.init_ms;
    else if (p->job && !c->sidecar)
        leave = c->begun + m->opts.job_ms;
    if (end != NULL && c->begun + end->after_ms < leave) leave = c->begun + end->after_ms;
    c->next = leave < ready ? NEXT_EXIT : ready != FOREVER ? NEXT_READY : NEXT_NONE;
    c->due = leave < ready ? leave : ready;
}

static void ctr_start(struct sim *m, struct sim_pod *p, struct sb_object *o, size_t i) {
    struct sim_ctr *c = &p->c[i];
    struct rv_val spec = ctr_spec(o->value, p, i);
    struct rv_str name = rv_path_str(spec, "name"), image = rv_path_str(spec, "image");
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_str missing = sim_env_missing(m, a, p->ns, spec);
    c->next = NEXT_NONE;
    if (sim_effect_of(p, EFFECT_IMAGE_PULL_ERROR, name) != NULL) {
        c->state = CTR_PULL_ERROR;
        sim_event(m, o, "Warning", "Failed", "kubelet", "Failed to pull image \"" RV_STR_FMT "\": not found",
                  RV_STR_ARG(image));
        sim_event(m, o, "Warning", "BackOff", "kubelet", "Back-off pulling image \"" RV_STR_FMT "\"",
                  RV_STR_ARG(image));
        return;
    }
    if (missing.n != 0) {
        c->state = CTR_CONFIG_ERROR;
        sim_queue_push(&sim_pods_of(m)->mounts, &p->link);
        sim_event(m, o, "Warning", "Failed", "kubelet", "Error: " RV_STR_FMT, RV_STR_ARG(missing));
        return;
    }
    if (c->state == CTR_BACKOFF || c->state == CTR_EXITED) {
        if (c->state == CTR_EXITED) c->last = c->now;
        c->has_last = true;
        c->restarts++;
    }
    c->state = CTR_RUNNING;
    c->ready = c->up = false;
    c->started_s = sim_wall_s();
    c->begun = m->now_ms;
    plan(m, p, i, name);
    if (!m->opts.verbose) return;
    sim_event(m, o, "Normal", "Pulled", "kubelet", "Successfully pulled image \"" RV_STR_FMT "\"", RV_STR_ARG(image));
    sim_event(m, o, "Normal", "Created", "kubelet", "Created container: " RV_STR_FMT, RV_STR_ARG(name));
    sim_event(m, o, "Normal", "Started", "kubelet", "Started container " RV_STR_FMT, RV_STR_ARG(name));
}

static bool restarts(const struct sim_pod *p, const struct sim_ctr *c, int code) {
    if (p->terminating || p->forced) return false;
    if (c->sidecar) return true;
    if (p->never) return false;
    bool init = c < p->c + p->n_init;
    return code != 0 || (!p->on_failure && !init);
}

static void ctr_exit(struct sim *m, struct sim_pod *p, size_t i, int code, const char *reason) {
    struct sim_ctr *c = &p->c[i];
    c->now = (struct sim_exit){code, reason, c->started_s != 0 ? c->started_s : p->started_s, sim_wall_s()};
    c->state = CTR_EXITED;
    c->ready = c->up = false;
    c->next = NEXT_NONE;
    c->crashes += code != 0;
    if (!restarts(p, c, code)) return;
    bool calm = m->now_ms - c->begun > CALM_MS;
    c->next = NEXT_START;
    if (c->restarts == 0 || calm) { /* the first restart is immediate */
        c->backoff_ms = m->opts.backoff_ms;
        c->due = m->now_ms + m->opts.start_ms;
        return;
    }
    c->state = CTR_BACKOFF;
    c->last = c->now;
    c->has_last = true;
    c->due = m->now_ms + c->backoff_ms;
    struct sb_object *o = sim_pod_fresh(m, p);
    if (o != NULL) {
        sb_object_ref(o);
        struct rv_str name = rv_path_str(ctr_spec(o->value, p, i), "name");
        sim_event(m, o, "Warning", "BackOff", "kubelet",
                  "Back-off restarting failed container " RV_STR_FMT " in pod " RV_STR_FMT, RV_STR_ARG(name),
                  RV_STR_ARG(p->name));
        sb_object_unref(o);
    }
    if (c->backoff_ms < m->opts.backoff_ms * BACKOFF_CAP) c->backoff_ms *= 2;
}

/* ---- the pod ---- */

static void end_pod(struct sim *m, struct sim_pod *p, const char *phase) {
    for (size_t i = 0; i < p->n_init + p->n_ctr; i++) {
        struct sim_ctr *c = &p->c[i];
        c->next = NEXT_NONE;
        c->ready = c->up = false;
        if (c->state != CTR_RUNNING) continue;
        bool sidecar_end = c->sidecar && !p->forced;
        int code = sidecar_end || strcmp(phase, "Succeeded") == 0 ? 0 : p->terminating ? 143 : 137;
        c->now = (struct sim_exit){code, code == 0 ? "Completed" : "Error", c->started_s, sim_wall_s()};
        c->state = CTR_EXITED;
    }
    p->phase = phase;
    p->step = STEP_DONE;
    sim_timer_disarm(m, &p->timer);
    sim_status_write(m, p);
    sim_pod_release(m, p);
}

/* Returns the phase in which the pod has ended by itself, or NULL. */
static const char *ended(const struct sim_pod *p) {
    bool failed = false;
    for (size_t i = 0; i < p->n_init; i++) {
        const struct sim_ctr *c = &p->c[i];
        if (!c->sidecar && c->state == CTR_EXITED && c->next == NEXT_NONE && c->now.code != 0) return "Failed";
    }
    for (size_t i = p->n_init; i < p->n_init + p->n_ctr; i++) {
        const struct sim_ctr *c = &p->c[i];
        if (c->state != CTR_EXITED || c->next != NEXT_NONE) return NULL;
        failed = failed || c->now.code != 0;
    }
    return failed ? "Failed" : "Succeeded";
}

/* Starts everything that may start now: init containers one after the other, then all others. */
static bool advance(struct sim *m, struct sim_pod *p, struct sb_object *o) {
    bool changed = false;
    for (size_t i = 0; i < p->n_init; i++) {
        struct sim_ctr *c = &p->c[i];
        if (c->state == CTR_WAITING && c->next == NEXT_NONE) {
            ctr_start(m, p, o, i);
            changed = true;
        }
        bool passed =
            c->sidecar ? c->state == CTR_RUNNING || c->restarts > 0 : c->state == CTR_EXITED && c->now.code == 0;
        if (!passed) return changed;
    }
    for (size_t i = p->n_init; i < p->n_init + p->n_ctr; i++) {
        if (p->c[i].state != CTR_WAITING || p->c[i].next != NEXT_NONE) continue;
        ctr_start(m, p, o, i);
        changed = true;
    }
    return changed;
}

static bool advance_container(struct sim *m, struct sim_pod *p, struct sb_object *o, size_t i) {
    struct sim_ctr *c = &p->c[i];
    if (c->next == NEXT_NONE || c->due > m->now_ms) return false;
    struct rv_str name = rv_path_str(ctr_spec(o->value, p, i), "name");
    enum sim_ctr_next next = c->next;
    c->next = NEXT_NONE;
    if (next == NEXT_START) {
        ctr_start(m, p, o, i);
    } else if (next == NEXT_READY) {
        c->up = true;
        c->ready = i != p->n_init || !p->probed || p->probe_ok;
        plan(m, p, i, name);
    } else {
        const struct sim_effect *crash = crash_of(p, c, name), *end = end_of(p);
        bool whole = end != NULL && (i >= p->n_init || c->sidecar) && c->begun + end->after_ms <= m->now_ms;
        if (whole)
            sim_kubelet_force(m, p, end->kind == EFFECT_FAIL ? "Failed" : "Succeeded", sim_intern(m, end->reason),
                              sim_intern(m, end->message));
        else if (crash != NULL)
            ctr_exit(m, p, i, crash->exit_code, crash->reason != NULL ? sim_intern(m, crash->reason) : "Error");
        else
            ctr_exit(m, p, i, 0, "Completed");
    }
    return true;
}

static void rearm(struct sim *m, struct sim_pod *p) {
    int64_t due = FOREVER;
    for (size_t i = 0; i < p->n_init + p->n_ctr; i++)
        if (p->c[i].next != NEXT_NONE && p->c[i].due < due) due = p->c[i].due;
    if (due != FOREVER)
        sim_timer_arm(m, &p->timer, due - m->now_ms);
    else
        sim_timer_disarm(m, &p->timer);
}

/* Called after any event of the containers. Finds out what follows from it and writes the status once. */
static void update_pod(struct sim *m, struct sim_pod *p, struct sb_object *o, bool changed) {
    if (p->step != STEP_RUN) return;
    changed = advance(m, p, o) || changed;
    const char *phase = ended(p);
    if (phase != NULL) {
        end_pod(m, p, phase);
        return;
    }
    if (changed) sim_status_write(m, p);
    rearm(m, p);
}

static bool mounted(struct sim *m, struct sim_pod *p, struct sb_object *o) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_str missing = sim_mounts_missing(m, a, o->value);
    if (missing.n == 0) return true;
    if (p->step != STEP_MOUNT) sim_event(m, o, "Warning", "FailedMount", "kubelet", RV_STR_FMT, RV_STR_ARG(missing));
    p->step = STEP_MOUNT;
    sim_queue_push(&sim_pods_of(m)->mounts, &p->link);
    return false;
}

static void leave(struct sim *m, struct sim_pod *p, struct sb_object *o) {
    if (rv_val_len(rv_val_path(o->value, "metadata.finalizers")) != 0 && p->node != NULL) end_pod(m, p, "Failed");
    sim_delete(m, sim_pod_ref(m, p), p->entry.key, 0, NULL);
}

void sim_kubelet_wake(struct sim *m, struct sim_pod *p) {
    struct sb_object *o = sim_pod_fresh(m, p);
    if (o == NULL) return;
    sb_object_ref(o);
    if (p->node != NULL && p->node->gone) { /* no kubelet is left that could stop it gracefully */
        sim_delete(m, sim_pod_ref(m, p), p->entry.key, 0, NULL);
    } else if (p->step == STEP_TERMINATE) {
        leave(m, p, o);
    } else if ((p->step == STEP_BOUND || p->step == STEP_MOUNT) && mounted(m, p, o)) {
        p->step = STEP_RUN;
        update_pod(m, p, o, true);
    } else if (p->step == STEP_RUN) {
        bool changed = false;
        for (size_t i = 0; i < p->n_init + p->n_ctr && p->step == STEP_RUN; i++)
            changed = advance_container(m, p, o, i) || changed;
        update_pod(m, p, o, changed);
    }
    sb_object_unref(o);
}

/* True if the readiness probe asks Serve's proxy. Any other probe counts as successful. */
static bool asks_proxy(struct rv_val container) {
    static const char PATH[] = "/-/healthz";
    struct rv_val probe = rv_val_get(container, "readinessProbe");
    if (rv_str_is(rv_path_str(probe, "httpGet.path"), PATH)) return true;
    for (struct rv_iter it = rv_iter(rv_val_path(probe, "exec.command")); rv_iter_next(&it);) {
        struct rv_str s = rv_val_str(it.val);
        if (s.n != 0 && memmem(s.p, s.n, PATH, sizeof PATH - 1) != NULL) return true;
    }
    return false;
}

void sim_kubelet_start(struct sim *m, struct sim_pod *p, struct rv_val pod) {
    struct rv_val inits = rv_val_path(pod, "spec.initContainers");
    p->n_init = (unsigned)rv_val_len(inits);
    p->n_ctr = (unsigned)rv_val_len(rv_val_path(pod, "spec.containers"));
    free(p->c);
    p->c = rv_alloc_array(p->n_init + p->n_ctr, sizeof *p->c);
    size_t i = 0;
    for (struct rv_iter it = rv_iter(inits); rv_iter_next(&it); i++)
        p->c[i].sidecar = sim_is(it.val, "restartPolicy", "Always");
    p->probed = asks_proxy(rv_val_at(rv_val_path(pod, "spec.containers"), 0));
    p->ip = ++sim_pods_of(m)->next_ip;
    p->started_s = sim_wall_s();
    p->step = STEP_BOUND;
    sim_status_write(m, p);
    sim_timer_arm(m, &p->timer, sim_delay_of(p, offsetof(struct sim_effect, start_ms), m->opts.start_ms));
}

void sim_kubelet_stop(struct sim *m, struct sim_pod *p, int64_t grace_s) {
    bool first = !p->terminating;
    p->terminating = true;
    p->grace_s = grace_s;
    if (sim_effect_of(p, EFFECT_STUCK_TERMINATING, RV_STR("")) != NULL && grace_s > 0) {
        p->step = STEP_STUCK;
        sim_timer_disarm(m, &p->timer);
        return;
    }
    int64_t delay = sim_delay_of(p, offsetof(struct sim_effect, terminate_ms), m->opts.terminate_ms);
    if (delay > grace_s * 1000) delay = grace_s * 1000;
    p->step = STEP_TERMINATE;
    sim_timer_arm(m, &p->timer, delay);
    struct sb_object *o = first && m->opts.verbose ? sim_pod_fresh(m, p) : NULL;
    if (o != NULL) sim_event(m, o, "Normal", "Killing", "kubelet", "Stopping pod " RV_STR_FMT, RV_STR_ARG(p->name));
}

void sim_kubelet_exit(struct sim *m, struct sim_pod *p, size_t ctr, int code, const char *reason) {
    struct sb_object *o = sim_pod_fresh(m, p);
    if (o == NULL || p->step != STEP_RUN || ctr >= p->n_init + p->n_ctr) return;
    sb_object_ref(o);
    ctr_exit(m, p, ctr, code, reason);
    update_pod(m, p, o, true);
    sb_object_unref(o);
}

void sim_kubelet_force(struct sim *m, struct sim_pod *p, const char *phase, const char *reason, const char *message) {
    if (p->step == STEP_DONE) return;
    p->forced = true;
    p->reason = reason;
    p->message = message;
    end_pod(m, p, phase);
}

void sim_kubelet_replan(struct sim *m, struct sim_pod *p, size_t ctr) {
    struct sb_object *o = sim_pod_fresh(m, p);
    if (o == NULL || p->c[ctr].state != CTR_RUNNING) return;
    struct rv_str name = rv_path_str(ctr_spec(o->value, p, ctr), "name");
    bool probe_fails = ctr == p->n_init && p->probed && !p->probe_ok;
    if (p->c[ctr].ready && (probe_fails || p->held_ready || sim_effect_of(p, EFFECT_NOT_READY, name) != NULL)) {
        p->c[ctr].ready = false;
        sim_status_write(m, p);
        o = sim_pod_fresh(m, p);
        if (o == NULL) return;
        name = rv_path_str(ctr_spec(o->value, p, ctr), "name");
    }
    plan(m, p, ctr, name);
    rearm(m, p);
}

void sim_kubelet_probe(struct sim *m, struct sim_pod *p, bool ok) {
    if (!p->probed || p->probe_ok == ok) return;
    p->probe_ok = ok;
    if (p->step == STEP_RUN) sim_kubelet_replan(m, p, p->n_init);
}
