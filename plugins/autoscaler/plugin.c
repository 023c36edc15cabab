/* plugin.c - the autoscaler as a controller: what is due in this pass.
 *
 * A pass either asks the control store, or has its answer and decides, or has what became of drains and patches. Who
 * scales a cluster is not what the spec says but what the head pod is: with a sidecar in it, the sidecar; without, this
 * plugin. So there is exactly one writer, also while the mode is being changed.
 */
#include "plugins/autoscaler/round.h"
#include "plugins/ray/controller.h"
#include "plugins/ray/fields.h"
#include "plugins/ray/live_head.h"

/* ---- settings ------------------------------------------------------------------------------------------- */

static int32_t configure(void *state, struct rv_val s, struct rv_error *err) {
    struct settings fresh = {.poll_ns = rv_path_int(s, "pollSeconds", 5) * SECOND,
                             .active_poll_ns = rv_path_int(s, "activePollMs", 500) * MS,
                             .active_ns = rv_path_int(s, "activeSeconds", 30) * SECOND,
                             .release_ns = rv_path_int(s, "releaseAfterSeconds", 10) * SECOND,
                             .timeout_ms = (uint32_t)rv_path_int(s, "pollTimeoutMs", 3000),
                             .max_launches = rv_path_int(s, "maxLaunchesPerRound", 1000),
                             .notice_ns = rv_path_int(s, "preemptionSeconds", 30) * SECOND,
                             .node_taints = rv_path_bool(s, "nodeTaints", false),
                             .polls_per_second = rv_path_int(s, "pollsPerSecond", 200)};
    int r = rc_settings_read(&fresh.shared, s, err);
    if (r == 0) ((struct shared *)state)->settings = fresh;
    return r;
}

/* ---- observed -------------------------------------------------------------------------------------------- */

struct observation {
    struct round *round;
    size_t room;
};

static bool observe_pod(void *arg, const struct rv_object *o) {
    struct observation *l = arg;
    struct round *r = l->round;
    size_t n = r->seen.n_pods;
    observe_add_pod(r->arena, &r->seen, o->name, o->uid, o->value, l->room);
    struct rv_object machine = {.size = sizeof machine};
    if (!r->settings->node_taints || r->seen.n_pods == n || r->seen.pods[n].machine.n == 0) return true;
    if (r->pass->api->get(r->pass->host, KIND_NODE, RV_STR(""), r->seen.pods[n].machine, &machine) == 0)
        observe_machine(r->arena, &r->seen.pods[n], machine.value, rv_val_get(r->pass->settings, "removalTaints"));
    return true;
}

/* A pod that is being taken away does not wait for the next question. */
static void poll_when_leaving(struct round *r) {
    for (size_t i = 0; i < r->seen.n_pods; i++) {
        const struct seen_pod *p = &r->seen.pods[i];
        if (!(p->deleting || p->reclaimed.n != 0) || p->head || p->ended || p->to_delete) continue;
        if (noted_has(&r->memo->polled_leaving, p->uid)) continue;
        noted_add(&r->memo->polled_leaving, p->uid, r->pass->now);
        r->memo->next_poll = 0;
    }
}

static const struct seen_pod *head_of(const struct seen *s) {
    for (size_t i = 0; i < s->n_pods; i++)
        if (s->pods[i].head && !s->pods[i].deleting && !s->pods[i].ended) return &s->pods[i];
    return NULL;
}

static void observe(struct round *r) {
    struct observation l = {r, rv_pass_owned(r->pass, KIND_POD, NULL, NULL)};
    observe_cluster(r->arena, &r->cluster, &r->seen);
    (void)rv_pass_owned(r->pass, KIND_POD, observe_pod, &l);
    if (r->seen.pods == NULL) r->seen.pods = rv_arena_alloc(r->arena, sizeof *r->seen.pods);
    if (rc_gate(&r->settings->shared, RC_GATE_MULTI_HOST, true)) observe_replicas(r->arena, &r->seen);
    r->drained = rv_arena_alloc(r->arena, r->seen.n_pods);
    noted_keep(&r->memo->drained, &r->seen);
    noted_keep(&r->memo->preempted, &r->seen);
    noted_keep(&r->memo->polled_leaving, &r->seen);
    noted_keep(&r->memo->busy, &r->seen);
}

