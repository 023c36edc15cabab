/* plugin.c - the RayJob controller as the host sees it: settings, memory between passes, which job an object concerns,
 * and one reconcile for each key. */
#include <stdlib.h>

#include "fields.h"
#include "metrics.h"
#include "observe.h"
#include "plugins/ray/controller.h"
#include "plugins/ray/ownership.h"
#include "post_mortem.h"
#include "states.h"
#include "status.h"

struct controller {
    struct rj_settings settings;
    size_t selectors; /* memos whose cluster does not belong to the job */
};

/* ---- memory between passes --------------------------------------------------------------------------------------- */

static void select_cluster(struct controller *k, struct job_memo *m, struct rv_str cluster) {
    if (m->selected != NULL && rv_str_is(cluster, m->selected)) return;
    if (m->selected != NULL) k->selectors--;
    free(m->selected);
    m->selected = cluster.n != 0 ? rv_strdup(cluster) : NULL;
    if (m->selected != NULL) k->selectors++;
}

static void memo_init(void *memo) {
    struct job_memo *m = memo;
    m->invalid_reported = m->phase_reported = -1;
}

/* The metrics of a job are removed with it, and when the plugin ends. The next process sends those that it knows. */
static void memo_end(const struct rv_pass *pass, bool plugin_ends) {
    (void)plugin_ends;
    struct rc_context x = rc_context_of(pass);
    metrics_remove(&x, pass->memo);
    select_cluster(pass->state, pass->memo, (struct rv_str){NULL, 0});
}

static void memo_release(void *memo) {
    memo_forget_head(memo);
    free(((struct job_memo *)memo)->post_mortem);
    leak_memo_free(&((struct job_memo *)memo)->leak);
    free(((struct job_memo *)memo)->selected);
}

/* ---- settings ---------------------------------------------------------------------------------------------------- */

static int32_t configure(void *state, struct rv_val s, struct rv_error *err) {
    struct controller *k = state;
    struct rj_settings fresh = {.delete_self = rv_path_bool(s, "deleteRayJobAfterJobFinishes", false),
                                .grace_s = rv_path_int(s, "transitionGracePeriodSeconds", 300),
                                .check_timeout_s = rv_path_int(s, "statusCheckTimeoutSeconds", 300),
                                .submitter_image = rv_path_str(s, "submitterImage"),
                                .post_mortem = rv_path_bool(s, "postMortem", false)};
    int r = rc_settings_read(&fresh.shared, s, err);
    if (r == 0) k->settings = fresh; /* all settings, or none */
    return r;
}

/* ---- which RayJobs an object concerns ---------------------------------------------------------------------------- */

struct cluster_event {
    const struct rv_pass *pass;
    struct rv_str ns, cluster;
};

static void wake_if_selected(void *arg, const struct rv_key *key, void *memo) {
    const struct cluster_event *e = arg;
    const struct job_memo *m = memo;
    if (m->selected != NULL && rv_str_is(e->cluster, m->selected) && rv_str_eq(e->ns, key->ns))
        rv_controller_wake(e->pass, key->ns, key->name);
}

/* Wakes the job that created this cluster, and those that selected it. */
static void wake_for_cluster(const struct rv_pass *pass, struct rv_str ns, struct rv_str cluster, struct rv_val value) {
    const struct controller *k = pass->state;
    struct cluster_event e = {pass, ns, cluster};
    struct rv_str owner = rc_controller_name(value, "RayJob");
    if (owner.n != 0) rv_controller_wake(pass, ns, owner);
    if (k->selectors > 0) rv_controller_each_memo(pass, wake_if_selected, &e);
}

static void map(const struct rv_pass *pass, const struct rv_object *o, bool deleted) {
    struct rv_object cluster = {.size = sizeof cluster};
    (void)deleted;
    if (o->kind == KIND_CLUSTER) {
        wake_for_cluster(pass, o->ns, o->name, o->value);
        return;
    }
    struct rv_str name = rv_val_str(rv_val_get(rv_val_path(o->value, "metadata.labels"), RC_LABEL_CLUSTER));
    if (name.n != 0 && pass->api->get(pass->host, KIND_CLUSTER, o->ns, name, &cluster) == 0)
        wake_for_cluster(pass, o->ns, name, cluster.value);
}

/* ---- reconcile --------------------------------------------------------------------------------------------------- */

/* An invalid edit stops nothing. A job that runs or has ended continues, and the condition says what is wrong. Only a
 * job that has not begun, or that could not continue, becomes Invalid. It begins again when the spec is corrected. */