/* ---- who scales ----------------------------------------------------------------------------------------- */

/* Is there anything to do for us here? Says why not. */
static bool concerns_us(struct round *r) {
    const struct rc_features *f = &r->cluster.f;
    const struct seen_pod *head = head_of(&r->seen);
    if (!f->autoscaling || rc_managed_elsewhere(r->cluster.spec)) return false;
    if (f->mode == RC_AUTOSCALER_SIDECAR && (head == NULL || head->sidecar)) {
        ready_remove(r);
        return false;
    }
    if (rv_path_bool(r->cluster.spec, "suspend", false)) {
        rv_pass_explain(r->pass, "the cluster is suspended");
        ready_set(r, false, "RayClusterSuspended", RV_STR("Nothing is scaled: the cluster is suspended"));
        return false;
    }
    return true;
}

static void wait_for_head(struct round *r, const struct seen_pod *head) {
    report_begin(r);
    report_frozen(r, head == NULL ? "HeadPodNotFound" : "HeadPodNotReady",
                  head == NULL
                      ? RV_STR("there is no head pod")
                      : rv_arena_fmt(r->arena, "the head pod " RV_STR_FMT " is not ready", RV_STR_ARG(head->name)));
    report_state(r, "frozen");
    r->memo->good = 0;
    r->memo->next_poll = 0; /* as soon as it is ready */
    rv_pass_wake_after(r->pass, 5000);
}

static void say_mode(struct round *r) {
    if (!r->sidecar || r->cluster.f.mode != RC_AUTOSCALER_OPERATOR) {
        r->memo->mode_said = false;
        return;
    }
    report_line(r, "the head pod still has a sidecar, which scales until the head is recreated");
    if (!r->memo->mode_said)
        rv_pass_event(r->pass, false, "AutoscalerModeWaits", "Wait",
                      "The sidecar in the head pod scales until the head is recreated");
    r->memo->mode_said = true;
}

/* ---- a pass --------------------------------------------------------------------------------------------- */

static const struct rv_result *answer(const struct rv_pass *p) {
    const struct rv_result *res;
    for (size_t i = 0; (res = rv_pass_result(p, i)) != NULL; i++)
        if (res->tag == TAG_POLL) return res;
    return NULL;
}

/* False: the API server did not take it, for no reason of ours. */
static bool take_patch(struct round *r) {
    bool ok = true;
    const struct rv_result *res;
    for (size_t i = 0; (res = rv_pass_result(r->pass, i)) != NULL; i++) {
        if (res->tag != TAG_PATCH && res->tag != TAG_DELETE) continue;
        if (res->tag == TAG_PATCH && res->code == 0 && r->memo->demand_since != 0) {
            meter_observe(&r->shared->reactions, r->pass->now - r->memo->demand_since);
            r->memo->demand_since = 0;
        }
        if (res->tag == TAG_PATCH)
            report_count(r->pass, "patches_total", 1, "result", res->code == 0 ? "done" : "failed");
        if (res->code == 0) r->memo->write_failed = 0;
        if (res->code == 0 || res->code == RV_E_NOT_FOUND) continue;
        r->memo->next_poll = 0; /* what was decided holds no more: look anew */
        /* Somebody changed the spec meanwhile: nothing to wait for. Anything else is tried again ever more slowly. */
        if (res->code == RV_E_CONFLICT || res->code == RV_E_INVALID) {
            report_line(r, "the RayCluster changed meanwhile: deciding anew");
            continue;
        }
        ok = false;
        r->memo->write_failed = r->pass->now;
        rv_pass_retry(r->pass, "the RayCluster was not patched: " RV_STR_FMT, RV_STR_ARG(res->message));
    }
    return ok;
}

/* Drains that Ray accepted in the last pass, and lists whose pods are gone, without asking Ray again. */
static bool patch_drained(struct round *r) {
    if (r->sidecar) return false;
    plan_make(r->arena, &r->seen, NULL, false, r->drained, &r->plan);
    if (r->plan.n_removes == 0 && r->memo->next_poll > r->pass->now) {
        bool listed = false;
        for (size_t g = 0; g < r->seen.n_groups; g++)
            listed |= rv_val_len(rv_val_path(r->seen.info[g].spec, "scaleStrategy.workersToDelete")) > 0;
        if (!listed) return false;
    }
    if (!round_patch(r)) return false;
    for (size_t i = 0; i < r->plan.n_removes; i++) {
        const struct seen_pod *p = &r->seen.pods[r->plan.removes[i]];
        rv_pass_event(r->pass, false, "ScaledDown", "Scale",
                      "Pod " RV_STR_FMT " of group " RV_STR_FMT " goes: Ray drained it", RV_STR_ARG(p->name),
                      RV_STR_ARG(p->group));
    }
    return true;
}

/* It is asked where it listens, whatever the spec says by now. False: it is not shown whole yet. */
static bool observe_head(struct round *r, const struct seen_pod *head) {
    struct rv_object o = {.size = sizeof o};
    if (!rv_pass_get(r->pass, KIND_HEAD, head->name, &o) || !rv_str_eq(o.uid, head->uid)) return false;
    rc_as_head_runs(r->arena, &r->cluster, o.value, false, &r->runs);
    return true;
}

static void scale(struct round *r) {
    const struct seen_pod *head = head_of(&r->seen);
    const struct rv_result *res = answer(r->pass);
    r->sidecar = head != NULL && head->sidecar;
    if (res != NULL) report_begin(r);
    if (res != NULL) say_mode(r);
    round_drained(r);
    if (!take_patch(r)) return;
    if (head == NULL || !head->ready || !observe_head(r, head)) {
        report_polled(r->pass, r->memo, false);
        wait_for_head(r, head);
        return;
    }
    report_polled(r->pass, r->memo, true);
    if (res != NULL) {
        round_answer(r, res);
        rv_pass_wake_at(r->pass, r->memo->next_poll);
        return;
    }
    poll_when_leaving(r);
    if (patch_drained(r)) return;
    if (r->pass->now >= r->memo->next_poll) {
        if (!gcs_request_poll(r)) rv_pass_retry(r->pass, "the control store cannot be asked");
        r->memo->asked_at = r->pass->now;
        r->memo->next_poll = r->pass->now + r->settings->poll_ns;
        return;
    }
    rv_pass_wake_at(r->pass, r->memo->next_poll);
}

static void reconcile(struct rv_pass *p) {
    struct shared *shared = p->state;
    struct round r = {.pass = p, .arena = p->arena, .settings = &shared->settings, .shared = shared, .memo = p->memo};
    rc_cluster_read(&r.cluster, p->object.value, &shared->settings.shared);
    if (rv_meta_deleting(p->object.value)) {
        report_gone(p, r.memo);
        return;
    }
    ready_result(&r);
    if (!r.cluster.f.autoscaling) {
        if (!rc_managed_elsewhere(r.cluster.spec)) ready_remove(&r);
        report_gone(p, r.memo);
        memo_forget(r.memo);
        return;
    }
    observe(&r);
    if (!concerns_us(&r)) {
        report_gone(p, r.memo);
        memo_forget(r.memo);
        report_begin(&r);
        return;
    }
    scale(&r);
    report_again(&r);
}

/* Its object is gone, or another one has its name, or the plugin ends; then the metrics stay for the next process. */
static void memo_end(const struct rv_pass *p, bool plugin_ends) {
    if (plugin_ends) return;
    report_gone(p, p->memo);
    shadow_gone(p);
}

static void wake_polled(void *pass, const struct rv_key *key, void *memo) {
    if (((const struct memo *)memo)->polled) rv_controller_wake(pass, key->ns, key->name);
}

/* Which clusters have pods on a machine is not known here; those that have none find nothing new. */
static void map(const struct rv_pass *p, const struct rv_object *o, bool deleted) {
    if (deleted || o->kind != KIND_NODE) return;
    if (observe_removal_taint(o->value, rv_val_get(p->settings, "removalTaints")).n != 0)
        rv_controller_each_memo(p, wake_polled, (void *)(uintptr_t)p);
}

RV_CONTROLLER(.reconcile = reconcile, .reporter = "raycluster-autoscaler", .state_size = sizeof(struct shared),
              .map = map, .configure = configure, .memo_size = sizeof(struct memo), .memo_end = memo_end,
              .memo_release = memo_release)