static void report_invalid(struct job_pass *p, const char *event, struct rv_str message) {
    enum rj_phase phase = p->now.phase;
    bool begun = phase == RJ_RUNNING || phase == RJ_COMPLETE || phase == RJ_FAILED || phase == RJ_SUSPENDING ||
                 phase == RJ_SUSPENDED || phase == RJ_RETRYING || (phase == RJ_INITIALIZING && has_cluster(p));
    if (p->memo->invalid_reported != p->j->generation) ctx_event(&p->ctx, true, event, "Validate", message);
    p->memo->invalid_reported = p->j->generation;
    ctx_explain(&p->ctx, "invalid: " RV_STR_FMT, RV_STR_ARG(message));
    p->invalid = message;
    if (begun) return;
    p->now.phase = RJ_INVALID;
    p->now.reason = RV_STR(RJ_REASON_INVALID);
    p->now.message = message;
}

static void take_step(struct job_pass *p) {
    rv_autobuf struct rv_buf why = {0};
    const char *event = rj_validate(p->j, &why);
    if (event != NULL) report_invalid(p, event, rv_arena_str(p->arena, rv_buf_str(&why)));
    if (p->now.phase != RJ_INVALID || p->invalid.n == 0) states_step(p);
    ending_strays(p);
    if (p->waiting.n != 0) ctx_explain(&p->ctx, "waiting: " RV_STR_FMT, RV_STR_ARG(p->waiting));
    status_write(p);
    metrics_update(p);
    post_mortem(p);
}

/* An unknown submissionMode does not change how a job runs that has begun. Its cluster or its submitter shows the
 * mode. */
static void keep_mode(const struct rv_pass *pass, struct rj_job *j) {
    struct rv_str name = rv_path_str(j->status, "rayClusterName");
    struct rv_object o;
    if (j->mode != RJ_MODE_UNKNOWN) return;
    if (name.n != 0 && rv_pass_get(pass, KIND_CLUSTER, name, &o) && rv_str_eq(rv_meta_controller_uid(o.value), j->uid))
        j->mode = rj_mode_of(rv_val_str(rv_val_get(rv_val_path(o.value, "metadata.labels"), RC_LABEL_SUBMISSION_MODE)));
    else if (rv_pass_get(pass, KIND_SUBMITTER, j->name, &o) && rv_str_eq(rv_meta_controller_uid(o.value), j->uid))
        j->mode = RJ_K8S;
}

static void reconcile(struct rv_pass *pass) {
    struct controller *k = pass->state;
    struct rj_job j;
    rj_job_read(&j, pass->object.value, &k->settings.shared);
    j.submitter_image = k->settings.submitter_image;
    keep_mode(pass, &j);
    bool deleting = rv_meta_deleting(pass->object.value);
    if (rc_managed_elsewhere(j.spec) && !deleting) {
        rv_pass_explain(pass, "spec.managedBy names another manager: not ours");
        return;
    }
    struct job_pass p = {
        .ctx = rc_context_of(pass), .arena = pass->arena, .settings = &k->settings, .j = &j, .memo = pass->memo};
    p.time = ctx_now(&p.ctx);
    select_cluster(k, p.memo, j.selected);
    rj_state_read(&p.was, j.status);
    p.now = p.was;
    observe(&p);
    action_results_take(&p);
    if (deleting)
        ending_deleted(&p);
    else
        take_step(&p);
    rc_set_outcome_of(pass, &p.ctx);
}

static void warn(void *review, const char *text) {
    rv_review_warn(review, "spec.rayClusterSpec.workerGroupSpecs: %s", text);
}

static void validate(struct rv_pass *pass, struct rv_review *r) {
    const struct controller *k = pass->state;
    rv_autobuf struct rv_buf why = {0};
    struct rc_cluster c;
    struct rj_job j;
    rj_job_read(&j, pass->object.value, &k->settings.shared);
    j.submitter_image = k->settings.submitter_image;
    keep_mode(pass, &j);
    if (rc_managed_elsewhere(j.spec)) return;
    if (rj_validate(&j, &why) != NULL) {
        rv_review_refuse(r, RV_STR_FMT, RV_STR_ARG(rv_buf_str(&why)));
        return;
    }
    if (!rv_val_set(j.cluster_spec)) return;
    rj_as_cluster(pass->arena, &j, j.name, &c);
    rc_warnings(&c, warn, r);
}

RV_CONTROLLER(.reconcile = reconcile, .validate = validate, .reporter = "rayjob-controller", .map = map,
              .state_size = sizeof(struct controller), .configure = configure, .memo_size = sizeof(struct job_memo),
              .memo_init = memo_init, .memo_end = memo_end, .memo_release = memo_release)
